//! Connections as callers see them: status, identity and dates, never a secret.

use super::{ActivityView, TroubleView};
use hearthkey_core::Hearthkey;
use hearthkey_core::connections::TestReport;
use hearthkey_core::manifest::{Outcome, ScopeState, outcomes};
use hearthkey_domain::connection::{Connection, Identity, Status};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The connections.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionList {
    /// By label.
    pub connections: Vec<ConnectionView>,
    /// Where the next page begins, if there may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A connection with its newest history.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionDetail {
    /// The connection.
    pub connection: ConnectionView,
    /// Its history, newest first.
    pub activity: Vec<ActivityView>,
}

/// One authorized account of a service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionView {
    /// `conn_…`
    pub id: String,
    /// The name a person gave it.
    pub label: String,
    /// The service.
    pub connector: ConnectorMark,
    /// How it signs in.
    pub method: MethodMark,
    /// How it is.
    pub status: StatusWord,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who it is signed in as.
    pub identity: IdentityView,
    /// What it may do.
    pub scopes: ScopesView,
    /// The hosts its credential may go to.
    pub hosts: Vec<String>,
    /// The person's answers to the service's form.
    pub values: BTreeMap<String, String>,
    /// What may be seen of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_key: Option<String>,
    /// When the access token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it renews itself.
    pub renewable: bool,
    /// When it is renewed next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_refresh_at: Option<Timestamp>,
    /// What is the matter with it, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a request last went through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When it was last tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tested_at: Option<Timestamp>,
    /// When its tokens were last renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refreshed_at: Option<Timestamp>,
    /// When its removal becomes final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_after: Option<Timestamp>,
}

/// A service, as far as a row needs it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectorMark {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its mark.
    pub icon: String,
    /// Its category.
    pub category: String,
}

/// How a connection signs in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MethodMark {
    /// The method's identifier.
    pub id: String,
    /// Its scheme.
    pub kind: MethodKind,
}

/// Authentication schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// OAuth 2.0.
    Oauth2,
    /// Keys.
    ApiKey,
}

/// How a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// It works, as far as is known.
    Active,
    /// Its credential ends soon.
    Expiring,
    /// The person has to sign in again.
    NeedsReconnect,
    /// The last use failed.
    Error,
    /// Paused by the person.
    Paused,
    /// Being removed; can be restored.
    Deleting,
}

impl StatusWord {
    /// The word, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::NeedsReconnect => "needs_reconnect",
            Self::Error => "error",
            Self::Paused => "paused",
            Self::Deleting => "deleting",
        }
    }
}

/// Who a connection is signed in as.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct IdentityView {
    /// The words after "Connected as".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The account's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The account's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account's identifier at the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        let display = identity.display().map(str::to_owned);
        Self { display, email: identity.email, name: identity.name, external_id: identity.external_id }
    }
}

/// What a connection may do.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScopesView {
    /// What was asked for.
    pub requested: Vec<String>,
    /// What was granted.
    pub granted: Vec<String>,
    /// Each scope that the service knows, and what came of it; then what is granted besides.
    pub each: Vec<ScopeOutcomeView>,
}

/// A scope, and what came of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScopeOutcomeView {
    /// Its name, as sent.
    pub name: String,
    /// What it is for; empty where the connector does not know it.
    pub reason: String,
    /// What came of it.
    pub state: ScopeWord,
}

/// What came of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeWord {
    /// It was granted.
    Granted,
    /// It was asked for and not granted.
    Declined,
    /// It was not asked for.
    NotAsked,
    /// It was granted, and the connector does not know it.
    Extra,
}

impl From<Outcome> for ScopeOutcomeView {
    fn from(scope: Outcome) -> Self {
        let state = match scope.state {
            ScopeState::Granted => ScopeWord::Granted,
            ScopeState::Declined => ScopeWord::Declined,
            ScopeState::NotAsked => ScopeWord::NotAsked,
            ScopeState::Extra => ScopeWord::Extra,
        };
        Self { name: scope.name, reason: scope.reason, state }
    }
}

impl ConnectorMark {
    /// The mark of a service, whether or not this Hearthkey knows it.
    #[must_use]
    pub fn of(app: &Hearthkey, id: &str) -> Self {
        let manifest = app.catalog().get(id);
        Self {
            id: id.to_owned(),
            name: manifest.map_or_else(|| id.to_owned(), |m| m.name.clone()),
            icon: manifest.map(|m| m.icon.clone()).unwrap_or_default(),
            category: manifest.map(|m| m.category.word().to_owned()).unwrap_or_default(),
        }
    }
}

/// What a test found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TestView {
    /// Whether the credential works.
    pub ok: bool,
    /// One sentence: what was found.
    pub message: String,
    /// What to do, for one that does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Who it is signed in as, where the test tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityView>,
    /// The status the service answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// When it was tested.
    pub tested_at: Timestamp,
}

impl From<TestReport> for TestView {
    fn from(report: TestReport) -> Self {
        Self {
            ok: report.ok,
            message: report.message,
            hint: report.hint,
            identity: report.identity.map(IdentityView::from),
            http_status: report.http_status,
            tested_at: report.tested_at,
        }
    }
}

/// The reply to a request through a connection. At most one of `text` and `blob` is there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ResponseView {
    /// The label of the connection that was used.
    pub connection: String,
    /// The status code.
    pub status: u16,
    /// Names and values of the headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text of moderate size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `blob_…`, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
}

impl ConnectionView {
    /// The view of a connection.
    pub async fn of(app: &Hearthkey, connection: Connection) -> Self {
        let hosts = app.hosts(&connection).await;
        let outlook = app.outlook(&connection);
        let manifest = app.catalog().get(&connection.connector);
        let connector = ConnectorMark::of(app, &connection.connector);
        let rules = manifest.and_then(|m| m.method(Some(&connection.method))?.oauth2.as_ref());
        let kind = if connection.oauth.is_some() { MethodKind::Oauth2 } else { MethodKind::ApiKey };
        let reason = connection.status.reason().map(str::to_owned);
        let (status, purge_after) = match connection.status {
            Status::Active | Status::Expiring if outlook.expiring => (StatusWord::Expiring, None),
            Status::Active | Status::Expiring => (StatusWord::Active, None),
            Status::NeedsReconnect { .. } => (StatusWord::NeedsReconnect, None),
            Status::Error { .. } => (StatusWord::Error, None),
            Status::Paused => (StatusWord::Paused, None),
            Status::Deleting { purge_after, .. } => (StatusWord::Deleting, Some(purge_after)),
        };
        let (scopes, expires_at, renewable) = match connection.oauth {
            Some(grant) => {
                let (requested, granted) = (grant.scopes_requested, grant.scopes_granted);
                let each = outcomes(rules, &requested, &granted, grant.renewable);
                let each = each.into_iter().map(ScopeOutcomeView::from).collect();
                let scopes = ScopesView { requested, granted, each };
                (scopes, grant.expires_at, grant.renewable)
            }
            None => (ScopesView::default(), None, false),
        };
        Self {
            id: connection.id.to_string(),
            label: connection.label,
            connector,
            method: MethodMark { id: connection.method, kind },
            status,
            reason,
            identity: connection.identity.into(),
            scopes,
            hosts,
            values: connection.values,
            masked_key: connection.masked_key,
            expires_at,
            renewable,
            next_refresh_at: outlook.next_refresh_at,
            trouble: outlook.trouble.map(TroubleView::from),
            created_at: connection.created_at,
            last_used_at: connection.last_used_at,
            last_tested_at: connection.last_tested_at,
            last_refreshed_at: connection.last_refreshed_at,
            purge_after,
        }
    }
}
