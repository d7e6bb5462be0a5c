//! The named states in which the vault is not open, each with its way out.

use hearthkey_domain::ports::KeyStoreError;

/// Why the vault is not open. Each state has its own way out ([`Trouble::fix`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The OS keychain did not give an answer about the key.
    #[error(transparent)]
    Keychain(#[from] KeyStoreError),
    /// The keychain is open and does not have this vault's key.
    #[error("the keychain no longer holds the key of this vault")]
    KeyMissing,
    /// The keychain holds a key, and it is not this vault's.
    #[error("the keychain holds another key than the one this vault was sealed with")]
    WrongKey,
    /// The key is right, and the workspace's own sealed key does not open.
    #[error("the workspace's sealed key does not open: its row is damaged")]
    WorkspaceDamaged,
}

impl Trouble {
    /// Whether waiting or unlocking cannot help.
    #[must_use]
    pub fn is_key_lost(&self) -> bool {
        matches!(self, Self::KeyMissing | Self::WrongKey | Self::WorkspaceDamaged)
    }

    /// What the person can do.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Keychain(KeyStoreError::Absent { .. }) => {
                "Start a keychain in this session (on Linux gnome-keyring or KWallet, on a D-Bus session bus), then try again; or keep the key under a passphrase of your own instead: hearthkey passphrase set --without-keychain"
            }
            Self::Keychain(KeyStoreError::Locked) => "Unlock the keychain of your account, then try again.",
            Self::Keychain(KeyStoreError::Hanging { .. }) => {
                "Look for a prompt of the keychain that waits behind other windows, or sign out and in again, then try again."
            }
            Self::Keychain(_) => "Look at the keychain's own application for the cause, then try again.",
            Self::KeyMissing => {
                "Unlock with your recovery kit (hearthkey unlock --recovery FILE) or passphrase, which puts the key back; or restore the keychain entry \"Hearthkey vault key\" from a backup of the keychain. Nothing was changed, and no new key is made while sealed data exists."
            }
            Self::WrongKey => {
                "Sign in to the account, or restore the keychain, that this profile was made with; or unlock with your recovery kit or passphrase. Nothing was changed."
            }
            Self::WorkspaceDamaged => {
                "End Hearthkey, then: hearthkey doctor --restore puts the newest copy of vault.db in its place. Nothing was changed."
            }
        }
    }
}

/// The ways a person can open the vault besides the keychain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// With the passphrase.
    pub passphrase: bool,
    /// With the recovery kit.
    pub recovery: bool,
}

/// What is known of the vault without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// It is open.
    Open,
    /// It is being opened.
    Opening,
    /// Nobody comes in until a person unlocks it.
    Locked {
        /// Whether the background work goes on meanwhile.
        working: bool,
        /// How it can be unlocked.
        ways: Ways,
    },
    /// It is not open.
    Closed(Trouble, Ways),
}

impl Glance {
    pub(super) fn with(self, ways: Ways) -> Self {
        match self {
            Self::Locked { working, .. } => Self::Locked { working, ways },
            Self::Closed(trouble, _) => Self::Closed(trouble, ways),
            other => other,
        }
    }
}
