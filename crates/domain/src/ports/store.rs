//! The Store port: `vault.db` as the verbs see it, and the rows that go through it.

use crate::activity::Activity;
use crate::authorization::PendingAuthorization;
use crate::client::Client;
use crate::connection::Connection;
use crate::ids::{AuthorizationId, ClientId, ConnectionId, SlotId, WorkspaceId};
use crate::key_slot::SlotRow;
use crate::sealed::Sealed;
use crate::workspace::Workspace;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// What a vault is known by, from its first start on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultRecord {
    /// The vault's identifier: the account of its keychain item, and part of every seal.
    pub vault_id: String,
    /// Generation of the keychain key that the workspace keys are sealed under.
    pub generation: u32,
    /// A value derived from that key, to tell a wrong key from a corrupt row.
    pub key_check: Vec<u8>,
    /// Whether the OS keychain is to hold the key. If not, a key slot is the only way in.
    pub in_keychain: bool,
    /// Since when `generation` is in use.
    pub rotated_at: Timestamp,
    /// Something was destroyed since then: only another rotation takes its older copies out of reach.
    pub rotation_due: bool,
}

/// What a person set about the vault, and what is remembered between starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VaultSettings {
    /// The workspace calls act in unless they name one.
    pub current_workspace: Option<WorkspaceId>,
    /// After how many minutes without a person doors and window lock, where a passphrase is set. Zero is never; absent is the
    /// default.
    pub lock_after_minutes: Option<u32>,
    /// A person locked, and nobody unlocked since: it lasts beyond the process.
    pub locked: bool,
    /// The https page that sends browsers on to the app, where there is one.
    pub bounce: Option<Url>,
}

/// A workspace and its sealed key.
#[derive(Debug, Clone)]
pub struct WorkspaceRow {
    /// The workspace.
    pub workspace: Workspace,
    /// The generation of its key.
    pub generation: u32,
    /// Its key, sealed by the keychain key.
    pub sealed_key: Sealed,
    /// The generation before, while rows are still sealed under it: a rotation that is not finished.
    pub retiring_key: Option<Sealed>,
}

/// What begins a rotation, written in one transaction: from then on everything hangs from the next generation.
#[derive(Debug, Clone)]
pub struct RotationStart {
    /// The generation that is left; the rotation is refused if it is not the stored one.
    pub from: u32,
    /// The new generation's check value.
    pub key_check: Vec<u8>,
    /// When.
    pub at: Timestamp,
    /// Every workspace with its new key, and the one before under the new generation.
    pub workspaces: Vec<WorkspaceRow>,
    /// Every slot with the new generation.
    pub slots: Vec<SlotRow>,
    /// For the audit log.
    pub activity: Activity,
}

/// What a sealed row belongs to, as its seal has it.
#[derive(Debug, Clone)]
pub enum SealedPlace {
    /// A connection's credential.
    Credential {
        /// The connection.
        connection: ConnectionId,
        /// The row's version.
        version: u64,
        /// Who issued it.
        issuer: String,
        /// Canonical text of the egress policy.
        policy: String,
    },
    /// The credential before a connection's newest.
    PreviousCredential {
        /// The connection.
        connection: ConnectionId,
        /// The version it had as the newest.
        version: u64,
        /// Who issued it.
        issuer: String,
        /// Canonical text of the egress policy.
        policy: String,
    },
    /// A client's secret.
    ClientSecret {
        /// The client.
        client: ClientId,
        /// The authorization server it is for.
        issuer: String,
        /// Canonical text of the policy for its token endpoint.
        policy: String,
    },
    /// The verifier of a flow.
    Verifier(Box<PendingAuthorization>),
}

/// A sealed row with what it takes to seal it anew.
#[derive(Debug, Clone)]
pub struct SealedRow {
    /// What it belongs to.
    pub place: SealedPlace,
    /// The envelope.
    pub sealed: Sealed,
}

/// A sealed credential, as its row holds it.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// Raised with every write; part of the seal.
    pub version: u64,
    /// Canonical text of the egress policy; part of the seal.
    pub policy: String,
    /// Who issued it; part of the seal.
    pub issuer: String,
    /// The envelope.
    pub sealed: Sealed,
}

/// That a version of a credential was spent on a renewal whose answer is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpentCredential {
    /// The version.
    pub version: u64,
    /// When the renewal began.
    pub at: Timestamp,
}

