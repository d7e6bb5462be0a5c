//! SQLite: sealed bytes and index only.
//!
//! What lives here: `vault.db` behind the [`Store`](hearthkey_domain::ports::Store) port, and the writer thread and reader
//! threads that any database of a profile runs on. What deliberately does not: keys, or anything else that could open what
//! is sealed; the rules of the product, which are `domain`'s and `core`'s; the lock of the profile, which is `platform`'s.

#![forbid(unsafe_code)]

mod database;
mod failure;
mod readers;
mod vault_db;
mod writer;

pub use vault_db::VaultDb;

#[cfg(test)]
mod tests;
