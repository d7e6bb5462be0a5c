//! A sign-in on its way: what is remembered between sending the browser off and its return (RFC 6749 section 4.1).
//!
//! The rules of the return live here: one use, ten minutes, the issuer of the flow (RFC 9207). The exchange of the code does
//! not; it is `core`'s.

mod answer;

use crate::client::ClientChoice;
use crate::ids::{AuthorizationId, ConnectionId, WorkspaceId};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
pub use answer::{Answer, DeviceGrant, LINK_SCHEME, Strategy, link_redirect, query_of_link, split_address};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A flow that was started here and has not ended. Stored, so that a restart between browser and return loses nothing. Its
/// secret is sealed in the same row: the `code_verifier` (RFC 7636), or the `device_code` (RFC 8628). Its `state` is stored as
/// a digest only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// Its identifier.
    pub id: AuthorizationId,
    /// The workspace that will own the connection.
    pub workspace: WorkspaceId,
    /// The connector.
    pub connector: String,
    /// The authentication method of the connector.
    pub method: String,
    /// The label the connection will have.
    pub label: Option<String>,
    /// The connection that is signed in anew, keeping its identifier, label and settings.
    pub reconnect: Option<ConnectionId>,
    /// Whether it is to become a connection of its own though the account is connected.
    #[serde(default)]
    pub second: bool,
    /// The person's answers to the connector's form.
    pub values: BTreeMap<String, String>,
    /// The server the flow began at; nothing in the return can change it.
    pub server: AuthorizationServer,
    /// The client it runs as.
    pub client: ClientChoice,
    /// How its answer comes back.
    pub answer: Answer,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// SHA-256 of `state`, base64url without padding.
    pub state_digest: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

impl PendingAuthorization {
    /// How long a person has to approve.
    pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

    /// Ends the wait with the browser's return, and gives what is to be exchanged. Consumes the flow: a `state` works once.
    ///
    /// # Errors
    /// [`ReturnRefused`] with the reason, which is shown to the person.
    pub fn accept(self, callback: Callback, now: Timestamp) -> Result<(Self, Accepted), ReturnRefused> {
        if now >= self.expires_at {
            return Err(ReturnRefused::Expired);
        }
        // RFC 9207 section 2.4: compared before anything else in the response is believed, errors included. A server
        // whose manifest names no issuer has nothing to be compared with.
        match &callback.iss {
            Some(iss) if !self.server.issuer.is_empty() && *iss != self.server.issuer => {
                return Err(ReturnRefused::WrongIssuer);
            }
            None if self.server.iss_required => return Err(ReturnRefused::WrongIssuer),
            _ => {}
        }
        let Callback { state, outcome, iss, further } = callback;
        match outcome {
            Ok(code) => Ok((self, Accepted { code, state, iss, further })),
            Err(error) if error.code == "access_denied" => Err(ReturnRefused::Denied),
            Err(error) => Err(ReturnRefused::Provider(error)),
        }
    }
}

/// A return that leads on.
#[derive(Debug)]
pub struct Accepted {
    /// The code to exchange.
    pub code: Secret,
    /// `state`, as it came.
    pub state: Secret,
    /// `iss`, where given.
    pub iss: Option<String>,
    /// What else the service sent.
    pub further: BTreeMap<String, String>,
}

/// Why a return from the browser did not lead on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReturnRefused {
    /// It came after ten minutes.
    #[error("this sign-in was started more than ten minutes ago")]
    Expired,
    /// The person chose not to approve.
    #[error("the sign-in was declined")]
    Denied,
    /// `iss` is not the issuer the flow began at (RFC 9207): the answer of another server.
    #[error("the answer came from another authorization server than the one that was asked")]
    WrongIssuer,
    /// It does not carry the signature that the service signs its answers with.
    #[error("the answer is not signed by the service, so nothing of it was used")]
    WrongSignature,
    /// It does not say what the connection needs, or says it of another host.
    #[error("{reason}")]
    Unusable {
        /// What is missing or wrong.
        reason: String,
    },
    /// The provider's own error.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// An error a provider reports (RFC 6749 sections 4.1.2.1 and 5.2). Both texts are bounded and free of control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}{}", if description.is_some() { ": " } else { "" }, description.as_deref().unwrap_or_default())]
pub struct ProviderError {
    /// The `error` code.
    pub code: String,
    /// The `error_description`, where given.
    pub description: Option<String>,
}

impl ProviderError {
    /// Takes a provider's words, cut to 200 characters and stripped of control characters: they are shown and logged.
    #[must_use]
    pub fn new(code: &str, description: Option<&str>) -> Self {
        let tame = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
        Self { code: tame(code), description: description.map(tame) }
    }
}

/// The parameters a browser returned with (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207).
#[derive(Debug)]
pub struct Callback {
    /// `state`, to find the flow by.
    pub state: Secret,
    /// The code, or the provider's error.
    pub outcome: Result<Secret, ProviderError>,
    /// `iss`, where given.
    pub iss: Option<String>,
    /// What else the service sent. Nothing of it is believed before it was looked at.
    pub further: BTreeMap<String, String>,
}

