//! What is the matter with a connection, in words and classes.

use hearthkey_core::refresh::ConnectionTrouble;
use hearthkey_domain::renewal::{FailureClass, Remedy};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is the matter with a connection, and what helps.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TroubleView {
    /// What kind of failure it is.
    pub class: TroubleClass,
    /// A few words, as over a paragraph.
    pub title: String,
    /// One sentence that stands alone.
    pub message: String,
    /// The same to stand under the title, which it does not repeat.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// The one thing that helps.
    pub remedy: RemedyWord,
    /// When it is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TroubleClass {
    /// The service ended the sign-in.
    GrantEnded,
    /// The answer to a renewal never arrived, and the service does not take the token again that was spent on it.
    ReplyLost,
    /// The access token is over, and there is no way to renew it.
    NotRenewable,
    /// The service does not accept the client.
    ClientRefused,
    /// The service refuses for another reason.
    RequestRefused,
    /// The service asks to slow down.
    RateLimited,
    /// The service has a problem of its own.
    ProviderTrouble,
    /// No answer.
    Unreachable,
    /// An answer that is none.
    Malformed,
    /// The service refuses the key.
    KeyRefused,
}

impl From<FailureClass> for TroubleClass {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::GrantEnded => Self::GrantEnded,
            FailureClass::ReplyLost => Self::ReplyLost,
            FailureClass::NotRenewable => Self::NotRenewable,
            FailureClass::ClientRefused => Self::ClientRefused,
            FailureClass::RequestRefused => Self::RequestRefused,
            FailureClass::RateLimited => Self::RateLimited,
            FailureClass::ProviderTrouble => Self::ProviderTrouble,
            FailureClass::Unreachable => Self::Unreachable,
            FailureClass::Malformed => Self::Malformed,
            FailureClass::KeyRefused => Self::KeyRefused,
        }
    }
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemedyWord {
    /// Sign in again.
    Reconnect,
    /// Correct the client's ID or secret.
    EditClient,
    /// Give another key.
    UpdateKey,
    /// Try again.
    TryAgain,
    /// Nothing: it is tried again by itself.
    Wait,
}

impl From<Remedy> for RemedyWord {
    fn from(remedy: Remedy) -> Self {
        match remedy {
            Remedy::Reconnect => Self::Reconnect,
            Remedy::EditClient => Self::EditClient,
            Remedy::UpdateKey => Self::UpdateKey,
            Remedy::TryAgain => Self::TryAgain,
            Remedy::Wait => Self::Wait,
        }
    }
}

impl From<ConnectionTrouble> for TroubleView {
    fn from(trouble: ConnectionTrouble) -> Self {
        let ConnectionTrouble { class, title, message, detail, hint, remedy, retry_at } = trouble;
        Self { class: class.into(), title, message, detail, hint, remedy: remedy.into(), retry_at }
    }
}
