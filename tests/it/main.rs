//! Integration of the crates, and what holds for all of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod asked;
mod borders;
mod clients;
mod contract;
mod device;
mod doors;
mod elsewhere;
mod harness;
mod isolation;
mod licences;
mod links;
mod links_fuzzed;
mod locking;
mod notices;
mod portable;
mod ports;
mod provider;
mod quirks;
mod refresh;
mod refusals;
mod removal;
mod renewal;
mod renewal_month;
mod rotation;
mod scopes;
mod secrecy;
mod service;
mod sign_in;
mod strangers;
mod tampering;
mod vault_states;
mod workspaces;
