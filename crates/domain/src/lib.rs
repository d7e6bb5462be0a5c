//! Hearthkey's nouns, its rules, and the signatures of its ports.
//!
//! What lives here is pure: values in, values out, and `now` is always an argument. What deliberately does not: any
//! clock, runtime, file, socket or database (see [`ports`], which only names them), and any wire format, which belongs to
//! the edge that speaks it.

pub mod activity;
pub mod authorization;
pub mod client;
pub mod connection;
pub mod credential;
pub mod egress;
pub mod ids;
pub mod key_slot;
pub mod ports;
pub mod renewal;
pub mod sealed;
pub mod secret;
pub mod server;
pub mod workspace;

pub use secret::Secret;
