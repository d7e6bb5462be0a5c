//! The browser's return: the end of a sign-in, from the query string to the stored connection and the page in the tab.

use super::keep::{Kept, unusable};
use super::{FlowState, flow_text};
use crate::changes::Topic;
use crate::error::Failure;
use crate::oauth::{ActingClient, Dialect, check_return, state_digest};
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey, end_page};
use async_trait::async_trait;
use hearthkey_connectors::Manifest;
use hearthkey_connectors::request::flow_policy;
use hearthkey_connectors::told;
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::authorization::{Answer, Callback, PendingAuthorization, ReturnRefused};
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use hearthkey_domain::ports::{AuthorizationEnd, EndPage, RedirectHandler, StoreError};
use hearthkey_domain::sealed::Sealed;
use hearthkey_vault::Vault;
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;

/// What the token request of a flow needs.
pub(super) struct Opened<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) client: ActingClient,
    /// The `code_verifier`, or the `device_code`.
    pub(super) secret: Secret,
    pub(super) vault: Arc<Vault>,
}

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
    fn awaits(&self, query: &str) -> bool {
        Callback::parse(query).is_ok_and(|callback| state_digest(&callback.state) == self.state_digest)
    }

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
        // What is closed does not cost the sign-in: the tab can be loaded again once it is open.
        if let Err(error) | Ok(Some(error)) = app.closed().await {
            return (end_page::closed(&error), false);
        }
        let (id, caller) = (self.id, self.caller.clone());
        let task = {
            let app = Arc::clone(&app);
            app.unhurried.clone().spawn(async move { app.finish_return(id, &caller, callback).await })
        };
        match task.await {
            Ok(Ok(kept)) => (end_page::connected(&kept), true),
            Ok(Err(NotFinished::Untouched(error))) => (end_page::closed(&error), false),
            Ok(Err(NotFinished::Ended(error))) => (end_page::failed(&error), true),
            Err(_) => (end_page::failed(&Error::Internal("the sign-in did not finish")), true),
        }
    }

    async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

/// Why a return brought no connection.
pub(super) enum NotFinished {
    /// The flow could not be taken: it waits as before, and the same return can come again.
    Untouched(Error),
    /// The flow has ended.
    Ended(Error),
}

impl Hearthkey {
    /// Ends a flow with its return, whichever way that came. That the vault is open was looked at before.
    pub(super) async fn finish_return(
        &self,
        id: AuthorizationId,
        caller: &Caller,
        callback: Callback,
    ) -> Result<Kept, NotFinished> {
        let taken = match self.ports.store.take_authorization(&state_digest(&callback.state)).await {
            Ok(Some(taken)) => taken,
            // Another return was first, or it was given up: how it ends is not this one's to say.
            Ok(None) => return Err(NotFinished::Ended(Error::Cancelled)),
            Err(error) => return Err(NotFinished::Untouched(error.into())),
        };
        self.flows.advance(id, FlowState::Exchanging);
        let (pending, verifier) = taken;
        let outcome = self.connect(caller, pending.clone(), verifier, callback).await;
        self.end_flow(caller, &pending, outcome).await.map_err(NotFinished::Ended)
    }

    /// Writes down how a flow that was taken has ended, and tells its watchers.
    pub(super) async fn end_flow(
        &self,
        caller: &Caller,
        pending: &PendingAuthorization,
        outcome: Result<Kept, Error>,
    ) -> Result<Kept, Error> {
        let outcome = outcome.map_err(|error| self.with_redirect(pending, error));
        match &outcome {
            Ok(kept) => {
                let id = kept.connection.id;
                let state =
                    if kept.already { FlowState::AlreadyConnected(id) } else { FlowState::Connected(id) };
                self.flows.note_declined(pending.id, kept.declined.clone());
                self.flows.advance(pending.id, state);
                self.changes.tell(Topic::Connections);
            }
            Err(error) => {
                let words = format!("{}: {error}", pending.connector);
                let entry = self.entry(caller, pending.workspace, None, Deed::ConnectFailed, words);
                let ended =
                    self.ports.store.end_authorization(pending.id, AuthorizationEnd::Failed, entry).await;
                if let Err(error) = ended {
                    tracing::warn!(%error, "a failed sign-in could not be written down");
                }
                self.flows.advance(pending.id, FlowState::Failed(Failure::from(error)));
            }
        }
        outcome
    }

