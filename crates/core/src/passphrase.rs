//! The passphrase: another way into the vault, beside the keychain or in its place.
//!
//! It seals the identity of a key slot (Argon2id). Changing it makes a new slot and replaces the keys, so that what the old
//! one opened opens nothing new.

use crate::changes::Topic;
use crate::lock::Opener;
use crate::vault_gate::{Trouble, vault_id};
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::ids::SlotId;
use hearthkey_domain::key_slot::{KeySlot, SlotKind, SlotRow};
use hearthkey_domain::ports::VaultRecord;
use hearthkey_vault::{
    KeychainKey, PASSPHRASE_COST, SlotIdentity, Vault, new_salt, open_identity, open_slot, seal_identity,
};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The shortest passphrase, in characters.
pub const PASSPHRASE_MIN: usize = 12;
/// The longest, in bytes.
const PASSPHRASE_MAX: usize = 1024;

/// A passphrase that is to be set.
pub(crate) struct PassphraseSlot {
    pub(crate) passphrase: Secret,
    /// Whether the keychain keeps the key as well, so that the background works after a restart without a person.
    pub(crate) also_in_keychain: bool,
}

impl Hearthkey {
    /// Sets or changes the passphrase. With `also_in_keychain` the keychain keeps the key as well and the background works
    /// without a person; without, the passphrase is asked for at every start. Where no keychain is to be had, this founds the
    /// vault.
    ///
    /// `current` is what opens the vault now, where a passphrase is set.
    ///
    /// # Errors
    /// A passphrase that is too short, a wrong current one, or a vault or keychain that does not open.
    pub async fn set_passphrase(
        self: &Arc<Self>,
        caller: &Caller,
        current: Opener,
        passphrase: Secret,
        also_in_keychain: bool,
    ) -> Result<(), Error> {
        let length = passphrase.expose().chars().count();
        if length < PASSPHRASE_MIN || passphrase.expose().len() > PASSPHRASE_MAX {
            let expected = format!("at least {PASSPHRASE_MIN} characters were expected; six words are good");
            return Err(Error::Input { field: "passphrase".into(), expected });
        }
        let slot = PassphraseSlot { passphrase, also_in_keychain };
        self.door_is_closed().await?;
        let slot = match self.found_with_passphrase(slot).await? {
            Some(slot) => slot,
            None => return Ok(()),
        };
        self.vault().await?;
        let leaves_old_ways = {
            let _asking = self.vault.asking.lock().await;
            let vault = self.vault.open().ok_or(Error::Locked)?;
            let record = self.founded().await?;
            let leaves = self.ways().await?.passphrase || (record.in_keychain && !also_in_keychain);
            let key = self.raw_key(&record, current).await?;
            let row = self.passphrase_row(&vault, &key, slot).await?;
            let workspace = self.workspace_id(&Caller::background()).await?;
            let detail = if also_in_keychain { "the keychain has the key as well" } else { "" };
            let entry = self.entry(caller, workspace, None, Deed::PassphraseSet, detail);
            if also_in_keychain && !record.in_keychain {
                let text = Secret::new(key.encode().as_str());
                self.ports.keys.write(&record.vault_id, text).await.map_err(Trouble::from)?;
                self.ports.store.place_key(true).await?;
            }
            self.ports.store.add_slot(row, entry).await?;
            if !also_in_keychain && record.in_keychain {
                self.take_out_of_keychain(&record).await?;
            }
            leaves
        };
        self.doors.reconsider(self.now(), true);
        self.changes.tell(Topic::Vault);
        if leaves_old_ways && let Err(error) = self.rotate(&Caller::background()).await {
            tracing::warn!(kind = ?error.kind(), "the keys could not be replaced yet");
        }
        Ok(())
    }

    /// Founds the vault with a passphrase, if it was not founded; else gives the passphrase back.
    async fn found_with_passphrase(&self, slot: PassphraseSlot) -> Result<Option<PassphraseSlot>, Error> {
        let _asking = self.vault.asking.lock().await;
        // Looked at here, where nobody else can found it.
        if self.ports.store.vault_record().await?.is_some() {
            return Ok(Some(slot));
        }
        let opened = self.found_vault(Some(slot)).await;
        let failed = opened.as_ref().err().map(crate::Failure::from);
        self.note_opened(&opened);
        match failed {
            Some(failure) => Err(Error::Recent(failure)),
            None => {
                self.doors.reconsider(self.now(), true);
                self.changes.tell(Topic::Vault);
                Ok(None)
            }
        }
    }

