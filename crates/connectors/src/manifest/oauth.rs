//! OAuth 2.0 in a manifest: servers, clients, scopes, and where a service departs from the RFCs.
//!
//! A departure is a general rule with a name, never a service's own code.

use super::Address;
use hearthkey_domain::authorization::{Strategy, link_redirect};
use hearthkey_domain::renewal::FailureClass;
use hearthkey_domain::server::ClientAuthentication;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// OAuth 2.0 authorization code with PKCE (RFC 6749, RFC 7636), or the device grant (RFC 8628).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// The issuer of an authorization server that publishes its metadata (OpenID Connect Discovery, RFC 8414). Exactly one of
    /// `discover` and `server` is present.
    pub discover: Option<Address>,
    /// An authorization server whose endpoints are known.
    pub server: Option<Server>,
    /// The client registration.
    pub client: ClientRules,
    /// The ways the answer can come back, best first.
    #[serde(default = "loopback_only")]
    #[schemars(with = "Vec<String>", length(min = 1), extend("items" = {
        "type": "string", "enum": ["loopback", "deep_link", "https_bounce", "device"]
    }))]
    pub strategies: Vec<Strategy>,
    /// Of these, the ways that only a client with a secret has. Such a client takes them first.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("items" = {
        "type": "string", "enum": ["loopback", "deep_link", "https_bounce", "device"]
    }))]
    pub confidential: Vec<Strategy>,
    /// What the service wants of a loopback redirect, where it is not `127.0.0.1` and any port.
    pub loopback: Option<Loopback>,
    /// The header that carries the access token, where it is not `Authorization: Bearer`.
    pub access_token: Option<AccessTokenHeader>,
    /// How the tokens are renewed, where it is not as RFC 6749 has it.
    #[serde(default)]
    pub refresh: Refresh,
    /// Which token is told to the revocation endpoint.
    #[serde(default)]
    pub revoke: RevokedToken,
    /// What is asked for, each with its reason.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// What stands between scopes in the request.
    #[serde(default)]
    pub scope_separator: ScopeSeparator,
    /// The parameter that carries the scopes, where it is not `scope`.
    pub scope_parameter: Option<String>,
    /// Further parameters of the authorization request.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
    /// Further parameters of every token request.
    #[serde(default)]
    pub token_parameters: BTreeMap<String, String>,
    /// What is different in token replies.
    #[serde(default)]
    pub reply: ReplyRules,
    /// What the browser's return tells besides the code.
    #[serde(default)]
    pub callback_values: Vec<CallbackValue>,
    /// The parameter of the browser's return that names the host it comes from; it must be the authorization server's.
    pub callback_host: Option<String>,
    /// How the service signs the browser's return.
    pub callback_signature: Option<CallbackSignature>,
    /// What the token reply tells besides the tokens.
    #[serde(default)]
    pub reply_values: Vec<ReplyValue>,
}

impl OAuth2 {
    /// The exact text to register for a strategy; `bounce` is the https page, where there is one. Without a port where any will
    /// do. `None` where nothing is to be registered, or nothing is known.
    #[must_use]
    pub fn redirect(&self, strategy: Strategy, bounce: Option<&Url>) -> Option<String> {
        match strategy {
            Strategy::Loopback => {
                let Loopback { host, port } = self.loopback.unwrap_or_default();
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                Some(format!("http://{}{port}/oauth/callback", host.text()))
            }
            Strategy::DeepLink => link_redirect().map(String::from),
            Strategy::HttpsBounce => bounce.map(ToString::to_string),
            Strategy::Device => None,
        }
    }

    /// Whether there is a redirect to register only once there is an https page.
    #[must_use]
    pub fn needs_gateway(&self, bounce: Option<&Url>) -> bool {
        bounce.is_none() && self.strategies.iter().all(|way| *way == Strategy::HttpsBounce)
    }

    /// Every redirect to register, best first.
    pub fn redirects<'a>(&'a self, bounce: Option<&'a Url>) -> impl Iterator<Item = (Strategy, String)> {
        self.strategies.iter().filter_map(move |one| Some((*one, self.redirect(*one, bounce)?)))
    }
}

fn loopback_only() -> Vec<Strategy> {
    vec![Strategy::Loopback]
}

/// A header of a service's own for access tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenHeader {
    /// The header.
    pub header: String,
    /// What stands before the token.
    #[serde(default)]
    pub prefix: String,
}

/// An authorization server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its issuer identifier, where it has one. A server whose address depends on an answer has its origin for one.
    #[serde(default)]
    pub issuer: String,
    /// Where the browser goes.
    pub authorization_endpoint: Address,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Address,
    /// RFC 7009.
    pub revocation_endpoint: Option<Address>,
    /// OpenID Connect userinfo.
    pub userinfo_endpoint: Option<Address>,
    /// Where a device asks for its code (RFC 8628).
    pub device_authorization_endpoint: Option<Address>,
    /// How a confidential client authenticates at the token endpoint: `client_secret_basic` or `client_secret_post`.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["client_secret_basic", "client_secret_post"]))]
    pub client_authentication: ClientAuthentication,
}

impl Server {
    /// The endpoints at which a client authenticates besides the token endpoint, where they are written out here.
    pub fn written_out(&self) -> impl Iterator<Item = &Url> {
        let endpoints = [&self.revocation_endpoint, &self.device_authorization_endpoint];
        endpoints.into_iter().flatten().filter_map(|endpoint| match endpoint {
            Address::Fixed(url) => Some(url),
            _ => None,
        })
    }
}

/// Which token ends a sign-in where it is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevokedToken {
    /// The refresh token, where there is one (RFC 7009 section 2.1).
    #[default]
    RefreshToken,
    /// The access token.
    AccessToken,
}

