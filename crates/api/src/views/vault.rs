//! The vault's protection as callers see it.

use hearthkey_core::rotation::Rotated;
use hearthkey_core::safety::Safety;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the vault is protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SafetyView {
    /// Whether the keychain is to hold the key; if not, the passphrase is asked for at every start.
    pub keychain: bool,
    /// Whether a passphrase is set.
    pub passphrase: bool,
    /// The recovery kit.
    pub recovery: RecoveryWord,
    /// When the recovery kit was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_tested_at: Option<Timestamp>,
    /// The generation of the keys, counted from 1.
    pub generation: u32,
    /// Since when it is in use.
    pub rotated_at: Timestamp,
    /// Whether the keys are to be replaced, or are being replaced, because something was removed.
    pub rotation_pending: bool,
    /// After how many minutes without a person Hearthkey locks, where a passphrase is set; 0 is never.
    pub lock_after_minutes: u32,
    /// The gateway's https page that sends browsers on to the app, where one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounce: Option<String>,
    /// The file in which a keychain without password keeps the key readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_clear: Option<String>,
}

/// States of the recovery kit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryWord {
    /// There is none.
    None,
    /// It was made, and never shown to open the vault: it does not count yet.
    Untested,
    /// It opens the vault.
    Tested,
}

impl From<Safety> for SafetyView {
    fn from(safety: Safety) -> Self {
        let (recovery, recovery_tested_at) = match safety.recovery {
            None => (RecoveryWord::None, None),
            Some(None) => (RecoveryWord::Untested, None),
            Some(Some(at)) => (RecoveryWord::Tested, Some(at)),
        };
        Self {
            keychain: safety.in_keychain,
            passphrase: safety.passphrase,
            recovery,
            recovery_tested_at,
            generation: safety.generation,
            rotated_at: safety.rotated_at,
            rotation_pending: safety.rotation_due || safety.rotation_unfinished,
            lock_after_minutes: safety.lock_after_minutes,
            bounce: safety.bounce.map(String::from),
            in_clear: safety.in_clear,
        }
    }
}

/// What a replacement of the keys did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotatedView {
    /// The generation that is in use now.
    pub generation: u32,
    /// How many sealed rows hang from new keys.
    pub rows: u64,
}

impl From<Rotated> for RotatedView {
    fn from(rotated: Rotated) -> Self {
        Self { generation: rotated.generation, rows: rotated.rows }
    }
}
