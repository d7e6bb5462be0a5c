//! Credentials in use: opening them, renewing them with single flight, and putting them into requests.
//!
//! A new token set is used only once it is durable. Nothing here deletes a refresh token.

use crate::changes::Topic;
use crate::error::Failure;
use crate::oauth::{ActingClient, TokenFailure};
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey, codec};
use hearthkey_connectors::Manifest;
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::connection::{Connection, OAuthGrant, Status};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, StoreError};
use hearthkey_domain::server::AuthorizationServer;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A connection with its credential opened.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) credential: Credential,
    pub(crate) policy: EgressPolicy,
    pub(crate) version: u64,
}

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

type Lane = Arc<tokio::sync::Mutex<Option<(Timestamp, Failure)>>>;

/// One lane per connection, in which refreshes stand in line.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<HashMap<ConnectionId, Lane>>);

impl Refreshes {
    fn lane(&self, id: ConnectionId) -> Lane {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(id).or_default())
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
        let opened = self.open_credential(workspace, id).await?;
        if !opened.connection.is_usable() {
            let Connection { label, status, .. } = opened.connection;
            return Err(Error::NotUsable { label, status: status.word() });
        }
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

    pub(crate) async fn open_credential(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Opened, Error> {
        let missing = || Error::NotFound { what: "connection", name: id.to_string() };
        let connection = self.ports.store.connection(workspace, id).await?.ok_or_else(missing)?;
        let row = self.ports.store.credential(workspace, id).await?.ok_or_else(missing)?;
        let unreadable = || Error::Unreadable { what: "credential", name: connection.label.clone() };
        let (ws, conn) = (workspace.to_string(), id.to_string());
        let place = place::credential(&ws, &conn, row.version, &row.issuer, &row.policy);
        let bytes = self.vault().await?.unseal(place, &row.sealed).map_err(|_| unreadable())?;
        let policy = row.policy.parse().map_err(|_| unreadable())?;
        Ok(Opened { credential: codec::decode(&bytes)?, connection, policy, version: row.version })
    }

    /// Seals a credential for its row.
    pub(crate) async fn seal_credential(
        &self,
        connection: &Connection,
        version: u64,
        issuer: String,
        policy: &EgressPolicy,
        credential: &Credential,
    ) -> Result<CredentialRow, Error> {
        let policy = policy.to_string();
        let (ws, conn) = (connection.workspace.to_string(), connection.id.to_string());
        let place = place::credential(&ws, &conn, version, &issuer, &policy);
        let sealed = self
            .vault()
            .await?
            .seal(place, &codec::encode(credential))
            .map_err(|_| Error::Internal("a credential could not be sealed"))?;
        Ok(CredentialRow { version, policy, issuer, sealed })
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
        let lane = self.refreshes.lane(id);
        let mut recent = lane.lock().await;
        // What was true outside the lane may have been changed by whoever was in it before.
        let opened = self.open_credential(workspace, id).await?;
        let renewed_meanwhile = match (&opened.credential, occasion) {
            (Credential::OAuth2(tokens), Occasion::Ended) => !tokens.is_expired(self.now()),
            (_, Occasion::Refused { version }) => opened.version != version,
            (Credential::Keys(_), _) => true,
        };
        if renewed_meanwhile {
            return Ok(opened);
        }
        if let Status::NeedsReconnect { reason } = opened.connection.status {
            return Err(Error::Reauthorize { label: opened.connection.label, reason });
        }
        if let Some((at, failure)) = &*recent
            && at.duration_until(self.now()).abs() < COOL_DOWN
        {
            return Err(Error::Recent(failure.clone()));
        }
        let outcome = self.refresh(caller, opened).await;
        *recent = outcome.as_ref().err().map(|error| (self.now(), Failure::from(error)));
        self.changes.tell(Topic::Connections);
        outcome
    }

    async fn refresh(&self, caller: &Caller, opened: Opened) -> Result<Opened, Error> {
        let Opened { mut connection, credential, policy, version } = opened;
        let (Credential::OAuth2(previous), Some(grant)) = (credential, connection.oauth.clone()) else {
            return Err(Error::Internal("a refresh was asked of a connection without tokens"));
        };
        let name = self.connector_name(&connection);
        let Some(refresh_token) = &previous.refresh_token else {
            let reason = format!("{name} gave no way to renew the sign-in, and it has ended");
            return self.ends(caller, connection, reason).await;
        };
        let client = self.acting_client(connection.workspace, &grant, policy).await?;
        let tokens = match self.exchange_refresh(&client, refresh_token, &grant.scopes_granted).await {
            Ok(reply) => reply.succeeding(previous),
            Err(failure) if failure.is_permanent() => {
                let words = failure.into_error(&name).to_string();
                return self.ends(caller, connection, words).await;
            }
            Err(failure) => {
                let transient = matches!(failure, TokenFailure::Http(_) | TokenFailure::Status(_));
                let error = failure.into_error(&name);
                if !transient {
                    connection.status = Status::Error { message: error.to_string() };
                }
                let entry = self.entry_for(caller, &connection, Deed::RefreshFailed, error.to_string());
                self.ports.store.update_connection(connection, Some(entry)).await?;
                return Err(error);
            }
        };
        let ActingClient { server, policy, .. } = client;
        let (grant, version) = (granted(grant, &tokens), version + 1);
        let credential = Credential::OAuth2(tokens);
        let row = self.seal_credential(&connection, version, server.issuer, &policy, &credential).await?;
        let connection = self.store_renewed(caller, connection, grant, row).await?;
        Ok(Opened { connection, credential, policy, version })
    }

    /// Stores a renewed credential, with its connection as it is by then: these tokens are the only copy, and a rename that
    /// came between must not cost them.
    async fn store_renewed(
        &self,
        caller: &Caller,
        mut connection: Connection,
        grant: OAuthGrant,
        row: CredentialRow,
    ) -> Result<Connection, Error> {
        let (workspace, id) = (connection.workspace, connection.id);
        loop {
            if connection.is_usable() {
                connection.status = Status::Active;
            }
            connection.last_refreshed_at = Some(self.now());
            connection.oauth = Some(grant.clone());
            let entry = self.entry_for(caller, &connection, Deed::Refreshed, "Access token renewed");
            match self.ports.store.replace_credential(connection.clone(), row.clone(), entry).await {
                Err(StoreError::Conflict) => {
                    let stored = self.ports.store.credential(workspace, id).await?;
                    let fresh = self.ports.store.connection(workspace, id).await?;
                    match (stored, fresh) {
                        (Some(stored), Some(fresh)) if stored.version + 1 == row.version => {
                            connection = fresh
                        }
                        _ => return Err(StoreError::Conflict.into()),
                    }
                }
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    connection.version += 1;
                    return Ok(connection);
                }
            }
        }
    }

