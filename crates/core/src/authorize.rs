//! Signing in: from *Connect* to a stored connection (RFC 6749 section 4.1, RFC 7636, RFC 8252, RFC 9207).
//!
//! [`Hearthkey::begin_authorization`] sends the browser off, or asks for a device code (RFC 8628). The answer comes back by a
//! listener (`arrival`), as an address that the system or the person hands over (`links`), or is asked for (`device`); all of
//! them end in `arrival`.

mod arrival;
mod begin;
mod client;
mod device;
mod flows;
mod keep;
mod links;
mod mix_up;
mod strategy;
mod under_way;

use crate::refresh::not_usable;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::discovery::{self, Discovered};
use hearthkey_connectors::form;
use hearthkey_connectors::manifest::{AuthMethod, Manifest, OAuth2, Program};
use hearthkey_connectors::request::flow_policy;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::{Answer, PendingAuthorization, Strategy};
use hearthkey_domain::connection::{Connection, Status, parse_label};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::AuthorizationId;
use hearthkey_domain::server::AuthorizationServer;
use std::collections::BTreeMap;
use url::Url;

pub(crate) use flows::Flows;
pub use flows::{Authorization, FlowState, FlowStream};
pub(crate) use keep::Kept;
pub use links::Delivered;
pub(crate) use links::Parked;

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
    /// Scopes to ask for besides the connector's own, and besides those of the connection that is signed in anew.
    pub scopes: Vec<String>,
    /// Whether a second connection of an account that is connected is meant. If not, that one is renewed.
    pub second: bool,
    /// Whether to open the browser.
    pub open_browser: bool,
    /// By which way the answer is to come back; the best that works here if left out.
    pub strategy: Option<Strategy>,
    /// Whether the person has a browser where they are; looked at here if left out.
    pub has_browser: Option<bool>,
    /// A sign-in that waits, and whose place this one takes: what was answered and typed for it goes on.
    pub instead_of: Option<AuthorizationId>,
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
        let values = form::check_values(manifest, method, values)?;
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
        let method =
            self.catalog.get(&known.connector).and_then(|manifest| manifest.method(wish.method.as_deref()));
        for (field, answer) in method.map(|method| method.answers(&known.values)).unwrap_or_default() {
            wish.values.entry(field).or_insert(answer);
        }
        Ok((wish, Some(known)))
    }

    pub(crate) fn check_can_reconnect(&self, known: &Connection) -> Result<(), Error> {
        match known.status {
            Status::Deleting { .. } => Err(not_usable(known.clone())),
            _ => Ok(()),
        }
    }

    /// Where a stored flow is to end, as its verifier's seal has it.
    pub(crate) async fn flow_of(&self, pending: &PendingAuthorization) -> Result<String, Error> {
        let missing = || Error::NotFound { what: "connector", name: pending.connector.clone() };
        let manifest = self.catalog.get(&pending.connector).ok_or_else(missing)?;
        let policy = flow_policy(manifest, &pending.values, &pending.server)
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        let (client_id, _) =
            self.client_credentials(pending.workspace, &pending.client, &pending.server).await?;
        Ok(flow_text(&policy, &pending.server, &client_id, &pending.answer))
    }

    /// The authorization server of a method: from the manifest, or from the metadata its issuer publishes.
    pub(crate) async fn server_of(
        &self,
        manifest: &Manifest,
        oauth: &OAuth2,
        values: &BTreeMap<String, String>,
    ) -> Result<Discovered, Error> {
        if oauth.server.is_some() {
            let server = discovery::known_server(oauth, values).ok_or_else(|| Error::Input {
                field: "values".into(),
                expected: "the address of the service is needed".into(),
            })?;
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
        let discovered = discovery::read_metadata(&issuer, reply.body());
        let discovered = discovered.map_err(|error| malformed(error.to_string()))?;
        match self.page_of_another(&issuer, &discovered.server).await? {
            Some(host) => Err(malformed(format!("its own sign-in page; {host} is another server's"))),
            None => Ok(discovered),
        }
    }
}

/// What a flow must not be changed in between its beginning and its end, as the seal of its secret has it: where tokens may go,
/// where the code goes, as whom, and how the answer comes back.
pub(crate) fn flow_text(
    policy: &EgressPolicy,
    server: &AuthorizationServer,
    client_id: &str,
    answer: &Answer,
) -> String {
    format!("{policy}token {}\nclient {client_id}\n{answer}", server.token_endpoint)
}
