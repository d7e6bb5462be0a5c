//! What a token request that brought no tokens comes to.

use super::ActingClient;
use crate::Error;
use crate::tokens::without_any;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::ProviderError;
use hearthkey_domain::ports::HttpError;
use hearthkey_domain::renewal::FailureClass;
use http::StatusCode;
use jiff::Timestamp;

/// Why a token request brought no tokens.
#[derive(Debug)]
pub(crate) enum TokenFailure {
    /// The server's own error (RFC 6749 section 5.2), under whatever status.
    Refused(Refusal),
    /// A status without a readable error, and until when to wait, where it says.
    Status(StatusCode, Option<Timestamp>),
    /// A success that is not a token response.
    Malformed(&'static str),
    /// No reply.
    Http(HttpError),
}

/// A server's own error.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Its words, without the secrets of the request.
    pub(crate) error: ProviderError,
    /// What it comes to, by the service's own codes too.
    pub(crate) class: FailureClass,
    /// Until when to wait, where it says.
    pub(crate) until: Option<Timestamp>,
}

impl TokenFailure {
    /// What kind of failure it is.
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Refused(refusal) => refusal.class,
            Self::Status(status, _) => FailureClass::of_status(status.as_u16()),
            Self::Malformed(_) | Self::Http(HttpError::TooLarge { .. }) => FailureClass::Malformed,
            Self::Http(_) => FailureClass::Unreachable,
        }
    }

    /// Until when the server asks to wait.
    pub(crate) fn asks_to_wait(&self) -> Option<Timestamp> {
        match self {
            Self::Refused(Refusal { until, .. }) | Self::Status(_, until) => *until,
            Self::Malformed(_) | Self::Http(_) => None,
        }
    }

    /// The error of a verb that needed the tokens.
    pub(crate) fn into_error(self, connector: &str) -> Error {
        let (connector, class) = (connector.to_owned(), self.class());
        match self {
            Self::Refused(Refusal { until, .. }) | Self::Status(_, until)
                if class == FailureClass::RateLimited =>
            {
                Error::RateLimited { connector, until }
            }
            Self::Refused(Refusal { error, .. }) => Error::Provider { connector, error, class },
            Self::Status(status, _) if class == FailureClass::ProviderTrouble => {
                Error::ProviderTrouble { connector, status: status.as_u16() }
            }
            Self::Status(status, _) if class == FailureClass::RequestRefused => {
                let error = ProviderError::new(&format!("status {}", status.as_u16()), None);
                Error::Provider { connector, error, class }
            }
            Self::Status(status, _) => Error::Malformed {
                connector,
                expected: format!("a token response, and not status {}", status.as_u16()),
            },
            Self::Malformed(expected) => Error::Malformed { connector, expected: expected.to_owned() },
            Self::Http(error) => Error::Http(error),
        }
    }
}

impl ActingClient {
    /// The server's error as it is handed on: of a class, and without `secrets` and the client's own.
    pub(super) fn refusal(
        &self,
        status: StatusCode,
        (code, description): (&str, Option<&str>),
        secrets: &[&Secret],
        until: Option<Timestamp>,
    ) -> Refusal {
        // A status that passes says more than the code under it.
        let class = match FailureClass::of_status(status.as_u16()) {
            passing @ (FailureClass::RateLimited | FailureClass::ProviderTrouble) => passing,
            _ => self.dialect.codes().class(code),
        };
        let pair = self.credentials_pair();
        let clean = |text: &str| {
            let secrets = secrets.iter().copied().chain(&self.client_secret).chain(&pair);
            String::from_utf8_lossy(&without_any(secrets, text.as_bytes())).into_owned()
        };
        let error = ProviderError::new(&clean(code), description.map(clean).as_deref());
        Refusal { error, class, until }
    }
}
