//! Credentials in use: opening and sealing them, and putting them into requests. (Renewing them: [`crate::refresh`].)

use crate::oauth::{ActingClient, Dialect};
use crate::vault_gate::place;
use crate::{Error, Hearthkey, codec};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hearthkey_connectors::Manifest;
use hearthkey_connectors::manifest::OAuth2;
use hearthkey_domain::Secret;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::connection::{Connection, OAuthGrant};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::CredentialRow;
use hearthkey_domain::renewal::Renewal;
use hearthkey_domain::sealed::{SealContext, Sealed};
use hearthkey_domain::server::AuthorizationServer;
use hearthkey_vault::{SealError, Vault};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::Arc;
use tokio::sync::OwnedRwLockReadGuard;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// A connection with its credential opened.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) credential: Credential,
    pub(crate) policy: EgressPolicy,
    pub(crate) version: u64,
}

/// The vault while something is sealed with it and until that is stored: no key is retired meanwhile. Whoever seals keeps it
/// until the row is written.
pub(crate) struct Sealing {
    pub(crate) vault: Arc<Vault>,
    _no_rotation: OwnedRwLockReadGuard<()>,
}

impl Sealing {
    pub(crate) fn new(vault: Arc<Vault>, no_rotation: OwnedRwLockReadGuard<()>) -> Self {
        Self { vault, _no_rotation: no_rotation }
    }

    /// Seals one secret for its place.
    pub(crate) fn seal(&self, place: SealContext<'_>, secret: &Secret) -> Result<Sealed, Error> {
        let sealed = self.vault.seal(place, secret.expose().as_bytes());
        sealed.map_err(|_| Error::Internal("a secret could not be sealed"))
    }

    /// Seals a client's secret for its row, where it has one.
    pub(crate) fn client_secret(
        &self,
        client: &Client,
        secret: Option<&Secret>,
    ) -> Result<Option<Sealed>, Error> {
        let (ws, row) = (client.workspace.to_string(), client.id.to_string());
        let place = place::client_secret(&ws, &row, &client.server, &client.policy);
        secret.map(|secret| self.seal(place, secret)).transpose()
    }

    /// Seals a credential for its row.
    pub(crate) fn credential(
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
        let sealed = self.vault.seal(place, &codec::encode(credential)).map_err(|error| match error {
            SealError::WorkspaceUnknown => Error::NotFound { what: "workspace", name: ws.clone() },
            _ => Error::Internal("a credential could not be sealed"),
        })?;
        Ok(CredentialRow { version, policy, issuer, sealed })
    }
}

