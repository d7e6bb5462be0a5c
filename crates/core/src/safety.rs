//! How the vault is protected: where its key is, which ways lead in, how old its keys are.

use crate::{Error, Hearthkey};
use hearthkey_domain::key_slot::SlotKind;
use hearthkey_domain::ports::KeychainProtection;
use jiff::Timestamp;
use url::Url;

/// How the vault is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safety {
    /// Whether the OS keychain is to hold the key.
    pub in_keychain: bool,
    /// Whether a passphrase is set.
    pub passphrase: bool,
    /// The recovery kit, if there is one, and when it was tested.
    pub recovery: Option<Option<Timestamp>>,
    /// The generation of the keys.
    pub generation: u32,
    /// Since when it is in use.
    pub rotated_at: Timestamp,
    /// Whether keys are to be replaced.
    pub rotation_due: bool,
    /// Whether rows still hang from older keys.
    pub rotation_unfinished: bool,
    /// After how many minutes Hearthkey locks by itself; zero is never.
    pub lock_after_minutes: u32,
    /// The https page that sends browsers on to the app, where one is set.
    pub bounce: Option<Url>,
    /// The file in which the keychain keeps the key in clear, where it does.
    pub in_clear: Option<String>,
}

impl Hearthkey {
    /// How the vault is protected.
    ///
    /// # Errors
    /// When it was never founded, or the database cannot be read.
    pub async fn safety(&self) -> Result<Safety, Error> {
        let record = self.founded().await?;
        let slots = self.ports.store.key_slots().await?;
        let ways = self.ways().await?;
        let kits = slots.iter().filter(|row| row.slot.kind == SlotKind::Recovery);
        let workspaces = self.ports.store.workspaces().await?;
        let in_clear = match record.in_keychain {
            true => match self.ports.keys.protection().await {
                KeychainProtection::InClear { file } => Some(file),
                _ => None,
            },
            false => None,
        };
        Ok(Safety {
            in_keychain: record.in_keychain,
            passphrase: ways.passphrase,
            recovery: kits.map(|row| row.slot.confirmed_at).max(),
            generation: record.generation,
            rotated_at: record.rotated_at,
            rotation_due: record.rotation_due,
            rotation_unfinished: workspaces.iter().any(|row| row.retiring_key.is_some()),
            lock_after_minutes: self.lock_after_minutes().await?,
            bounce: self.bounce().await?,
            in_clear,
        })
    }
}
