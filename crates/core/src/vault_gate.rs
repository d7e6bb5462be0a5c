//! Opening the vault with the key from the OS keychain, and the named states in which that fails.
//!
//! A key is made only when no vault was ever founded in this profile: never over sealed rows.

use crate::changes::Topic;
use crate::{Error, Failure, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::ports::{KeyStoreError, VaultRecord, WorkspaceRow};
use hearthkey_domain::sealed::SealContext;
use hearthkey_domain::workspace::Workspace;
use hearthkey_vault::{KeyCheck, KeychainKey, OpenError, Vault, VaultId};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, PoisonError, RwLock};

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
                "Start a keychain in this session (on Linux gnome-keyring or KWallet, on a D-Bus session bus), then try again."
            }
            Self::Keychain(KeyStoreError::Locked) => "Unlock the keychain of your account, then try again.",
            Self::Keychain(KeyStoreError::Hanging { .. }) => {
                "Look for a prompt of the keychain that waits behind other windows, or sign out and in again, then try again."
            }
            Self::Keychain(_) => "Look at the keychain's own application for the cause, then try again.",
            Self::KeyMissing => {
                "Restore the keychain entry \"Hearthkey vault key\" from a backup of the keychain. Nothing was changed, and no new key is made while sealed data exists."
            }
            Self::WrongKey => {
                "Sign in to the account, or restore the keychain, that this profile was made with. Nothing was changed."
            }
            Self::WorkspaceDamaged => "Restore the profile's vault.db from a backup. Nothing was changed.",
        }
    }
}

/// After an attempt that failed slowly, how long its answer stands for callers that do not ask for a new one.
const PATIENCE: SignedDuration = SignedDuration::from_secs(3);

enum State {
    Untried,
    Open(Arc<Vault>),
    Closed(Refusal, Timestamp),
}

/// Why the last attempt failed: a state of the vault, or a failure on the way to it.
#[derive(Clone, PartialEq)]
enum Refusal {
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

/// What is known of the vault without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// It is open.
    Open,
    /// It is being opened.
    Opening,
    /// It is not open.
    Closed(Trouble),
}

pub(crate) struct VaultGate {
    state: RwLock<State>,
    /// Held while the keychain is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
}

impl Default for VaultGate {
    fn default() -> Self {
        Self { state: RwLock::new(State::Untried), asking: tokio::sync::Mutex::default() }
    }
}

impl VaultGate {
    /// The vault, or the refusal that was met within [`PATIENCE`]; `None` when the keychain has to be asked.
    fn known(&self, now: Timestamp) -> Option<Result<Arc<Vault>, Refusal>> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(vault) => Some(Ok(Arc::clone(vault))),
            State::Closed(refusal, since)
                if refusal.is_slow() && since.duration_until(now).abs() < PATIENCE =>
            {
                Some(Err(refusal.clone()))
            }
            _ => None,
        }
    }

    /// Notes a state, and says whether it is another than before.
    fn set(&self, new: State) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let same = match (&*state, &new) {
            (State::Open(_), State::Open(_)) => true,
            (State::Closed(before, _), State::Closed(now, _)) => before == now,
            _ => false,
        };
        *state = new;
        !same
    }
}

impl Hearthkey {
    /// Opens the vault if it is not open, and says how it is. With `anew`, a recent failure is not taken for an answer.
    ///
    /// # Errors
    /// Only when the database cannot be read; a vault that does not open is `Ok(Some(trouble))`.
    pub async fn vault_state(&self, anew: bool) -> Result<Option<Trouble>, Error> {
        match self.open_vault(anew).await {
            Ok(_) => Ok(None),
            Err(Error::Vault(trouble)) => Ok(Some(trouble)),
            Err(error) => Err(error),
        }
    }