/// What is kept of a connection's renewals beside its newest credential.
#[derive(Debug, Clone, Default)]
pub struct RefreshState {
    /// What was spent without an answer.
    pub spent: Option<SpentCredential>,
    /// The credential before the newest, until the newest has worked once.
    pub previous: Option<CredentialRow>,
}

/// What a flow brought. It ends in the transaction that writes this.
#[derive(Debug)]
pub enum AuthorizationEnd {
    /// A connection that is new ([`Store::add_connection`]).
    Connected(Box<Connection>, CredentialRow),
    /// New tokens of one that is known ([`Store::replace_credential`]).
    Reconnected(Box<Connection>, CredentialRow),
    /// Nothing.
    Failed,
}

/// Figures and findings about the database.
#[derive(Debug, Clone)]
pub struct StoreHealth {
    /// The version of SQLite that is linked.
    pub sqlite_version: String,
    /// The file.
    pub file: String,
    /// What SQLite's quick check found; empty when the file is sound.
    pub damage: Vec<String>,
    /// Whether the room kept for a full disk is there ([`Store::has_reserve`]).
    pub reserve: bool,
    /// The newest copy of the database, and when it was made.
    pub backup: Option<(String, Timestamp)>,
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The row changed, or is gone, since it was read.
    #[error("it was changed at the same time")]
    Conflict,
    /// The label is taken in this workspace.
    #[error("the name {label:?} is taken")]
    LabelTaken {
        /// The label.
        label: String,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The file is not a database, or too much of it is unreadable.
    #[error("the database is damaged: {reason}")]
    Damaged {
        /// SQLite's words.
        reason: String,
    },
    /// The database was written by a newer Hearthkey.
    #[error("the database has version {found}; this Hearthkey reads up to {known}")]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A row does not read as what it should be.
    #[error("a row of {table} is unreadable: {reason}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// What is wrong with it; no content.
        reason: String,
    },
    /// SQLite failed otherwise.
    #[error("the database failed: {reason}")]
    Failed {
        /// SQLite's words.
        reason: String,
    },
}

/// `vault.db`: connections, sealed secrets, clients, pending authorizations and the activity that concerns them.
///
/// One intention-named method per transaction. A method that returns `Ok` has committed durably.
#[async_trait]
pub trait Store: Send + Sync {
    /// What the vault is known by; `None` before the first start has founded it.
    async fn vault_record(&self) -> Result<Option<VaultRecord>, StoreError>;
    /// Founds the vault with its first workspace, and the slots it can be opened with. Refused with
    /// [`StoreError::Conflict`] if one is there.
    async fn found_vault(
        &self,
        record: VaultRecord,
        first: WorkspaceRow,
        slots: Vec<SlotRow>,
    ) -> Result<(), StoreError>;
    /// Notes whether the OS keychain is to hold the key, and asks for a rotation if it is not to hold it any more.
    async fn place_key(&self, in_keychain: bool) -> Result<(), StoreError>;
    /// What was set; the defaults before anything was.
    async fn settings(&self) -> Result<VaultSettings, StoreError>;
    /// Replaces what was set. Refused with [`StoreError::Conflict`] before the vault is founded.
    async fn change_settings(&self, settings: VaultSettings) -> Result<(), StoreError>;

    /// Every key slot, the oldest first.
    async fn key_slots(&self) -> Result<Vec<SlotRow>, StoreError>;
    /// Adds a slot. One that is confirmed takes the place of all others of its kind; one that is not, of those of its kind
    /// that are not either. If there were any, asks for a rotation.
    async fn add_slot(&self, slot: SlotRow, activity: Activity) -> Result<(), StoreError>;
    /// Notes that a slot was shown to open, and removes all others of its kind; if there were any, asks for a rotation. False
    /// if it is not there.
    async fn confirm_slot(&self, id: SlotId, at: Timestamp, activity: Activity) -> Result<bool, StoreError>;
    /// Removes a slot, and asks for a rotation. False if it was not there.
    async fn remove_slot(&self, id: SlotId, activity: Activity) -> Result<bool, StoreError>;

