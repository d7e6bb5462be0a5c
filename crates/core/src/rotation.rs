//! Replacing the keys: a new keychain key, a new key for every workspace, and every sealed row re-wrapped.
//!
//! Safe to cut at any point:
//! 1. the keychain gets the new generation *beside* the present one;
//! 2. one transaction makes everything hang from the new one: workspaces' keys, slots, the check value;
//! 3. the keychain lets the old generation go;
//! 4. rows are re-wrapped in small transactions; both keys of a workspace open meanwhile;
//! 5. when nothing hangs from a workspace's old key, copies of the database go, and then that key.
//!
//! Cut before 2, the present generation stays and the newer one is dropped; after, the next start or tick goes on.

use crate::changes::Topic;
use crate::vault_gate::{State, Trouble, admit, place};
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::key_slot::SlotRow;
use hearthkey_domain::ports::{
    KeyStoreError, RotationStart, SealedPlace, SealedRow, StoreError, VaultRecord, WorkspaceRow,
};
use hearthkey_domain::sealed::Sealed;
use hearthkey_vault::{KeychainKey, Rotation, Vault, WorkspaceKeys};
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::OwnedRwLockWriteGuard;

/// How many rows one transaction re-wraps.
const BATCH: u32 = 2000;
/// How long whoever seals may take to store it.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The generation that is in use now.
    pub generation: u32,
    /// How many sealed rows were re-wrapped.
    pub rows: u64,
}

