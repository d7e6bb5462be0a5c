//! Whether the vault is open, and how it is opened with the key from the OS keychain.
//!
//! A key is made only when no vault was ever founded in this profile: never over sealed rows. Who may come in through the
//! doors while the vault is open is [`crate::lock`]'s business; the other ways to open it are in [`crate::passphrase`] and
//! [`crate::recovery`].

mod trouble;

use crate::changes::Topic;
use crate::passphrase::PassphraseSlot;
use crate::tokens::Sealing;
use crate::{Error, Failure, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::key_slot::{SlotKind, SlotRow};
use hearthkey_domain::ports::{KeyStoreError, VaultRecord, WorkspaceRow};
use hearthkey_domain::sealed::SealContext;
use hearthkey_domain::workspace::Workspace;
use hearthkey_vault::{KeyCheck, KeychainKey, OpenError, Vault, VaultId, WorkspaceKeys};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub use trouble::{Glance, Trouble, Ways};

/// After an attempt that failed slowly, how long its answer stands for callers that do not ask for a new one.
const PATIENCE: SignedDuration = SignedDuration::from_secs(3);

pub(crate) enum State {
    Untried,
    Open(Arc<Vault>),
    Closed(Refusal, Timestamp),
    /// Without keys until a person brings them.
    Locked,
}

/// Why the last attempt failed: a state of the vault, or a failure on the way to it.
#[derive(Clone, PartialEq)]
pub(crate) enum Refusal {
    Trouble(Trouble),
    Failure(Failure),
}

impl Refusal {
    /// Whether asking again is slow, or writes: a keychain that hangs, a database that fails. The others answer at once.
    fn is_slow(&self) -> bool {
        matches!(self, Self::Failure(_) | Self::Trouble(Trouble::Keychain(KeyStoreError::Hanging { .. })))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Trouble(trouble) => Self::Vault(trouble),
            Refusal::Failure(failure) => Self::Recent(failure),
        }
    }
}

pub(crate) struct VaultGate {
    state: RwLock<State>,
    /// Held while the keychain is asked, so that it is asked once, and while keys are changed.
    pub(crate) asking: tokio::sync::Mutex<()>,
    /// Read by whoever seals, until what was sealed is stored; written when a key is retired.
    pub(crate) sealing: Arc<tokio::sync::RwLock<()>>,
    /// The keychain holds more than it should: what a rotation left.
    pub(crate) untidy: AtomicBool,
}

impl Default for VaultGate {
    fn default() -> Self {
        Self {
            state: RwLock::new(State::Untried),
            asking: tokio::sync::Mutex::default(),
            sealing: Arc::default(),
            untidy: AtomicBool::new(false),
        }
    }
}

impl VaultGate {
    /// The vault, or the refusal that was met within [`PATIENCE`]; `None` when the keychain has to be asked.
    fn known(&self, now: Timestamp) -> Option<Result<Arc<Vault>, Error>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(vault) => Some(Ok(Arc::clone(vault))),
            State::Locked => Some(Err(Error::Locked)),
            State::Closed(refusal, since)
                if refusal.is_slow() && since.duration_until(now).abs() < PATIENCE =>
            {
                Some(Err(refusal.clone().into()))
            }
            _ => None,
        }
    }

    /// What an attempt found that ended after `asked`: an answer also to whoever wants a new one.
    fn found_since(&self, asked: Timestamp) -> Option<Result<Arc<Vault>, Error>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Closed(refusal, since) if *since > asked => Some(Err(refusal.clone().into())),
            _ => None,
        }
    }

    /// The vault, if it is open.
    pub(crate) fn open(&self) -> Option<Arc<Vault>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(vault) => Some(Arc::clone(vault)),
            _ => None,
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        matches!(&*self.state.read().unwrap_or_else(PoisonError::into_inner), State::Locked)
    }

    /// Notes a state, and says whether it is another than before.
    pub(crate) fn set(&self, new: State) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let same = match (&*state, &new) {
            (State::Open(_), State::Open(_)) | (State::Locked, State::Locked) => true,
            (State::Closed(before, _), State::Closed(now, _)) => before == now,
            _ => false,
        };
        *state = new;
        !same
    }
}

