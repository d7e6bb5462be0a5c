//! The beginning of a sign-in: from what a person asks for to the browser that was sent off.

use super::arrival::Arrival;
use super::strategy::Ways;
use super::{Authorization, FlowState, Prepared, Wish, flow_text};
use crate::oauth::{self, ActingClient, Dialect};
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::discovery::Discovered;
use hearthkey_connectors::manifest::OAuth2;
use hearthkey_connectors::request::flow_policy;
use hearthkey_connectors::scopes;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::{Answer, PendingAuthorization, Strategy, link_redirect};
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use jiff::Timestamp;
use std::sync::Arc;
use url::Url;

/// How a flow is answered, and what it takes to read the answer.
struct Opening {
    answer: Answer,
    /// The `code_verifier`, or the `device_code`.
    secret: Secret,
    /// Where the person goes.
    address: Url,
    expires_at: Timestamp,
}

impl Hearthkey {
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
        let (wish, before) = self.wish_of_before(workspace, wish).await?;
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
        let Discovered { server, .. } = &discovered;
        let policy = flow_policy(manifest, &values, server)
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        if let Some(known) = &reconnect {
            self.check_same_place(known, server, &policy).await?;
        }
        let choice = match (&before, &reconnect, wish.client) {
            (Some(before), _, None) => before.client.clone(),
            // A connection goes on with the client it was made with.
            (None, Some(Connection { oauth: Some(grant), .. }), None)
                if self.has_client(workspace, &grant.client).await? =>
            {
                grant.client.clone()
            }
            (_, _, typed) => self.choose_client(workspace, manifest, oauth, server, typed).await?,
        };
        let (client_id, client_secret) = self.client_credentials(workspace, &choice, server).await?;
        let ways = self.ways_back(oauth, server, client_secret.is_some()).await?;
        let has_browser = wish.has_browser.unwrap_or_else(|| self.ports.browser.is_here());
        let strategy = ways.choose(&manifest.name, &oauth.strategies, wish.strategy, has_browser)?;

        let now = self.now();
        let id = AuthorizationId::new(now, self.random());
        let state = oauth::unguessable(self.random());
        let state_digest = oauth::state_digest(&state);
        let arrival = Arc::new(Arrival::new(self, id, caller, state_digest.clone()));
        // Until the flow is known, an error on the way closes its listener.
        let given_up = arrival.given_up();
        let unknown = given_up.clone().drop_guard();
        let known_scopes = match (&before, &reconnect) {
            (Some(before), _) => before.scopes.clone(),
            (None, Some(Connection { oauth: Some(grant), .. })) => {
                grant.scopes_requested.iter().chain(&grant.scopes_granted).cloned().collect()
            }
            _ => vec![],
        };
        let wanted = scopes::wanted(oauth, &known_scopes, &wish.scopes)
            .map_err(|e| Error::Input { field: "scopes".into(), expected: e.to_string() })?;
        let scopes = discovered.offered(wanted);
        let server = discovered.server;
        let mut client = ActingClient {
            server: server.clone(),
            client_id,
            client_secret,
            policy,
            dialect: Dialect::of(Some(oauth)),
        };
        let opening = match strategy {
            Strategy::Device => {
                let codes = self
                    .request_device_codes(&mut client, &scopes)
                    .await
                    .map_err(|failure| failure.into_error(&manifest.name))?;
                let grant = codes.grant;
                let address = grant.verification_uri_complete.as_ref().unwrap_or(&grant.verification_uri);
                let address = address.clone();
                let expires_at = now + codes.life;
                Opening { answer: Answer::Device(grant), secret: codes.device_code, address, expires_at }
            }
            strategy => self.open_redirect(oauth, strategy, &ways, arrival, &client, &scopes, &state).await?,
        };
        let Opening { answer, secret, address, expires_at } = opening;
        let flow = flow_text(&client.policy, &server, &client.client_id, &answer);
        let (ws, row) = (workspace.to_string(), id.to_string());
        let sealing = self.sealing().await?;
        let sealed = sealing.seal(place::verifier(&ws, &row, &server.issuer, &flow), &secret)?;
        let pending = PendingAuthorization {
            id,
            workspace,
            connector: manifest.id.clone(),
            method: method.id.clone(),
            label,
            reconnect: reconnect.map(|known| known.id),
            second: wish.second,
            values,
            server,
            client: choice,
            answer: answer.clone(),
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
            authorize_url: address,
            others: ways.others(strategy),
            answer,
            expires_at,
            browser_opened: false,
            resumed: false,
            declined: vec![],
            state: FlowState::Waiting,
        };
        unknown.disarm();
        // Known before the browser is: it may be back at once.
        self.flows.add(authorization.clone(), given_up.clone(), now);
        if strategy == Strategy::Device {
            self.poll_device(workspace, id, caller, given_up);
        }
        if let Some(before) = before {
            self.give_up(workspace, before.id).await?;
        }
        if wish.open_browser && self.ports.browser.open(&authorization.authorize_url).await.is_ok() {
            self.flows.browser_opened(id);
        }
        self.authorization(caller, id).await
    }

    #[expect(clippy::too_many_arguments, reason = "they are what an authorization request is made of")]
    async fn open_redirect(
        &self,
        oauth: &OAuth2,
        strategy: Strategy,
        ways: &Ways,
        arrival: Arc<Arrival>,
        client: &ActingClient,
        scopes: &[String],
        state: &Secret,
    ) -> Result<Opening, Error> {
        let expires_at = self.now() + PendingAuthorization::LIFETIME;
        let redirect_uri = match strategy {
            Strategy::HttpsBounce => ways.bounce()?,
            Strategy::DeepLink => {
                link_redirect().ok_or(Error::Internal("the app's own address is malformed"))?
            }
            Strategy::Loopback | Strategy::Device => {
                let at = oauth.loopback.unwrap_or_default();
                self.ports
                    .loopback
                    .listen(at.host.text(), at.port, expires_at, arrival)
                    .await
                    .map_err(|reason| Error::NoRedirect { reason })?
            }
        };
        let verifier = oauth::unguessable(self.random());
        let address = client.authorization_address(
            &redirect_uri,
            state,
            &verifier,
            scopes,
            oauth.authorize_parameters.iter(),
        );
        let answer = Answer::Redirect { strategy, redirect_uri };
        Ok(Opening { answer, secret: verifier, address, expires_at })
    }

    /// Completes a wish with what was answered and typed for the sign-in whose place it takes.
    async fn wish_of_before(
        &self,
        workspace: WorkspaceId,
        mut wish: Wish,
    ) -> Result<(Wish, Option<PendingAuthorization>), Error> {
        let Some(id) = wish.instead_of else { return Ok((wish, None)) };
        let missing = || Error::NotFound { what: "sign-in", name: id.to_string() };
        let (before, _) = self.ports.store.authorization(workspace, id).await?.ok_or_else(missing)?;
        if wish.connector != before.connector {
            let expected = format!("the sign-in that waits is one of {}", before.connector);
            return Err(Error::Input { field: "connector".into(), expected });
        }
        wish.method.get_or_insert_with(|| before.method.clone());
        if wish.label.is_none() && wish.reconnect.is_none() {
            wish.label.clone_from(&before.label);
            wish.reconnect = before.reconnect.map(|known| known.to_string());
        }
        wish.second |= before.second;
        for (field, answer) in &before.values {
            wish.values.entry(field.clone()).or_insert_with(|| answer.clone());
        }
        Ok((wish, Some(before)))
    }
}