    /// The provider ended the sign-in: says so on the connection, and keeps everything.
    async fn ends<T>(&self, caller: &Caller, mut connection: Connection, reason: String) -> Result<T, Error> {
        connection.status = Status::NeedsReconnect { reason: reason.clone() };
        let label = connection.label.clone();
        let entry = self.entry_for(caller, &connection, Deed::RefreshFailed, reason.clone());
        self.ports.store.update_connection(connection, Some(entry)).await?;
        Err(Error::Reauthorize { label, reason })
    }

    /// The client of a grant, with its secret opened.
    pub(crate) async fn acting_client(
        &self,
        workspace: WorkspaceId,
        grant: &OAuthGrant,
        policy: EgressPolicy,
    ) -> Result<ActingClient, Error> {
        let (client_id, client_secret) = self.client_credentials(workspace, &grant.client).await?;
        Ok(ActingClient { server: grant.server.clone(), client_id, client_secret, policy })
    }

    pub(crate) async fn client_credentials(
        &self,
        workspace: WorkspaceId,
        choice: &ClientChoice,
    ) -> Result<(String, Option<Secret>), Error> {
        let id = match choice {
            ClientChoice::Bundled { client_id } => return Ok((client_id.clone(), None)),
            ClientChoice::Own { id } => *id,
        };
        let missing = || Error::NotFound { what: "client", name: id.to_string() };
        let (client, sealed) = self.ports.store.client(workspace, id).await?.ok_or_else(missing)?;
        let Some(sealed) = sealed else {
            return Ok((client.client_id, None));
        };
        let unreadable = |_| Error::Unreadable { what: "client secret", name: client.client_id.clone() };
        let (ws, row) = (workspace.to_string(), id.to_string());
        let place = place::client_secret(&ws, &row, client.version, &client.issuer);
        let bytes = self.vault().await?.unseal(place, &sealed).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::Internal("a client secret that opened could not be read"))?;
        Ok((client.client_id, Some(Secret::new(text))))
    }

    pub(crate) fn connector_name(&self, connection: &Connection) -> String {
        let known = self.catalog.get(&connection.connector);
        known.map_or_else(|| connection.connector.clone(), |manifest| manifest.name.clone())
    }
}