impl Hearthkey {
    pub(crate) async fn open_credential(
        &self,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Opened, Error> {
        match self.open_stored(workspace, id).await {
            // A rotation may have come between the reading and the opening.
            Err(Error::Unreadable { .. }) => self.open_stored(workspace, id).await,
            other => other,
        }
    }

    async fn open_stored(&self, workspace: WorkspaceId, id: ConnectionId) -> Result<Opened, Error> {
        let missing = || Error::NotFound { what: "connection", name: id.to_string() };
        let connection = self.ports.store.connection(workspace, id).await?.ok_or_else(missing)?;
        let row = self.ports.store.credential(workspace, id).await?.ok_or_else(missing)?;
        let credential = self.open_row(&connection, &row).await?;
        let unreadable = |_| Error::Unreadable { what: "credential", name: connection.label.clone() };
        let policy = row.policy.parse().map_err(unreadable)?;
        Ok(Opened { credential, connection, policy, version: row.version })
    }

    /// A credential of a connection, its newest or the one before.
    pub(crate) async fn open_row(
        &self,
        connection: &Connection,
        row: &CredentialRow,
    ) -> Result<Credential, Error> {
        let unreadable = |_| Error::Unreadable { what: "credential", name: connection.label.clone() };
        let (ws, conn) = (connection.workspace.to_string(), connection.id.to_string());
        let place = place::credential(&ws, &conn, row.version, &row.issuer, &row.policy);
        let bytes = self.vault().await?.unseal(place, &row.sealed).map_err(unreadable)?;
        codec::decode(&bytes)
    }

    /// The client of a grant, with its secret opened.
    pub(crate) async fn acting_client(
        &self,
        connection: &Connection,
        grant: &OAuthGrant,
        policy: EgressPolicy,
    ) -> Result<ActingClient, Error> {
        let (client_id, client_secret) =
            self.client_credentials(connection.workspace, &grant.client, &grant.server).await?;
        let dialect = Dialect::of(self.oauth_of_method(&connection.connector, &connection.method));
        Ok(ActingClient { server: grant.server.clone(), client_id, client_secret, policy, dialect })
    }

    /// A client as `server` knows it. Its secret opens only for the server it was typed for.
    pub(crate) async fn client_credentials(
        &self,
        workspace: WorkspaceId,
        choice: &ClientChoice,
        server: &AuthorizationServer,
    ) -> Result<(String, Option<Secret>), Error> {
        let id = match choice {
            ClientChoice::Bundled { client_id } => {
                return Ok((client_id.clone(), self.bundled_secret(client_id, server)));
            }
            ClientChoice::Own { id } => *id,
        };
        let missing = || Error::NotFound { what: "client", name: id.to_string() };
        let (client, sealed) = self.ports.store.client(workspace, id).await?.ok_or_else(missing)?;
        let Some(sealed) = sealed else {
            return Ok((client.client_id, None));
        };
        // What the row says is not believed: it opens for the server that is asked, or not at all.
        let meant = Client { server: server.issuer.clone(), policy: token_policy(server)?, ..client };
        let secret = match self.client_secret(&meant, &sealed).await {
            Err(Error::Unreadable { .. }) => {
                // A rotation may have come between.
                let row = self.ports.store.client(workspace, id).await?.ok_or_else(missing)?;
                self.client_secret(&meant, row.1.as_ref().unwrap_or(&sealed)).await?
            }
            other => other?,
        };
        Ok((meant.client_id, Some(secret)))
    }

    /// What a service wants of a bundled client besides its `client_id`: public text of the manifest, sent to the token endpoint
    /// that stands there too.
    pub(crate) fn bundled_secret(&self, client_id: &str, server: &AuthorizationServer) -> Option<Secret> {
        let mut methods = self.catalog.iter().flat_map(|manifest| &manifest.auth);
        methods.find_map(|method| {
            let oauth = method.oauth2.as_ref().filter(|oauth| oauth.client.bundled() == Some(client_id))?;
            let token_endpoint = &oauth.server.as_ref()?.token_endpoint;
            let text = oauth.client.bundled_secret()?;
            token_endpoint.shares_origin(&server.token_endpoint).then(|| Secret::new(text))
        })
    }

    /// A client with the server its secret was sealed for. Rows of the first version do not name it; the connections made with
    /// them do. `None` when nobody knows it any more.
    pub(crate) async fn meant(&self, client: Client) -> Result<Option<Client>, Error> {
        if !client.policy.is_empty() {
            return Ok(Some(client));
        }
        let own = ClientChoice::Own { id: client.id };
        let connections = self.ports.store.connections(client.workspace).await?;
        let grant = connections.iter().filter_map(|c| c.oauth.as_ref()).find(|grant| grant.client == own);
        let Some(server) = grant.map(|grant| &grant.server) else { return Ok(None) };
        Ok(Some(Client { server: server.issuer.clone(), policy: token_policy(server)?, ..client }))
    }

    /// A client's secret, for the server the client names.
    pub(crate) async fn client_secret(&self, client: &Client, sealed: &Sealed) -> Result<Secret, Error> {
        let unreadable = |_| Error::Unreadable { what: "client secret", name: client.client_id.clone() };
        let (ws, row) = (client.workspace.to_string(), client.id.to_string());
        let place = place::client_secret(&ws, &row, &client.server, &client.policy);
        let bytes = self.vault().await?.unseal(place, sealed).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::Internal("a client secret that opened could not be read"))?;
        Ok(Secret::new(text))
    }

    /// The rules of a way to sign in, where this Hearthkey knows it.
    pub(crate) fn oauth_of_method(&self, connector: &str, method: &str) -> Option<&OAuth2> {
        self.catalog.get(connector)?.method(Some(method))?.oauth2.as_ref()
    }

    pub(crate) fn connector_name(&self, connection: &Connection) -> String {
        let known = self.catalog.get(&connection.connector);
        known.map_or_else(|| connection.connector.clone(), |manifest| manifest.name.clone())
    }
}

