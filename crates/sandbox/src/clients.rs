//! The two registered clients, their redirect URIs, and client authentication (RFC 6749 section 2.3).

use crate::parameters::{Parameters, decode_one};
use crate::secret::Sha256Of;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A registered client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Client {
    /// Public: no secret.
    #[serde(rename = "hearthkey")]
    Hearthkey,
    /// Confidential: authenticates with `client_secret_basic` or `client_secret_post`.
    #[serde(rename = "hearthkey-confidential")]
    HearthkeyConfidential,
}

/// Why a client was not authenticated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientRefusal {
    /// Contradicting or missing parameters: `invalid_request`.
    Malformed(&'static str),
    /// Unknown client or wrong secret: `invalid_client`.
    Unauthenticated(&'static str),
}

impl Client {
    pub(crate) fn find(id: &str) -> Option<Self> {
        [Self::Hearthkey, Self::HearthkeyConfidential].into_iter().find(|client| client.id() == id)
    }

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Hearthkey => "hearthkey",
            Self::HearthkeyConfidential => "hearthkey-confidential",
        }
    }

    fn secret(self) -> Option<&'static str> {
        match self {
            Self::Hearthkey => None,
            Self::HearthkeyConfidential => Some("sandbox-secret"),
        }
    }

    /// Authenticates the sender of a form, by Basic, by `client_secret`, or by `client_id` alone when public.
    pub(crate) fn authenticate(headers: &HeaderMap, form: &Parameters) -> Result<Self, ClientRefusal> {
        let basic = match headers.get(header::AUTHORIZATION) {
            Some(_) => Some(
                basic(headers)
                    .ok_or(ClientRefusal::Unauthenticated("The Authorization header is not Basic."))?,
            ),
            None => None,
        };
        let (id, secret) = match basic {
            Some(_) if form.get("client_secret").is_some() => {
                return Err(ClientRefusal::Malformed("The client authenticated in two ways."));
            }
            Some((id, _)) if form.get("client_id").is_some_and(|other| other != id) => {
                return Err(ClientRefusal::Malformed("client_id differs from the Authorization header."));
            }
            Some((id, secret)) => (id, Some(secret).filter(|secret| !secret.is_empty())),
            None => {
                let id = form.get("client_id").ok_or(ClientRefusal::Malformed("client_id is missing."))?;
                (id.to_owned(), form.get("client_secret").map(str::to_owned))
            }
        };
        let client =
            Self::find(&id).ok_or(ClientRefusal::Unauthenticated("The client is not registered."))?;
        // Hashes are compared, so that the time taken says nothing about the secret.
        match (client.secret().map(Sha256Of::new), secret.map(Sha256Of::new)) {
            (None, None) => Ok(client),
            (Some(expected), Some(given)) if expected == given => Ok(client),
            (Some(_), Some(_)) => Err(ClientRefusal::Unauthenticated("The client secret is wrong.")),
            (Some(_), None) => Err(ClientRefusal::Unauthenticated("This client must authenticate.")),
            (None, Some(_)) => {
                Err(ClientRefusal::Unauthenticated("This client is public and has no secret."))
            }
        }
    }

    /// The client that a request says it is from, whether or not it proves it. For the journal.
    pub(crate) fn claimed(headers: &HeaderMap, parameters: &Parameters) -> Option<&'static str> {
        let id =
            basic(headers).map(|(id, _)| id).or_else(|| parameters.get("client_id").map(str::to_owned))?;
        Some(Self::find(&id).map_or("(unregistered)", Self::id))
    }
}

/// Whether `uri` is registered, for both clients alike: one loopback path at any port (RFC 8252 section 7.3), and
/// one private-use scheme (section 7.1).
pub(crate) fn is_registered_redirect(uri: &str) -> bool {
    if uri == "app.hearthkey:/oauth/callback" {
        return true;
    }
    ["http://127.0.0.1", "http://[::1]"].iter().any(|origin| {
        let Some(rest) = uri.strip_prefix(origin).and_then(|rest| rest.strip_suffix("/oauth/callback"))
        else {
            return false;
        };
        let digits = rest.strip_prefix(':').unwrap_or("");
        rest.is_empty()
            || (digits.parse::<u16>().is_ok_and(|port| port > 0)
                && digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// Identifier and secret of a Basic header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((decode_one(id), decode_one(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_matched_by_whole_text() {
        for uri in [
            "app.hearthkey:/oauth/callback",
            "http://127.0.0.1:1/oauth/callback",
            "http://127.0.0.1/oauth/callback",
            "http://[::1]:65535/oauth/callback",
        ] {
            assert!(is_registered_redirect(uri), "{uri}");
        }
        for uri in [
            "https://127.0.0.1:1/oauth/callback",
            "http://localhost:1/oauth/callback",
            "http://127.0.0.1:1/oauth/callback?x=1",
            "http://127.0.0.1:1/oauth/callback/",
            "http://127.0.0.1:1@evil.example/oauth/callback",
            "http://127.0.0.1:65536/oauth/callback",
            "http://127.0.0.1:+80/oauth/callback",
            "http://127.0.0.1.evil.example/oauth/callback",
            "app.hearthkey://oauth/callback",
            "app.hearthkey:/oauth/callback#x",
        ] {
            assert!(!is_registered_redirect(uri), "{uri}");
        }
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let mut headers = HeaderMap::new();
        let encoded = STANDARD.encode("hearthkey%2Dconfidential:sandbox%2Dsecret");
        headers.insert(header::AUTHORIZATION, format!("Basic {encoded}").parse().unwrap());
        let client = Client::authenticate(&headers, &Parameters::default());
        assert_eq!(client, Ok(Client::HearthkeyConfidential));
    }
}
