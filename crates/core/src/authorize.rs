//! Signing in: from *Connect* to a stored connection (RFC 6749 section 4.1, RFC 7636, RFC 8252, RFC 9207).
//!
//! [`Hearthkey::begin_authorization`] sends the browser off; `arrival` handles its return.

mod arrival;
mod client;
mod flows;

use crate::oauth::{self, ActingClient};
use crate::refresh::not_usable;
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey};
use arrival::Arrival;
use hearthkey_connectors::discovery::{self, Discovered};
use hearthkey_connectors::form;
use hearthkey_connectors::manifest::{AuthMethod, Manifest, OAuth2, Program};
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::connection::{Connection, Status, parse_label};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::AuthorizationId;
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
    /// Bad answers, a server that cannot be asked, a vault that is not open. At most a typed client is left behind then, which
    /// is not used and goes with the next one.
    pub async fn begin_authorization(
        self: &Arc<Self>,
        caller: &Caller,
        wish: Wish,
    ) -> Result<Authorization, Error> {
        self.vault().await?;
        let workspace = self.workspace_id(caller).await?;
        self.check_room().await?;
        let (wish, reconnect) = self.wish_to_reconnect(caller, wish).await?;
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
        let discovered = self.server_of(manifest, oauth, &values).await?;
        let base = api_base(manifest, &values)?;
        let Discovered { server, .. } = &discovered;
        let policy = egress_policy(manifest, &base, Some(server))
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        if let Some(known) = &reconnect {
            self.check_same_place(known, server, &policy).await?;
        }
        let choice = match (&reconnect, wish.client) {
            // A connection goes on with the client it was made with.
            (Some(Connection { oauth: Some(grant), .. }), None) => grant.client.clone(),
            (_, typed) => self.choose_client(workspace, manifest, oauth, server, typed).await?,
        };
        let (client_id, _) = self.client_credentials(workspace, &choice, server).await?;

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

        let scopes = discovered.offered(oauth.scopes.iter().map(|scope| scope.name.clone()).collect());
        let server = discovered.server;
        let flow = flow_text(&policy, &server, &client_id, &redirect_uri);
        let client = ActingClient { server: server.clone(), client_id, client_secret: None, policy };
        let authorize_url = client.authorization_address(
            &redirect_uri,
            &state,
            &verifier,
            &scopes,
            oauth.authorize_parameters.iter(),
        );
        let (ws, row) = (workspace.to_string(), id.to_string());
        let sealing = self.sealing().await?;
        let sealed = sealing.seal(place::verifier(&ws, &row, &server.issuer, &flow), &verifier)?;
        let pending = PendingAuthorization {
            id,
            workspace,
            connector: manifest.id.clone(),
            method: method.id.clone(),
            label,
            reconnect: reconnect.map(|known| known.id),
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
        drop(sealing);
        let authorization = Authorization {
            id,
            workspace,
            connector: manifest.id.clone(),
            authorize_url,
            redirect_uri,
            expires_at,
            browser_opened: false,
            resumed: false,
            state: FlowState::Waiting,
        };
        unknown.disarm();
        // Known before the browser is: it may be back at once.
        self.flows.add(authorization.clone(), given_up, now);
        if wish.open_browser && self.ports.browser.open(&authorization.authorize_url).await.is_ok() {
            self.flows.browser_opened(id);
        }
        self.authorization(caller, id).await
    }

    /// Refuses to sign a connection in at another place: what uses it sends its data there.
    async fn check_same_place(
        &self,
        known: &Connection,
        server: &AuthorizationServer,
        policy: &EgressPolicy,
    ) -> Result<(), Error> {
        let missing = || Error::NotFound { what: "connection", name: known.label.clone() };
        let row = self.ports.store.credential(known.workspace, known.id).await?.ok_or_else(missing)?;
        let sealed: Option<EgressPolicy> = row.policy.parse().ok();
        if row.issuer == server.issuer && sealed.as_ref().is_none_or(|sealed| policy.is_within(sealed)) {
            return Ok(());
        }
        let at = sealed.map(|sealed| sealed.hosts().collect::<Vec<_>>().join(", ")).unwrap_or_default();
        let expected =
            format!("{} is connected at {at}; connect the other place as a new connection", known.label);
        Err(Error::Input { field: "connection".into(), expected })
    }

    /// Completes the wish to sign a connection in anew with what the connection already knows.
    async fn wish_to_reconnect(
        &self,
        caller: &Caller,
        mut wish: Wish,
    ) -> Result<(Wish, Option<Connection>), Error> {
        let Some(name) = &wish.reconnect else { return Ok((wish, None)) };
        let known = self.find(caller, name).await?;
        if known.connector != wish.connector {
            let expected = format!("{} is a connection of {}", known.label, self.connector_name(&known));
            return Err(Error::Input { field: "connector".into(), expected });
        }
        self.check_can_reconnect(&known)?;
        wish.label = None;
        wish.method.get_or_insert_with(|| known.method.clone());
        for (field, answer) in &known.values {
            wish.values.entry(field.clone()).or_insert_with(|| answer.clone());
        }
        Ok((wish, Some(known)))
    }

    pub(crate) fn check_can_reconnect(&self, known: &Connection) -> Result<(), Error> {
        match known.status {
            Status::Deleting { .. } => Err(not_usable(known.clone())),
            _ => Ok(()),
        }
    }

    /// Gives a sign-in up. One that has ended stays as it ended.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn cancel_authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<(), Error> {
        let workspace = self.workspace_id(caller).await?;
        let was_open = self.ports.store.cancel_authorization(workspace, id).await?;
        if was_open {
            self.flows.advance(id, FlowState::Cancelled);
        }
        self.authorization(caller, id).await.map(drop)
    }

    /// A sign-in, as it is now.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<Authorization, Error> {
        let workspace = self.workspace_id(caller).await?;
        let flow = self.flows.get(workspace, id)?.borrow().clone();
        Ok(flow.at(self.now()))
    }

    /// Opens the browser again for a sign-in that waits.
    ///
    /// # Errors
    /// When it does not wait any more, began in an earlier process, or no browser could be started.
    pub async fn reopen_authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<(), Error> {
        let flow = self.authorization(caller, id).await?;
        if flow.state != FlowState::Waiting || flow.resumed {
            return Err(Error::Cancelled);
        }
        self.ports.browser.open(&flow.authorize_url).await.map_err(|reason| Error::Declined { reason })?;
        self.flows.browser_opened(id);
        Ok(())
    }

    /// Watches a sign-in to its end.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn watch_authorization(
        &self,
        caller: &Caller,
        id: AuthorizationId,
    ) -> Result<FlowStream, Error> {
        let receiver = self.flows.get(self.workspace_id(caller).await?, id)?;
        Ok(FlowStream::new(receiver, self.ports.clock.clone()))
    }

    /// Listens again for the returns of sign-ins that were under way when the last owner ended.
    ///
    /// # Errors
    /// When the stored flows cannot be read. A port that is taken meanwhile is no error: that flow ends by its time.
    pub async fn resume_authorizations(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.now();
        let door = hearthkey_domain::activity::Door::Redirect;
        let caller = Caller { door, ..Caller::background() };
        for pending in self.ports.store.open_authorizations(now).await? {
            let arrival = Arc::new(Arrival::new(self, pending.id, &caller, pending.state_digest.clone()));
            let (port, given_up) = (pending.redirect_uri.port(), arrival.given_up());
            if self.ports.loopback.listen(port, pending.expires_at, arrival).await.is_err() {
                tracing::warn!(authorization = %pending.id, "its port is taken; the sign-in has to be started again");
                continue;
            }
            let resumed = Authorization {
                id: pending.id,
                workspace: pending.workspace,
                connector: pending.connector,
                authorize_url: pending.server.authorization_endpoint,
                redirect_uri: pending.redirect_uri,
                expires_at: pending.expires_at,
                browser_opened: false,
                resumed: true,
                state: FlowState::Waiting,
            };
            self.flows.add(resumed, given_up, now);
        }
        Ok(())
    }

    /// Where a stored flow is to end, as its verifier's seal has it.
    pub(crate) async fn flow_of(&self, pending: &PendingAuthorization) -> Result<String, Error> {
        let missing = || Error::NotFound { what: "connector", name: pending.connector.clone() };
        let manifest = self.catalog.get(&pending.connector).ok_or_else(missing)?;
        let base = api_base(manifest, &pending.values)?;
        let policy = egress_policy(manifest, &base, Some(&pending.server))
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        let (client_id, _) =
            self.client_credentials(pending.workspace, &pending.client, &pending.server).await?;
        Ok(flow_text(&policy, &pending.server, &client_id, &pending.redirect_uri))
    }

    /// The authorization server of a method: from the manifest, or from the metadata its issuer publishes.
    async fn server_of(
        &self,
        manifest: &Manifest,
        oauth: &OAuth2,
        values: &BTreeMap<String, String>,
    ) -> Result<Discovered, Error> {
        if let Some(server) = discovery::known_server(oauth) {
            return Ok(Discovered { server, scopes: None });
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

/// What a flow must not be changed in between its beginning and its return, as the verifier's seal has it: where tokens may go,
/// where the code goes, as whom, and the redirect it was asked for.
pub(crate) fn flow_text(
    policy: &EgressPolicy,
    server: &AuthorizationServer,
    client_id: &str,
    redirect_uri: &Url,
) -> String {
    format!("{policy}token {}\nclient {client_id}\nredirect {redirect_uri}\n", server.token_endpoint)
}
