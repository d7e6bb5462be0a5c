//! The browser's return: the end of a sign-in, from the query string to the stored connection and the page in the tab.

use super::{FlowState, flow_text};
use crate::changes::Topic;
use crate::error::Failure;
use crate::oauth::{ActingClient, state_digest};
use crate::tokens::first_grant;
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey, end_page};
use async_trait::async_trait;
use hearthkey_connectors::Manifest;
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::authorization::{Callback, PendingAuthorization};
use hearthkey_domain::connection::{Connection, Status, numbered_label};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{AuthorizationId, ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{EndPage, RedirectHandler, StoreError};
use hearthkey_domain::sealed::Sealed;
use hearthkey_vault::Vault;
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;

/// Waits for the return of one sign-in.
pub(super) struct Arrival {
    app: Weak<Hearthkey>,
    id: AuthorizationId,
    caller: Caller,
    state_digest: String,
    given_up: CancellationToken,
}

impl Arrival {
    pub(super) fn new(
        app: &Arc<Hearthkey>,
        id: AuthorizationId,
        caller: &Caller,
        state_digest: String,
    ) -> Self {
        let (app, caller, given_up) = (Arc::downgrade(app), caller.clone(), CancellationToken::new());
        Self { app, id, caller, state_digest, given_up }
    }

    /// Cancelled, it closes the listener.
    pub(super) fn given_up(&self) -> CancellationToken {
        self.given_up.clone()
    }
}

#[async_trait]
impl RedirectHandler for Arrival {
    /// A return that is not this flow's is answered and changes nothing: any program on this computer may call here.
    async fn arrived(&self, query: String) -> (EndPage, bool) {
        let Ok(callback) = Callback::parse(&query) else {
            return (end_page::not_expected(), false);
        };
        let Some(app) = self.app.upgrade() else {
            return (end_page::not_expected(), true);
        };
        if state_digest(&callback.state) != self.state_digest {
            return (end_page::not_expected(), false);
        }
        // A vault that is closed does not cost the sign-in: the tab can be loaded again once it is open.
        if let Err(error @ (Error::Vault(_) | Error::Locked)) = app.vault().await {
            return (end_page::closed(&error), false);
        }
        let (id, caller) = (self.id, self.caller.clone());
        let task = {
            let app = Arc::clone(&app);
            app.unhurried.clone().spawn(async move { app.finish_authorization(id, &caller, callback).await })
        };
        let page = match task.await {
            Ok(Ok((manifest_name, connection))) => end_page::connected(&manifest_name, &connection),
            Ok(Err(error)) => end_page::failed(&error),
            Err(_) => end_page::failed(&Error::Internal("the sign-in did not finish")),
        };
        (page, true)
    }

    async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

impl Hearthkey {
    async fn finish_authorization(
        &self,
        id: AuthorizationId,
        caller: &Caller,
        callback: Callback,
    ) -> Result<(String, Connection), Error> {
        let taken = match self.ports.store.take_authorization(&state_digest(&callback.state)).await {
            Ok(Some(taken)) => Ok(taken),
            Ok(None) => Err(Error::Cancelled),
            Err(error) => Err(error.into()),
        };
        let outcome = match taken {
            Ok((pending, verifier)) => {
                self.flows.advance(id, FlowState::Exchanging);
                let (workspace, connector) = (pending.workspace, pending.connector.clone());
                let outcome = self.connect(caller, pending, verifier, callback).await;
                if let Err(error) = &outcome {
                    let entry = self.entry(
                        caller,
                        workspace,
                        None,
                        Deed::ConnectFailed,
                        format!("{connector}: {error}"),
                    );
                    if let Err(error) = self.ports.store.record(entry).await {
                        tracing::warn!(%error, "a failed sign-in could not be written down");
                    }
                }
                outcome
            }
            Err(error) => Err(error),
        };
        match &outcome {
            Ok((_, connection)) => {
                self.flows.advance(id, FlowState::Connected(connection.id));
                self.changes.tell(Topic::Connections);
            }
            Err(error) => self.flows.advance(id, FlowState::Failed(Failure::from(error))),
        }
        outcome
    }

    async fn connect(
        &self,
        caller: &Caller,
        pending: PendingAuthorization,
        verifier: Sealed,
        callback: Callback,
    ) -> Result<(String, Connection), Error> {
        let (pending, code) = pending.accept(callback, self.now()).map_err(Error::Return)?;
        let missing = || Error::NotFound { what: "connector", name: pending.connector.clone() };
        let manifest = self.catalog.get(&pending.connector).ok_or_else(missing)?;
        let base = api_base(manifest, &pending.values)?;
        let policy = egress_policy(manifest, &base, Some(&pending.server))
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        let (client_id, client_secret) =
            self.client_credentials(pending.workspace, &pending.client, &pending.server).await?;
        // Opens only if the row still says where the flow was to end: endpoint, hosts, client and redirect.
        let flow = flow_text(&policy, &pending.server, &client_id, &pending.redirect_uri);
        let (ws, row) = (pending.workspace.to_string(), pending.id.to_string());
        let place = place::verifier(&ws, &row, &pending.server.issuer, &flow);
        let vault = self.vault().await?;
        let opened = vault.unseal(place, &verifier);
        let unreadable = || Error::Unreadable { what: "sign-in", name: manifest.name.clone() };
        let verifier = opened.ok().and_then(|bytes| Some(Secret::new(std::str::from_utf8(&bytes).ok()?)));
        let verifier = verifier.ok_or_else(unreadable)?;
        let client = ActingClient { server: pending.server, client_id, client_secret, policy };
        let tokens = self
            .exchange_code(&client, &code, &verifier, &pending.redirect_uri, &pending.scopes)
            .await
            .map_err(|failure| failure.into_error(&manifest.name))?;

        self.prove_client(pending.workspace, &pending.client).await;
        let now = self.now();
        let ActingClient { server, policy, .. } = client;
        let grant = first_grant(server, pending.client, pending.scopes, &tokens);
        let issuer = grant.server.issuer.clone();
        let credential = Credential::OAuth2(tokens);
        // The tokens are the precious part: a service that will not say who this is does not cost the sign-in.
        let identity = self
            .identify(manifest, &pending.method, &pending.values, Some(&grant.server), &policy, &credential)
            .await
            .unwrap_or_default();
        let connection = Connection {
            id: ConnectionId::new(now, self.random()),
            workspace: pending.workspace,
            connector: pending.connector,
            method: pending.method,
            label: String::new(),
            status: Status::Active,
            identity,
            values: pending.values,
            oauth: Some(grant),
            masked_key: None,
            created_at: now,
            last_used_at: None,
            last_tested_at: None,
            last_refreshed_at: None,
            version: 1,
        };
        let connection = match pending.reconnect {
            Some(id) => {
                let taken = self
                    .reconnect(caller, id, connection.clone(), &issuer, &policy, &credential, &vault)
                    .await;
                if taken.is_err() {
                    self.give_back(&connection, policy, &credential).await;
                }
                taken?
            }
            None => {
                let added = self
                    .add_signed_in(
                        caller,
                        manifest,
                        &vault,
                        connection.clone(),
                        pending.label,
                        issuer,
                        &policy,
                        &credential,
                    )
                    .await;
                // What cannot be kept does not live on at the service unseen.
                if added.is_err() {
                    self.give_back(&connection, policy, &credential).await;
                }
                added?
            }
        };
        Ok((manifest.name.clone(), connection))
    }

    #[expect(clippy::too_many_arguments, reason = "they are what a new connection is made of")]
    async fn add_signed_in(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        vault: &Arc<Vault>,
        connection: Connection,
        label: Option<String>,
        issuer: String,
        policy: &EgressPolicy,
        credential: &Credential,
    ) -> Result<Connection, Error> {
        let sealing = self.sealing_since(vault).await?;
        let row = sealing.credential(&connection, 1, issuer, policy, credential)?;
        let add = |connection, entry| self.ports.store.add_connection(connection, row.clone(), entry);
        self.add_labelled(caller, manifest, connection, label, add).await
    }

    /// Adds a connection under the label asked for, or the first free one made from the connector's name. A label that was
    /// taken meanwhile is numbered too: what was signed in is not thrown away for a name.
    pub(crate) async fn add_labelled<F, Adding>(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        mut connection: Connection,
        label: Option<String>,
        add: F,
    ) -> Result<Connection, Error>
    where
        F: Fn(Connection, hearthkey_domain::activity::Activity) -> Adding,
        Adding: Future<Output = Result<(), StoreError>>,
    {
        let wanted = label.unwrap_or_else(|| manifest.name.clone());
        for number in 1..1000 {
            connection.label = numbered_label(&wanted, number);
            let who = connection.identity.display().unwrap_or_default();
            let entry = self.entry_for(caller, &connection, Deed::Connected, who);
            match add(connection.clone(), entry).await {
                Err(StoreError::LabelTaken { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(connection),
            }
        }
        Err(StoreError::LabelTaken { label: wanted }.into())
    }

    pub(crate) async fn check_label_free(&self, workspace: WorkspaceId, label: &str) -> Result<(), Error> {
        if self.ports.store.connection_labelled(workspace, label.to_owned()).await?.is_some() {
            return Err(StoreError::LabelTaken { label: label.to_owned() }.into());
        }
        Ok(())
    }
}
