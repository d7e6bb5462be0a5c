//! What a failed renewal means, and writing it down.

use super::trouble::lost_words;
use crate::oauth::TokenFailure;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::{Deed, Door};
use hearthkey_domain::authorization::ProviderError;
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::ports::{HttpError, SpentCredential};
use hearthkey_domain::renewal::{CoolDown, FailureClass};
use jiff::Timestamp;
use std::sync::Arc;

/// A renewal that failed.
pub(super) struct Failed {
    pub(super) class: FailureClass,
    /// The reason, to stand behind a colon.
    pub(super) detail: String,
    /// Until when the provider asks to wait.
    pub(super) asked: Option<Timestamp>,
    /// Whether the provider may have spent the token, and sent an answer that never arrived.
    pub(super) lost: bool,
}

impl Failed {
    pub(super) fn of(class: FailureClass, detail: String) -> Self {
        Self { class, detail, asked: None, lost: false }
    }
}

impl Hearthkey {
    /// The class of a failure, by the connector's own codes too.
    pub(super) fn class_of(&self, connection: &Connection, failure: &TokenFailure) -> FailureClass {
        let ended = self.refresh_rules(connection).map_or(&[][..], |rules| &rules.ended_codes);
        match failure {
            TokenFailure::Refused(error) => FailureClass::of_code(&error.code, ended),
            TokenFailure::Status(status, _) => FailureClass::of_status(status.as_u16()),
            TokenFailure::Malformed(_) => FailureClass::Malformed,
            TokenFailure::Http(HttpError::TooLarge { .. }) => FailureClass::Malformed,
            TokenFailure::Http(_) => FailureClass::Unreachable,
        }
    }

    /// What a failure comes to. `spent` is an earlier renewal of the same token whose answer is not there.
    pub(super) fn judged(
        &self,
        connection: &Connection,
        failure: TokenFailure,
        spent: Option<SpentCredential>,
    ) -> Failed {
        let name = self.connector_name(connection);
        let class = self.class_of(connection, &failure);
        let lost = may_have_spent(&failure);
        let asked = match &failure {
            TokenFailure::Status(_, asked) => *asked,
            _ => None,
        };
        match (class, spent) {
            (FailureClass::GrantEnded, Some(spent)) => {
                Failed { class: FailureClass::ReplyLost, detail: lost_words(&name, spent.at), asked, lost }
            }
            _ => Failed { class, detail: detail(&failure), asked, lost },
        }
    }

    /// Writes a failed renewal down - that this fails as well is not what the caller has to hear - and gives its error. Keeps
    /// everything.
    pub(super) async fn failed(
        self: &Arc<Self>,
        caller: &Caller,
        connection: &Connection,
        failed: Failed,
    ) -> Error {
        let Failed { class, detail, asked, lost } = failed;
        let (now, draw) = (self.now(), u32::from_ne_bytes(self.random()));
        let before = connection.oauth.as_ref().and_then(|grant| grant.renewal.cool_down.as_ref());
        let cool_down = CoolDown::after(before, class, detail.clone(), now, asked, draw);
        let trouble = self.trouble(connection, class, &detail, Some(cool_down.not_before));
        // One entry for a row of failures of one kind: a night without a network is no news every quarter of an hour.
        let news = before.is_none_or(|before| before.class != class);
        let entry =
            news.then(|| self.entry_for(caller, connection, Deed::RefreshFailed, trouble.message.clone()));
        let noted = self.amend(connection, entry, |connection| {
            if let Some(grant) = &mut connection.oauth {
                grant.renewal.cool_down = Some(cool_down.clone());
                if lost {
                    // Until then, asking again could end what still works.
                    grant.renewal.refresh_at = grant.expires_at;
                    grant.renewal.keep_alive_at = None;
                }
            }
            if let Some(status) = Status::failed(class, detail.clone())
                && connection.is_usable()
            {
                connection.status = status;
            }
        });
        match noted.await {
            // Whoever looks at the window sees it there.
            Ok(connection) if class.needs_person() && news && caller.door != Door::Desktop => {
                self.tell_person(&connection, &trouble);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "a failed refresh could not be written down");
            }
        }
        Error::Renewal(Box::new(trouble))
    }
}

/// Whether the provider may have done what it was asked though no tokens arrived. A gateway that gives up on its server does
/// not know either.
fn may_have_spent(failure: &TokenFailure) -> bool {
    match failure {
        TokenFailure::Refused(_) => false,
        TokenFailure::Status(status, _) => matches!(status.as_u16(), 502 | 504),
        TokenFailure::Malformed(_) => true,
        TokenFailure::Http(HttpError::Blocked { .. } | HttpError::Unreachable { .. }) => false,
        TokenFailure::Http(_) => true,
    }
}

/// Why, in the server's words where it has some.
fn detail(failure: &TokenFailure) -> String {
    match failure {
        TokenFailure::Refused(ProviderError { code, description: Some(words) }) => {
            format!("{} ({code})", words.trim().trim_end_matches('.'))
        }
        TokenFailure::Refused(ProviderError { code, .. }) if code == "invalid_grant" => {
            format!("it was revoked, or its time ran out ({code})")
        }
        TokenFailure::Refused(ProviderError { code, .. }) => code.clone(),
        TokenFailure::Status(status, _) => format!("status {}", status.as_u16()),
        TokenFailure::Malformed(expected) => format!("{expected} was expected"),
        TokenFailure::Http(error) => error.to_string(),
    }
}
