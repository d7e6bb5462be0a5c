//! Signing in: from *Connect* to a stored connection (RFC 6749 section 4.1, RFC 7636, RFC 8252, RFC 9207).
//!
//! [`Hearthkey::begin_authorization`] sends the browser off; `arrival` handles its return.

mod arrival;
mod client;
mod flows;

use crate::oauth::{self, ActingClient};
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey};
use arrival::Arrival;
use hearthkey_connectors::manifest::{AuthMethod, Manifest, OAuth2, Program};
use hearthkey_connectors::{discovery, form};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::connection::parse_label;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{AuthorizationId, ConnectionId};
use hearthkey_domain::server::AuthorizationServer;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

pub(crate) use flows::Flows;
pub use flows::{Authorization, FlowState, FlowStream};

/// What a person asks for with *Connect*.
#[derive(Debug, Default)]
pub struct Wish {
    /// The connector.
    pub connector: String,
    /// Its authentication method; the first if left out.
    pub method: Option<String>,
    /// The connection's label; made from the connector's name if left out.
    pub label: Option<String>,
    /// The connection to sign in anew, by identifier or label. Its method and answers are kept where none are given.
    pub reconnect: Option<String>,
    /// Answers to the connector's form.
    pub values: BTreeMap<String, String>,
    /// A client registration of the person's own, kept for the next time.
    pub client: Option<OwnClient>,
    /// Whether to open the browser.
    pub open_browser: bool,
}

/// A client registration as a person types it.
#[derive(Debug)]
pub struct OwnClient {
    /// The `client_id`.
    pub client_id: String,
    /// The `client_secret`, where there is one.
    pub client_secret: Option<Secret>,
}

/// Answers to a connector's form, checked.
pub(crate) struct Prepared<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) method: &'a AuthMethod,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) label: Option<String>,
}

