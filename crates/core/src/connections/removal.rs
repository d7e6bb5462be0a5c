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
        let entry =
            self.entry_for(caller, &found, Deed::Disconnected, format!("{} disconnected", found.label));
        let leaving = self
            .amend(&found, Some(entry), |connection| connection.status = Status::Deleting { purge_after })
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
            Status::Deleting { purge_after } if self.now() < purge_after => None,
            Status::Deleting { .. } => Some(format!("{} is being removed already", found.label)),
            _ => Some(format!("{} is not disconnected", found.label)),
        };
        if let Some(expected) = expected {
            return Err(Error::Input { field: "connection".into(), expected });
        }
        let entry = self.entry_for(caller, &found, Deed::Restored, format!("{} restored", found.label));
        self.amend(&found, Some(entry), |connection| connection.status = Status::Active).await
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

    async fn remove(self: &Arc<Self>, connection: Connection) -> Result<(), Error> {
        let caller = Caller { door: Door::Background, program: None };
        let name = self.connector_name(&connection);
        let told = match self.revoke(&connection).await {
            Ok(None) => None,
            Ok(Some(())) => Some((Deed::Revoked, format!("{name} was told that {} ended", connection.label))),
            Err(error) => Some((
                Deed::RevokeFailed,
                format!("{name} could not be told that {} ended: {error}", connection.label),
            )),
        };
        if let Some((deed, detail)) = told {
            let entry = self.entry_for(&caller, &connection, deed, detail);
            self.ports.store.record(entry).await?;
        }
        self.ports.store.purge_connection(connection.workspace, connection.id).await?;
        self.changes.tell(Topic::Connections);
        Ok(())
    }

    /// Ends the grant at the provider. `None` where there is no way to, or nothing to end.
    async fn revoke(&self, connection: &Connection) -> Result<Option<()>, Error> {
        let Some(grant) = &connection.oauth else {
            return Ok(None);
        };
        let Some(endpoint) = grant.server.revocation_endpoint.clone() else {
            return Ok(None);
        };
        let opened = self.open_credential(connection.workspace, connection.id).await?;
        let Credential::OAuth2(tokens) = &opened.credential else {
            return Ok(None);
        };
        let client = self.acting_client(connection.workspace, grant, opened.policy).await?;
        // Revoking the refresh token ends the grant; one without is ended by its access token (RFC 7009 section 2.1).
        let (token, hint) = match &tokens.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&tokens.access_token, "access_token"),
        };
        let told = self.revoke_token(&client, &endpoint, token, hint).await;
        told.map(Some).map_err(|failure: TokenFailure| failure.into_error(&self.connector_name(connection)))
    }
}
