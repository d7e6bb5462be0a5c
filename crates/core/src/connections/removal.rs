//! Disconnecting: use stops at once, for thirty seconds it can be undone, then the grant is revoked at the provider
//! (RFC 7009) and the row is removed for good - at the next start if need be.

use crate::changes::Topic;
use crate::oauth::TokenFailure;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::manifest::RevokedToken;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::connection::{Connection, Identity, OAuthGrant, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::WorkspaceId;
use jiff::Timestamp;
use std::sync::Arc;

impl Hearthkey {
    /// Disconnects. With `now` there is no undo: the connection is gone when this returns. With `keep_sign_in` the service is
    /// told nothing, for a sign-in that was taken along to another place.
    ///
    /// # Errors
    /// When there is no such connection. A provider that cannot be told is no error; it is written to the activity.
    pub async fn disconnect(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        now: bool,
        keep_sign_in: bool,
    ) -> Result<Option<Connection>, Error> {
        let found = self.find(caller, name).await?;
        let undo = if now { jiff::SignedDuration::ZERO } else { Connection::UNDO };
        let purge_after = self.now() + undo;
        let entry = self.entry_for(caller, &found, Deed::Disconnected, "");
        let leaving = self
            .amend(&found, Some(entry), |connection| {
                connection.status = leaving(&connection.status, purge_after, keep_sign_in)
            })
            .await?;
        self.untell_person(found.id);
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
        let lane = self.lanes.of(self.find(caller, name).await?.id);
        let _lane = lane.lock().await;
        let found = self.find(caller, name).await?;
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
        let mut notes = lane.lock().await;
        let still = self.ports.store.connection(workspace, id).await?;
        let now = self.now();
        let due =
            |c: &Connection| matches!(c.status, Status::Deleting { purge_after, .. } if purge_after <= now);
        let Some(connection) = still.filter(due) else {
            return Ok(());
        };
        let caller = Caller::background();
        // What is told to the provider is the newest of it.
        self.store_unsaved(&caller, &connection, &mut notes).await?;
        let name = self.connector_name(&connection);
        let label = &connection.label;
        let kept = matches!(connection.status, Status::Deleting { keep_sign_in: true, .. });
        let ended = if kept { Ok(Revocation::Nothing) } else { self.revoke(&connection).await };
        let told = match ended {
            // With the vault closed, or a database that stumbles, the grant cannot be ended; it waits, rather than live on at
            // the provider unseen. A key that is lost does not come back, and does not keep the row.
            Err(error) if is_passing(&error) => return Err(error),
            Ok(Revocation::Nothing) => None,
            Ok(Revocation::Told) => Some((Deed::Revoked, format!("{name}, {label}"))),
            Ok(Revocation::Shared) => {
                let detail = format!(
                    "{name}, {label}: not ended there, for another connection lives by the same sign-in"
                );
                Some((Deed::RevokeFailed, detail))
            }
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
        self.upkeep.rotate_soon();
        self.lanes.close(id);
        self.changes.tell(Topic::Connections);
        Ok(())
    }

    /// Ends the grant at the provider.
    async fn revoke(&self, connection: &Connection) -> Result<Revocation, Error> {
        let Some(grant) = &connection.oauth else { return Ok(Revocation::Nothing) };
        if grant.server.revocation_endpoint.is_none() {
            return Ok(Revocation::NoWay);
        }
        let opened = self.open_credential(connection.workspace, connection.id).await?;
        self.start_program(self.manifest_of(connection)?, &connection.values).await?;
        self.end_grant(connection, opened.policy, &opened.credential).await
    }

    /// Ends a grant that was given and is not wanted. That the provider cannot be told is no news for the person.
    pub(crate) async fn give_back(
        &self,
        connection: &Connection,
        policy: EgressPolicy,
        credential: &Credential,
    ) {
        if let Err(error) = self.end_grant(connection, policy, credential).await {
            tracing::warn!(kind = ?error.kind(), "a grant that is not used could not be ended");
        }
    }

    async fn end_grant(
        &self,
        connection: &Connection,
        policy: EgressPolicy,
        credential: &Credential,
    ) -> Result<Revocation, Error> {
        let (Some(grant), Credential::OAuth2(tokens)) = (&connection.oauth, credential) else {
            return Ok(Revocation::Nothing);
        };
        let Some(endpoint) = grant.server.revocation_endpoint.clone() else { return Ok(Revocation::NoWay) };
        if self.lives_on_elsewhere(connection, grant).await? {
            return Ok(Revocation::Shared);
        }
        let client = self.acting_client(connection, grant, policy).await?;
        // Revoking the refresh token ends the grant; one without is ended by its access token (RFC 7009 section 2.1).
        // What a service wants instead, its manifest says.
        let rules = self.oauth_of_method(&connection.connector, &connection.method);
        let by_access = rules.is_some_and(|oauth| oauth.revoke == RevokedToken::AccessToken);
        let (token, hint) = match &tokens.refresh_token {
            Some(token) if !by_access => (token, "refresh_token"),
            _ => (&tokens.access_token, "access_token"),
        };
        let told = self.revoke_token(&client, &endpoint, token, hint).await;
        let failed = |failure: TokenFailure| failure.into_error(&self.connector_name(connection));
        told.map(|()| Revocation::Told).map_err(failed)
    }
}

impl Hearthkey {
    /// Whether another connection would be ended with this grant: many services have one grant for each account and client, and
    /// end all of its tokens with any of them. An account that nobody named may be that of any connection.
    async fn lives_on_elsewhere(&self, connection: &Connection, grant: &OAuthGrant) -> Result<bool, Error> {
        let own = self.client_id_of(connection.workspace, &grant.client).await?;
        for row in self.ports.store.workspaces().await? {
            for other in self.ports.store.connections(row.workspace.id).await? {
                let Some(theirs) = &other.oauth else { continue };
                let same_place = theirs.server.issuer == grant.server.issuer
                    && theirs.server.token_endpoint == grant.server.token_endpoint;
                let stays = other.id != connection.id && !matches!(other.status, Status::Deleting { .. });
                if same_place
                    && stays
                    && may_be_same_account(&other.identity, &connection.identity)
                    && self.client_id_of(other.workspace, &theirs.client).await? == own
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The `client_id` of a choice, as the server knows it; `None` for a client that was removed.
    async fn client_id_of(
        &self,
        workspace: WorkspaceId,
        choice: &ClientChoice,
    ) -> Result<Option<String>, Error> {
        match choice {
            ClientChoice::Bundled { client_id } => Ok(Some(client_id.clone())),
            ClientChoice::Own { id } => {
                Ok(self.ports.store.client(workspace, *id).await?.map(|(client, _)| client.client_id))
            }
        }
    }
}

fn may_be_same_account(one: &Identity, other: &Identity) -> bool {
    match (&one.external_id, &other.external_id) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// Whether a later try can go better for a reason of this computer's own.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Vault(trouble) => !trouble.is_key_lost(),
        Error::Store(_) | Error::Recent(_) => true,
        _ => false,
    }
}

/// What became of a grant at its provider.
enum Revocation {
    /// There was no grant, or it lives on elsewhere.
    Nothing,
    /// The provider ended it.
    Told,
    /// It would have ended another connection's sign-in as well, and was left.
    Shared,
    /// The provider offers no way to end it.
    NoWay,
}

/// The status of a connection on its way out, which remembers how it was.
fn leaving(status: &Status, purge_after: Timestamp, keep_sign_in: bool) -> Status {
    let before = match status {
        Status::Deleting { before, .. } => before.clone(),
        other => Box::new(other.clone()),
    };
    Status::Deleting { purge_after, before, keep_sign_in }
}
