//! The two people who have an account here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One of the sandbox's accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Account {
    Anna,
    Ben,
}

impl Account {
    pub(crate) const ALL: [Self; 2] = [Self::Anna, Self::Ben];

    /// The account whose e-mail or subject `hint` is; Anna otherwise.
    pub(crate) fn hinted(hint: Option<&str>) -> Self {
        hint.and_then(Self::find).unwrap_or(Self::Anna)
    }

    /// The account whose e-mail or subject this is.
    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|account| account.email().eq_ignore_ascii_case(text) || account.subject() == text)
    }

    /// `sub` in the words of OpenID Connect.
    pub(crate) fn subject(self) -> &'static str {
        match self {
            Self::Anna => "acc_anna",
            Self::Ben => "acc_ben",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anna => "Anna Nord",
            Self::Ben => "Ben Ost",
        }
    }

    pub(crate) fn email(self) -> &'static str {
        match self {
            Self::Anna => "anna@studio-nord.example",
            Self::Ben => "ben@ost.example",
        }
    }

    /// The name in ids and in `preferred_username`.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Anna => "anna",
            Self::Ben => "ben",
        }
    }

    /// The claims of OpenID Connect Core section 5.1 that the sandbox knows.
    pub(crate) fn claims(self) -> Value {
        json!({
            "sub": self.subject(),
            "name": self.name(),
            "email": self.email(),
            "email_verified": true,
            "preferred_username": self.short(),
        })
    }
}
