//! Connections: one authorized account of a connector in one workspace.

use crate::client::ClientChoice;
use crate::ids::{ConnectionId, WorkspaceId};
use crate::server::AuthorizationServer;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who the connection is signed in as, at the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account's identifier at the service, for detecting the same account twice.
    pub external_id: Option<String>,
    /// The account's e-mail address.
    pub email: Option<String>,
    /// The account's name.
    pub name: Option<String>,
}

impl Identity {
    /// The words after "Connected as": the e-mail address, else the name, else the identifier.
    #[must_use]
    pub fn display(&self) -> Option<&str> {
        self.email.as_deref().or(self.name.as_deref()).or(self.external_id.as_deref())
    }
}

/// How a connection is. The same words are used everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Status {
    /// It works, as far as is known.
    Active,
    /// Its credential ends soon and cannot be renewed without the person.
    Expiring,
    /// The provider no longer accepts it; the person has to sign in again.
    NeedsReconnect {
        /// One sentence with the reason.
        reason: String,
    },
    /// The last use failed for another reason.
    Error {
        /// One sentence with the last error.
        message: String,
    },
    /// Paused by the person.
    Paused,
    /// Disconnected; removed for good after a moment in which it can be restored.
    Deleting {
        /// When the removal becomes final.
        purge_after: Timestamp,
        /// How it was before, for the undo.
        before: Box<Status>,
        /// Whether the service is told nothing, because the sign-in lives on elsewhere.
        #[serde(default)]
        keep_sign_in: bool,
    },
}

impl Status {
    /// The word for this status, as in lists, JSON and the database's index.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::NeedsReconnect { .. } => "needs_reconnect",
            Self::Error { .. } => "error",
            Self::Paused => "paused",
            Self::Deleting { .. } => "deleting",
        }
    }

    /// The reason or last error, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NeedsReconnect { reason: text } | Self::Error { message: text } => Some(text),
            _ => None,
        }
    }
}

/// How the connection's OAuth tokens are renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthGrant {
    /// The server that issued the tokens.
    pub server: AuthorizationServer,
    /// The client they were issued to.
    pub client: ClientChoice,
    /// The scopes asked for.
    pub scopes_requested: Vec<String>,
    /// The scopes granted.
    pub scopes_granted: Vec<String>,
    /// When the access token ends, where known.
    pub expires_at: Option<Timestamp>,
    /// Whether a refresh token is held.
    pub renewable: bool,
}

/// One authorized account of a connector. Holds no secret: its credential is sealed in a row of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its identifier, kept over reconnects.
    pub id: ConnectionId,
    /// The workspace it belongs to.
    pub workspace: WorkspaceId,
    /// The connector's identifier.
    pub connector: String,
    /// The authentication method of the connector that was used.
    pub method: String,
    /// The name a person gave it, unique in the workspace.
    pub label: String,
    /// How it is.
    pub status: Status,
    /// Who it is signed in as.
    pub identity: Identity,
    /// Values that are this connection's own (a shop, an issuer), by the names of the connector's form.
    pub values: BTreeMap<String, String>,
    /// Present when the credential is an OAuth token set.
    pub oauth: Option<OAuthGrant>,
    /// What a person may see of the key, for connections with one.
    pub masked_key: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a request last went through it. Written lazily.
    pub last_used_at: Option<Timestamp>,
    /// When it was last tested.
    pub last_tested_at: Option<Timestamp>,
    /// When its tokens were last renewed.
    pub last_refreshed_at: Option<Timestamp>,
    /// Compare-and-swap version of this row.
    pub version: u64,
}

impl Connection {
    /// How long a disconnected connection can be restored.
    pub const UNDO: SignedDuration = SignedDuration::from_secs(30);

    /// Whether it may be used now: everything but paused and being removed. One that needs a reconnect or failed may still
    /// be tried, for the provider may have changed its mind.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !matches!(self.status, Status::Paused | Status::Deleting { .. })
    }
}

/// The longest label, in characters.
pub const LABEL_MAX: usize = 80;

/// A label with a number behind it, cut so that it stays one. Number 1 is the label itself.
#[must_use]
pub fn numbered_label(label: &str, number: u32) -> String {
    if number == 1 {
        return label.to_owned();
    }
    let behind = format!(" {number}");
    let room = LABEL_MAX.saturating_sub(behind.chars().count());
    let cut: String = label.chars().take(room).collect();
    format!("{}{behind}", cut.trim_end())
}

/// Why a text cannot be a label.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a name has 1 to {LABEL_MAX} characters, none of them control characters, and does not look like an identifier"
)]
pub struct LabelError;

/// A label as typed, trimmed and checked.
///
/// # Errors
/// [`LabelError`] when it is empty, too long, holds control characters, or would be taken for an identifier.
pub fn parse_label(text: &str) -> Result<String, LabelError> {
    let label = text.trim();
    let fine = (1..=LABEL_MAX).contains(&label.chars().count())
        && !label.chars().any(char::is_control)
        && !label.starts_with(ConnectionId::PREFIX);
    if fine { Ok(label.to_owned()) } else { Err(LabelError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_label_is_a_label() {
        assert_eq!(numbered_label("Work", 1), "Work");
        assert_eq!(numbered_label("Work", 12), "Work 12");
        let long = numbered_label(&"ö".repeat(LABEL_MAX), 100);
        assert!(long.ends_with("ö 100") && parse_label(&long).is_ok(), "{long}");
    }

    #[test]
    fn labels_are_trimmed_and_bounded() {
        assert_eq!(parse_label("  Work calendar ").unwrap(), "Work calendar");
        for bad in ["", "   ", "a\nb", "conn_01J", &"x".repeat(81)] {
            assert_eq!(parse_label(bad), Err(LabelError), "{bad:?}");
        }
    }
}
