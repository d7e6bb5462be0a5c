//! A local provider simulator: the demo account of a new user, and the test double of every other crate.
//!
//! Here live an authorization server (RFC 6749, 7009, 7636, 8414, 8628, 9207), a small API behind it, faults on
//! demand and a journal of what was asked. It binds 127.0.0.1 only and speaks plain HTTP/1.1. Deliberately not here:
//! TLS, real accounts, and anything that reaches another machine.

mod accounts;
mod clients;
mod clock;
mod content;
mod error;
mod exchange;
mod faults;
mod forms;
mod grant_store;
mod grants;
mod guard;
mod journal;
mod options;
mod pages;
mod parameters;
mod provider;
mod quota;
mod reply;
mod routes;
mod scopes;
mod secret;
mod server;

pub use error::Error;
pub use faults::{Fault, FaultKind, Nth, RetryAfter};
pub use journal::JournalEntry;
pub use options::Options;
pub use server::Sandbox;