impl Hearthkey {
    /// Opens the vault if it is not open, and says how it is. With `anew`, a recent failure is not taken for an answer. One
    /// that a person locked stays locked.
    ///
    /// # Errors
    /// Only when the database cannot be read.
    pub async fn vault_state(&self, anew: bool) -> Result<Glance, Error> {
        match self.open_vault(anew).await {
            Ok(_) if self.door_is_closed().await? => {
                Ok(Glance::Locked { working: true, ways: self.ways().await? })
            }
            Ok(_) => Ok(Glance::Open),
            Err(Error::Locked) => Ok(Glance::Locked { working: false, ways: self.ways().await? }),
            Err(Error::Vault(trouble)) => Ok(Glance::Closed(trouble, self.ways().await?)),
            Err(error) => Err(error),
        }
    }

    /// Says at once how the vault is. One that was not asked for yet is opened meanwhile; the changes tell when it is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn glance_at_vault(self: &Arc<Self>) -> Result<Glance, Error> {
        let closed = self.door_is_closed().await?;
        let known = match &*self.vault.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(_) if closed => Some(Glance::Locked { working: true, ways: Ways::default() }),
            State::Open(_) => return Ok(Glance::Open),
            State::Locked => Some(Glance::Locked { working: false, ways: Ways::default() }),
            State::Closed(Refusal::Trouble(trouble), _) => {
                Some(Glance::Closed(trouble.clone(), Ways::default()))
            }
            State::Closed(Refusal::Failure(_), _) | State::Untried => None,
        };
        if let Some(known) = known {
            return Ok(known.with(self.ways().await?));
        }
        let app = Arc::clone(self);
        self.unhurried.spawn(async move { app.open_vault(false).await.map(drop) });
        // A keychain that hangs does not keep a person from the other ways in.
        if closed {
            return Ok(Glance::Locked { working: false, ways: self.ways().await? });
        }
        Ok(Glance::Opening)
    }

    /// The ways a person can open the vault besides the keychain.
    pub(crate) async fn ways(&self) -> Result<Ways, Error> {
        let slots = self.ports.store.key_slots().await?;
        let has = |kind| slots.iter().any(|row| row.slot.kind == kind && row.slot.confirmed_at.is_some());
        Ok(Ways { passphrase: has(SlotKind::Passphrase), recovery: has(SlotKind::Recovery) })
    }

    /// The open vault.
    pub(crate) async fn vault(&self) -> Result<Arc<Vault>, Error> {
        self.open_vault(false).await
    }

    /// The open vault, for sealing: kept until what was sealed is stored.
    pub(crate) async fn sealing(&self) -> Result<Sealing, Error> {
        self.vault().await?;
        let no_rotation = Arc::clone(&self.vault.sealing).read_owned().await;
        // Looked at again: the wait may have been for a rotation.
        let vault = self.vault.open().ok_or(Error::Locked)?;
        Ok(Sealing::new(vault, no_rotation))
    }

    /// The vault for sealing what a provider has just handed over: also when a person locked since `before` was taken, for what
    /// is under way settles first.
    pub(crate) async fn sealing_since(&self, before: &Arc<Vault>) -> Result<Sealing, Error> {
        let refused = match self.sealing().await {
            Ok(sealing) => return Ok(sealing),
            Err(refused) => refused,
        };
        let no_rotation = Arc::clone(&self.vault.sealing).read_owned().await;
        // Closed meanwhile, and so not rotated; unless it was opened again in between.
        match self.ports.store.vault_record().await? {
            Some(record) if record.generation == before.generation() => {
                Ok(Sealing::new(Arc::clone(before), no_rotation))
            }
            _ => Err(refused),
        }
    }

    pub(crate) async fn open_vault(&self, anew: bool) -> Result<Arc<Vault>, Error> {
        let settled = |known: Option<Result<_, Error>>| {
            known.filter(|found| !anew || matches!(found, Ok(_) | Err(Error::Locked)))
        };
        if let Some(found) = settled(self.vault.known(self.now())) {
            return found;
        }
        let asked = self.now();
        let _asking = self.vault.asking.lock().await;
        // Another caller may have asked meanwhile.
        let known = settled(self.vault.known(self.now())).or_else(|| self.vault.found_since(asked));
        if let Some(found) = known {
            return found;
        }
        let opened = self.open_asking().await;
        self.note_opened(&opened);
        opened
    }

    async fn open_asking(&self) -> Result<Arc<Vault>, Error> {
        let Some(record) = self.ports.store.vault_record().await? else {
            return self.found_vault(None).await;
        };
        if !record.in_keychain || self.ports.store.settings().await?.locked {
            return Err(Error::Locked);
        }
        self.ask_keychain(record).await
    }

    /// Takes the outcome of an attempt for the vault's state.
    pub(crate) fn note_opened(&self, opened: &Result<Arc<Vault>, Error>) {
        let state = match opened {
            Ok(vault) => State::Open(Arc::clone(vault)),
            Err(Error::Locked) => State::Locked,
            Err(Error::Vault(trouble)) => State::Closed(Refusal::Trouble(trouble.clone()), self.now()),
            Err(error) => State::Closed(Refusal::Failure(error.into()), self.now()),
        };
        if self.vault.set(state) {
            self.changes.tell(Topic::Vault);
        }
    }

    async fn ask_keychain(&self, record: VaultRecord) -> Result<Arc<Vault>, Error> {
        let text = self.ports.keys.read(&record.vault_id).await.map_err(Trouble::from)?;
        let text = text.ok_or(Trouble::KeyMissing)?;
        let key = KeychainKey::parse(text.expose()).map_err(|_| Trouble::WrongKey)?;
        let untidy = key.holds_others_than(record.generation);
        let vault = self.open_with(&record, key).await?;
        self.vault.untidy.store(untidy, Ordering::Relaxed);
        Ok(vault)
    }

    /// Opens the vault with a key from wherever it came.
    pub(crate) async fn open_with(
        &self,
        record: &VaultRecord,
        key: KeychainKey,
    ) -> Result<Arc<Vault>, Error> {
        let vault =
            Vault::open(vault_id(record)?, key, &[key_check(record)?]).map_err(|error| match error {
                OpenError::MissingGeneration { .. } => Trouble::KeyMissing,
                _ => Trouble::WrongKey,
            })?;
        for row in self.ports.store.workspaces().await? {
            admit(&vault, &row).map_err(|()| Trouble::WorkspaceDamaged)?;
        }
        Ok(Arc::new(vault))
    }

    /// Founds the vault with its first workspace: with its key in the keychain, or in the slot of a passphrase only.
    pub(crate) async fn found_vault(&self, passphrase: Option<PassphraseSlot>) -> Result<Arc<Vault>, Error> {
        let no_randomness = |_| Error::Internal("the kernel gave no randomness");
        let id = VaultId::generate().map_err(no_randomness)?;
        let key = KeychainKey::generate().map_err(no_randomness)?;
        let in_keychain = passphrase.as_ref().is_none_or(|slot| slot.also_in_keychain);
        if in_keychain {
            // The key is in the keychain, read back, before anything is sealed with it.
            let text = Secret::new(key.encode().as_str());
            self.ports.keys.write(&id.to_string(), text).await.map_err(Trouble::from)?;
        }
        let founded = self.found_with(id, &key, passphrase, in_keychain).await;
        if founded.is_err()
            && in_keychain
            && let Err(error) = self.ports.keys.remove(&id.to_string()).await
        {
            tracing::warn!(%error, "a key that is not used stays in the keychain");
        }
        founded
    }

    async fn found_with(
        &self,
        id: VaultId,
        key: &KeychainKey,
        passphrase: Option<PassphraseSlot>,
        in_keychain: bool,
    ) -> Result<Arc<Vault>, Error> {
        let (vault, check) = Vault::create(id, key);
        let slots: Vec<SlotRow> = match passphrase {
            Some(slot) => vec![self.passphrase_row(&vault, key, slot).await?],
            None => vec![],
        };
        let now = self.now();
        let workspace = Workspace {
            id: WorkspaceId::new(now, self.random()),
            name: Workspace::FIRST_NAME.to_owned(),
            created_at: now,
        };
        let first = new_workspace(&vault, workspace)?;
        let record = VaultRecord {
            vault_id: id.to_string(),
            generation: check.generation(),
            key_check: check.value().to_vec(),
            in_keychain,
            rotated_at: now,
            rotation_due: false,
        };
        self.ports.store.found_vault(record, first, slots).await?;
        Ok(Arc::new(vault))
    }
}