impl Hearthkey {
    /// Replaces the keys.
    ///
    /// # Errors
    /// A vault that is not open, a keychain that does not take the new key, or a database that does not write. The vault is
    /// on its present or its next generation then, and readable either way.
    pub async fn rotate(self: &Arc<Self>, caller: &Caller) -> Result<Rotated, Error> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        // A caller that goes away does not leave it half done.
        let task = async move {
            app.finish_rotation().await?;
            app.refuse_unreadable().await?;
            app.begin_rotation(&caller).await?;
            let rows = app.finish_rotation().await?;
            let record = app.ports.store.vault_record().await?;
            Ok(Rotated { generation: record.map_or(0, |record| record.generation), rows })
        };
        self.unhurried.spawn(task).await.map_err(|_| Error::Internal("a rotation did not finish"))?
    }

    /// A row that opens under no key keeps the retiring one, for it may be mended; but not a further rotation with it.
    async fn refuse_unreadable(&self) -> Result<(), Error> {
        for row in self.ports.store.workspaces().await? {
            if row.retiring_key.is_none() {
                continue;
            }
            let left = self.ports.store.retiring_rows(row.workspace.id, 1).await?;
            let name = match left.first().map(|row| &row.place) {
                Some(
                    SealedPlace::Credential { connection, .. }
                    | SealedPlace::PreviousCredential { connection, .. },
                ) => {
                    let found = self.ports.store.connection(row.workspace.id, *connection).await?;
                    found.map_or_else(|| connection.to_string(), |connection| connection.label)
                }
                Some(SealedPlace::ClientSecret { client, .. }) => client.to_string(),
                Some(SealedPlace::Verifier(pending)) => pending.connector.clone(),
                None => return Err(StoreError::Conflict.into()),
            };
            return Err(Error::Unreadable { what: "credential", name });
        }
        Ok(())
    }

    /// Steps 1 to 3.
    async fn begin_rotation(&self, caller: &Caller) -> Result<(), Error> {
        self.vault().await?;
        let _asking = self.vault.asking.lock().await;
        let before = self.vault.open().ok_or(Error::Locked)?;
        let record = self.founded().await?;
        let next = self.next_key(&record).await?;
        let alone = self.exclusive().await?;
        let workspaces = self.ports.store.workspaces().await?;
        let rotation = prepare(&before, &next, &workspaces)?;
        let mut slots = vec![];
        for row in self.ports.store.key_slots().await? {
            slots.push(renewed(&rotation.vault, &before, &next, row)?);
        }
        let workspace = self.workspace_id(&Caller::background()).await?;
        let generation = rotation.check.generation();
        let entry =
            self.entry(caller, workspace, None, Deed::KeysRotated, format!("generation {generation}"));
        let start = RotationStart {
            from: record.generation,
            key_check: rotation.check.value().to_vec(),
            at: self.now(),
            workspaces: with_new_keys(workspaces, &rotation),
            slots,
            activity: entry,
        };
        if let Err(error) = self.ports.store.begin_rotation(start).await {
            self.vault.untidy.store(record.in_keychain, Ordering::Relaxed);
            return Err(error.into());
        }
        self.vault.set(State::Open(Arc::new(rotation.vault)));
        drop(alone);
        self.changes.tell(Topic::Vault);
        if record.in_keychain {
            self.vault.untidy.store(true, Ordering::Relaxed);
            self.tidy_keychain_asking().await;
        }
        Ok(())
    }

    /// Step 1: the next key, in the keychain beside the present one where the keychain holds the key.
    async fn next_key(&self, record: &VaultRecord) -> Result<KeychainKey, Error> {
        let failed = |_| Error::Internal("a new key could not be drawn");
        if !record.in_keychain {
            let generation = record.generation.checked_add(1);
            let generation = generation.ok_or(Error::Internal("the generations are used up"))?;
            return KeychainKey::fresh(generation).map_err(failed);
        }
        let text = self.ports.keys.read(&record.vault_id).await.map_err(Trouble::from)?;
        let text = text.ok_or(Trouble::KeyMissing)?;
        let present = KeychainKey::parse(text.expose()).map_err(|_| Trouble::WrongKey)?;
        let next = present
            .succeeded(record.generation)
            .map_err(|_| Error::Internal("the present key has no successor"))?;
        // Nothing but this vault's own key is replaced.
        self.open_with(record, present).await?;
        let text = Secret::new(next.encode().as_str());
        self.ports.keys.write(&record.vault_id, text).await.map_err(Trouble::from)?;
        Ok(next)
    }

    /// Waits until nobody seals, and keeps it so.
    ///
    /// # Errors
    /// When something that was sealed cannot be stored: it would be lost.
    pub(crate) async fn exclusive(&self) -> Result<OwnedRwLockWriteGuard<()>, Error> {
        let waiting =
            Error::Declined { reason: "new tokens wait to be stored; try again once there is room".into() };
        if self.lanes.hold_tokens() {
            return Err(waiting);
        }
        // Whoever seals is soon done; whoever comes meanwhile waits for this.
        tokio::select! {
            alone = Arc::clone(&self.vault.sealing).write_owned() => Ok(alone),
            () = self.ports.clock.sleep_until(self.now() + PATIENCE) => Err(waiting),
        }
    }

    /// Steps 4 and 5, for whatever an earlier rotation left. The number of rows that were re-wrapped.
    pub(crate) async fn finish_rotation(&self) -> Result<u64, Error> {
        let mut rows = 0;
        let mut done = vec![];
        for row in self.ports.store.workspaces().await? {
            if row.retiring_key.is_none() {
                continue;
            }
            let workspace = row.workspace.id;
            rows += self.rewrap_all(workspace).await?;
            if self.ports.store.retiring_rows(workspace, 1).await?.is_empty() {
                done.push(workspace);
            }
        }
        if done.is_empty() {
            return Ok(rows);
        }
        // Copies made before hold what has been destroyed since. They go first: once the old keys are gone, nothing would
        // remember to.
        self.ports.store.drop_backups().await?;
        self.upkeep.back_up_soon();
        for workspace in done {
            self.retire(workspace).await?;
        }
        Ok(rows)
    }

    async fn rewrap_all(&self, workspace: WorkspaceId) -> Result<u64, Error> {
        let mut count = 0;
        loop {
            let vault = self.vault().await?;
            let rows = self.ports.store.retiring_rows(workspace, BATCH).await?;
            if rows.is_empty() {
                return Ok(count);
            }
            let mut rewrapped = Vec::with_capacity(rows.len());
            let mut forgotten = false;
            for row in rows {
                if let Some(anew) = self.rewrap(&vault, workspace, &row).await {
                    rewrapped.push((row, anew));
                } else {
                    forgotten |= self.forget_stray(workspace, &row).await?;
                }
            }
            if rewrapped.is_empty() && forgotten {
                continue;
            }
            if rewrapped.is_empty() {
                // What is left does not open under either key: it never will, and must not keep the old key.
                return Ok(count);
            }
            count += rewrapped.len() as u64;
            self.ports.store.rewrap_rows(workspace, rewrapped).await?;
        }
    }

    /// Removes what nobody can use: a client of which no row says what server it is for and with which no connection was made,
    /// and the credential before a connection's newest, which is only a second chance.
    async fn forget_stray(&self, workspace: WorkspaceId, row: &SealedRow) -> Result<bool, Error> {
        if let SealedPlace::PreviousCredential { connection, version, .. } = row.place {
            self.ports.store.forget_previous(workspace, connection, version + 1).await?;
            let kept = self.ports.store.refresh_state(workspace, connection).await?.previous;
            return Ok(kept.is_none());
        }
        let SealedPlace::ClientSecret { client, .. } = row.place else { return Ok(false) };
        let Some((known, _)) = self.ports.store.client(workspace, client).await? else { return Ok(false) };
        let stray = self.meant(known).await?.is_none();
        if stray {
            self.ports.store.remove_client(workspace, client).await?;
        }
        Ok(stray)
    }

    /// A row's envelope under the newest key; `None` for one that does not open, which is left as it is.
    async fn rewrap(&self, vault: &Vault, workspace: WorkspaceId, row: &SealedRow) -> Option<Sealed> {
        let ws = workspace.to_string();
        let rewrapped = match &row.place {
            SealedPlace::Credential { connection, version, issuer, policy }
            | SealedPlace::PreviousCredential { connection, version, issuer, policy } => {
                let id = connection.to_string();
                vault.rewrap(place::credential(&ws, &id, *version, issuer, policy), &row.sealed)
            }
            SealedPlace::ClientSecret { client, .. } => {
                let (known, _) = self.ports.store.client(workspace, *client).await.ok()??;
                let meant = self.meant(known).await.ok()??;
                let id = client.to_string();
                vault.rewrap(place::client_secret(&ws, &id, &meant.server, &meant.policy), &row.sealed)
            }
            SealedPlace::Verifier(pending) => {
                let id = pending.id.to_string();
                let flow = self.flow_of(pending).await.ok()?;
                vault.rewrap(place::verifier(&ws, &id, &pending.server.issuer, &flow), &row.sealed)
            }
        };
        rewrapped.ok().flatten()
    }

    /// Lets a workspace's old key go.
    async fn retire(&self, workspace: WorkspaceId) -> Result<(), Error> {
        let alone = self.exclusive().await?;
        if self.ports.store.finish_rotation(workspace).await? {
            let vault = self.vault().await?;
            for row in self.ports.store.workspaces().await? {
                if row.workspace.id == workspace {
                    admit(&vault, &row).map_err(|()| Trouble::WorkspaceDamaged)?;
                }
            }
        }
        drop(alone);
        Ok(())
    }

    /// Lets the keychain hold exactly what it should: after a rotation, or after the key left it.
    pub(crate) async fn tidy_keychain(&self) {
        if self.vault.untidy.load(Ordering::Relaxed) {
            let _asking = self.vault.asking.lock().await;
            self.tidy_keychain_asking().await;
        }
    }

    async fn tidy_keychain_asking(&self) {
        match self.try_tidy().await {
            Ok(()) => self.vault.untidy.store(false, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "the keychain could not be tidied yet");
            }
        }
    }

    async fn try_tidy(&self) -> Result<(), Error> {
        let Some(record) = self.ports.store.vault_record().await? else { return Ok(()) };
        if !record.in_keychain {
            return match self.ports.keys.remove(&record.vault_id).await {
                // Where there is no keychain, nothing is in it.
                Ok(()) | Err(KeyStoreError::Absent { .. }) => Ok(()),
                Err(error) => Err(Trouble::from(error).into()),
            };
        }
        let text = self.ports.keys.read(&record.vault_id).await.map_err(Trouble::from)?;
        let key = text.and_then(|text| KeychainKey::parse(text.expose()).ok());
        // A key that is not there or not ours is another state, with a way out of its own.
        let Some(key) = key.filter(|key| key.holds_others_than(record.generation)) else { return Ok(()) };
        let Some(key) = key.only(record.generation) else { return Ok(()) };
        let text = Secret::new(key.encode().as_str());
        Ok(self.ports.keys.write(&record.vault_id, text).await.map_err(Trouble::from)?)
    }
}

