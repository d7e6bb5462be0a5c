//! Sign-ins as callers see them.

use crate::Problem;
use hearthkey_core::authorize::{Authorization, Delivered, FlowState};
use hearthkey_core::manifest::Outcome;
use hearthkey_domain::authorization::{Answer, DeviceGrant, Strategy};
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
    /// How the answer comes back.
    pub strategy: StrategyWord,
    /// The ways that could be tried instead.
    pub others: Vec<StrategyWord>,
    /// Where the browser goes; of a device, the browser the person has at hand.
    pub authorize_url: String,
    /// Where it returns to; none of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// What the person types where, of a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceView>,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Whether a browser was opened for it.
    pub browser_opened: bool,
    /// How far it is.
    pub state: AuthorizationState,
    /// The connection, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What was asked for and not granted, once that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<DeclinedView>,
    /// Why it failed, if it did; or why the vault is not open, if it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A scope that was asked for and not granted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeclinedView {
    /// Its name, as sent.
    pub name: String,
    /// What it is for; empty where the connector does not know it.
    pub reason: String,
}

impl From<Outcome> for DeclinedView {
    fn from(scope: Outcome) -> Self {
        Self { name: scope.name, reason: scope.reason }
    }
}

/// The code of a device, and where a person types it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeviceView {
    /// The code.
    pub user_code: String,
    /// Where it is typed.
    pub verification_uri: String,
    /// The same address with the code in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_uri_complete: Option<String>,
}

/// Ways in which the answer of a sign-in comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrategyWord {
    /// To a listener on this computer.
    Loopback,
    /// To the app's own address.
    DeepLink,
    /// To an https page that sends the browser on to the app.
    HttpsBounce,
    /// The person approves on any device.
    Device,
}

/// How far a sign-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationState {
    /// The browser has not returned; of a device, the person has not answered.
    Waiting,
    /// The answer is here, and goes on once Hearthkey is unlocked.
    WaitingForUnlock,
    /// The code is being exchanged.
    Exchanging,
    /// The connection is there.
    Connected,
    /// The account was connected before; that connection goes on, with the new tokens unless they may do less.
    AlreadyConnected,
    /// It failed.
    Failed,
    /// The person gave it up.
    Cancelled,
}

impl AuthorizationState {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Connected | Self::AlreadyConnected | Self::Failed | Self::Cancelled)
    }
}

/// What became of an address that the system handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveredView {
    /// What became of it.
    pub outcome: DeliveredWord,
    /// The same in a sentence.
    pub message: String,
}

/// What becomes of addresses that the system hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveredWord {
    /// It is the answer of a sign-in, which goes on.
    Accepted,
    /// It is the answer of a sign-in, which goes on once Hearthkey is unlocked.
    WaitingForUnlock,
    /// No sign-in waits for it; nothing was changed.
    NotExpected,
}

impl From<Strategy> for StrategyWord {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Loopback => Self::Loopback,
            Strategy::DeepLink => Self::DeepLink,
            Strategy::HttpsBounce => Self::HttpsBounce,
            Strategy::Device => Self::Device,
        }
    }
}

impl From<StrategyWord> for Strategy {
    fn from(word: StrategyWord) -> Self {
        match word {
            StrategyWord::Loopback => Self::Loopback,
            StrategyWord::DeepLink => Self::DeepLink,
            StrategyWord::HttpsBounce => Self::HttpsBounce,
            StrategyWord::Device => Self::Device,
        }
    }
}

impl From<DeviceGrant> for DeviceView {
    fn from(grant: DeviceGrant) -> Self {
        Self {
            user_code: grant.user_code,
            verification_uri: grant.verification_uri.into(),
            verification_uri_complete: grant.verification_uri_complete.map(String::from),
        }
    }
}

impl From<Delivered> for DeliveredView {
    fn from(delivered: Delivered) -> Self {
        let (outcome, message) = match delivered {
            Delivered::Accepted => (DeliveredWord::Accepted, "The sign-in goes on."),
            Delivered::WaitsForUnlock => {
                (DeliveredWord::WaitingForUnlock, "The sign-in goes on once Hearthkey is unlocked.")
            }
            Delivered::NotExpected => {
                (DeliveredWord::NotExpected, "This is not a sign-in that Hearthkey waits for.")
            }
        };
        Self { outcome, message: message.to_owned() }
    }
}

impl From<Authorization> for AuthorizationView {
    fn from(flow: Authorization) -> Self {
        let (state, connection, problem) = match flow.state {
            FlowState::Waiting => (AuthorizationState::Waiting, None, None),
            FlowState::WaitingForUnlock(why) => {
                (AuthorizationState::WaitingForUnlock, None, Some(why.into()))
            }
            FlowState::Exchanging => (AuthorizationState::Exchanging, None, None),
            FlowState::AlreadyConnected(id) => {
                (AuthorizationState::AlreadyConnected, Some(id.to_string()), None)
            }
            FlowState::Connected(id) => (AuthorizationState::Connected, Some(id.to_string()), None),
            FlowState::Failed(failure) => (AuthorizationState::Failed, None, Some(failure.into())),
            FlowState::Cancelled => (AuthorizationState::Cancelled, None, None),
        };
        let strategy = flow.answer.strategy().into();
        let (redirect_uri, device) = match flow.answer {
            Answer::Redirect { redirect_uri, .. } => (Some(redirect_uri.into()), None),
            Answer::Device(grant) => (None, Some(grant.into())),
        };
        Self {
            id: flow.id.to_string(),
            connector: flow.connector,
            strategy,
            others: flow.others.into_iter().map(StrategyWord::from).collect(),
            authorize_url: flow.authorize_url.into(),
            redirect_uri,
            device,
            declined: flow.declined.into_iter().map(DeclinedView::from).collect(),
            expires_at: flow.expires_at,
            browser_opened: flow.browser_opened,
            state,
            connection,
            problem,
        }
    }
}
