//! Integration of the crates, and what holds for all of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod asked;
mod borders;
mod contract;
mod doors;
mod harness;
mod isolation;
mod licences;
mod locking;
mod portable;
mod refresh;
mod removal;
mod rotation;
mod secrecy;
mod sign_in;
mod strangers;
mod tampering;
mod vault_states;
mod workspaces;
