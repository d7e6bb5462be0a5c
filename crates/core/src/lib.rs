//! The verbs: what Hearthkey does, written once against ports.
//!
//! Every use case is a method of [`Hearthkey`]; the doors in `api` call them and nothing else. What lives here knows no
//! database, socket, window or HTTP library. Secrets are opened here only to be used: put into a header of a request whose
//! host the sealed policy allows.

mod activity;
pub mod authorize;
pub mod blobs;
pub mod changes;
pub mod clients;
mod codec;
pub mod connections;
pub mod credentials;
pub mod doctor;
mod end_page;
mod error;
pub mod host;
pub mod lock;
pub mod manifest;
mod notices;
mod oauth;
mod outgoing;
pub mod passphrase;
pub mod portable;
pub mod recovery;
pub mod refresh;
pub mod rotation;
pub mod safety;
mod tokens;
mod upkeep;
pub mod vault_gate;
pub mod workspaces;

use authorize::{Flows, Parked};
use blobs::Blobs;
use changes::Changes;
use hearthkey_connectors::Catalog;
use hearthkey_domain::activity::Door;
use hearthkey_domain::ports::{
    Browser, Clock, Entropy, Files, Host, Http, KeyStore, Loopback, Notices, SandboxHost, Store,
};
use jiff::Timestamp;
use lock::Doors;
use refresh::{Lanes, Schedule};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use upkeep::Upkeep;
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
    /// Files a person asks for.
    pub files: Arc<dyn Files>,
    /// The person's browser.
    pub browser: Arc<dyn Browser>,
    /// Loopback redirects.
    pub loopback: Arc<dyn Loopback>,
    /// Notices of the person's session.
    pub notices: Arc<dyn Notices>,
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
    /// The workspace it asks to act in, by identifier or name; the profile's current one if left out.
    pub workspace: Option<String>,
}

impl Caller {
    /// Hearthkey's own background work.
    pub(crate) fn background() -> Self {
        Self { door: Door::Background, program: None, workspace: None }
    }
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
    doors: Doors,
    upkeep: Upkeep,
    flows: Flows,
    parked: Parked,
    /// Set once the sign-ins of the last owner go on.
    resumed: tokio::sync::OnceCell<()>,
    lanes: Lanes,
    schedule: Schedule,
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
            doors: Doors::default(),
            upkeep: Upkeep::default(),
            flows: Flows::default(),
            parked: Parked::default(),
            resumed: tokio::sync::OnceCell::new(),
            lanes: Lanes::default(),
            schedule: Schedule::default(),
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

    /// One round of background work: what is due of locking, removals and upkeep. Called every second by the owner.
    pub async fn tick(self: &Arc<Self>) {
        self.lock_if_idle().await;
        if !self.works_in_background() {
            return;
        }
        if let Err(error) = self.finish_removals().await {
            tracing::warn!(kind = ?error.kind(), "the removals that are due could not be read");
        }
        if self.lanes.hold_tokens() {
            self.store_all_unsaved().await;
        }
        self.finish_parked().await;
        self.forget_replaced().await;
        self.renew_due().await;
        self.blobs.forget_old(self.now());
        self.keep_up().await;
    }

    /// Waits for exchanges and refreshes that are under way. Call before the process ends.
    pub async fn settle(&self) {
        self.unhurried.close();
        self.unhurried.wait().await;
        self.store_all_unsaved().await;
        self.forget_replaced().await;
    }

    /// Whether someone waits for something of this process: a sign-in, an exchange, a removal that can still be undone, or a
    /// vault that a person unlocked and that would be locked again.
    pub async fn is_busy(&self) -> bool {
        let now = self.now();
        !self.unhurried.is_empty()
            || self.lanes.hold_tokens()
            || self.is_unlocked_by_person()
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
