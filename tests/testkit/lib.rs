//! What black-box tests stand on: a home of its own per test with a real keychain, the real programs, a scripted browser.
//!
//! Everything here is synchronous and has a deadline that says what was waited for. Whatever a test starts is ended by its
//! process id when the value that started it drops. Nothing here knows the inside of a program under test.

#![allow(clippy::missing_panics_doc, reason = "a panic is how a test says what went wrong")]

pub mod browse;
mod bus;
pub mod canary;
mod cli;
mod home;
pub mod http;
mod keychain;
pub mod memory;
mod onlooker;
pub mod process;
pub mod programs;
pub mod sandbox;
pub mod search;
pub mod socket;
mod terminal;
mod vault_keys;
pub mod wait;
pub mod world;

pub use browse::Page;
pub use canary::{Canary, Found, Hunt};
pub use cli::Output;
pub use home::Home;
pub use keychain::{KeychainState, Silence};
pub use onlooker::Onlooker;
pub use process::Process;
pub use sandbox::SandboxProcess;
pub use socket::Wiretap;
