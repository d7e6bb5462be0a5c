//! What is the matter with a connection, in words: one place for window, command line and API.

use crate::Hearthkey;
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::renewal::{FailureClass, Remedy};
use jiff::Timestamp;

/// What is the matter with a connection, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionTrouble {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// A few words, as over a paragraph.
    pub title: String,
    /// One sentence that stands alone, without its full stop.
    pub message: String,
    /// The same to stand under the title, which it does not repeat.
    pub detail: String,
    /// What to do, in one sentence or two.
    pub hint: String,
    /// The one thing that helps.
    pub remedy: Remedy,
    /// When it is tried again by itself.
    pub retry_at: Option<Timestamp>,
}

/// How a connection stands: what no row says, for it depends on the time.
#[derive(Debug, Clone, Default)]
pub struct Outlook {
    /// Whether it ends soon, and the person has to act before.
    pub expiring: bool,
    /// What is the matter with it.
    pub trouble: Option<ConnectionTrouble>,
    /// When its tokens are renewed next.
    pub next_refresh_at: Option<Timestamp>,
}

impl Hearthkey {
    /// How a connection stands.
    #[must_use]
    pub fn outlook(&self, connection: &Connection) -> Outlook {
        let now = self.now();
        let renewal = connection.oauth.as_ref().filter(|grant| grant.renewable).map(|grant| &grant.renewal);
        let planned = renewal.filter(|renewal| renewal.obtained_at.is_some());
        let next = planned.and_then(|renewal| {
            let held = renewal.held(now).map(|held| held.not_before);
            connection.refresh_at().map(|at| held.map_or(at, |held| at.max(held)))
        });
        Outlook {
            expiring: connection.is_expiring(now),
            trouble: self.present_trouble(connection, now),
            next_refresh_at: next,
        }
    }

    fn present_trouble(&self, connection: &Connection, now: Timestamp) -> Option<ConnectionTrouble> {
        let cool_down = connection.oauth.as_ref().and_then(|grant| grant.renewal.cool_down.as_ref());
        let retry_at =
            cool_down.filter(|cool_down| cool_down.holds(now)).map(|cool_down| cool_down.not_before);
        match (&connection.status, cool_down) {
            (Status::Deleting { .. }, _) => None,
            (Status::NeedsReconnect { reason, class }, _) => {
                let class = if connection.oauth.is_none() { FailureClass::KeyRefused } else { *class };
                Some(self.trouble(connection, class, reason, None))
            }
            (_, Some(cool_down)) => {
                Some(self.trouble(connection, cool_down.class, &cool_down.message, retry_at))
            }
            // A test failed, or the service refuses the access token that was renewed.
            (Status::Error { message, class }, None) => Some(ConnectionTrouble {
                title: "The last try failed".to_owned(),
                message: message.clone(),
                detail: sentence(message),
                hint: "Test it again; if that fails too, reconnect.".to_owned(),
                ..self.trouble(connection, *class, message, None)
            }),
            _ => None,
        }
    }

    /// Why sign-ins end at the service, where its manifest says.
    fn ended_says(&self, connection: &Connection) -> Option<&str> {
        self.refresh_rules(connection)?.ended_says.as_deref().map(str::trim)
    }

    /// What a manifest advises about a credential that the service refuses.
    fn advice(&self, connection: &Connection) -> Option<String> {
        let manifest = self.catalog.get(&connection.connector)?;
        hearthkey_connectors::reply::advice(manifest, 401, &serde_json::Value::Null)
    }

    /// Why a sign-in that the service ended is over, and what to do. One that cannot be renewed was refused at use.
    fn ended_hint(&self, connection: &Connection) -> String {
        let again = "Reconnect to sign in again.";
        let at_use = connection.oauth.as_ref().is_some_and(|grant| !grant.renewable);
        if let Some(advice) = self.advice(connection).filter(|_| at_use) {
            return advice;
        }
        self.ended_says(connection).map_or_else(|| again.to_owned(), |says| format!("{says} {again}"))
    }

