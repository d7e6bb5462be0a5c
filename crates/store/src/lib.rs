//! SQLite: sealed bytes and index only.
//!
//! What lives here: `vault.db` behind the [`Store`](hearthkey_domain::ports::Store) port; and what any database of a profile
//! runs on: the writer thread and reader threads, its copies, and the room kept aside for a full disk. What deliberately does not: keys, or anything else that could open what
//! is sealed; the rules of the product, which are `domain`'s and `core`'s; the lock of the profile, which is `platform`'s.

#![forbid(unsafe_code)]

mod backups;
mod database;
mod failure;
mod files;
mod keeper;
mod readers;
mod reserve;
mod shape;
mod vault_db;
mod writer;

pub use backups::Restored;
pub use vault_db::VaultDb;

#[cfg(test)]
mod tests;
