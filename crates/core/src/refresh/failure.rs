//! What a failed renewal means, and writing it down.

use super::trouble::lost_words;
use crate::oauth::{Refusal, TokenFailure};
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::{Deed, Door};
use hearthkey_domain::authorization::ProviderError;
use hearthkey_domain::connection::{Connection, OAuthGrant, Status};
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
    /// What a failure comes to. `spent` is an earlier renewal of the same token whose answer is not there.
    pub(super) fn judged(
        &self,
        connection: &Connection,
        failure: TokenFailure,
        spent: Option<SpentCredential>,
    ) -> Failed {
        let name = self.connector_name(connection);
        let class = failure.class();
        let lost = may_have_spent(&failure);
        let asked = failure.asks_to_wait();
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
        let used = connection.oauth.as_ref();
        let before = used.and_then(|grant| grant.renewal.cool_down.as_ref());
        let cool_down = CoolDown::after(before, class, detail.clone(), now, asked, draw);
        let trouble = self.trouble(connection, class, &detail, Some(cool_down.not_before));
        // One entry for a row of failures of one kind: a night without a network is no news every quarter of an hour.
        let known = class.ends_sign_in() && connection.status.is_over();
        let news = CoolDown::is_news(before, class) && !known;
        // Another client took the place of the one that was refused.
        let is_past = |connection: &Connection| {
            let client = |grant: Option<&OAuthGrant>| grant.map(|grant| grant.client.clone());
            class == FailureClass::ClientRefused && client(connection.oauth.as_ref()) != client(used)
        };
        let idle_days = self.refresh_rules(connection).and_then(|rules| rules.idle_days);
        let entry =
            news.then(|| self.entry_for(caller, connection, Deed::RefreshFailed, trouble.message.clone()));
        let noted = self.amend(connection, entry, |connection| {
            if is_past(connection) {
                return;
            }
            if let Some(grant) = &mut connection.oauth {
                grant.renewal.cool_down = Some(cool_down.clone());
                if lost {
                    // Until then, asking again could end what still works.
                    grant.renewal.refresh_at = grant.expires_at;
                    grant.renewal.keep_alive_at = grant.renewal.last_keep_alive(idle_days);
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
            Ok(connection)
                if class.needs_person() && news && caller.door != Door::Desktop && !is_past(&connection) =>
            {
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

/// Whether the provider may have done what it was asked though no tokens arrived. A server that fails without words does not
/// say, and a gateway that gives up on its server does not know either.
fn may_have_spent(failure: &TokenFailure) -> bool {
    match failure {
        TokenFailure::Refused(_) => false,
        TokenFailure::Status(status, _) => status.is_server_error(),
        TokenFailure::Malformed(_) => true,
        TokenFailure::Http(HttpError::Blocked { .. } | HttpError::Unreachable { .. }) => false,
        TokenFailure::Http(_) => true,
    }
}

/// Why, in the server's words where it has some.
fn detail(failure: &TokenFailure) -> String {
    match failure {
        TokenFailure::Refused(Refusal { error: ProviderError { code, description }, .. }) => {
            match description {
                Some(words) => format!("{} ({code})", words.trim().trim_end_matches('.')),
                None if code == "invalid_grant" => format!("it was revoked, or its time ran out ({code})"),
                None => code.clone(),
            }
        }
        TokenFailure::Status(status, _) => format!("status {}", status.as_u16()),
        TokenFailure::Malformed(expected) => format!("{expected} was expected"),
        TokenFailure::Http(error) => error.to_string(),
    }
}
