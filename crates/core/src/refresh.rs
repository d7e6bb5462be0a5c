//! Renewing tokens: one at a time per connection, in a task of its own, used only once they are stored.
//!
//! Nothing here deletes a refresh token.

use crate::changes::Topic;
use crate::error::Failure;
use crate::oauth::{ActingClient, TokenFailure};
use crate::tokens::{Opened, Sealing, granted};
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::Deed;
use hearthkey_domain::connection::{Connection, OAuthGrant, Status};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a credential is renewed.
#[derive(Clone, Copy)]
enum Occasion {
    /// The access token has ended.
    Ended,
    /// The provider refused the access token of this version.
    Refused { version: u64 },
}

/// After a failed refresh, how long callers get its answer instead of a new attempt.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(10);

/// What whoever is in a connection's lane leaves for the next.
#[derive(Default)]
pub(crate) struct LaneNotes {
    /// The last refresh failed, and when.
    failed: Option<(Timestamp, Failure)>,
    /// New tokens that could not be stored: the only copy, until they can.
    unsaved: Option<Unsaved>,
}

/// New tokens that are sealed and not stored. No key is retired meanwhile.
struct Unsaved {
    grant: OAuthGrant,
    row: CredentialRow,
    _sealing: Sealing,
}

type Lane = Arc<tokio::sync::Mutex<LaneNotes>>;

/// One lane per connection, in which refreshes and the removal stand in line.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<ConnectionId, Lane>>);

