//! Sign-ins as callers see them.

use crate::Problem;
use hearthkey_core::authorize::{Authorization, FlowState};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sign-in and how far it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuthorizationView {
    /// `auth_…`
    pub id: String,
    /// The connector.
    pub connector: String,
    /// Where the browser goes.
    pub authorize_url: String,
    /// Where it returns to.
    pub redirect_uri: String,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Whether a browser was opened for it.
    pub browser_opened: bool,
    /// How far it is.
    pub state: AuthorizationState,
    /// The connection, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// How far a sign-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationState {
    /// The browser has not returned.
    Waiting,
    /// The code is being exchanged.
    Exchanging,
    /// The connection is there.
    Connected,
    /// It failed.
    Failed,
    /// The person gave it up.
    Cancelled,
}

impl From<Authorization> for AuthorizationView {
    fn from(flow: Authorization) -> Self {
        let (state, connection, problem) = match flow.state {
            FlowState::Waiting => (AuthorizationState::Waiting, None, None),
            FlowState::Exchanging => (AuthorizationState::Exchanging, None, None),
            FlowState::Connected(id) => (AuthorizationState::Connected, Some(id.to_string()), None),
            FlowState::Failed(failure) => (AuthorizationState::Failed, None, Some(failure.into())),
            FlowState::Cancelled => (AuthorizationState::Cancelled, None, None),
        };
        Self {
            id: flow.id.to_string(),
            connector: flow.connector,
            authorize_url: flow.authorize_url.into(),
            redirect_uri: flow.redirect_uri.into(),
            expires_at: flow.expires_at,
            browser_opened: flow.browser_opened,
            state,
            connection,
            problem,
        }
    }
}
