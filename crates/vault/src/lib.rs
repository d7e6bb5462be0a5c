//! The only decryptor of what is at rest.
//!
//! Here: the keychain key and its text form, the keys derived from it, the envelope (version 1), the [`Vault`] that seals
//! and unseals with them and is rotated to new ones, key slots and passphrases, and the age files that leave and enter it.
//! Deliberately not here: the keychain, the database, any clock, any network, and the decision when a key may be made,
//! which belongs to the caller. The only thing taken from outside is the kernel's random source, for keys and nonces.
//!
//! Three layers of keys: keychain key (generations) → workspace key (generations) → a fresh data key for every envelope.
//! Beside them, slots: the keychain key, encrypted to whoever may open the vault without the keychain.

#![forbid(unsafe_code)]

mod age_file;
mod context;
mod envelope;
mod error;
mod keychain;
mod keys;
mod locked;
mod passphrase;
mod slot_identity;
mod suite;
mod vault;
mod vault_id;
#[cfg(test)]
mod vectors;

pub use age_file::{FileKey, MAX_RECIPIENTS, decrypt, encrypt_to, encrypt_with_passphrase, is_recipient};
pub use context::MAX_CONTEXT_FIELD;
pub use envelope::MAX_PLAINTEXT;
pub use error::{
    AgeError, ContextTooLong, FormatFault, IdentityTextError, KeychainTextError, OpenError,
    RandomSourceFailed, RewrapError, RotateError, SealError, SlotError, SuccessionError, UnsealError,
    VaultIdTextError,
};
pub use keychain::KeychainKey;
pub use keys::KeyCheck;
pub use passphrase::{PASSPHRASE_COST, PASSPHRASE_COST_FLOOR, new_salt, open_identity, seal_identity};
pub use slot_identity::SlotIdentity;
pub use vault::rotation::{RotatedWorkspace, Rotation};
pub use vault::slots::{SlotKey, open_slot};
pub use vault::{Vault, WorkspaceKeys};
pub use vault_id::VaultId;