/// The vault's identifier, as its record has it.
pub(crate) fn vault_id(record: &VaultRecord) -> Result<VaultId, Error> {
    VaultId::parse(&record.vault_id)
        .map_err(|_| Error::Internal("the vault's identifier in the database is malformed"))
}

fn key_check(record: &VaultRecord) -> Result<KeyCheck, Error> {
    let value: [u8; KeyCheck::LEN] = record
        .key_check
        .as_slice()
        .try_into()
        .map_err(|_| Error::Internal("the vault's key check in the database is malformed"))?;
    Ok(KeyCheck::from_stored(record.generation, value))
}

/// Lets a vault hold a stored workspace's keys.
pub(crate) fn admit(vault: &Vault, row: &WorkspaceRow) -> Result<(), ()> {
    let workspace = row.workspace.id.to_string();
    let keys = WorkspaceKeys {
        workspace: &workspace,
        generation: row.generation,
        sealed: &row.sealed_key,
        retiring: row.retiring_key.as_ref(),
    };
    vault.admit_workspace(&keys).map_err(|_| ())
}

/// A workspace with a key of its own, which the vault holds from here on.
pub(crate) fn new_workspace(vault: &Vault, workspace: Workspace) -> Result<WorkspaceRow, Error> {
    let sealed_key = vault
        .new_workspace_key(&workspace.id.to_string())
        .map_err(|_| Error::Internal("the workspace's key could not be sealed"))?;
    let row = WorkspaceRow { workspace, generation: 1, sealed_key, retiring_key: None };
    admit(vault, &row).map_err(|()| Trouble::WorkspaceDamaged)?;
    Ok(row)
}

/// The places sealed rows belong to. A place is written once, here, because seal and unseal must agree on it.
pub(crate) mod place {
    use super::SealContext;

    pub(crate) fn credential<'a>(
        workspace: &'a str,
        row: &'a str,
        version: u64,
        issuer: &'a str,
        policy: &'a str,
    ) -> SealContext<'a> {
        SealContext { workspace, table: "credentials", row, field: "credential", version, issuer, policy }
    }

    /// A client secret goes to its server's token endpoint and nowhere else: `policy` is of that.
    pub(crate) fn client_secret<'a>(
        workspace: &'a str,
        row: &'a str,
        issuer: &'a str,
        policy: &'a str,
    ) -> SealContext<'a> {
        SealContext { workspace, table: "clients", row, field: "client_secret", version: 1, issuer, policy }
    }

    /// A verifier holds its flow together: `flow` is what the flow must not be changed in.
    pub(crate) fn verifier<'a>(
        workspace: &'a str,
        row: &'a str,
        issuer: &'a str,
        flow: &'a str,
    ) -> SealContext<'a> {
        let (table, field) = ("authorizations", "code_verifier");
        SealContext { workspace, table, row, field, version: 1, issuer, policy: flow }
    }
}