/// Why a query string is not the return of a flow.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackError {
    /// Longer than [`Callback::MAX_BYTES`].
    #[error("the address is too long")]
    TooLong,
    /// It leads elsewhere.
    #[error("the address is not one a sign-in returns to")]
    Elsewhere,
    /// A control character is in it.
    #[error("the address has a control character in it")]
    Control,
    /// A parameter is there twice (RFC 6749 section 3.1 forbids it).
    #[error("a parameter is there twice")]
    Duplicate,
    /// No `state`.
    #[error("state is missing")]
    NoState,
    /// Neither `code` nor `error`, or both.
    #[error("either code or error was expected")]
    NoOutcome,
}

impl Callback {
    /// The longest query string that is looked at.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Reads a query string, without the question mark.
    ///
    /// # Errors
    /// [`CallbackError`]; nothing was believed then.
    pub fn parse(query: &str) -> Result<Self, CallbackError> {
        if query.len() > Self::MAX_BYTES {
            return Err(CallbackError::TooLong);
        }
        let mut found = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if found.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(CallbackError::Duplicate);
            }
        }
        let mut take = |name: &str| found.remove(name).filter(|value| !value.is_empty());
        let state = take("state").map(Secret::new).ok_or(CallbackError::NoState)?;
        let outcome = match (take("code"), take("error")) {
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) => Err(ProviderError::new(&error, take("error_description").as_deref())),
            _ => return Err(CallbackError::NoOutcome),
        };
        let iss = take("iss");
        Ok(Self { state, outcome, iss, further: found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::Strategy;
    use proptest::prelude::*;
    use url::Url;

    fn pending(iss_required: bool) -> PendingAuthorization {
        let url = |text: &str| Url::parse(text).unwrap();
        PendingAuthorization {
            id: AuthorizationId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            workspace: WorkspaceId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            connector: "github".into(),
            method: "oauth".into(),
            label: None,
            reconnect: None,
            second: false,
            values: BTreeMap::new(),
            server: AuthorizationServer {
                issuer: "https://honest.example".into(),
                authorization_endpoint: url("https://honest.example/authorize"),
                token_endpoint: url("https://honest.example/token"),
                userinfo_endpoint: None,
                revocation_endpoint: None,
                device_authorization_endpoint: None,
                client_authentication: Default::default(),
                iss_required,
            },
            client: ClientChoice::Bundled { client_id: "hearthkey".into() },
            answer: Answer::Redirect {
                strategy: Strategy::Loopback,
                redirect_uri: url("http://127.0.0.1:1/oauth/callback"),
            },
            scopes: vec![],
            state_digest: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH + PendingAuthorization::LIFETIME,
        }
    }

    fn accept(iss_required: bool, query: &str, after: SignedDuration) -> Result<String, ReturnRefused> {
        let callback = Callback::parse(query).unwrap();
        pending(iss_required)
            .accept(callback, Timestamp::UNIX_EPOCH + after)
            .map(|(_, accepted)| accepted.code.expose().to_owned())
    }

    #[test]
    fn the_return_is_judged_by_the_flow_that_was_stored() {
        let soon = SignedDuration::from_secs(5);
        let wrong = Err(ReturnRefused::WrongIssuer);
        assert_eq!(accept(false, "state=s&code=c", soon), Ok("c".into()));
        assert_eq!(accept(false, "state=s&code=c&iss=https://honest.example", soon), Ok("c".into()));
        assert_eq!(accept(false, "state=s&code=c&iss=https://evil.example", soon), wrong);
        assert_eq!(accept(false, "state=s&code=c&iss=https://HONEST.example", soon), wrong, "byte for byte");
        assert_eq!(accept(true, "state=s&code=c", soon), wrong, "missing though promised");
        assert_eq!(accept(true, "state=s&error=access_denied", soon), wrong, "errors are held to it too");
        assert_eq!(accept(false, "state=s&error=access_denied", soon), Err(ReturnRefused::Denied));
        assert_eq!(
            accept(false, "state=s&code=c", PendingAuthorization::LIFETIME),
            Err(ReturnRefused::Expired)
        );
    }

    #[test]
    fn malformed_returns_are_named() {
        for (query, error) in [
            ("", CallbackError::NoState),
            ("code=c", CallbackError::NoState),
            ("state=s", CallbackError::NoOutcome),
            ("state=s&code=c&error=e", CallbackError::NoOutcome),
            ("state=s&code=a&code=b", CallbackError::Duplicate),
            ("state=s&state=s&code=a", CallbackError::Duplicate),
        ] {
            assert_eq!(Callback::parse(query).unwrap_err(), error, "{query}");
        }
        assert_eq!(Callback::parse(&"a".repeat(8193)).unwrap_err(), CallbackError::TooLong);
    }

    #[test]
    fn a_providers_words_are_tamed() {
        let error = ProviderError::new("bad\u{7}\r\ncode", Some(&"x".repeat(500)));
        assert_eq!(error.code, "badcode");
        assert_eq!(error.description.unwrap().len(), 200);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(query in ".{0,300}") {
            let _ = Callback::parse(&query);
        }
    }
}