/// What kind of client registration the service wants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientRules {
    /// Whether the registration has a secret.
    pub secret: SecretRule,
    /// The page where clients are registered.
    #[schemars(with = "Option<String>")]
    pub console: Option<Url>,
    /// The `client_id` of a public client that is ready to use. Empty: a slot that whoever builds the app may fill.
    pub bundled: Option<String>,
    /// What the service wants beside `bundled` as `client_secret` and declares to be public, as Google does for desktop apps.
    /// It keeps nothing safe. Empty: a slot, as above.
    pub bundled_secret: Option<String>,
}

impl ClientRules {
    /// The `client_id` of the public client that comes with the manifest. An empty slot has none.
    #[must_use]
    pub fn bundled(&self) -> Option<&str> {
        self.bundled.as_deref().filter(|client_id| !client_id.is_empty())
    }

    /// What goes with that `client_id`, where the service wants it. An empty slot has none.
    #[must_use]
    pub fn bundled_secret(&self) -> Option<&str> {
        self.bundled_secret.as_deref().filter(|text| !text.is_empty())
    }
}

/// Whether a client registration has a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRule {
    /// The token endpoint refuses clients without one.
    Required,
    /// Depends on the registration.
    Optional,
    /// There is none.
    None,
}

/// What a service wants of a loopback redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Loopback {
    /// The host's spelling in the redirect. It is `127.0.0.1` that is listened at either way.
    #[serde(default)]
    pub host: LoopbackHost,
    /// The one port that can be registered, where any port will not do.
    #[schemars(range(min = 1024))]
    pub port: Option<u16>,
}

/// How the loopback host is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum LoopbackHost {
    /// The address, as RFC 8252 section 8.3 wants it.
    #[default]
    #[serde(rename = "127.0.0.1")]
    Address,
    /// The name, for services that refuse addresses.
    #[serde(rename = "localhost")]
    Name,
}

impl LoopbackHost {
    /// As it is written in the redirect.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Address => "127.0.0.1",
            Self::Name => "localhost",
        }
    }
}

/// How tokens are renewed, where the service has rules of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// After how many days without use the service ends a refresh token.
    #[schemars(range(min = 1))]
    pub idle_days: Option<u32>,
    /// Why sign-ins end at this service, in whole sentences that a person reads beside "Reconnect to sign in again."
    pub ended_says: Option<String>,
    /// Whether a 401 of the API says that the access token has to be renewed; true if left out.
    pub on_401: Option<bool>,
}

/// A scope.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Its name, as sent.
    pub name: String,
    /// What it is for, as a person reads it: "read and write events".
    pub reason: String,
    /// Whether it is asked for only when it is wanted.
    #[serde(default)]
    pub optional: bool,
    /// Other names under which the service reports it as granted.
    #[serde(default)]
    pub granted_as: Vec<String>,
}

/// What stands between scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ScopeSeparator {
    /// A space (RFC 6749 section 3.3).
    #[default]
    #[serde(rename = " ")]
    Space,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

impl ScopeSeparator {
    /// As it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Space => " ",
            Self::Comma => ",",
        }
    }
}

/// What is different in token replies. What every service may do is understood without a word here: an `error` under status
/// 200, scopes with commas, numbers as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyRules {
    /// The member in which the tokens are, where it is not the reply itself.
    pub at: Option<String>,
    /// The member that is `false` where the request was refused.
    pub ok: Option<String>,
    /// The member in which the code of a refusal is, where it is not `error`.
    pub error_at: Option<String>,
    /// What the service's own error codes mean.
    #[serde(default)]
    pub codes: Codes,
    /// Types of token that are sent as bearers, besides `bearer`.
    #[serde(default)]
    pub token_types: Vec<String>,
    /// How many seconds an access token is taken to live where the reply does not say.
    #[schemars(range(min = 60))]
    pub assumed_life: Option<u32>,
}

/// What a service's own error codes mean, besides those of the RFCs. A code that is not known refuses the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// The sign-in is over.
    #[serde(default)]
    pub ended: Vec<String>,
    /// The client is not accepted.
    #[serde(default)]
    pub client: Vec<String>,
    /// The service has a problem of its own, which passes.
    #[serde(default)]
    pub passing: Vec<String>,
}

impl Codes {
    /// The class of an error of the token endpoint.
    #[must_use]
    pub fn class(&self, code: &str) -> FailureClass {
        let named = |codes: &[String]| codes.iter().any(|known| known == code);
        match code {
            _ if named(&self.ended) => FailureClass::GrantEnded,
            _ if named(&self.client) => FailureClass::ClientRefused,
            _ if named(&self.passing) => FailureClass::ProviderTrouble,
            _ => FailureClass::of_code(code),
        }
    }

    /// Every code that is named.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.ended.iter().chain(&self.client).chain(&self.passing).map(String::as_str)
    }
}

/// A parameter of the browser's return that belongs to the connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackValue {
    /// The parameter.
    pub parameter: String,
    /// Its name among the connection's values.
    pub name: String,
    /// A regular expression the whole value must match.
    pub pattern: String,
}

/// How a service signs the browser's return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackSignature {
    /// `hmac`: HMAC-SHA256 in hexadecimal over the other parameters in order, with the client secret as its key.
    SortedQueryHmacSha256,
}

/// A member of the token reply that belongs to the connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyValue {
    /// The member.
    pub field: String,
    /// Its name among the connection's values.
    pub name: String,
    /// What it is.
    pub kind: ReplyValueKind,
    /// The domains below which an origin may be.
    #[schemars(length(min = 1))]
    pub under: Vec<String>,
}

/// What a member of the token reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyValueKind {
    /// An https origin: no path, port or user name.
    Origin,
}
