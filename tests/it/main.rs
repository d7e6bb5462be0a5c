//! Integration of the crates, and what holds for all of them.

mod borders;
mod contract;
mod doors;
mod harness;
mod licences;
mod refresh;
mod removal;
mod secrecy;
mod sign_in;
mod tampering;
mod vault_states;
