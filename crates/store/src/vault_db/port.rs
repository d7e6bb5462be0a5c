//! The [`Store`] port: which thread each method runs on, and which of them cuts the log.

use super::{
    VaultDb, activity, authorizations, clients, connections, health, renewals, rotation, slots, vault,
    workspaces,
};
use async_trait::async_trait;
use hearthkey_domain::activity::Activity;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::Client;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{AuthorizationId, ClientId, ConnectionId, SlotId, WorkspaceId};
use hearthkey_domain::key_slot::SlotRow;
use hearthkey_domain::ports::{
    AuthorizationEnd, CredentialRow, RefreshState, RotationStart, SealedRow, Store, StoreError, StoreHealth,
    VaultRecord, VaultSettings, WorkspaceRow,
};
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;

#[async_trait]
impl Store for VaultDb {
    async fn vault_record(&self) -> Result<Option<VaultRecord>, StoreError> {
        self.database.read(vault::record).await
    }

    async fn found_vault(
        &self,
        record: VaultRecord,
        first: WorkspaceRow,
        slots: Vec<SlotRow>,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| vault::found(sqlite, &record, &first, &slots)).await
    }

    async fn place_key(&self, in_keychain: bool) -> Result<(), StoreError> {
        self.database.write(move |sqlite| vault::place_key(sqlite, in_keychain)).await
    }

    async fn settings(&self) -> Result<VaultSettings, StoreError> {
        self.database.read(vault::settings).await
    }

    async fn change_settings(&self, settings: VaultSettings) -> Result<(), StoreError> {
        self.database.write(move |sqlite| vault::change_settings(sqlite, &settings)).await
    }

    async fn key_slots(&self) -> Result<Vec<SlotRow>, StoreError> {
        self.database.read(slots::list).await
    }

    async fn add_slot(&self, slot: SlotRow, activity: Activity) -> Result<(), StoreError> {
        self.cut(move |sqlite| slots::add(sqlite, &slot, &activity)).await
    }

    async fn confirm_slot(&self, id: SlotId, at: Timestamp, activity: Activity) -> Result<bool, StoreError> {
        self.cut(move |sqlite| slots::confirm(sqlite, id, at, &activity)).await
    }

    async fn remove_slot(&self, id: SlotId, activity: Activity) -> Result<bool, StoreError> {
        self.cut(move |sqlite| slots::remove(sqlite, id, &activity)).await
    }

    async fn begin_rotation(&self, start: RotationStart) -> Result<(), StoreError> {
        self.cut(move |sqlite| rotation::begin(sqlite, &start)).await
    }

    async fn retiring_rows(&self, workspace: WorkspaceId, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        self.database.read(move |sqlite| rotation::retiring(sqlite, workspace, limit)).await
    }

    async fn rewrap_rows(
        &self,
        workspace: WorkspaceId,
        rows: Vec<(SealedRow, Sealed)>,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| rotation::rewrap(sqlite, workspace, &rows)).await
    }

    async fn finish_rotation(&self, workspace: WorkspaceId) -> Result<bool, StoreError> {
        self.cut(move |sqlite| rotation::finish(sqlite, workspace)).await
    }

    async fn workspaces(&self) -> Result<Vec<WorkspaceRow>, StoreError> {
        self.database.read(workspaces::list).await
    }

    async fn add_workspace(&self, workspace: WorkspaceRow, activity: Activity) -> Result<(), StoreError> {
        self.database.write(move |sqlite| workspaces::add(sqlite, &workspace, &activity)).await
    }

    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: String,
        activity: Activity,
    ) -> Result<bool, StoreError> {
        self.database.write(move |sqlite| workspaces::rename(sqlite, workspace, &name, &activity)).await
    }

    async fn destroy_workspace(
        &self,
        workspace: WorkspaceId,
        activity: Activity,
    ) -> Result<bool, StoreError> {
        let destroyed = self.cut(move |sqlite| workspaces::destroy(sqlite, workspace, &activity)).await?;
        if destroyed {
            self.forget_uses(|(noted, _)| *noted == workspace);
        }
        Ok(destroyed)
    }

    async fn connections(&self, workspace: WorkspaceId) -> Result<Vec<Connection>, StoreError> {
        let found = self.database.read(move |sqlite| connections::list(sqlite, workspace)).await?;
        Ok(found.into_iter().map(|connection| self.with_uses(connection)).collect())
    }

    async fn connections_page(
        &self,
        workspace: WorkspaceId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let found = self
            .database
            .read(move |sqlite| connections::page(sqlite, workspace, after.as_deref(), limit))
            .await?;
        Ok(found.into_iter().map(|connection| self.with_uses(connection)).collect())
    }

    async fn connection_labelled(
        &self,
        workspace: WorkspaceId,
        label: String,
    ) -> Result<Option<Connection>, StoreError> {
        let found =
            self.database.read(move |sqlite| connections::labelled(sqlite, workspace, &label)).await?;
        Ok(found.map(|connection| self.with_uses(connection)))
    }

    async fn count_connections(&self, workspace: WorkspaceId) -> Result<u64, StoreError> {
        self.database.read(move |sqlite| connections::count(sqlite, workspace)).await
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
                activity.iter().try_for_each(|activity| activity::insert(sqlite, activity))
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

    async fn refresh_state(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<RefreshState, StoreError> {
        self.database.read(move |sqlite| renewals::state(sqlite, workspace, id)).await
    }

    async fn begin_refresh(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| renewals::begin(sqlite, workspace, id, version, at)).await
    }

    async fn cancel_refresh(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| renewals::cancel(sqlite, workspace, id, version)).await
    }

    async fn finish_refresh(
        &self,
        connection: Connection,
        credential: CredentialRow,
        activity: Option<Activity>,
    ) -> Result<(), StoreError> {
        self.database
            .write(move |sqlite| {
                renewals::finish(sqlite, &connection, &credential)?;
                activity.iter().try_for_each(|activity| activity::insert(sqlite, activity))
            })
            .await
    }

    async fn forget_previous(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
        version: u64,
    ) -> Result<(), StoreError> {
        self.database.write(move |sqlite| renewals::forget_previous(sqlite, workspace, id, version)).await
    }

    async fn due_for_refresh(
        &self,
        now: Timestamp,
        woke: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let due = self.database.read(move |sqlite| renewals::due(sqlite, now, woke, limit)).await?;
        Ok(due.into_iter().map(|connection| self.with_uses(connection)).collect())
    }

    fn note_use(&self, activity: Activity) {
        self.note(&activity);
        self.database.writer().post(move |sqlite| {
            if let Some(id) = activity.connection {
                connections::touch(sqlite, activity.workspace, id, activity.at)?;
            }
            activity::insert(sqlite, &activity)
        });
    }

    async fn purge_connection(&self, workspace: WorkspaceId, id: ConnectionId) -> Result<(), StoreError> {
        self.cut(move |sqlite| connections::purge(sqlite, workspace, id)).await?;
        self.forget_uses(|noted| *noted == (workspace, id));
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

    async fn clients(&self, workspace: WorkspaceId) -> Result<Vec<(Client, Option<Sealed>)>, StoreError> {
        self.database.read(move |sqlite| clients::list(sqlite, workspace)).await
    }

    async fn add_client(&self, client: Client, secret: Option<Sealed>) -> Result<(), StoreError> {
        self.database.write(move |sqlite| clients::add(sqlite, &client, secret.as_ref())).await
    }

    async fn replace_clients(
        &self,
        old: Vec<ClientId>,
        client: Client,
        secret: Option<Sealed>,
        activity: Activity,
    ) -> Result<(), StoreError> {
        self.cut(move |sqlite| {
            clients::replace(sqlite, &old, &client, secret.as_ref())?;
            activity::insert(sqlite, &activity)
        })
        .await
    }

    async fn remove_client(&self, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
        self.cut(move |sqlite| clients::remove(sqlite, workspace, id)).await
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

    async fn authorization(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
        self.database.read(move |sqlite| authorizations::find(sqlite, workspace, id)).await
    }

    async fn authorization_with_state(
        &self,
        state_digest: &str,
    ) -> Result<Option<PendingAuthorization>, StoreError> {
        let state_digest = state_digest.to_owned();
        let found =
            self.database.read(move |sqlite| authorizations::with_state(sqlite, &state_digest)).await?;
        Ok(found.map(|(pending, _)| pending))
    }

    async fn update_authorization(&self, pending: PendingAuthorization) -> Result<bool, StoreError> {
        self.database.write(move |sqlite| authorizations::update(sqlite, &pending)).await
    }

    async fn take_authorization(
        &self,
        state_digest: &str,
    ) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
        let state_digest = state_digest.to_owned();
        self.database.write(move |sqlite| authorizations::take(sqlite, &state_digest)).await
    }

    async fn end_authorization(
        &self,
        id: AuthorizationId,
        end: AuthorizationEnd,
        activity: Activity,
    ) -> Result<(), StoreError> {
        self.database
            .write(move |sqlite| {
                match &end {
                    AuthorizationEnd::Connected(connection, credential) => {
                        connections::add(sqlite, connection, credential, &activity)?;
                    }
                    AuthorizationEnd::Reconnected(connection, credential) => {
                        connections::replace_credential(sqlite, connection, credential)?;
                        activity::insert(sqlite, &activity)?;
                    }
                    AuthorizationEnd::Failed => activity::insert(sqlite, &activity)?,
                }
                authorizations::end(sqlite, id)
            })
            .await
    }

    async fn taken_authorizations(&self) -> Result<Vec<PendingAuthorization>, StoreError> {
        self.database.read(authorizations::taken).await
    }

    async fn cancel_authorization(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<bool, StoreError> {
        self.database.write(move |sqlite| authorizations::cancel(sqlite, workspace, id)).await
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
            reserve: self.database.has_reserve().await,
            backup: self.database.newest_backup().await?.map(|(path, at)| (path.display().to_string(), at)),
        })
    }

    async fn has_reserve(&self) -> bool {
        self.database.has_reserve().await
    }

    async fn back_up(&self, now: Timestamp) -> Result<(), StoreError> {
        self.database.back_up(now).await
    }

    async fn drop_backups(&self) -> Result<(), StoreError> {
        self.database.drop_backups().await
    }
}
