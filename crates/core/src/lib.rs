//! The verbs: what Hearthkey does, written once against ports.
//!
//! Every use case is a method of [`Hearthkey`]; the doors in `api` call them and nothing else. What lives here knows no
//! database, socket, window or HTTP library. Secrets are opened here only to be used: put into a header of a request whose
//! host the sealed policy allows.

mod activity;
pub mod authorize;
pub mod blobs;
pub mod changes;
mod codec;
pub mod connections;
pub mod credentials;
pub mod doctor;
mod end_page;
mod error;
pub mod host;
pub mod manifest;
mod oauth;
mod outgoing;
mod refresh;
mod tokens;
pub mod vault_gate;

use authorize::Flows;
use blobs::Blobs;
use changes::Changes;
use hearthkey_connectors::Catalog;
use hearthkey_domain::activity::Door;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::ports::{Browser, Clock, Entropy, Host, Http, KeyStore, Loopback, SandboxHost, Store};
use hearthkey_domain::workspace::Workspace;
use jiff::Timestamp;
use refresh::Lanes;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use vault_gate::VaultGate;

pub use error::{Error, ErrorKind, Failure};

/// What the verbs need from the world.
#[derive(Clone)]
pub struct Ports {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for identifiers, `state` and PKCE.
    pub entropy: Arc<dyn Entropy>,
    /// Outgoing requests.
    pub http: Arc<dyn Http>,
    /// The OS keychain.
    pub keys: Arc<dyn KeyStore>,
    /// `vault.db`.
    pub store: Arc<dyn Store>,
    /// The person's browser.
    pub browser: Arc<dyn Browser>,
    /// Loopback redirects.
    pub loopback: Arc<dyn Loopback>,
    /// The bundled sandbox, where it can be started.
    pub sandbox: Option<Arc<dyn SandboxHost>>,
    /// The process itself.
    pub host: Arc<dyn Host>,
}

/// Who calls, as the door knows it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The door.
    pub door: Door,
    /// The calling program's name, where the door knows it.
    pub program: Option<String>,
}

/// Facts about the process that owns the profile.
#[derive(Debug, Clone)]
pub struct Owner {
    /// What kind of process it is.
    pub kind: OwnerKind,
    /// Its process id.
    pub pid: u32,
    /// Since when it owns the profile.
    pub since: Timestamp,
    /// The version of Hearthkey it runs.
    pub version: String,
    /// The profile's directory.
    pub profile: String,
}

/// Kinds of processes that own a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerKind {
    /// The desktop app.
    Desktop,
    /// `hearthkey serve`.
    Serve,
}

/// The one object behind every door.
pub struct Hearthkey {
    ports: Ports,
    catalog: Catalog,
    owner: Owner,
    vault: VaultGate,
    flows: Flows,
    lanes: Lanes,
    changes: Changes,
    blobs: Blobs,
    /// Work that must end even when its caller goes away: token exchanges and refreshes.
    unhurried: TaskTracker,
}

impl Hearthkey {
    /// Puts the verbs together. Nothing is opened yet: the vault opens with [`Hearthkey::vault_state`] or first use.
    #[must_use]
    pub fn new(ports: Ports, catalog: Catalog, owner: Owner) -> Arc<Self> {
        Arc::new(Self {
            ports,
            catalog,
            owner,
            vault: VaultGate::default(),
            flows: Flows::default(),
            lanes: Lanes::default(),
            changes: Changes::default(),
            blobs: Blobs::default(),
            unhurried: TaskTracker::new(),
        })
    }

    /// The connectors there are.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The process that owns the profile.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether the bundled sandbox can be started here.
    #[must_use]
    pub fn has_sandbox(&self) -> bool {
        self.ports.sandbox.is_some()
    }

    /// The workspace calls act in. Founds the vault if it was not.
    ///
    /// # Errors
    /// When the vault does not open.
    pub async fn workspace(&self) -> Result<Workspace, Error> {
        if let Some(workspace) = self.first_workspace().await? {
            return Ok(workspace);
        }
        self.vault().await?;
        let founded = self.first_workspace().await?;
        founded.ok_or(Error::NotFound { what: "workspace", name: "the first".into() })
    }

    /// The workspace calls act in, if the vault was ever founded. Asks no keychain.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn first_workspace(&self) -> Result<Option<Workspace>, Error> {
        Ok(self.ports.store.workspaces().await?.into_iter().next().map(|row| row.workspace))
    }

    async fn workspace_id(&self) -> Result<WorkspaceId, Error> {
        Ok(self.workspace().await?.id)
    }

    /// One round of background work: finishes due removals. Called every second by the owner.
    pub async fn tick(self: &Arc<Self>) {
        if let Err(error) = self.finish_removals().await {
            tracing::warn!(kind = ?error.kind(), "the removals that are due could not be read");
        }
        if self.lanes.hold_tokens() {
            self.store_all_unsaved().await;
        }
        self.blobs.forget_old(self.now());
    }

    /// Waits for exchanges and refreshes that are under way. Call before the process ends.
    pub async fn settle(&self) {
        self.unhurried.close();
        self.unhurried.wait().await;
        self.store_all_unsaved().await;
    }

    /// Whether someone waits for something of this process: a sign-in, an exchange, or a removal that can still be undone.
    pub async fn is_busy(&self) -> bool {
        let now = self.now();
        !self.unhurried.is_empty()
            || self.lanes.hold_tokens()
            || self.ports.store.open_authorizations(now).await.is_ok_and(|flows| !flows.is_empty())
            || self.has_removals().await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ports.entropy.fill(&mut bytes);
        bytes
    }
}