impl Hearthkey {
    /// Finds connector and method, checks the answers, and starts the program the connector needs.
    pub(crate) async fn prepare(
        &self,
        connector: &str,
        method: Option<&str>,
        values: &BTreeMap<String, String>,
        label: Option<&str>,
    ) -> Result<Prepared<'_>, Error> {
        let missing = |what, name: &str| Error::NotFound { what, name: name.to_owned() };
        let manifest = self.catalog.get(connector).ok_or_else(|| missing("connector", connector))?;
        let unknown = || missing("authentication method", method.unwrap_or_default());
        let method = manifest.method(method).ok_or_else(unknown)?;
        let values = form::check_values(method, values)?;
        let bad_label = |e| Error::Input { field: "label".into(), expected: format!("{e}") };
        let label = label.map(parse_label).transpose().map_err(bad_label)?;
        self.start_program(manifest, &values).await?;
        Ok(Prepared { manifest, method, values, label })
    }

    /// Starts the program that serves a connector, where it has one.
    pub(crate) async fn start_program(
        &self,
        manifest: &Manifest,
        values: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        match (manifest.program, &self.ports.sandbox) {
            (Some(Program::Sandbox), Some(sandbox)) => {
                let base = hearthkey_connectors::request::api_base(manifest, values)?;
                sandbox.ensure_running(&base).await.map_err(|reason| Error::NoSandbox { reason })
            }
            _ => Ok(()),
        }
    }

    /// Begins a sign-in: remembers it, listens for the return, and sends the browser off.
    ///
    /// # Errors
    /// Bad answers, a server that cannot be asked, a vault that is not open. Nothing is left behind then.
    pub async fn begin_authorization(
        self: &Arc<Self>,
        caller: &Caller,
        wish: Wish,
    ) -> Result<Authorization, Error> {
        let vault = self.vault().await?;
        let workspace = self.workspace_id().await?;
        let (wish, reconnect) = self.wish_to_reconnect(wish).await?;
        let prepared = self
            .prepare(&wish.connector, wish.method.as_deref(), &wish.values, wish.label.as_deref())
            .await?;
        let Prepared { manifest, method, values, label } = prepared;
        let oauth = method.oauth2.as_ref().ok_or_else(|| Error::Input {
            field: "method".into(),
            expected: format!("{} is connected with a key, not by signing in", manifest.name),
        })?;
        if let Some(label) = &label {
            self.check_label_free(workspace, label).await?;
        }
        let server = self.server_of(manifest, oauth, &values).await?;
        let choice = self.choose_client(workspace, manifest, oauth, &server.issuer, wish.client).await?;
        let (client_id, _) = self.client_credentials(workspace, &choice).await?;

        let now = self.now();
        let id = AuthorizationId::new(now, self.random());
        let (state, verifier) = (oauth::unguessable(self.random()), oauth::unguessable(self.random()));
        let state_digest = oauth::state_digest(&state);
        let expires_at = now + PendingAuthorization::LIFETIME;
        let arrival = Arc::new(Arrival::new(self, id, caller, state_digest.clone()));
        // Until the flow is known, an error on the way closes its listener.
        let given_up = arrival.given_up();
        let unknown = given_up.clone().drop_guard();
        let redirect_uri = self
            .ports
            .loopback
            .listen(None, expires_at, arrival)
            .await
            .map_err(|reason| Error::NoRedirect { reason })?;

        let scopes: Vec<String> = oauth.scopes.iter().map(|scope| scope.name.clone()).collect();
        let policy = EgressPolicy::new(server.token_endpoints(), false)
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        let client = ActingClient { server: server.clone(), client_id, client_secret: None, policy };
        let authorize_url = client.authorization_address(
            &redirect_uri,
            &state,
            &verifier,
            &scopes,
            oauth.authorize_parameters.iter(),
        );
        let (ws, row) = (workspace.to_string(), id.to_string());
        let sealed = vault
            .seal(place::verifier(&ws, &row, &server.issuer), verifier.expose().as_bytes())
            .map_err(|_| Error::Internal("a code verifier could not be sealed"))?;
        let pending = PendingAuthorization {
            id,
            workspace,
            connector: manifest.id.clone(),
            method: method.id.clone(),
            label,
            reconnect,
            values,
            server,
            client: choice,
            redirect_uri: redirect_uri.clone(),
            scopes,
            state_digest,
            created_at: now,
            expires_at,
        };
        self.ports.store.begin_authorization(pending, sealed).await?;
        let opened = wish.open_browser && self.ports.browser.open(&authorize_url).await.is_ok();
        let authorization = Authorization {
            id,
            connector: manifest.id.clone(),
            authorize_url,
            redirect_uri,
            expires_at,
            browser_opened: opened,
            state: FlowState::Waiting,
        };
        unknown.disarm();
        self.flows.add(authorization.clone(), given_up, now);
        Ok(authorization)
    }

    /// Completes the wish to sign a connection in anew with what the connection already knows.
    async fn wish_to_reconnect(&self, mut wish: Wish) -> Result<(Wish, Option<ConnectionId>), Error> {
        let Some(name) = &wish.reconnect else { return Ok((wish, None)) };
        let known = self.find(name).await?;
        if known.connector != wish.connector {
            let expected = format!("{} is a connection of {}", known.label, self.connector_name(&known));
            return Err(Error::Input { field: "connector".into(), expected });
        }
        wish.label = None;
        wish.method.get_or_insert(known.method);
        for (field, answer) in known.values {
            wish.values.entry(field).or_insert(answer);
        }
        Ok((wish, Some(known.id)))
    }

    /// Gives a sign-in up. One that has ended stays as it ended.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn cancel_authorization(&self, id: AuthorizationId) -> Result<(), Error> {
        let was_open = self.ports.store.cancel_authorization(id).await?;
        if was_open {
            self.flows.advance(id, FlowState::Cancelled);
        }
        self.flows.get(id).map(|_| ())
    }

    /// A sign-in, as it is now.
    ///
    /// # Errors
    /// When it is not known.
    pub fn authorization(&self, id: AuthorizationId) -> Result<Authorization, Error> {
        Ok(self.flows.get(id)?.borrow().clone())
    }

    /// Watches a sign-in to its end.
    ///
    /// # Errors
    /// When it is not known.
    pub fn watch_authorization(&self, id: AuthorizationId) -> Result<FlowStream, Error> {
        self.flows.get(id).map(|receiver| FlowStream::new(receiver, self.ports.clock.clone()))
    }

    /// Listens again for the returns of sign-ins that were under way when the last owner ended.
    ///
    /// # Errors
    /// When the stored flows cannot be read. A port that is taken meanwhile is no error: that flow ends by its time.
    pub async fn resume_authorizations(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.now();
        let caller = Caller { door: hearthkey_domain::activity::Door::Redirect, program: None };
        for pending in self.ports.store.open_authorizations(now).await? {
            let arrival = Arc::new(Arrival::new(self, pending.id, &caller, pending.state_digest.clone()));
            let (port, given_up) = (pending.redirect_uri.port(), arrival.given_up());
            if self.ports.loopback.listen(port, pending.expires_at, arrival).await.is_err() {
                tracing::warn!(authorization = %pending.id, "its port is taken; the sign-in has to be started again");
                continue;
            }
            let resumed = Authorization {
                id: pending.id,
                connector: pending.connector,
                authorize_url: pending.server.authorization_endpoint,
                redirect_uri: pending.redirect_uri,
                expires_at: pending.expires_at,
                browser_opened: false,
                state: FlowState::Waiting,
            };
            self.flows.add(resumed, given_up, now);
        }
        Ok(())
    }

    /// The authorization server of a method: from the manifest, or from the metadata its issuer publishes.
    async fn server_of(
        &self,
        manifest: &Manifest,
        oauth: &OAuth2,
        values: &BTreeMap<String, String>,
    ) -> Result<AuthorizationServer, Error> {
        if let Some(server) = discovery::known_server(oauth) {
            return Ok(server);
        }
        let address = oauth.discover.as_ref();
        let issuer: Url = address.and_then(|address| address.resolve(values)).ok_or_else(|| {
            Error::Input { field: "values".into(), expected: "the issuer's address is needed".into() }
        })?;
        let typed = address.is_some_and(|address| address.is_typed());
        let policy = EgressPolicy::new([&issuer], typed)
            .map_err(|e| Error::Input { field: "values".into(), expected: e.to_string() })?;
        let reply = self.fetch(&discovery::metadata_address(&issuer), &policy).await?;
        let malformed = |expected: String| Error::Malformed { connector: issuer.to_string(), expected };
        if let Some(error) = crate::outgoing::status_error(manifest, &reply, self.now()) {
            return Err(error);
        }
        if !reply.status().is_success() {
            let status = reply.status().as_u16();
            return Err(malformed(format!("no OpenID Connect configuration there (status {status})")));
        }
        discovery::read_metadata(&issuer, reply.body()).map_err(|error| malformed(error.to_string()))
    }
}
