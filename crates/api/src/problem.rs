//! Problem details (RFC 9457): the one mapping from errors to what callers see, the same at every door.

use crate::words::words;
use hearthkey_core::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

words! {
    /// What a caller can act on.
    ProblemKind of ErrorKind {
        /// The input has to be changed.
        InvalidInput,
        /// There is no such thing.
        NotFound,
        /// It changed at the same time, or a name is taken.
        Conflict,
        /// It is not allowed now, or not to this caller.
        PermissionDenied,
        /// The person has to sign in again.
        ReauthorizationRequired,
        /// The provider refused.
        ProviderRejected,
        /// The provider asks to slow down.
        RateLimited,
        /// The provider cannot be reached or has a problem of its own.
        UpstreamUnavailable,
        /// The keychain is missing, locked or silent.
        KeychainUnavailable,
        /// The vault key is lost or another vault's.
        KeyLost,
        /// Hearthkey is locked.
        Locked,
        /// Another process owns the profile.
        ProfileInUse,
        /// The profile was written by a newer Hearthkey.
        IncompatibleProfile,
        /// A fault of Hearthkey's own.
        Internal,
    }
}

impl ProblemKind {
    /// The word for it, as in `type`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().0
    }

    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidInput => ("invalid_input", 400, "Something in the input has to be changed"),
            Self::NotFound => ("not_found", 404, "There is no such thing"),
            Self::Conflict => ("conflict", 409, "It was changed meanwhile, or the name is taken"),
            Self::PermissionDenied => ("permission_denied", 403, "This is not allowed"),
            Self::ReauthorizationRequired => ("reauthorization_required", 409, "The sign-in has ended"),
            Self::ProviderRejected => ("provider_rejected", 502, "The service refused"),
            Self::RateLimited => ("rate_limited", 429, "The service asks to slow down"),
            Self::UpstreamUnavailable => ("upstream_unavailable", 503, "The service cannot be reached"),
            Self::KeychainUnavailable => ("keychain_unavailable", 503, "The keychain is not available"),
            Self::KeyLost => ("key_lost", 500, "The vault key does not open this"),
            Self::Locked => ("locked", 423, "Hearthkey is locked"),
            Self::ProfileInUse => ("profile_in_use", 409, "Another process owns the profile"),
            Self::IncompatibleProfile => {
                ("incompatible_profile", 409, "A newer Hearthkey wrote this profile")
            }
            Self::Internal => ("internal", 500, "A fault in Hearthkey"),
        }
    }
}

/// What every `type` begins with.
const URN: &str = "urn:hearthkey:problem:";

/// A problem (RFC 9457). Never carries a secret, nor the value of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// `urn:hearthkey:problem:` and the kind, or a finer word where there are other words or another button for it.
    #[serde(rename = "type")]
    pub uri: String,
    /// What a caller can act on.
    pub kind: ProblemKind,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the person can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of a kind, with its sentences.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: Option<String>, hint: Option<String>) -> Self {
        let (word, status, title) = kind.row();
        Self { uri: format!("{URN}{word}"), kind, title: title.to_owned(), status, detail, hint }
    }

    /// The same problem under a finer word, if there is one.
    #[must_use]
    fn finer(mut self, word: Option<&str>) -> Self {
        if let Some(word) = word {
            self.uri = format!("{URN}{word}");
        }
        self
    }

    /// A problem with one field of the input.
    #[must_use]
    pub fn input(field: &str, expected: &str) -> Self {
        Self::new(ProblemKind::InvalidInput, Some(format!("{field}: {expected}")), None)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = ProblemKind::from(error.kind());
        // What is Hearthkey's own fault is for the log, not for callers.
        let detail = match kind {
            ProblemKind::Internal => {
                tracing::error!(%error, "a verb failed");
                matches!(error, Error::NoRedirect { .. } | Error::Store(_)).then(|| error.to_string())
            }
            _ => Some(error.to_string()),
        };
        Self::new(kind, detail, error.hint()).finer(error.word())
    }
}

impl From<hearthkey_core::Failure> for Problem {
    fn from(failure: hearthkey_core::Failure) -> Self {
        Self::new(failure.kind.into(), Some(failure.message), failure.hint).finer(failure.word)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or(&self.title))
    }
}

impl std::error::Error for Problem {}