    /// The words for a failure of a class. `detail` is the reason, to stand behind a colon.
    pub(crate) fn trouble(
        &self,
        connection: &Connection,
        class: FailureClass,
        detail: &str,
        retry_at: Option<Timestamp>,
    ) -> ConnectionTrouble {
        let (name, label) = (self.connector_name(connection), &connection.label);
        let again = "Reconnect to sign in again.";
        let detail = detail.trim().trim_end_matches('.');
        let (title, message, hint) = match class {
            FailureClass::GrantEnded => (
                format!("{name} ended the sign-in"),
                format!("{name} ended the sign-in of {label}: {detail}"),
                self.ended_hint(connection),
            ),
            FailureClass::ReplyLost => (
                "The answer to a renewal was lost".to_owned(),
                format!("{label} cannot be renewed: {detail}"),
                again.to_owned(),
            ),
            FailureClass::NotRenewable => (
                "The sign-in has run out".to_owned(),
                format!("{label} cannot be used any more: {detail}, and {name} gave no way to renew it"),
                again.to_owned(),
            ),
            FailureClass::ClientRefused => (
                format!("{name} does not accept the client"),
                format!("{name} does not accept the client of {label}: {detail}"),
                "Check the client ID and client secret against the service's page for your client."
                    .to_owned(),
            ),
            FailureClass::RequestRefused => (
                format!("{name} refused to renew the sign-in"),
                format!("{name} refused to renew {label}: {detail}"),
                "Try again. If it is refused again, reconnect.".to_owned(),
            ),
            FailureClass::RateLimited => (
                format!("{name} asks to slow down"),
                format!("{name} asks to slow down before it renews {label}"),
                "Nothing has to be done: it is tried again by itself.".to_owned(),
            ),
            FailureClass::ProviderTrouble => (
                format!("{name} has a problem of its own"),
                format!("{name} has a problem of its own and could not renew {label}: {detail}"),
                "Nothing has to be done: it is tried again by itself.".to_owned(),
            ),
            FailureClass::Unreachable => (
                format!("{name} cannot be reached"),
                format!("{label} could not be renewed: {detail}"),
                "Check the network, then try again.".to_owned(),
            ),
            FailureClass::Malformed => (
                format!("{name} did not answer as expected"),
                format!("{name} did not answer as expected when it was to renew {label}: {detail}"),
                "Try again. A network that asks to sign in first answers in the place of others.".to_owned(),
            ),
            FailureClass::KeyRefused => (
                format!("{name} refuses the key"),
                format!("{name} refuses the key of {label}: {detail}"),
                self.advice(connection).unwrap_or_else(|| "Give the connection a key that works.".to_owned()),
            ),
        };
        let detail = match class {
            FailureClass::NotRenewable => format!("{name} gave no way to renew it"),
            FailureClass::RateLimited | FailureClass::ProviderTrouble | FailureClass::RequestRefused
                if detail.starts_with("status ") =>
            {
                format!("It answered with {detail}")
            }
            _ => sentence(detail),
        };
        let retry_at = retry_at.filter(|_| !class.ends_sign_in());
        ConnectionTrouble { class, title, message, detail, hint, remedy: class.remedy(), retry_at }
    }
}

/// A reason as a sentence: a code alone is quoted, and the name of a host keeps its letters.
fn sentence(reason: &str) -> String {
    let first = reason.split(' ').next().unwrap_or_default();
    if first.len() == reason.len() && !reason.is_empty() {
        return format!("It said: {reason}");
    }
    if first.contains('.') {
        return reason.to_owned();
    }
    let mut letters = reason.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Why a sign-in is over whose renewal was never answered.
pub(super) fn lost_words(connector: &str, at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%d %H:%M UTC");
    format!(
        "the answer to the last renewal ({at}) never arrived, and {connector} does not take the earlier token any more"
    )
}