    /// Removes the passphrase: the keychain alone has the key again.
    ///
    /// # Errors
    /// No passphrase, a wrong one, or a keychain that does not take the key. It stays then.
    pub async fn remove_passphrase(self: &Arc<Self>, caller: &Caller, current: Opener) -> Result<(), Error> {
        self.vault().await?;
        {
            let _asking = self.vault.asking.lock().await;
            let record = self.founded().await?;
            let slots = self.ports.store.key_slots().await?;
            let Some(slot) = slots.iter().find(|row| row.slot.kind == SlotKind::Passphrase) else {
                let expected = "no passphrase is set".to_owned();
                return Err(Error::Input { field: "passphrase".into(), expected });
            };
            let id = slot.slot.id;
            let key = self.raw_key(&record, current).await?;
            if !record.in_keychain {
                let text = Secret::new(key.encode().as_str());
                self.ports.keys.write(&record.vault_id, text).await.map_err(Trouble::from)?;
                self.ports.store.place_key(true).await?;
            }
            let workspace = self.workspace_id(&Caller::background()).await?;
            let entry = self.entry(caller, workspace, None, Deed::PassphraseRemoved, "");
            self.ports.store.remove_slot(id, entry).await?;
        }
        self.doors.reconsider(self.now(), false);
        self.changes.tell(Topic::Vault);
        if let Err(error) = self.rotate(&Caller::background()).await {
            tracing::warn!(kind = ?error.kind(), "the keys could not be replaced yet");
        }
        Ok(())
    }

    /// The vault's key itself, for a new slot: from a slot that a person opens, or the keychain where no passphrase is set.
    pub(crate) async fn raw_key(&self, record: &VaultRecord, opener: Opener) -> Result<KeychainKey, Error> {
        if self.ways().await?.passphrase || !record.in_keychain {
            let slots = self.ports.store.key_slots().await?;
            return Ok(self.open_by_slot(record, &slots, opener).await?.1);
        }
        let text = self.ports.keys.read(&record.vault_id).await.map_err(Trouble::from)?;
        let text = text.ok_or(Trouble::KeyMissing)?;
        let key = KeychainKey::parse(text.expose()).map_err(|_| Trouble::WrongKey)?;
        // Proven by opening: the keychain may have been replaced since the start.
        self.open_with(record, key).await?;
        let key = KeychainKey::parse(text.expose()).map_err(|_| Trouble::WrongKey)?;
        Ok(key.only(record.generation).ok_or(Trouble::KeyMissing)?)
    }

    /// Removes the key from the keychain, after the database says that it is not to be there.
    async fn take_out_of_keychain(&self, record: &VaultRecord) -> Result<(), Error> {
        self.ports.store.place_key(false).await?;
        if let Err(error) = self.ports.keys.remove(&record.vault_id).await {
            tracing::warn!(%error, "the key could not be removed from the keychain yet");
            self.vault.untidy.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A slot for a passphrase, proven by opening it.
    pub(crate) async fn passphrase_row(
        &self,
        vault: &Vault,
        key: &KeychainKey,
        wanted: PassphraseSlot,
    ) -> Result<SlotRow, Error> {
        let failed = |_| Error::Internal("a key slot could not be made");
        let now = self.now();
        let id = SlotId::new(now, self.random());
        let (name, vault_id) = (id.to_string(), vault.id());
        let no_randomness = |_| Error::Internal("the kernel gave no randomness");
        let identity = SlotIdentity::generate().map_err(no_randomness)?;
        let recipient = identity.recipient();
        let salt = new_salt().map_err(no_randomness)?;
        let sealed = vault.slot_key(&name, &identity, key).map_err(failed)?;
        let slot = name.clone();
        let made = tokio::task::spawn_blocking(move || {
            let passphrase = wanted.passphrase;
            let row = seal_identity(vault_id, &slot, &passphrase, PASSPHRASE_COST, &salt, &identity)?;
            let opened = open_identity(vault_id, &slot, &passphrase, PASSPHRASE_COST, &salt, &row)?;
            Ok::<_, hearthkey_vault::SlotError>((row, opened))
        });
        let (identity, opened) =
            made.await.map_err(|_| Error::Internal("a key slot was not finished"))?.map_err(failed)?;
        open_slot(vault_id, &name, vault.generation(), &opened, &sealed.key, &sealed.proof)
            .map_err(failed)?;
        let slot = KeySlot {
            id,
            kind: SlotKind::Passphrase,
            recipient,
            passphrase: Some((PASSPHRASE_COST, salt_text(salt))),
            created_at: now,
            confirmed_at: Some(now),
        };
        Ok(SlotRow {
            slot,
            identity: Some(identity),
            key: sealed.key,
            proof_key: sealed.proof_key,
            proof: sealed.proof,
        })
    }

    /// The vault's record, which a founded vault has.
    pub(crate) async fn founded(&self) -> Result<VaultRecord, Error> {
        let record = self.ports.store.vault_record().await?;
        record.ok_or_else(|| Error::Declined { reason: "there is no vault yet".into() })
    }

    /// The vault's identifier in words for a person, as on a recovery kit.
    pub(crate) fn vault_name(record: &VaultRecord) -> Result<String, Error> {
        Ok(vault_id(record)?.to_string())
    }
}

fn salt_text(salt: [u8; 16]) -> String {
    salt.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a stored salt.
pub(crate) fn salt_from(text: &str) -> Option<[u8; 16]> {
    let mut salt = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in salt.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(salt)
}