fn prepare(before: &Vault, next: &KeychainKey, rows: &[WorkspaceRow]) -> Result<Rotation, Error> {
    let names: Vec<String> = rows.iter().map(|row| row.workspace.id.to_string()).collect();
    let keys: Vec<WorkspaceKeys<'_>> = rows
        .iter()
        .zip(&names)
        .map(|(row, name)| WorkspaceKeys {
            workspace: name,
            generation: row.generation,
            sealed: &row.sealed_key,
            retiring: row.retiring_key.as_ref(),
        })
        .collect();
    before.rotate(next, &keys).map_err(|_| Error::Store(StoreError::Conflict))
}

fn with_new_keys(rows: Vec<WorkspaceRow>, rotation: &Rotation) -> Vec<WorkspaceRow> {
    let anew = |row: WorkspaceRow| {
        let name = row.workspace.id.to_string();
        let keys = rotation.workspaces.iter().find(|keys| keys.workspace == name)?;
        Some(WorkspaceRow {
            workspace: row.workspace,
            generation: keys.generation,
            sealed_key: keys.sealed.clone(),
            retiring_key: Some(keys.retiring.clone()),
        })
    };
    rows.into_iter().filter_map(anew).collect()
}

fn renewed(after: &Vault, before: &Vault, next: &KeychainKey, row: SlotRow) -> Result<SlotRow, Error> {
    let sealed = after
        .renew_slot_key(before, &row.slot.id.to_string(), &row.slot.recipient, &row.proof_key, next)
        .map_err(|_| Error::Unreadable { what: "key slot", name: row.slot.id.to_string() })?;
    Ok(SlotRow { key: sealed.key, proof_key: sealed.proof_key, proof: sealed.proof, ..row })
}