    /// Names the redirect that has to be registered, where the service says that it does not know it.
    fn with_redirect(&self, pending: &PendingAuthorization, error: Error) -> Error {
        let refused = match &error {
            Error::Return(ReturnRefused::Provider(error)) | Error::Provider { error, .. } => error,
            _ => return error,
        };
        let (Answer::Redirect { strategy, redirect_uri }, "redirect_uri_mismatch") =
            (&pending.answer, refused.code.as_str())
        else {
            return error;
        };
        // A service that takes any port has the address without one.
        let known = self.oauth_of(pending).and_then(|oauth| oauth.redirect(*strategy, Some(redirect_uri)));
        let register = known.unwrap_or_else(|| redirect_uri.to_string());
        let connector = self.catalog.get(&pending.connector);
        let connector = connector.map_or(pending.connector.clone(), |manifest| manifest.name.clone());
        Error::RedirectMismatch { connector, register }
    }

    async fn connect(
        &self,
        caller: &Caller,
        pending: PendingAuthorization,
        verifier: Sealed,
        callback: Callback,
    ) -> Result<Kept, Error> {
        let (mut pending, returned) = pending.accept(callback, self.now()).map_err(Error::Return)?;
        let Opened { manifest, client, secret: verifier, vault } =
            self.open_flow(&pending, &verifier).await?;
        if let Some(oauth) = self.oauth_of(&pending) {
            check_return(oauth, &returned, client.client_secret.as_ref()).map_err(Error::Return)?;
            let told = told::from_return(oauth, &pending.server, &returned.further).map_err(unusable)?;
            pending.values.extend(told);
        }
        let missing = || Error::Internal("a flow without redirect came back by one");
        let redirect_uri = pending.answer.redirect_uri().ok_or_else(missing)?;
        let tokens = self
            .exchange_code(&client, &returned.code, &verifier, redirect_uri, &pending.scopes)
            .await
            .map_err(|failure| failure.into_error(&manifest.name))?;
        self.keep_tokens(caller, pending, manifest, client, &vault, tokens).await
    }

    /// Opens the secret of a flow, and finds what its token request needs.
    pub(super) async fn open_flow(
        &self,
        pending: &PendingAuthorization,
        sealed: &Sealed,
    ) -> Result<Opened<'_>, Error> {
        let missing = || Error::NotFound { what: "connector", name: pending.connector.clone() };
        let manifest = self.catalog.get(&pending.connector).ok_or_else(missing)?;
        let policy = flow_policy(manifest, &pending.values, &pending.server)
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        let (client_id, client_secret) =
            self.client_credentials(pending.workspace, &pending.client, &pending.server).await?;
        // Opens only if the row still says where the flow was to end: endpoint, hosts, client and answer.
        let flow = flow_text(&policy, &pending.server, &client_id, &pending.answer);
        let (ws, row) = (pending.workspace.to_string(), pending.id.to_string());
        let place = place::verifier(&ws, &row, &pending.server.issuer, &flow);
        let vault = self.vault().await?;
        let opened = vault.unseal(place, sealed);
        let unreadable = || Error::Unreadable { what: "sign-in", name: manifest.name.clone() };
        let secret = opened.ok().and_then(|bytes| Some(Secret::new(std::str::from_utf8(&bytes).ok()?)));
        let secret = secret.ok_or_else(unreadable)?;
        let dialect = Dialect::of(self.oauth_of(pending));
        let server = pending.server.clone();
        let client = ActingClient { server, client_id, client_secret, policy, dialect };
        Ok(Opened { manifest, client, secret, vault })
    }

    pub(crate) async fn check_label_free(&self, workspace: WorkspaceId, label: &str) -> Result<(), Error> {
        if self.ports.store.connection_labelled(workspace, label.to_owned()).await?.is_some() {
            return Err(StoreError::LabelTaken { label: label.to_owned() }.into());
        }
        Ok(())
    }
}
