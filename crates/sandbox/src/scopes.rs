//! What a token may do: the scope values of RFC 6749 section 3.3 and their words on the consent page.

use serde::{Deserialize, Serialize};

/// One scope value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Profile,
    Events,
    Contacts,
    Messages,
    OfflineAccess,
}

impl Scope {
    pub(crate) const ALL: [Self; 5] =
        [Self::Profile, Self::Events, Self::Contacts, Self::Messages, Self::OfflineAccess];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Events => "events",
            Self::Contacts => "contacts",
            Self::Messages => "messages",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// What the person agrees to.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Profile => "See your name and e-mail address",
            Self::Events => "See your calendar",
            Self::Contacts => "See your contacts and add new ones",
            Self::Messages => "Read your messages and send messages as you",
            Self::OfflineAccess => "Stay connected while you are away",
        }
    }
}

/// A set of scope values in the order they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads the space-delimited parameter; absent means `profile`, an unknown value means `None`.
    pub(crate) fn parse(parameter: Option<&str>) -> Option<Self> {
        let mut scopes = Vec::new();
        for word in parameter.unwrap_or("profile").split_ascii_whitespace() {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Some(Self(scopes))
    }

    pub(crate) fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| self.contains(*scope))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// The value of the `scope` parameter.
    pub(crate) fn parameter(&self) -> String {
        self.0.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
    }
}
