//! Credentials: the secret material of a connection.

use crate::Secret;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The secret material of one connection. One sealed object per version holds all of it, so that parts of different
/// versions cannot be mixed.
#[derive(Debug)]
pub enum Credential {
    /// An OAuth 2.0 token set.
    OAuth2(TokenSet),
    /// Named API keys, by the field names of the connector's form.
    Keys(BTreeMap<String, Secret>),
}

/// Tokens from a successful token response (RFC 6749 section 5.1).
#[derive(Debug)]
pub struct TokenSet {
    /// The access token.
    pub access_token: Secret,
    /// The refresh token, where the server gave one.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, absolute; `None` when the server did not say.
    pub expires_at: Option<Timestamp>,
    /// The scopes granted; those requested when the server named none (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    /// When the refresh token ends, where the reply said. Not part of what is sealed.
    pub refresh_ends_at: Option<Timestamp>,
    /// What the reply told of the connection besides. Not part of what is sealed.
    pub told: BTreeMap<String, String>,
}

impl TokenSet {
    /// How long before its end an access token counts as ended, so that it does not end on the way.
    pub const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

    /// Whether the access token has ended, or is about to, at `now`. One without a known end is tried until refused.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now.duration_until(end) <= Self::LEEWAY)
    }

    /// This reply, completed with the refresh token of the set it replaces where the server sent none: it then stays valid
    /// (RFC 6749 section 6).
    #[must_use]
    pub fn succeeding(mut self, previous: TokenSet) -> Self {
        if self.refresh_token.is_none() {
            self.refresh_token = previous.refresh_token;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(refresh: Option<&str>, end: Option<i64>) -> TokenSet {
        TokenSet {
            access_token: Secret::new("at"),
            refresh_token: refresh.map(Secret::new),
            expires_at: end.map(|s| Timestamp::from_second(s).unwrap()),
            scopes: vec![],
            refresh_ends_at: None,
            told: BTreeMap::new(),
        }
    }

    #[test]
    fn an_access_token_ends_a_little_early() {
        let now = Timestamp::from_second(1000).unwrap();
        for (end, expired) in [(None, false), (Some(900), true), (Some(1030), true), (Some(1031), false)] {
            assert_eq!(tokens(None, end).is_expired(now), expired, "{end:?}");
        }
    }

    #[test]
    fn a_reply_without_refresh_token_keeps_the_old_one() {
        let kept = tokens(None, None).succeeding(tokens(Some("old"), None));
        assert_eq!(kept.refresh_token.unwrap().expose(), "old");
        let rotated = tokens(Some("new"), None).succeeding(tokens(Some("old"), None));
        assert_eq!(rotated.refresh_token.unwrap().expose(), "new");
    }
}
