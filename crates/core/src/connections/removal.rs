//! Disconnecting: use stops at once, for thirty seconds it can be undone, then the grant is revoked at the provider
//! (RFC 7009) and the row is removed for good - at the next start if need be.

use crate::changes::Topic;
use crate::oauth::TokenFailure;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::{Deed, Door};
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::credential::Credential;
use jiff::Timestamp;
use std::sync::Arc;

impl Hearthkey {
    /// Disconnects. With `now` there is no undo: the connection is gone when this returns.
    ///
    /// # Errors
    /// When there is no such connection. A provider that cannot be told is no error; it is written to the activity.
    pub async fn disconnect(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        now: bool,
    ) -> Result<Option<Connection>, Error> {
        let found = self.find(name).await?;
        let undo = if now { jiff::SignedDuration::ZERO } else { Connection::UNDO };
        let purge_after = self.now() + undo;
        let entry = self.entry_for(caller, &found, Deed::Disconnected, "");
        let leaving = self
            .amend(&found, Some(entry), |connection| {
                connection.status = leaving(&connection.status, purge_after)
            })
            .await?;
        if now {
            self.remove(leaving).await?;
            return Ok(None);
        }
        Ok(Some(leaving))
    }

    /// Undoes a disconnect.
    ///
    /// # Errors
    /// When there is no such connection, or it is not being removed.
    pub async fn restore_connection(&self, caller: &Caller, name: &str) -> Result<Connection, Error> {
        let found = self.find(name).await?;
        // Once its time is over, the provider may have been told already.
        let expected = match found.status {
            Status::Deleting { purge_after, .. } if self.now() < purge_after => None,
            Status::Deleting { .. } => Some(format!("{} is being removed already", found.label)),
            _ => Some(format!("{} is not disconnected", found.label)),
        };
        if let Some(expected) = expected {
            return Err(Error::Input { field: "connection".into(), expected });
        }
        let entry = self.entry_for(caller, &found, Deed::Restored, "");
        let back = |connection: &mut Connection| {
            if let Status::Deleting { before, .. } = &connection.status {
                connection.status = (**before).clone();
            }
        };
        self.amend(&found, Some(entry), back).await
    }

    /// Finishes the removals that are due. One that fails is tried again with the next round, and keeps no other waiting.
    pub(crate) async fn finish_removals(self: &Arc<Self>) -> Result<(), Error> {
        for connection in self.ports.store.due_for_purge(self.now()).await? {
            if let Err(error) = self.remove(connection).await {
                tracing::warn!(kind = ?error.kind(), "a removal could not be finished");
            }
        }
        Ok(())
    }

    pub(crate) async fn has_removals(&self) -> bool {
        let due = self.ports.store.due_for_purge(Timestamp::MAX).await;
        due.is_ok_and(|connections| !connections.is_empty())
    }

    /// Removes a connection for good: after whatever runs in its lane, and once.
    async fn remove(self: &Arc<Self>, leaving: Connection) -> Result<(), Error> {
        let (workspace, id) = (leaving.workspace, leaving.id);
        let lane = self.lanes.of(id);
        let _lane = lane.lock().await;
        let still = self.ports.store.connection(workspace, id).await?;
        let Some(connection) = still.filter(|c| matches!(c.status, Status::Deleting { .. })) else {
            return Ok(());
        };
        let caller = Caller { door: Door::Background, program: None };
        let name = self.connector_name(&connection);
        let label = &connection.label;
        let told = match self.revoke(&connection).await {
            // With the vault closed the grant cannot be ended; it waits, rather than live on at the provider unseen.
            Err(error @ Error::Vault(_)) => return Err(error),
            Ok(Revocation::Nothing) => None,
            Ok(Revocation::Told) => Some((Deed::Revoked, format!("{name}, {label}"))),
            Ok(Revocation::NoWay) => {
                let detail = format!(
                    "{name}, {label}: there is no way from here; remove it in the service's settings"
                );
                Some((Deed::RevokeFailed, detail))
            }
            Err(error) => Some((Deed::RevokeFailed, format!("{name}, {label}: {error}"))),
        };
        if let Some((deed, detail)) = told {
            let entry = self.entry_for(&caller, &connection, deed, detail);
            self.ports.store.record(entry).await?;
        }
        self.ports.store.purge_connection(workspace, id).await?;
        self.lanes.close(id);
        self.changes.tell(Topic::Connections);
        Ok(())
    }

    /// Ends the grant at the provider.
    async fn revoke(&self, connection: &Connection) -> Result<Revocation, Error> {
        let Some(grant) = &connection.oauth else { return Ok(Revocation::Nothing) };
        let Some(endpoint) = grant.server.revocation_endpoint.clone() else { return Ok(Revocation::NoWay) };
        let opened = self.open_credential(connection.workspace, connection.id).await?;
        let Credential::OAuth2(tokens) = &opened.credential else { return Ok(Revocation::Nothing) };
        self.start_program(self.manifest_of(connection)?, &connection.values).await?;
        let client = self.acting_client(connection.workspace, grant, opened.policy).await?;
        // Revoking the refresh token ends the grant; one without is ended by its access token (RFC 7009 section 2.1).
        let (token, hint) = match &tokens.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&tokens.access_token, "access_token"),
        };
        let told = self.revoke_token(&client, &endpoint, token, hint).await;
        let failed = |failure: TokenFailure| failure.into_error(&self.connector_name(connection));
        told.map(|()| Revocation::Told).map_err(failed)
    }
}

/// What became of a grant at its provider.
enum Revocation {
    /// There was no grant.
    Nothing,
    /// The provider ended it.
    Told,
    /// The provider offers no way to end it.
    NoWay,
}

/// The status of a connection on its way out, which remembers how it was.
fn leaving(status: &Status, purge_after: Timestamp) -> Status {
    let before = match status {
        Status::Deleting { before, .. } => before.clone(),
        other => Box::new(other.clone()),
    };
    Status::Deleting { purge_after, before }
}