/// Where a client secret may go, as its seal has it: to the server's token endpoint. The device and revocation endpoints get it
/// where they are of the same origin, or written out in the manifest; elsewhere they are asked without.
pub(crate) fn token_policy(server: &AuthorizationServer) -> Result<String, Error> {
    let policy = EgressPolicy::new([&server.token_endpoint], false);
    policy.map(|policy| policy.to_string()).map_err(|_| Error::Internal("a token endpoint is not secure"))
}

/// The grant of a connection, as its newest tokens have it.
pub(crate) fn granted(grant: OAuthGrant, tokens: &TokenSet) -> OAuthGrant {
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
    let renewal = Renewal { refresh_ends_at: tokens.refresh_ends_at, ..Renewal::default() };
    let grant =
        OAuthGrant { server, client, scopes_requested, scopes_granted, expires_at, renewable, renewal };
    granted(grant, tokens)
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
        Credential::OAuth2(tokens) => {
            let oauth = manifest.method(Some(method)).and_then(|method| method.oauth2.as_ref());
            match oauth.and_then(|oauth| oauth.access_token.as_ref()) {
                Some(own) => {
                    let name = HeaderName::try_from(&own.header)
                        .map_err(|_| Error::Internal("a manifest names a header that cannot be sent"))?;
                    put(name, &own.prefix, &tokens.access_token)
                }
                None => put(header::AUTHORIZATION, "Bearer ", &tokens.access_token),
            }
        }
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

/// Takes every occurrence of the credential's secrets out of a reply - as they are, and as JSON, an address or base64 would
/// write them - so that an endpoint that echoes shows nothing.
pub(crate) fn without_secrets(credential: &Credential, text: &[u8]) -> Vec<u8> {
    match credential {
        Credential::OAuth2(tokens) => {
            without_any(std::iter::once(&tokens.access_token).chain(&tokens.refresh_token), text)
        }
        Credential::Keys(keys) => without_any(keys.values(), text),
    }
}

/// The same for any secrets. What is shorter than eight characters is left: it would be found in words that are none.
pub(crate) fn without_any<'a>(secrets: impl Iterator<Item = &'a Secret>, text: &[u8]) -> Vec<u8> {
    let forms = secrets.map(Secret::expose).filter(|secret| secret.len() >= 8).flat_map(|secret| {
        [
            Zeroizing::new(secret.to_owned()),
            Zeroizing::new(secret.replace('/', "\\/")),
            Zeroizing::new(form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
            Zeroizing::new(STANDARD_NO_PAD.encode(secret)),
            Zeroizing::new(URL_SAFE_NO_PAD.encode(secret)),
        ]
    });
    // Most secrets are written alike in several forms; each is looked for once, a longer one before what it begins with.
    let mut forms: Vec<Zeroizing<String>> = forms.collect();
    forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.as_str().cmp(b.as_str())));
    forms.dedup_by(|a, b| a.as_str() == b.as_str());
    forms.iter().fold(text.to_vec(), |text, form| without(&text, form.as_bytes()))
}

/// One pass: what was put in is not looked at again.
fn without(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(b"[redacted]");
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_taken_out_however_it_is_written() {
        for (secret, reply, handed_over) in [
            ("sk_live_0123456789", "nothing", "nothing"),
            ("sk_live_0123456789", "sk_live_0123456789", "[redacted]"),
            (
                "sk_live_0123456789",
                "a=sk_live_0123456789&b=sk_live_0123456789!",
                "a=[redacted]&b=[redacted]!",
            ),
            ("redacted", "redacted redacted", "[redacted] [redacted]"),
            ("ya29.a/b+c=", r#"{"token":"ya29.a\/b+c="}"#, r#"{"token":"[redacted]"}"#),
            ("ya29.a/b+c=", "?token=ya29.a%2Fb%2Bc%3D", "?token=[redacted]"),
            ("ya29.a/b+c=", "eWEyOS5hL2IrYz0=", "[redacted]="),
        ] {
            let keys = Credential::Keys([("key".to_owned(), Secret::new(secret))].into());
            let clean = without_secrets(&keys, reply.as_bytes());
            assert_eq!(String::from_utf8(clean).unwrap(), handed_over);
        }
    }
}