    /// Begins a rotation: the next generation, its check value, the workspaces' new keys and the slots, and nothing due any
    /// more. Refused with [`StoreError::Conflict`] when the stored generation is not the one that is left, when the
    /// workspaces or slots are not exactly those stored, or when an earlier rotation is not finished. The log is cut after.
    async fn begin_rotation(&self, start: RotationStart) -> Result<(), StoreError>;
    /// Up to `limit` rows of a workspace whose envelope names an older generation of its key than the newest.
    async fn retiring_rows(&self, workspace: WorkspaceId, limit: u32) -> Result<Vec<SealedRow>, StoreError>;
    /// Replaces envelopes by others of the same content, each only where the one before is still there.
    async fn rewrap_rows(
        &self,
        workspace: WorkspaceId,
        rows: Vec<(SealedRow, Sealed)>,
    ) -> Result<(), StoreError>;
    /// Lets a workspace's retiring key go, and cuts the log. False, and nothing is changed, while rows hang from it.
    async fn finish_rotation(&self, workspace: WorkspaceId) -> Result<bool, StoreError>;

    /// Every workspace, the oldest first.
    async fn workspaces(&self) -> Result<Vec<WorkspaceRow>, StoreError>;
    /// Adds a workspace. Its name is unique among them, whatever its case ([`StoreError::LabelTaken`]).
    async fn add_workspace(&self, workspace: WorkspaceRow, activity: Activity) -> Result<(), StoreError>;
    /// Gives a workspace another name. False if there is none.
    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: String,
        activity: Activity,
    ) -> Result<bool, StoreError>;
    /// Destroys a workspace: its key and every row that belongs to it, and asks for a rotation. The log is cut after. The
    /// activity, which belongs to another workspace, remains. False if there is none. Refused with
    /// [`StoreError::Conflict`] for the last one.
    async fn destroy_workspace(&self, workspace: WorkspaceId, activity: Activity)
    -> Result<bool, StoreError>;

    /// The connections of a workspace, by label. Unreadable rows are left out; [`Store::health`] names them.
    async fn connections(&self, workspace: WorkspaceId) -> Result<Vec<Connection>, StoreError>;
    /// Up to `limit` connections of a workspace, by label, beginning after the one labelled `after`. As quick with many
    /// connections as with few.
    async fn connections_page(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError>;
    /// The connection with this label, whatever the case of its ASCII letters. As quick with many connections as with few.
    async fn connection_labelled(
        &self,
        workspace: WorkspaceId,
        label: String,
    ) -> Result<Option<Connection>, StoreError>;
    /// How many connections a workspace has, unreadable ones included.
    async fn count_connections(&self, workspace: WorkspaceId) -> Result<u64, StoreError>;
    /// One connection.
    async fn connection(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError>;
    /// Its sealed credential.
    async fn credential(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Option<CredentialRow>, StoreError>;
    /// Adds a connection and its credential.
    async fn add_connection(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Activity,
    ) -> Result<(), StoreError>;
    /// Writes a connection whose stored version is `connection.version`, and raises it.
    async fn update_connection(
        &self,
        connection: Connection,
        activity: Option<Activity>,
    ) -> Result<(), StoreError>;
    /// Replaces a credential whose stored version is one below `credential.version`, with its connection: by one that has
    /// nothing to do with it, so that nothing is kept of it.
    async fn replace_credential(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Activity,
    ) -> Result<(), StoreError>;
    /// What is kept of a connection's renewals.
    async fn refresh_state(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<RefreshState, StoreError>;
    /// Notes that the credential of this version is spent from now on; what was noted of it before stays. Refused with
    /// [`StoreError::Conflict`] when it is not the stored version.
    async fn begin_refresh(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// Takes back that a version was spent: its token was certainly not.
    async fn cancel_refresh(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
    ) -> Result<(), StoreError>;
    /// Replaces a credential by what it was spent on, with its connection; keeps it as the previous one, in place of an
    /// earlier previous one, and forgets that it was spent.
    async fn finish_refresh(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Option<Activity>,
    ) -> Result<(), StoreError>;
    /// Forgets the credential before `version`, which has worked. One that is not the newest any more says nothing.
    async fn forget_previous(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
    ) -> Result<(), StoreError>;
    /// Up to `limit` connections of all workspaces whose tokens are to be renewed at `now` and that do not rest after a
    /// failure. Those that were due before `woke` come spread over [`Renewal::SPREAD`](crate::renewal::Renewal::SPREAD)
    /// from then on. As quick with many connections as with few.
    async fn due_for_refresh(
        &self,
        now: Timestamp,
        woke: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError>;
    /// Notes a use. Written lazily, lost at worst; never waits.
    fn note_use(&self, activity: Activity);
    /// Removes a connection and its credential for good, and asks for a rotation if it had one.
    async fn purge_connection(&self, workspace: WorkspaceId, id: ConnectionId) -> Result<(), StoreError>;
    /// The connections of all workspaces whose removal is due at `now`.
    async fn due_for_purge(&self, now: Timestamp) -> Result<Vec<Connection>, StoreError>;
    /// The newest activity, of one connection or of the whole workspace.
    async fn activity(
        &self,
        workspace: WorkspaceId,
        connection: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError>;

    /// The newest client for use of the person's own for a connector and issuer.
    async fn client_for(
        &self,
        workspace: WorkspaceId,
        connector: &str,
        issuer: &str,
    ) -> Result<Option<Client>, StoreError>;
    /// A client with its sealed secret.
    async fn client(
        &self,
        workspace: WorkspaceId,
        id: ClientId,
    ) -> Result<Option<(Client, Option<Sealed>)>, StoreError>;
    /// Every client of a workspace, with its sealed secret.
    async fn clients(&self, workspace: WorkspaceId) -> Result<Vec<(Client, Option<Sealed>)>, StoreError>;
    /// Adds a client.
    async fn add_client(&self, client: Client, secret: Option<Sealed>) -> Result<(), StoreError>;
    /// Puts a client in the place of others of the same registration: connections and flows that went with them go on with it,
    /// and they are gone.
    async fn replace_clients(
        &self,
        old: Vec<ClientId>,
        client: Client,
        secret: Option<Sealed>,
        activity: Activity,
    ) -> Result<(), StoreError>;
    /// Removes a client. One that is not there is removed.
    async fn remove_client(&self, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError>;
    /// Notes that a sign-in has succeeded with a client.
    async fn prove_client(&self, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError>;

    /// Remembers a flow and its sealed verifier.
    async fn begin_authorization(
        &self,
        pending: PendingAuthorization,
        verifier: Sealed,
    ) -> Result<(), StoreError>;
    /// A flow that waits, with its sealed secret.
    async fn authorization(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError>;
    /// The flow that waits for this `state` digest.
    async fn authorization_with_state(
        &self,
        state_digest: &str,
    ) -> Result<Option<PendingAuthorization>, StoreError>;
    /// Replaces the record of a flow that waits. False if there is none.
    async fn update_authorization(&self, pending: PendingAuthorization) -> Result<bool, StoreError>;
    /// Takes the flow with this `state` digest: whoever gets it is the only one. Its row stays until
    /// [`Store::end_authorization`], so that an end that was cut short is seen.
    async fn take_authorization(
        &self,
        state_digest: &str,
    ) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError>;
    /// Ends a flow with what it brought.
    async fn end_authorization(
        &self,
        id: AuthorizationId,
        end: AuthorizationEnd,
        activity: Activity,
    ) -> Result<(), StoreError>;
    /// The flows that were taken and never ended.
    async fn taken_authorizations(&self) -> Result<Vec<PendingAuthorization>, StoreError>;
    /// Forgets a flow of a workspace that waits. True if it was there.
    async fn cancel_authorization(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<bool, StoreError>;
    /// The flows still open at `now`; forgets the others.
    async fn open_authorizations(&self, now: Timestamp) -> Result<Vec<PendingAuthorization>, StoreError>;
    /// Writes one entry of the audit log.
    async fn record(&self, activity: Activity) -> Result<(), StoreError>;

    /// Checks the file and counts unreadable rows.
    async fn health(&self) -> Result<StoreHealth, StoreError>;
    /// Whether the room kept aside for a full disk is there. Without it nothing should be begun that must be written down at
    /// its end. Tries to set it aside again if it is not.
    async fn has_reserve(&self) -> bool;
    /// Makes a copy of the database beside it, checks that it opens, and keeps the newest seven.
    async fn back_up(&self, now: Timestamp) -> Result<(), StoreError>;
    /// Removes every copy: they hold what was destroyed since.
    async fn drop_backups(&self) -> Result<(), StoreError>;
}
