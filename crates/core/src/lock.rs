//! Locking: nobody comes in until a person unlocks.
//!
//! Two depths. Where a passphrase is set, Hearthkey locks by itself after a while without a person: doors and window close,
//! the background goes on. A person can lock at any time: then the keys are dropped too, and the background stops.

use crate::changes::Topic;
use crate::vault_gate::{Glance, State, Trouble};
use crate::{Caller, Error, Failure, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::{Deed, Door};
use hearthkey_domain::key_slot::{SlotKind, SlotRow};
use hearthkey_domain::ports::{KeyStoreError, VaultRecord, VaultSettings};
use hearthkey_vault::{KeychainKey, SlotIdentity, open_identity, open_slot};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// After how many minutes without a person Hearthkey locks, unless another time is set.
pub const LOCK_AFTER_MINUTES: u32 = 15;
/// The longest time that can be set, in minutes: a day.
pub const LOCK_AFTER_MAX: u32 = 24 * 60;

/// What a person brings to open the vault.
#[derive(Debug, Default)]
pub enum Opener {
    /// Nothing: the keychain has the key.
    #[default]
    Keychain,
    /// The passphrase.
    Passphrase(Secret),
    /// The recovery kit, or its key alone.
    Recovery(Secret),
}

/// Who may come in.
#[derive(Default)]
pub(crate) struct Doors(Mutex<Option<DoorState>>);

#[derive(Clone, Copy)]
struct DoorState {
    closed: bool,
    /// Whether a passphrase is set. Without one nothing locks by itself.
    passphrase: bool,
    lock_after: SignedDuration,
    /// When a person last did something.
    touched: Timestamp,
}

impl Doors {
    fn with<T>(&self, change: impl FnOnce(&mut Option<DoorState>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets everything be looked up anew.
    pub(crate) fn reconsider(&self, now: Timestamp, passphrase: bool) {
        self.with(|state| {
            if let Some(state) = state {
                (state.passphrase, state.touched) = (passphrase, now);
            }
        });
    }
}

impl Hearthkey {
    /// Refuses a caller while Hearthkey is locked. A person's calls also keep it from locking by itself.
    ///
    /// # Errors
    /// [`Error::Locked`], or that the database cannot be read.
    pub async fn pass_door(&self, caller: &Caller, changes_something: bool) -> Result<(), Error> {
        if self.door_is_closed().await? || self.vault.is_locked() {
            return Err(Error::Locked);
        }
        // The window looks by itself whenever something changes; only what it changes is a person's doing.
        if caller.door == Door::Socket || changes_something {
            self.touch();
        }
        Ok(())
    }

    /// Notes that a person is there.
    pub fn touch(&self) {
        let now = self.now();
        self.doors.with(|state| {
            if let Some(state) = state {
                state.touched = now;
            }
        });
    }

    /// Whether nobody may come in. Where a passphrase is set or a person locked, that is how every process begins.
    pub(crate) async fn door_is_closed(&self) -> Result<bool, Error> {
        if let Some(state) = self.doors.with(|state| *state) {
            return Ok(state.closed);
        }
        let passphrase = self.ways().await?.passphrase;
        let settings = self.ports.store.settings().await?;
        let (closed, lock_after) = (passphrase || settings.locked, lock_after(&settings));
        let touched = self.now();
        let known = self
            .doors
            .with(|state| *state.get_or_insert(DoorState { closed, passphrase, lock_after, touched }));
        Ok(known.closed)
    }

    /// Whether a person unlocked this process, and it would be locked again by the next one.
    pub(crate) fn is_unlocked_by_person(&self) -> bool {
        self.doors.with(|state| state.is_some_and(|state| state.passphrase && !state.closed))
    }

    /// Whether the background may work: not after a person locked.
    pub(crate) fn works_in_background(&self) -> bool {
        !self.vault.is_locked()
    }

    /// Locks: drops the keys, closes the doors, stops the background. What is under way settles first.
    ///
    /// # Errors
    /// When the vault was never founded: there is nothing to lock.
    pub async fn lock(&self, caller: &Caller) -> Result<Glance, Error> {
        if self.ports.store.vault_record().await?.is_none() {
            let expected = "there is nothing to lock yet: no account was ever connected";
            return Err(Error::Declined { reason: expected.into() });
        }
        self.door_is_closed().await?;
        let _asking = self.vault.asking.lock().await;
        self.store_all_unsaved().await;
        // Until a person unlocks, also over a restart.
        self.remember_locked(true).await;
        let changed = self.vault.set(State::Locked);
        self.close_doors();
        self.blobs.forget_all();
        self.ports.http.forget().await;
        if changed {
            self.note_deed(caller, Deed::Locked, "").await;
            self.changes.tell(Topic::All);
        }
        Ok(Glance::Locked { working: false, ways: self.ways().await? })
    }

    /// Locks the doors when no person was there for as long as was set. The keys stay: the background goes on.
    pub(crate) async fn lock_if_idle(&self) {
        let now = self.now();
        let due = self.doors.with(|state| {
            state.filter(|state| !state.closed && state.passphrase && state.lock_after.is_positive())
        });
        if due.is_some_and(|state| state.touched.duration_until(now) >= state.lock_after) {
            self.close_doors();
            self.blobs.forget_all();
            self.note_deed(&Caller::background(), Deed::Locked, "by itself").await;
            self.changes.tell(Topic::All);
        }
    }

    fn close_doors(&self) {
        self.doors.with(|state| {
            if let Some(state) = state {
                state.closed = true;
            }
        });
    }

    /// Unlocks with what a person brings. Where a passphrase is set, it takes that or the recovery kit; else the keychain,
    /// which may ask the person itself. A key that the keychain lost is put back into it.
    ///
    /// # Errors
    /// What was brought does not open the vault, or the keychain does not. Nothing is changed then.
    pub async fn unlock(&self, caller: &Caller, opener: Opener) -> Result<Glance, Error> {
        self.door_is_closed().await?;
        let slots = self.ports.store.key_slots().await?;
        if matches!(opener, Opener::Keychain) {
            if self.ways().await?.passphrase {
                let expected = "the passphrase, or the recovery kit, was expected".to_owned();
                return Err(Error::Input { field: "passphrase".into(), expected });
            }
            self.unlock_with_keychain().await?;
        } else {
            let _asking = self.vault.asking.lock().await;
            let record = self.founded().await?;
            let (slot, key) = self.open_by_slot(&record, &slots, opener).await?;
            if self.vault.open().is_none() {
                let spare = KeychainKey::parse(key.encode().as_str());
                let opened = self.open_with(&record, key).await;
                if let (Ok(_), Ok(spare)) = (&opened, spare) {
                    self.put_back(&record, spare).await;
                }
                let failed = opened.as_ref().err().map(Failure::from);
                // A key that was to leave the keychain may still be in it.
                self.vault.untidy.fetch_or(!record.in_keychain, Ordering::Relaxed);
                self.note_opened(&opened);
                if let Some(failure) = failed {
                    return Err(Error::Recent(failure));
                }
            }
            tracing::info!(slot = %slot.slot.id, "unlocked");
        }
        if self.ports.store.settings().await?.locked {
            self.remember_locked(false).await;
        }
        let now = self.now();
        let was_closed = self.doors.with(|state| {
            state.as_mut().is_some_and(|state| {
                state.touched = now;
                std::mem::replace(&mut state.closed, false)
            })
        });
        if was_closed {
            self.note_deed(caller, Deed::Unlocked, "").await;
            self.changes.tell(Topic::All);
        }
        Ok(Glance::Open)
    }

    /// Writes down that a person locked or unlocked. On a full disk this process knows it all the same.
    async fn remember_locked(&self, locked: bool) {
        let remembered = async {
            let settings = VaultSettings { locked, ..self.ports.store.settings().await? };
            self.ports.store.change_settings(settings).await
        };
        if let Err(error) = remembered.await {
            tracing::warn!(%error, locked, "the next start will not know it");
        }
    }

    async fn unlock_with_keychain(&self) -> Result<(), Error> {
        if self.ports.store.settings().await?.locked {
            self.remember_locked(false).await;
        }
        {
            let _asking = self.vault.asking.lock().await;
            if self.vault.is_locked() {
                self.vault.set(State::Untried);
            }
        }
        match self.open_vault(true).await {
            Err(Error::Vault(Trouble::Keychain(KeyStoreError::Locked))) => {
                self.ports.keys.unlock().await.map_err(Trouble::from)?;
                self.open_vault(true).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// The vault's key from a slot that a person opens.
    pub(crate) async fn open_by_slot(
        &self,
        record: &VaultRecord,
        slots: &[SlotRow],
        opener: Opener,
    ) -> Result<(SlotRow, KeychainKey), Error> {
        let id = crate::vault_gate::vault_id(record)?;
        let of = |kind| slots.iter().filter(move |row| row.slot.kind == kind).cloned();
        let (row, identity) = match opener {
            Opener::Keychain => {
                return Err(Error::Input { field: "passphrase".into(), expected: "was expected".into() });
            }
            Opener::Recovery(kit) => {
                let identity = SlotIdentity::parse(kit.expose()).map_err(|_| Error::WrongRecoveryKey)?;
                let recipient = identity.recipient();
                let row = of(SlotKind::Recovery).find(|row| row.slot.recipient == recipient);
                (row.ok_or(Error::WrongRecoveryKey)?, identity)
            }
            Opener::Passphrase(passphrase) => {
                let Some(row) = of(SlotKind::Passphrase).find(|row| row.slot.confirmed_at.is_some()) else {
                    let expected = "no passphrase is set".to_owned();
                    return Err(Error::Input { field: "passphrase".into(), expected });
                };
                let (sealed, slot) = (row.identity.clone(), row.slot.clone());
                // A second of the processor's time, and a quarter of a gigabyte: not on the threads everything else runs on.
                let opened = tokio::task::spawn_blocking(move || {
                    let (cost, salt) = slot.passphrase.as_ref()?;
                    let salt = crate::passphrase::salt_from(salt)?;
                    open_identity(id, &slot.id.to_string(), &passphrase, *cost, &salt, &sealed?).ok()
                });
                let identity = opened.await.map_err(|_| Error::Internal("the passphrase was not tried"))?;
                (row, identity.ok_or(Error::WrongPassphrase)?)
            }
        };
        let slot = row.slot.id.to_string();
        let key = open_slot(id, &slot, record.generation, &identity, &row.key, &row.proof)
            .map_err(|_| Error::Unreadable { what: "key", name: "the vault's key slot".into() })?;
        Ok((row, key))
    }

    /// Puts a key back into a keychain that lost it. One of a later generation is left alone: it is of a newer database.
    async fn put_back(&self, record: &VaultRecord, key: KeychainKey) {
        if !record.in_keychain {
            return;
        }
        let held = match self.ports.keys.read(&record.vault_id).await {
            Ok(held) => held.map(|text| KeychainKey::parse(text.expose())),
            Err(error) => {
                tracing::warn!(%error, "the key could not be put back into the keychain");
                return;
            }
        };
        if matches!(&held, Some(Ok(held)) if held.newest_generation() > record.generation) {
            return;
        }
        let text = Secret::new(key.encode().as_str());
        if let Err(error) = self.ports.keys.write(&record.vault_id, text).await {
            tracing::warn!(%error, "the key could not be put back into the keychain");
            return;
        }
        self.vault.untidy.store(false, Ordering::Relaxed);
    }

    /// What is set about the vault.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn lock_after_minutes(&self) -> Result<u32, Error> {
        Ok(self.ports.store.settings().await?.lock_after_minutes.unwrap_or(LOCK_AFTER_MINUTES))
    }

    /// Sets after how many minutes without a person Hearthkey locks by itself; zero is never.
    ///
    /// # Errors
    /// A time above [`LOCK_AFTER_MAX`], or a database that does not write.
    pub async fn set_lock_after(&self, minutes: u32) -> Result<(), Error> {
        if minutes > LOCK_AFTER_MAX {
            let expected = format!("0 (never) to {LOCK_AFTER_MAX} minutes were expected");
            return Err(Error::Input { field: "lock_after_minutes".into(), expected });
        }
        self.vault().await?;
        let settings =
            VaultSettings { lock_after_minutes: Some(minutes), ..self.ports.store.settings().await? };
        let after = lock_after(&settings);
        self.ports.store.change_settings(settings).await?;
        self.doors.with(|state| {
            if let Some(state) = state {
                state.lock_after = after;
            }
        });
        self.changes.tell(Topic::Vault);
        Ok(())
    }

    /// Writes a deed that concerns the whole vault into the current workspace's history. That this fails is only logged.
    pub(crate) async fn note_deed(&self, caller: &Caller, deed: Deed, detail: &str) {
        let Ok(Some(workspace)) = self.known_workspace(&Caller::background()).await else { return };
        let entry = self.entry(caller, workspace.id, None, deed, detail);
        if let Err(error) = self.ports.store.record(entry).await {
            tracing::warn!(%error, "an entry of the history was lost");
        }
    }
}

fn lock_after(settings: &VaultSettings) -> SignedDuration {
    let minutes = settings.lock_after_minutes.unwrap_or(LOCK_AFTER_MINUTES).min(LOCK_AFTER_MAX);
    SignedDuration::from_mins(i64::from(minutes))
}
