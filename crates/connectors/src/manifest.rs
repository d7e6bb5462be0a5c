//! The manifest: what a connector's TOML file may say.
//!
//! The types here are the schema; `docs/connector.schema.json` is generated from them. What they cannot say is checked in
//! [`check`](Manifest::parse) and named with file, line, field and fix.

mod check;
mod oauth;

use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

pub use check::ManifestError;
pub use oauth::{
    AccessTokenHeader, CallbackSignature, CallbackValue, ClientRules, Codes, Loopback, LoopbackHost, OAuth2,
    Refresh, ReplyRules, ReplyValue, ReplyValueKind, RevokedToken, Scope, ScopeSeparator, SecretRule, Server,
};

/// A connector: one kind of service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format. Must be 1.
    pub schema: u32,
    /// Identifier: lower-case letters, digits and hyphens, and the file's name without `.toml`.
    pub id: String,
    /// The service's name, as it writes it.
    pub name: String,
    /// What kind of service it is.
    pub category: Category,
    /// The mark: `simple-icons:NAME`, `logos:NAME` or `hearthkey:NAME`.
    pub icon: String,
    /// What it is good for, in under sixty characters.
    pub summary: String,
    /// The service's home page.
    #[schemars(with = "Option<String>")]
    pub website: Option<Url>,
    /// The API that requests go to.
    pub api: Api,
    /// The ways to sign in, best first.
    #[schemars(length(min = 1))]
    pub auth: Vec<AuthMethod>,
    /// How to learn who the connection is signed in as.
    pub identity: Option<IdentityRequest>,
    /// A cheap request that tells whether the credential works.
    pub test: TestRequest,
    /// What to tell a person about a failed request; the first that applies.
    #[serde(default)]
    pub troubleshooting: Vec<Advice>,
    /// A program of Hearthkey's own that serves this connector and is started when needed.
    pub program: Option<Program>,
}

/// Kinds of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Calendars.
    Calendar,
    /// Source code and what surrounds it.
    Code,
    /// Customers and deals.
    Crm,
    /// Shops.
    Commerce,
    /// Books and invoices.
    Accounting,
    /// Messages between people.
    Chat,
    /// Files.
    Files,
    /// Tables and databases.
    Data,
    /// Sign-in services.
    Identity,
    /// Payments.
    Payments,
    /// The sandbox.
    Demo,
}

impl Category {
    /// The word used in views.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Code => "code",
            Self::Crm => "crm",
            Self::Commerce => "commerce",
            Self::Accounting => "accounting",
            Self::Chat => "chat",
            Self::Files => "files",
            Self::Data => "data",
            Self::Identity => "identity",
            Self::Payments => "payments",
            Self::Demo => "demo",
        }
    }
}

/// Programs of Hearthkey's own that a connector may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The local provider simulator.
    Sandbox,
}

/// The API of a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where paths are appended.
    pub base: Address,
    /// Headers that every request carries. Never secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// An address: written in the manifest, or made from what a person or the service said.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "an https address was expected, or a table like { field = \"NAME\", path = \"/...\" }"
)]
pub enum Address {
    /// A fixed https address.
    Fixed(#[schemars(with = "String")] Url),
    /// The https address of one label, answered in a field, under a fixed domain.
    Under {
        /// The name of a field of kind `text`.
        field: String,
        /// The domain.
        under: String,
        /// What may stand between the label and the domain: the answer is then `label.between`.
        #[serde(default)]
        between: Vec<String>,
        /// Appended to the address.
        #[serde(default)]
        path: String,
    },
    /// The origin that the token reply named: the name of one of `reply_values`, with a path appended.
    Told {
        /// Its name.
        told: String,
        /// Appended to the origin.
        #[serde(default)]
        path: String,
    },
    /// The address in a field, with a path appended.
    Typed {
        /// The name of a field of kind `url`.
        field: String,
        /// Appended to the address.
        #[serde(default)]
        path: String,
    },
}

/// A way to sign in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthMethod {
    /// Identifier within the connector.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// One line under the title of the dialog.
    pub summary: Option<String>,
    /// How to get the credential, step by step.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What is asked. Fields of kind `secret` are sealed; the others belong to the connection.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Present for OAuth 2.0. Exactly one scheme is.
    pub oauth2: Option<OAuth2>,
    /// Present for keys that are sent as headers.
    pub api_key: Option<ApiKey>,
}