/// The grant of a connection, as its newest tokens have it.
fn granted(grant: OAuthGrant, tokens: &TokenSet) -> OAuthGrant {
    OAuthGrant {
        scopes_granted: tokens.scopes.clone(),
        expires_at: tokens.expires_at,
        renewable: tokens.refresh_token.is_some(),
        ..grant
    }
}

/// The grant of a new connection.
pub(crate) fn first_grant(
    server: AuthorizationServer,
    client: ClientChoice,
    scopes_requested: Vec<String>,
    tokens: &TokenSet,
) -> OAuthGrant {
    let (scopes_granted, expires_at, renewable) = (vec![], None, false);
    granted(OAuthGrant { server, client, scopes_requested, scopes_granted, expires_at, renewable }, tokens)
}

/// Puts a credential into the headers of a request whose address the policy was checked against. The only place that does.
pub(crate) fn inject(
    manifest: &Manifest,
    method: &str,
    credential: &Credential,
    headers: &mut HeaderMap,
) -> Result<(), Error> {
    let mut put = |name: HeaderName, prefix: &str, secret: &Secret| {
        let mut value = HeaderValue::try_from(format!("{prefix}{}", secret.expose()))
            .map_err(|_| Error::Internal("a credential cannot be sent as a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    match credential {
        Credential::OAuth2(tokens) => put(header::AUTHORIZATION, "Bearer ", &tokens.access_token),
        Credential::Keys(keys) => {
            let api_key = manifest.method(Some(method)).and_then(|method| method.api_key.as_ref());
            for injection in api_key.iter().flat_map(|key| &key.inject) {
                if let Some(secret) = keys.get(&injection.field) {
                    let name = HeaderName::try_from(&injection.header)
                        .map_err(|_| Error::Internal("a manifest names a header that cannot be sent"))?;
                    put(name, &injection.prefix, secret)?;
                }
            }
            Ok(())
        }
    }
}

/// Takes every occurrence of the credential's secrets out of a reply, so that an endpoint that echoes shows nothing.
pub(crate) fn without_secrets(credential: &Credential, text: &mut Vec<u8>) {
    let secrets: Vec<&Secret> = match credential {
        Credential::OAuth2(tokens) => {
            std::iter::once(&tokens.access_token).chain(&tokens.refresh_token).collect()
        }
        Credential::Keys(keys) => keys.values().collect(),
    };
    for secret in secrets.into_iter().map(|secret| secret.expose().as_bytes()).filter(|s| s.len() >= 8) {
        while let Some(at) = text.windows(secret.len()).position(|window| window == secret) {
            text.splice(at..at + secret.len(), *b"[redacted]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_taken_out_wherever_it_stands() {
        let keys = Credential::Keys([("key".to_owned(), Secret::new("sk_live_0123456789"))].into());
        for (reply, handed_over) in [
            ("nothing", "nothing"),
            ("sk_live_0123456789", "[redacted]"),
            ("a=sk_live_0123456789&b=sk_live_0123456789!", "a=[redacted]&b=[redacted]!"),
        ] {
            let mut bytes = reply.as_bytes().to_vec();
            without_secrets(&keys, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), handed_over);
        }
    }
}
