//! `vault.db` behind the [`Store`] port: which thread each method runs on. The statements are in the modules below.
//!
//! Deliberately not here: opening what is sealed, and any rule about what may be written.

mod activity;
mod authorizations;
mod clients;
mod connections;
mod health;
mod rows;
mod schema;
mod workspaces;

#[cfg(test)]
mod tests;

use crate::database::Database;
use async_trait::async_trait;
use hearthkey_domain::activity::Activity;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::Client;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{AuthorizationId, ClientId, ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, Store, StoreError, StoreHealth, VaultRecord, WorkspaceRow};
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The database of connections and sealed secrets. Dropping it writes what waits and closes the file.
///
/// A write that was handed over runs to its end even if its caller stops waiting for it.
pub struct VaultDb {
    database: Database,
    /// The uses noted by this process, for they are written lazily and read at once.
    uses: Mutex<BTreeMap<(WorkspaceId, ConnectionId), Timestamp>>,
}

impl VaultDb {
    /// Opens the file, creates it (readable to its owner only) if absent, and brings its tables up to date. Blocks. The
    /// caller owns the profile: two processes that open the same file work, but do not see each other's lazy writes.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer Hearthkey wrote it, which leaves it untouched; [`StoreError::Failed`] when it
    /// cannot be opened, is no database, or the SQLite that is linked is too old.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path, "vault.db", schema::MIGRATIONS)?, uses: Mutex::default() })
    }

    /// Waits until every use noted so far is written.
    ///
    /// # Errors
    /// [`StoreError`] when nothing can be written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.database.write(|_| Ok(())).await
    }

    /// Adds to a connection read from the file what waits to be written.
    fn with_uses(&self, mut connection: Connection) -> Connection {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.get(&(connection.workspace, connection.id)).copied();
        connection.last_used_at = connection.last_used_at.max(noted);
        connection
    }
}

#[async_trait]
impl Store for VaultDb {
    async fn vault_record(&self) -> Result<Option<VaultRecord>, StoreError> {
        self.database.read(workspaces::vault).await
    }

    async fn found_vault(&self, record: VaultRecord, first: WorkspaceRow) -> Result<(), StoreError> {
        self.database.write(move |sqlite| workspaces::found(sqlite, &record, &first)).await
    }

    async fn workspaces(&self) -> Result<Vec<WorkspaceRow>, StoreError> {
        self.database.read(workspaces::list).await
    }

    async fn connections(&self, workspace: WorkspaceId) -> Result<Vec<Connection>, StoreError> {
        let found = self.database.read(move |sqlite| connections::list(sqlite, workspace)).await?;
        Ok(found.into_iter().map(|connection| self.with_uses(connection)).collect())
    }

    async fn connection(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.database.read(move |sqlite| connections::find(sqlite, workspace, id)).await?;
        Ok(found.map(|connection| self.with_uses(connection)))
    }

    async fn credential(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Option<CredentialRow>, StoreError> {
        self.database.read(move |sqlite| connections::credential(sqlite, workspace, id)).await
    }

    async fn add_connection(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Activity,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| connections::add(sqlite, &connection, &credential, &activity)).await
    }

    async fn update_connection(
        &self,
        connection: Connection,
        activity: Option<Activity>,
    ) -> Result<(), StoreError> {
        self.database
            .write(move |sqlite| {
                connections::update(sqlite, &connection)?;
                activity.map_or(Ok(()), |activity| activity::insert(sqlite, &activity))
            })
            .await
    }

    async fn replace_credential(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Activity,
    ) -> Result<(), StoreError> {
        self.database
            .write(move |sqlite| {
                connections::replace_credential(sqlite, &connection, &credential)?;
                activity::insert(sqlite, &activity)
            })
            .await
    }

    fn note_use(&self, activity: Activity) {
        if let Some(id) = activity.connection {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = uses.entry((activity.workspace, id)).or_insert(activity.at);
            *noted = activity.at.max(*noted);
        }
        self.database.writer().post(move |sqlite| {
            if let Some(id) = activity.connection {
                connections::touch(sqlite, activity.workspace, id, activity.at)?;
            }
            activity::insert(sqlite, &activity)
        });
    }

    async fn purge_connection(&self, workspace: WorkspaceId, id: ConnectionId) -> Result<(), StoreError> {
        self.database
            .writer()
            .run_and_cut_log(move |sqlite| connections::purge(sqlite, workspace, id))
            .await?;
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.remove(&(workspace, id));
        Ok(())
    }

    async fn due_for_purge(&self, now: Timestamp) -> Result<Vec<Connection>, StoreError> {
        let due = self.database.read(move |sqlite| connections::due_for_purge(sqlite, now)).await?;
        Ok(due.into_iter().map(|connection| self.with_uses(connection)).collect())
    }

    async fn activity(
        &self,
        workspace: WorkspaceId,
        connection: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError> {
        if let Err(error) = self.flush().await {
            tracing::warn!(%error, "the newest activity may be missing");
        }
        self.database.read(move |sqlite| activity::newest(sqlite, workspace, connection, limit)).await
    }

    async fn client_for(
        &self,
        workspace: WorkspaceId,
        connector: &str,
        issuer: &str,
    ) -> Result<Option<Client>, StoreError> {
        let (connector, issuer) = (connector.to_owned(), issuer.to_owned());
        self.database.read(move |sqlite| clients::find_for(sqlite, workspace, &connector, &issuer)).await
    }

    async fn client(
        &self,
        workspace: WorkspaceId,
        id: ClientId,
    ) -> Result<Option<(Client, Option<Sealed>)>, StoreError> {
        self.database.read(move |sqlite| clients::find(sqlite, workspace, id)).await
    }

    async fn add_client(&self, client: Client, secret: Option<Sealed>) -> Result<(), StoreError> {
        self.database.write(move |sqlite| clients::add(sqlite, &client, secret.as_ref())).await
    }

    async fn prove_client(&self, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
        self.database.write(move |sqlite| clients::prove(sqlite, workspace, id)).await
    }

    async fn begin_authorization(
        &self,
        pending: PendingAuthorization,
        verifier: Sealed,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| authorizations::begin(sqlite, &pending, &verifier)).await
    }

    async fn take_authorization(
        &self,
        state_digest: &str,
    ) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
        let state_digest = state_digest.to_owned();
        self.database.write(move |sqlite| authorizations::take(sqlite, &state_digest)).await
    }

    async fn cancel_authorization(&self, id: AuthorizationId) -> Result<bool, StoreError> {
        self.database.write(move |sqlite| authorizations::cancel(sqlite, id)).await
    }

    async fn open_authorizations(&self, now: Timestamp) -> Result<Vec<PendingAuthorization>, StoreError> {
        let (open, others) = self.database.read(move |sqlite| authorizations::open(sqlite, now)).await?;
        if others {
            let forgotten =
                self.database.write(move |sqlite| authorizations::forget_expired(sqlite, now)).await;
            // The answer stands without it, and a full disk must not keep it back.
            if let Err(error) = forgotten {
                tracing::warn!(%error, "expired sign-ins could not be forgotten");
            }
        }
        Ok(open)
    }

    async fn record(&self, activity: Activity) -> Result<(), StoreError> {
        self.database.write(move |sqlite| activity::insert(sqlite, &activity)).await
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let damage = self.database.read(|sqlite| Ok(health::damage(sqlite))).await?;
        Ok(StoreHealth {
            sqlite_version: rusqlite::version().to_owned(),
            file: self.database.path().display().to_string(),
            damage,
        })
    }
}
