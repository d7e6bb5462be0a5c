//! The only decryptor of what is at rest.
//!
//! Here: the keychain key and its text form, the keys derived from it, the envelope (version 1) and the [`Vault`] that
//! seals and unseals with them. Deliberately not here: the keychain, the database, any clock, any network, and the
//! decision when a key may be made, which belongs to the caller. The only thing taken from outside is the kernel's random
//! source, for keys and nonces.
//!
//! Three layers of keys: keychain key (generations) → workspace key → a fresh data key for every envelope.

#![forbid(unsafe_code)]

mod context;
mod envelope;
mod error;
mod keychain;
mod keys;
mod suite;
mod vault;
mod vault_id;
#[cfg(test)]
mod vectors;

pub use context::MAX_CONTEXT_FIELD;
pub use envelope::MAX_PLAINTEXT;
pub use error::{
    ContextTooLong, FormatFault, KeychainTextError, OpenError, RandomSourceFailed, SealError, UnsealError,
    VaultIdTextError,
};
pub use keychain::KeychainKey;
pub use keys::KeyCheck;
pub use vault::Vault;
pub use vault_id::VaultId;
