//! Which client registration a sign-in runs as: the person's own, else the bundled one.

use super::OwnClient;
use crate::changes::Topic;
use crate::tokens::token_policy;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::discovery::known_server;
use hearthkey_connectors::manifest::{Manifest, OAuth2, SecretRule};
use hearthkey_domain::Secret;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::ids::{ClientId, WorkspaceId};
use hearthkey_domain::server::AuthorizationServer;
use std::collections::BTreeMap;

impl Hearthkey {
    /// The `client_id` of the person's own registration for a connector, where its issuer is known beforehand.
    pub async fn own_client_id(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        oauth: &OAuth2,
    ) -> Option<String> {
        let server = known_server(oauth, &BTreeMap::new())?;
        let workspace = self.known_workspace(caller).await.ok()??.id;
        let client = self.ports.store.client_for(workspace, &manifest.id, &server.issuer).await.ok()??;
        Some(client.client_id)
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
        let redirect = oauth.redirects(None).next();
        let redirect =
            redirect.map_or(String::new(), |(_, redirect)| format!(" with the redirect {redirect}"));
        Err(Error::Input {
            field: "client".into(),
            expected: format!(
                "{} needs a client of your own: register one{console}{redirect}",
                manifest.name
            ),
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
