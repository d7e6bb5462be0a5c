//! Which client registration a sign-in runs as: the person's own, else the bundled one.

use super::OwnClient;
use crate::changes::Topic;
use crate::tokens::token_policy;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::discovery::known_server;
use hearthkey_connectors::manifest::{Address, AuthMethod, Manifest, OAuth2, SecretRule};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::ids::{ClientId, WorkspaceId};
use hearthkey_domain::server::AuthorizationServer;

/// What comes before the registration where a service returns by way of a gateway only.
const GATEWAY_FIRST: &str = "Set the gateway first: hearthkey gateway URL";

fn needs_own(manifest: &Manifest) -> String {
    format!("{} needs a client of your own", manifest.name)
}

impl Hearthkey {
    /// The `client_id` of the person's own registration for a way to sign in. Where the server is one of many below the service's
    /// domain, that for the one that stands there from the start, else the newest; a typed issuer is not known beforehand.
    pub async fn own_client_id(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        method: &AuthMethod,
    ) -> Option<String> {
        let server = method.oauth2.as_ref()?.server.as_ref()?;
        let workspace = self.known_workspace(caller).await.ok()??.id;
        let defaults =
            method.fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?)));
        if let Some(known) = known_server(method.oauth2.as_ref()?, &defaults.collect()) {
            let found = self.ports.store.client_for(workspace, &manifest.id, &known.issuer).await.ok()?;
            if let Some(client) = found {
                return Some(client.client_id);
            }
        }
        if matches!(server.token_endpoint, Address::Fixed(_)) {
            return None;
        }
        let rows = self.ports.store.clients(workspace).await.ok()?.into_iter().map(|(client, _)| client);
        let of_it = rows.filter(|client| client.connector == manifest.id && client.is_for_use());
        Some(of_it.max_by_key(|client| client.id)?.client_id)
    }

    pub(super) async fn choose_client(
        &self,
        workspace: WorkspaceId,
        manifest: &Manifest,
        oauth: &OAuth2,
        server: &AuthorizationServer,
        typed: Option<OwnClient>,
    ) -> Result<ClientChoice, Error> {
        if let Some(typed) = typed {
            return self.keep_client(workspace, manifest, oauth, server, typed).await;
        }
        if let Some(own) = self.ports.store.client_for(workspace, &manifest.id, &server.issuer).await? {
            return Ok(ClientChoice::Own { id: own.id });
        }
        if let Some(client_id) = oauth.client.bundled() {
            return Ok(ClientChoice::Bundled { client_id: client_id.to_owned() });
        }
        let console = oauth.client.console.as_ref().map_or(String::new(), |url| format!(" at {url}"));
        let bounce = self.bounce().await?;
        if oauth.needs_gateway(bounce.as_ref()) {
            let expected = format!("{}. {GATEWAY_FIRST}", needs_own(manifest));
            return Err(Error::Input { field: "client".into(), expected });
        }
        let redirect = oauth.redirects(bounce.as_ref()).next();
        let redirect =
            redirect.map_or(String::new(), |(_, redirect)| format!(" with the redirect {redirect}"));
        Err(Error::Input {
            field: "client".into(),
            expected: format!("{}: register one{console}{redirect}", needs_own(manifest)),
        })
    }

    /// Keeps a client as it was typed, in a row of its own: connections made with an earlier one go on with that. It is used
    /// without being typed again once a sign-in has succeeded with it.
    async fn keep_client(
        &self,
        workspace: WorkspaceId,
        manifest: &Manifest,
        oauth: &OAuth2,
        server: &AuthorizationServer,
        typed: OwnClient,
    ) -> Result<ClientChoice, Error> {
        let (client, secret) = self.typed_client(workspace, manifest, oauth, server, typed)?;
        let id = client.id;
        let sealing = self.sealing().await?;
        let sealed = sealing.client_secret(&client, secret.as_ref())?;
        self.ports.store.add_client(client, sealed).await?;
        Ok(ClientChoice::Own { id })
    }

    /// A client as it was typed, checked, with the server its secret is for.
    pub(crate) fn typed_client(
        &self,
        workspace: WorkspaceId,
        manifest: &Manifest,
        oauth: &OAuth2,
        server: &AuthorizationServer,
        typed: OwnClient,
    ) -> Result<(Client, Option<Secret>), Error> {
        let refuse = |field: &str, expected: &str| {
            let (field, expected) = (field.to_owned(), expected.to_owned());
            Err(Error::Input { field, expected })
        };
        let client_id = typed.client_id.trim();
        if client_id.is_empty() || client_id.len() > 500 || client_id.chars().any(char::is_control) {
            return refuse("client.client_id", "the client ID that the service shows was expected");
        }
        let secret = typed.client_secret.filter(|secret| !secret.is_empty());
        match (oauth.client.secret, &secret) {
            (SecretRule::Required, None) => {
                return refuse("client.client_secret", "the service accepts no client without its secret");
            }
            (SecretRule::None, Some(_)) => {
                return refuse("client.client_secret", "clients of this service have no secret");
            }
            _ => {}
        }
        let now = self.now();
        let client = Client {
            id: ClientId::new(now, self.random()),
            workspace,
            connector: manifest.id.clone(),
            issuer: server.issuer.clone(),
            client_id: client_id.to_owned(),
            confidential: secret.is_some(),
            server: server.issuer.clone(),
            policy: token_policy(server)?,
            created_at: now,
            proven: false,
            kept: false,
        };
        Ok((client, secret))
    }

    /// Whether a client is still there.
    pub(super) async fn has_client(
        &self,
        workspace: WorkspaceId,
        choice: &ClientChoice,
    ) -> Result<bool, Error> {
        match choice {
            ClientChoice::Own { id } => Ok(self.ports.store.client(workspace, *id).await?.is_some()),
            ClientChoice::Bundled { .. } => Ok(true),
        }
    }

    /// Whether the client of a flow has a secret, which a locked vault tells as well.
    pub(super) async fn has_secret(&self, pending: &PendingAuthorization) -> Result<bool, Error> {
        match &pending.client {
            ClientChoice::Own { id } => {
                let row = self.ports.store.client(pending.workspace, *id).await?;
                Ok(row.is_some_and(|(client, _)| client.confidential))
            }
            ClientChoice::Bundled { client_id } => {
                Ok(self.bundled_secret(client_id, &pending.server).is_some())
            }
        }
    }

    /// Notes that a sign-in has succeeded with a client.
    pub(super) async fn prove_client(&self, workspace: WorkspaceId, choice: &ClientChoice) {
        if let ClientChoice::Own { id } = choice {
            match self.ports.store.prove_client(workspace, *id).await {
                Ok(()) => self.changes.tell(Topic::Connectors),
                // It has to be typed again then; the connection made with it is not affected.
                Err(error) => tracing::warn!(%error, "a client could not be kept for the next time"),
            }
        }
    }
}