    /// Says at once how the vault is. One that was not asked for yet is opened meanwhile; the changes tell when it is.
    pub fn glance_at_vault(self: &Arc<Self>) -> Glance {
        match &*self.vault.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(_) => return Glance::Open,
            State::Closed(Refusal::Trouble(trouble), _) => return Glance::Closed(trouble.clone()),
            State::Closed(Refusal::Failure(_), _) | State::Untried => {}
        }
        let app = Arc::clone(self);
        self.unhurried.spawn(async move { app.open_vault(false).await.map(drop) });
        Glance::Opening
    }

    /// The open vault.
    pub(crate) async fn vault(&self) -> Result<Arc<Vault>, Error> {
        self.open_vault(false).await
    }

    async fn open_vault(&self, anew: bool) -> Result<Arc<Vault>, Error> {
        let settled = |known: Option<Result<_, Refusal>>| known.filter(|found| found.is_ok() || !anew);
        if let Some(found) = settled(self.vault.known(self.now())) {
            return found.map_err(Error::from);
        }
        let _asking = self.vault.asking.lock().await;
        // Another caller may have asked meanwhile.
        if let Some(found) = settled(self.vault.known(self.now())) {
            return found.map_err(Error::from);
        }
        let opened = match self.ports.store.vault_record().await {
            Ok(Some(record)) => self.ask_keychain(record).await,
            Ok(None) => self.found_vault().await,
            Err(error) => Err(error.into()),
        };
        let state = match &opened {
            Ok(vault) => State::Open(Arc::clone(vault)),
            Err(Error::Vault(trouble)) => State::Closed(Refusal::Trouble(trouble.clone()), self.now()),
            Err(error) => State::Closed(Refusal::Failure(error.into()), self.now()),
        };
        if self.vault.set(state) {
            self.changes.tell(Topic::Vault);
        }
        opened
    }

    async fn ask_keychain(&self, record: VaultRecord) -> Result<Arc<Vault>, Error> {
        let text = self.ports.keys.read(&record.vault_id).await.map_err(Trouble::from)?;
        let text = text.ok_or(Trouble::KeyMissing)?;
        let key = KeychainKey::parse(text.expose()).map_err(|_| Trouble::WrongKey)?;
        let id = VaultId::parse(&record.vault_id)
            .map_err(|_| Error::Internal("the vault's identifier in the database is malformed"))?;
        let check: [u8; KeyCheck::LEN] = record
            .key_check
            .try_into()
            .map_err(|_| Error::Internal("the vault's key check in the database is malformed"))?;
        let vault =
            Vault::open(id, key, &[KeyCheck::from_stored(record.generation, check)]).map_err(|error| {
                match error {
                    OpenError::MissingGeneration { .. } => Trouble::KeyMissing,
                    _ => Trouble::WrongKey,
                }
            })?;
        for row in self.ports.store.workspaces().await? {
            vault
                .admit_workspace(&row.workspace.id.to_string(), &row.sealed_key)
                .map_err(|_| Trouble::WorkspaceDamaged)?;
        }
        Ok(Arc::new(vault))
    }

    async fn found_vault(&self) -> Result<Arc<Vault>, Error> {
        let no_randomness = |_| Error::Internal("the kernel gave no randomness");
        let id = VaultId::generate().map_err(no_randomness)?;
        let key = KeychainKey::generate().map_err(no_randomness)?;
        // The key is in the keychain, read back, before anything is sealed with it.
        let text = Secret::new(key.encode().as_str());
        self.ports.keys.write(&id.to_string(), text).await.map_err(Trouble::from)?;
        let (vault, check) = Vault::create(id, &key);
        let now = self.now();
        let workspace = Workspace {
            id: WorkspaceId::new(now, self.random()),
            name: Workspace::FIRST_NAME.to_owned(),
            created_at: now,
        };
        let name = workspace.id.to_string();
        let sealing = |_| Error::Internal("the workspace's key could not be sealed");
        let sealed_key = vault.new_workspace_key(&name).map_err(sealing)?;
        vault.admit_workspace(&name, &sealed_key).map_err(|_| Trouble::WorkspaceDamaged)?;
        let record = VaultRecord {
            vault_id: id.to_string(),
            generation: check.generation(),
            key_check: check.value().to_vec(),
        };
        self.ports.store.found_vault(record, WorkspaceRow { workspace, sealed_key }).await?;
        Ok(Arc::new(vault))
    }
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
