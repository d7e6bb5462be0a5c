//! Credentials as bytes, on their way into and out of the vault. The only place where a credential's parts are written
//! out; the buffers are wiped.

use crate::Error;
use hearthkey_domain::Secret;
use hearthkey_domain::credential::{Credential, TokenSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use zeroize::{Zeroize, Zeroizing};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Written<'a> {
    Oauth2 {
        access_token: Cow<'a, str>,
        refresh_token: Option<Cow<'a, str>>,
        expires_at: Option<Timestamp>,
        scopes: Cow<'a, [String]>,
    },
    Keys {
        keys: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    },
}

impl<'a> Written<'a> {
    pub(crate) fn of(credential: &'a Credential) -> Self {
        match credential {
            Credential::OAuth2(tokens) => Written::Oauth2 {
                access_token: tokens.access_token.expose().into(),
                refresh_token: tokens.refresh_token.as_ref().map(|token| token.expose().into()),
                expires_at: tokens.expires_at,
                scopes: tokens.scopes.as_slice().into(),
            },
            Credential::Keys(keys) => Written::Keys {
                keys: keys.iter().map(|(name, key)| (name.as_str().into(), key.expose().into())).collect(),
            },
        }
    }

    pub(crate) fn into_credential(self) -> Credential {
        match self {
            Written::Oauth2 { access_token, refresh_token, expires_at, scopes } => {
                Credential::OAuth2(TokenSet {
                    access_token: take(access_token),
                    refresh_token: refresh_token.map(take),
                    expires_at,
                    scopes: scopes.into_owned(),
                    refresh_ends_at: None,
                    told: BTreeMap::new(),
                })
            }
            Written::Keys { keys } => {
                Credential::Keys(keys.into_iter().map(|(name, key)| (name.into_owned(), take(key))).collect())
            }
        }
    }
}

pub(crate) fn encode(credential: &Credential) -> Zeroizing<Vec<u8>> {
    let written = Written::of(credential);
    // Sized ahead, so that no growth leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    serde_json::to_writer(&mut *bytes, &written).expect("texts and times always serialize");
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Credential, Error> {
    let unreadable = |_| Error::Internal("a credential that opened could not be read");
    serde_json::from_slice::<Written<'_>>(bytes).map(Written::into_credential).map_err(unreadable)
}

/// A text as a secret; the text is wiped.
pub(crate) fn take(text: Cow<'_, str>) -> Secret {
    let mut text = text.into_owned();
    let secret = Secret::new(text.as_str());
    text.zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_survives_its_bytes() {
        let tokens = Credential::OAuth2(TokenSet {
            access_token: Secret::new("at"),
            refresh_token: Some(Secret::new("rt")),
            expires_at: Some(Timestamp::UNIX_EPOCH),
            scopes: vec!["a".into(), "b".into()],
            refresh_ends_at: None,
            told: BTreeMap::new(),
        });
        match decode(&encode(&tokens)) {
            Ok(Credential::OAuth2(read)) => {
                assert_eq!(read.access_token.expose(), "at");
                assert_eq!(read.refresh_token.unwrap().expose(), "rt");
                assert_eq!(read.expires_at, Some(Timestamp::UNIX_EPOCH));
                assert_eq!(read.scopes, ["a", "b"]);
            }
            other => panic!("{other:?}"),
        }
        let keys = Credential::Keys(BTreeMap::from([("key".to_owned(), Secret::new("k\"ö"))]));
        match decode(&encode(&keys)) {
            Ok(Credential::Keys(read)) => assert_eq!(read["key"].expose(), "k\"ö"),
            other => panic!("{other:?}"),
        }
        assert!(decode(b"{}").is_err());
    }
}