/// Keys that are sent as headers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Which field goes into which header.
    #[schemars(length(min = 1))]
    pub inject: Vec<Injection>,
}

/// Which field goes into which header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// The header.
    pub header: String,
    /// The secret field.
    pub field: String,
    /// What stands before it, as `Bearer `.
    #[serde(default)]
    pub prefix: String,
}

/// A step towards the credential.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What to do; `**bold**` marks what to look for.
    pub text: String,
    /// A link behind the text.
    pub link: Option<Link>,
}

/// A link.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its words.
    pub label: String,
    /// Its https address.
    #[schemars(with = "String")]
    pub url: Url,
}

/// Something that is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in this manifest.
    pub name: String,
    /// What a person reads above it.
    pub label: String,
    /// What is typed.
    pub kind: FieldKind,
    /// Whether it may be left empty.
    #[serde(default)]
    pub optional: bool,
    /// An example.
    pub placeholder: Option<String>,
    /// A line below it.
    pub help: Option<String>,
    /// A regular expression the whole answer must match, in the syntax that Rust and JavaScript share.
    pub pattern: Option<String>,
    /// What stands there from the start. Not for secrets.
    pub default: Option<String>,
}

/// What is typed into a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// An https address (http on a loopback address).
    Url,
    /// A secret; sealed, never shown.
    Secret,
}

/// Where a request goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestTemplate {
    /// The method; GET if left out.
    #[serde(default, deserialize_with = "method::deserialize")]
    #[schemars(with = "String")]
    pub method: Method,
    /// Path below the API's base. `{name}` stands for one of the connection's values.
    pub path: Option<String>,
    /// A fixed address elsewhere.
    #[schemars(with = "Option<String>")]
    pub url: Option<Url>,
    /// The userinfo endpoint of the authorization server.
    #[serde(default)]
    pub userinfo: bool,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<serde_json::Value>,
}

/// How to learn who the connection is signed in as. The three are expressions over `body`, the reply's JSON, and `values`, what
/// the connection knows besides its secrets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityRequest {
    /// The request.
    pub request: RequestTemplate,
    /// The account's identifier.
    pub external_id: Option<String>,
    /// The account's e-mail address.
    pub email: Option<String>,
    /// The account's name.
    pub name: Option<String>,
}

/// A cheap request that tells whether the credential works.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// The request.
    pub request: RequestTemplate,
    /// An expression over `status` and `body` that holds when the credential works; `status` between 200 and 299 if left out.
    pub works: Option<String>,
    /// An expression that gives a sentence for a credential that works.
    pub says: Option<String>,
}

/// What to tell a person about a failed request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// An expression over `status` and `body`.
    pub when: String,
    /// What happened, and what to do.
    pub say: String,
}

mod method {
    use http::Method;
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => Method::try_from(text.as_str()),
            _ => {
                return Err(D::Error::custom("GET, HEAD, POST, PUT, PATCH or DELETE was expected"));
            }
        }
        .map_err(D::Error::custom)
    }
}

impl AuthMethod {
    /// The headers that carry this method's credential, which nobody else may set.
    pub fn credential_headers(&self) -> impl Iterator<Item = &str> {
        let keys = self.api_key.iter().flat_map(|key| &key.inject).map(|injection| &injection.header);
        let token = self.oauth2.iter().filter_map(|oauth| oauth.access_token.as_ref()).map(|own| &own.header);
        keys.chain(token).map(String::as_str)
    }
}

impl Manifest {
    /// The method with this identifier, or the first one.
    #[must_use]
    pub fn method(&self, id: Option<&str>) -> Option<&AuthMethod> {
        match id {
            Some(id) => self.auth.iter().find(|method| method.id == id),
            None => self.auth.first(),
        }
    }

    /// The published JSON Schema of this format.
    #[must_use]
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}

#[cfg(test)]
mod tests;
