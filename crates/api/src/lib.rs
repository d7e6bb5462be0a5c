//! The contract: one table of operations, and its doors.
//!
//! An operation is written once, as a type with an access class and a kind ([`operation`]), and listed once ([`table`]). The
//! doors - the window's IPC, the local socket and its client ([`doors`]), OpenAPI and TypeScript ([`openapi`]) - come from
//! that list. What lives here does not decide anything: `core` does. It serves and calls over any stream of bytes; `platform`
//! binds and connects.

pub mod doors;
pub mod input;
pub mod openapi;
pub mod operation;
pub mod operations;
pub mod problem;
pub mod secret_input;
pub mod table;
pub mod views;
mod words;

pub use hearthkey_core::{Caller, Hearthkey};
pub use problem::Problem;
pub use secret_input::SecretInput;
