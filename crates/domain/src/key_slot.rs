//! Key slots: the ways into a vault besides the OS keychain.
//!
//! A slot is an X25519 recipient of age that the keychain key is encrypted to, so that a rotation re-encrypts it without
//! asking anybody. Who holds the matching identity opens the vault: a person with the passphrase that seals it, or with the
//! recovery kit it is printed on. Making and opening them is the vault's business.

use crate::ids::SlotId;
use crate::sealed::Sealed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which way a slot opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// With a passphrase, which seals the slot's identity.
    Passphrase,
    /// With the recovery kit, which is the slot's identity.
    Recovery,
}

/// The cost of Argon2id (RFC 9106 section 3.1), stored beside what was sealed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassphraseCost {
    /// Memory, in KiB (`m`).
    pub memory_kib: u32,
    /// Passes over it (`t`).
    pub passes: u32,
    /// Degree of parallelism (`p`).
    pub lanes: u32,
}

/// A way into the vault. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySlot {
    /// Its identifier.
    pub id: SlotId,
    /// Which way it opens.
    pub kind: SlotKind,
    /// The public key the vault's key is encrypted to, in the text form of age (`age1…`).
    pub recipient: String,
    /// How its passphrase is turned into a key, for a slot that opens with one: the cost, and 16 random bytes of salt in
    /// hexadecimal.
    pub passphrase: Option<(PassphraseCost, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last shown to open. A recovery kit counts as saved only then.
    pub confirmed_at: Option<Timestamp>,
}

/// A slot with its sealed parts, as its row holds them.
#[derive(Debug, Clone)]
pub struct SlotRow {
    /// The slot.
    pub slot: KeySlot,
    /// Its identity, sealed with the passphrase; absent for a recovery kit, which *is* the identity.
    pub identity: Option<Sealed>,
    /// The text form of the keychain key's newest generation, encrypted to the recipient (an age file).
    pub key: Vec<u8>,
    /// What proves that the vault itself wrote `key`: a key derived from the identity, sealed under the vault's key.
    pub proof_key: Sealed,
    /// HMAC-SHA256 under that key over the vault, the slot, the generation and `key`.
    pub proof: Vec<u8>,
}
