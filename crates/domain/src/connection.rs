//! Connections: one authorized account of a connector in one workspace.

use crate::client::ClientChoice;
use crate::ids::{ConnectionId, WorkspaceId};
use crate::renewal::{CoolDown, ENDS_SOON, FailureClass, Renewal};
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
        /// What kind of end it was.
        #[serde(default = "grant_ended")]
        class: FailureClass,
    },
    /// The last use failed for another reason.
    Error {
        /// One sentence with the last error.
        message: String,
        /// What kind of failure it was.
        #[serde(default = "request_refused")]
        class: FailureClass,
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

/// Of rows that were written before there were classes.
fn grant_ended() -> FailureClass {
    FailureClass::GrantEnded
}

fn request_refused() -> FailureClass {
    FailureClass::RequestRefused
}

impl Status {
    /// What a failure of this class makes of a connection. `None` for one that passes: the connection stays as it is.
    #[must_use]
    pub fn failed(class: FailureClass, reason: String) -> Option<Self> {
        if class.ends_sign_in() {
            Some(Self::NeedsReconnect { reason, class })
        } else if class.needs_person() {
            Some(Self::Error { message: reason, class })
        } else {
            None
        }
    }

    /// Whether the provider no longer accepts the credential.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::NeedsReconnect { .. })
    }

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
            Self::NeedsReconnect { reason: text, .. } | Self::Error { message: text, .. } => Some(text),
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
    /// When they are renewed next.
    #[serde(default, skip_serializing_if = "Renewal::is_empty")]
    pub renewal: Renewal,
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

    /// Goes on with another client. One that failed because of its client is tried again.
    pub fn use_client(&mut self, client: ClientChoice) {
        let Some(grant) = &mut self.oauth else { return };
        grant.client = client;
        if grant.renewal.cool_down.as_ref().is_some_and(CoolDown::is_of_client) {
            grant.renewal.cool_down = None;
        }
        if matches!(self.status, Status::Error { class: FailureClass::ClientRefused, .. }) {
            self.status = Status::Active;
        }
    }

    /// When its tokens are renewed next; a time that is past where nothing was planned yet. `None` where there is nothing to
    /// renew, or only the person can. A paused connection is renewed only so that it does not die of it.
    #[must_use]
    pub fn refresh_at(&self) -> Option<Timestamp> {
        let renewal = &self.oauth.as_ref()?.renewal;
        match self.status {
            Status::Deleting { .. } | Status::NeedsReconnect { .. } => None,
            _ if renewal.obtained_at.is_none() => Some(Timestamp::UNIX_EPOCH),
            Status::Paused => renewal.keep_alive_at,
            _ => [renewal.refresh_at, renewal.keep_alive_at].into_iter().flatten().min(),
        }
    }

    /// Whether its tokens are to be renewed now, a cool-down aside: their time has come, or the clock was set back behind them.
    #[must_use]
    pub fn is_refresh_due(&self, now: Timestamp) -> bool {
        let untrusted =
            self.oauth.as_ref().is_some_and(|grant| grant.renewable && grant.renewal.is_from_the_future(now));
        self.refresh_at().is_some_and(|at| at <= now || untrusted)
    }

    /// It was used and works: what needed the person before is over.
    pub fn works_again(&mut self) {
        self.status = Status::Active;
        if let Some(grant) = &mut self.oauth
            && grant.renewal.cool_down.as_ref().is_some_and(CoolDown::needs_person)
        {
            grant.renewal.cool_down = None;
        }
    }

    /// Whether its credential ends soon and the person has to act before: it cannot be renewed, or what renews it ends.
    #[must_use]
    pub fn is_expiring(&self, now: Timestamp) -> bool {
        let Some(grant) = &self.oauth else { return false };
        let working = matches!(self.status, Status::Active | Status::Expiring);
        let ends = |end: Timestamp| now.duration_until(end) <= ENDS_SOON;
        working
            && if grant.renewable { grant.renewal.ends_soon(now) } else { grant.expires_at.is_some_and(ends) }
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

    #[test]
    fn rows_from_before_there_were_classes_are_read() {
        let read = |text: &str| serde_json::from_str::<Status>(text).unwrap();
        let ended = read(r#"{"status":"needs_reconnect","reason":"it was revoked"}"#);
        let class = FailureClass::GrantEnded;
        assert_eq!(ended, Status::NeedsReconnect { reason: "it was revoked".into(), class });
        let failed = read(r#"{"status":"error","message":"no"}"#);
        assert_eq!(failed, Status::Error { message: "no".into(), class: FailureClass::RequestRefused });
    }

    #[test]
    fn a_failure_that_passes_leaves_the_status_alone() {
        let words = FailureClass::ALL.map(|class| {
            let status = Status::failed(class, "why".into());
            (class.word(), status.as_ref().map(Status::word))
        });
        let (reconnect, error) = (Some("needs_reconnect"), Some("error"));
        assert_eq!(
            words,
            [
                ("grant_ended", reconnect),
                ("reply_lost", reconnect),
                ("not_renewable", reconnect),
                ("client_refused", error),
                ("request_refused", error),
                ("rate_limited", None),
                ("provider_trouble", None),
                ("unreachable", None),
                ("malformed", None),
                ("key_refused", reconnect),
            ]
        );
    }
}