impl Lanes {
    pub(crate) fn of(&self, id: ConnectionId) -> Lane {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(id).or_default())
    }

    /// The connections that have one.
    fn ids(&self) -> Vec<ConnectionId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Whether a lane holds tokens that are not stored.
    pub(crate) fn hold_tokens(&self) -> bool {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.values().any(|lane| lane.try_lock().is_ok_and(|notes| notes.unsaved.is_some()))
    }

    pub(crate) fn close(&self, id: ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Hearthkey {
    /// The connection with its credential, renewed if it has ended.
    pub(crate) async fn usable(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Opened, Error> {
        let opened = checked(self.open_credential(workspace, id).await?)?;
        match &opened.credential {
            Credential::OAuth2(tokens) if tokens.is_expired(self.now()) => {
                self.renew(caller, workspace, id, Occasion::Ended).await
            }
            _ => Ok(opened),
        }
    }

    /// After the provider refused an access token: the credential renewed, by this call or one that ran meanwhile. `None`
    /// when it cannot be renewed.
    pub(crate) async fn after_refusal(
        self: &Arc<Self>,
        caller: &Caller,
        refused: &Opened,
    ) -> Result<Option<Opened>, Error> {
        match &refused.credential {
            Credential::OAuth2(TokenSet { refresh_token: Some(_), .. }) => {
                let Connection { workspace, id, .. } = refused.connection;
                let occasion = Occasion::Refused { version: refused.version };
                self.renew(caller, workspace, id, occasion).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Renews in a task of its own: a caller that goes away does not cut a token request short.
    async fn renew(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<Opened, Error> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        let task = async move { app.renew_in_lane(&caller, workspace, id, occasion).await };
        self.unhurried.spawn(task).await.map_err(|_| Error::Internal("a refresh did not finish"))?
    }

    async fn renew_in_lane(
        &self,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<Opened, Error> {
        let lane = self.lanes.of(id);
        let mut notes = lane.lock().await;
        // What was true outside the lane may have been changed by whoever was in it before.
        let mut opened = checked(self.open_credential(workspace, id).await?)?;
        if self.store_unsaved(caller, &opened.connection, &mut notes).await? {
            opened = checked(self.open_credential(workspace, id).await?)?;
        }
        let renewed_meanwhile = match (&opened.credential, occasion) {
            (Credential::OAuth2(tokens), Occasion::Ended) => !tokens.is_expired(self.now()),
            (_, Occasion::Refused { version }) => opened.version != version,
            (Credential::Keys(_), _) => true,
        };
        if renewed_meanwhile {
            return Ok(opened);
        }
        if let Status::NeedsReconnect { reason } = &opened.connection.status {
            let (connector, reason) = (self.connector_name(&opened.connection), reason.clone());
            return Err(Error::Reauthorize { connector, label: opened.connection.label, reason });
        }
        if let Some((at, failure)) = &notes.failed
            && at.duration_until(self.now()).abs() < COOL_DOWN
        {
            return Err(Error::Recent(failure.clone()));
        }
        let outcome = self.refresh(caller, opened, &mut notes).await;
        notes.failed = outcome.as_ref().err().map(|error| (self.now(), Failure::from(error)));
        self.changes.tell(Topic::Connections);
        outcome
    }

    async fn refresh(&self, caller: &Caller, opened: Opened, notes: &mut LaneNotes) -> Result<Opened, Error> {
        let Opened { connection, credential, policy, version } = opened;
        let (Credential::OAuth2(previous), Some(grant)) = (credential, connection.oauth.clone()) else {
            return Err(Error::Internal("a refresh was asked of a connection without tokens"));
        };
        let name = self.connector_name(&connection);
        let Some(refresh_token) = &previous.refresh_token else {
            let reason = "its time is over, and the service gave no way to renew it".to_owned();
            return Err(self.ended(caller, connection, reason).await);
        };
        let client = self.acting_client(connection.workspace, &grant, policy).await?;
        // A reply that cannot be written down would cost the token that was spent on it.
        self.check_room().await?;
        let vault = self.vault().await?;
        let tokens = match self.exchange_refresh(&client, refresh_token, &grant.scopes_granted).await {
            Ok(reply) => reply.succeeding(previous),
            Err(failure) if failure.is_permanent() => {
                return Err(self.ended(caller, connection, failure.reason()).await);
            }
            Err(failure) => {
                let transient = matches!(failure, TokenFailure::Http(_) | TokenFailure::Status(_));
                let error = failure.into_error(&name);
                let message = error.to_string();
                let status = (!transient).then(|| Status::Error { message: message.clone() });
                self.note_failure(caller, &connection, message, status).await;
                return Err(error);
            }
        };
        let ActingClient { server, policy, .. } = client;
        let (grant, version) = (granted(grant, &tokens), version + 1);
        let credential = Credential::OAuth2(tokens);
        let sealing = self.sealing_since(&vault).await?;
        let row = match sealing.credential(&connection, version, server.issuer, &policy, &credential) {
            // Its workspace was destroyed meanwhile: nobody is left to hold these.
            Err(error @ Error::NotFound { .. }) => {
                drop(sealing);
                self.give_back(&connection, policy, &credential).await;
                return Err(error);
            }
            other => other?,
        };
        // Whatever goes wrong from here on, they are still there.
        notes.unsaved = Some(Unsaved { grant, row, _sealing: sealing });
        let connection = self.store_renewed(caller, connection, notes).await?;
        // Disconnected meanwhile, it is stored - for the removal - and used no more.
        checked(Opened { connection, credential, policy, version })
    }

    /// Stores a renewed credential, with its connection as it is by then: these tokens are the only copy, and neither a rename
    /// that came between nor a full disk must cost them.
    async fn store_renewed(
        &self,
        caller: &Caller,
        mut connection: Connection,
        notes: &mut LaneNotes,
    ) -> Result<Connection, Error> {
        let (workspace, id) = (connection.workspace, connection.id);
        loop {
            let Some(Unsaved { grant, row, .. }) = &notes.unsaved else {
                return Err(Error::Internal("there was nothing to store"));
            };
            if connection.is_usable() {
                connection.status = Status::Active;
            }
            connection.last_refreshed_at = Some(self.now());
            connection.oauth = Some(grant.clone());
            let entry = self.entry_for(caller, &connection, Deed::Refreshed, "");
            match self.ports.store.replace_credential(connection.clone(), row.clone(), entry).await {
                Err(StoreError::Conflict) => {
                    let stored = self.ports.store.credential(workspace, id).await?;
                    let fresh = self.ports.store.connection(workspace, id).await?;
                    match (stored, fresh) {
                        (Some(stored), Some(fresh)) if stored.version + 1 == row.version => {
                            connection = fresh
                        }
                        // Something newer is there, or the connection is gone.
                        _ => {
                            notes.unsaved = None;
                            return Err(StoreError::Conflict.into());
                        }
                    }
                }
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    notes.unsaved = None;
                    connection.version += 1;
                    return Ok(connection);
                }
            }
        }
    }

    /// Stores what an earlier refresh could not. True if there was something.
    pub(crate) async fn store_unsaved(
        &self,
        caller: &Caller,
        connection: &Connection,
        notes: &mut LaneNotes,
    ) -> Result<bool, Error> {
        if notes.unsaved.is_none() {
            return Ok(false);
        }
        self.store_renewed(caller, connection.clone(), notes).await.map(|_| true)
    }

    /// Tries again to store what earlier refreshes could not. Called with every tick, and before the process ends.
    pub(crate) async fn store_all_unsaved(&self) {
        let caller = Caller::background();
        let Ok(workspaces) = self.ports.store.workspaces().await else { return };
        for id in self.lanes.ids() {
            let lane = self.lanes.of(id);
            let Ok(mut notes) = lane.try_lock() else { continue };
            if notes.unsaved.is_none() {
                continue;
            }
            for row in &workspaces {
                if let Ok(Some(connection)) = self.ports.store.connection(row.workspace.id, id).await
                    && let Err(error) = self.store_unsaved(&caller, &connection, &mut notes).await
                {
                    tracing::warn!(kind = ?error.kind(), "renewed tokens could still not be stored");
                }
            }
        }
    }

    /// The provider ended the sign-in: says so on the connection, and keeps everything.
    async fn ended(&self, caller: &Caller, connection: Connection, reason: String) -> Error {
        let status = Status::NeedsReconnect { reason: reason.clone() };
        self.note_failure(caller, &connection, reason.clone(), Some(status)).await;
        Error::Reauthorize { connector: self.connector_name(&connection), label: connection.label, reason }
    }

    /// Writes a failed refresh down. That this fails as well is not what the caller has to hear.
    async fn note_failure(
        &self,
        caller: &Caller,
        connection: &Connection,
        message: String,
        status: Option<Status>,
    ) {
        let entry = self.entry_for(caller, connection, Deed::RefreshFailed, message);
        let noted = self.amend(connection, Some(entry), |connection| {
            if let Some(status) = &status
                && connection.is_usable()
            {
                connection.status = status.clone();
            }
        });
        if let Err(error) = noted.await {
            tracing::warn!(kind = ?error.kind(), "a failed refresh could not be written down");
        }
    }
}

/// A connection that may be used now.
fn checked(opened: Opened) -> Result<Opened, Error> {
    if opened.connection.is_usable() {
        return Ok(opened);
    }
    Err(not_usable(opened.connection))
}

/// The error for a connection that may not be used now, in the words of the lists.
pub(crate) fn not_usable(connection: Connection) -> Error {
    let status = match connection.status {
        Status::Deleting { .. } => "disconnected",
        other => other.word(),
    };
    Error::NotUsable { label: connection.label, status }
}
