//! OAuth clients as callers see them, and what to register for one.

use super::{ConnectorMark, StrategyWord};
use hearthkey_core::Hearthkey;
use hearthkey_core::clients::{ClientReport, Judgement, KnownClient};
use hearthkey_domain::authorization::Strategy;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The clients.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClientList {
    /// The person's own, newest first; then those that come with their services.
    pub clients: Vec<ClientView>,
}

/// An OAuth client.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClientView {
    /// `client_…`; none of a client that comes with its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The service.
    pub connector: ConnectorMark,
    /// Where it comes from.
    pub source: ClientSource,
    /// The authorization server it is registered with; empty where the service names none.
    pub issuer: String,
    /// The client ID.
    pub client_id: String,
    /// Whether it has a secret.
    pub confidential: bool,
    /// When it was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Whether a sign-in has succeeded with it.
    pub proven: bool,
    /// Whether the next sign-in at this server uses it.
    pub next: bool,
    /// How many connections go with it.
    pub used_by: usize,
    /// What to register at the service, best first.
    pub redirects: Vec<RedirectView>,
    /// Whether the gateway has to be set before there is a redirect to register.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_gateway: bool,
    /// The page where clients are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
}

/// Where a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientSource {
    /// The person registered it.
    Own,
    /// It comes with its service.
    Bundled,
}

/// A redirect to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedirectView {
    /// The way it belongs to.
    pub strategy: StrategyWord,
    /// The exact text to paste at the service. Without a port where any will do.
    pub redirect: String,
}

/// What a service answered about a client.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClientCheckView {
    /// What that says.
    pub verdict: ClientVerdict,
    /// What is wrong, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<ClientFault>,
    /// The same in a sentence.
    pub message: String,
    /// The redirect that was asked for.
    pub redirect: String,
    /// The exact text to register.
    pub register: String,
    /// The page where clients are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
}

/// What an answer says of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientVerdict {
    /// Nothing is wrong as far as it can be seen.
    Fine,
    /// The service refuses.
    Refused,
    /// The answer says nothing.
    CannotTell,
}

/// What is wrong with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientFault {
    /// The service does not know the client ID.
    Client,
    /// The service knows the client and not the redirect.
    Redirect,
}

impl From<(Strategy, String)> for RedirectView {
    fn from((strategy, redirect): (Strategy, String)) -> Self {
        Self { strategy: strategy.into(), redirect }
    }
}

impl ClientView {
    /// The view of a client.
    #[must_use]
    pub fn of(app: &Hearthkey, client: KnownClient) -> Self {
        let source = if client.id.is_some() { ClientSource::Own } else { ClientSource::Bundled };
        Self {
            id: client.id.map(|id| id.to_string()),
            connector: ConnectorMark::of(app, &client.connector),
            source,
            issuer: client.issuer,
            client_id: client.client_id,
            confidential: client.confidential,
            created_at: client.created_at,
            proven: client.proven,
            next: client.next,
            used_by: client.used_by,
            redirects: client.redirects.into_iter().map(RedirectView::from).collect(),
            needs_gateway: client.needs_gateway,
            console: client.console.map(String::from),
        }
    }
}

impl From<ClientReport> for ClientCheckView {
    fn from(report: ClientReport) -> Self {
        let ClientReport { judgement, service, redirect, register, console } = report;
        let (verdict, fault, message) = match judgement {
            Judgement::UnknownClient => (
                ClientVerdict::Refused,
                Some(ClientFault::Client),
                format!(
                    "{service} does not know this client ID. Compare it with the one that is shown there."
                ),
            ),
            Judgement::UnknownRedirect => (
                ClientVerdict::Refused,
                Some(ClientFault::Redirect),
                format!(
                    "{service} does not know the redirect. Register {register} there, exactly as it stands here."
                ),
            ),
            Judgement::Refused => (
                ClientVerdict::Refused,
                None,
                format!(
                    "{service} refuses sign-ins with this client. Compare client ID and redirect with those there."
                ),
            ),
            Judgement::Fine => (
                ClientVerdict::Fine,
                None,
                format!(
                    "{service} takes this client and its redirect, as far as can be seen before a sign-in."
                ),
            ),
            Judgement::Unclear => (
                ClientVerdict::CannotTell,
                None,
                format!("{service} does not say before a sign-in whether it takes this client."),
            ),
        };
        Self { verdict, fault, message, redirect, register, console: console.map(String::from) }
    }
}
