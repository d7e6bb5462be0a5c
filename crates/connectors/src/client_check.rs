//! Whether a service knows a client, judged by what it answers to an authorization request that nobody goes on with.
//!
//! Services refuse an unknown client or redirect at once: by an error page, by a redirect to one, or by the redirect back with
//! an error (RFC 6749 section 4.1.2.1). What is right leads to a page where a person signs in.

use hearthkey_domain::renewal::CLIENT_CODES;
use url::Url;

/// What the answer says of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing is wrong as far as it can be seen.
    Fine,
    /// The service does not know the client.
    UnknownClient,
    /// The service knows the client and not the redirect.
    UnknownRedirect,
    /// The service refuses for another reason.
    Refused,
    /// The answer says nothing.
    Unclear,
}

/// Words by which services name a client they do not know, besides its error codes.
const CLIENT: &[&str] = &["unknown client", "invalid client", "no registered client_id"];

/// Words by which services name a redirect they do not know.
const REDIRECT: &[&str] = &[
    "redirect_uri_mismatch",
    "invalid_redirect_uri",
    "bad_redirect_uri",
    "redirect_uri did not match",
    "invalid redirect",
    "redirect uri is not",
    "redirect_uri is not",
];

/// Errors of a client that is right: the person would have to do something.
const OF_THE_PERSON: &[&str] = &[
    "access_denied",
    "login_required",
    "consent_required",
    "interaction_required",
    "account_selection_required",
];

/// The most of a page that is looked at, in bytes.
const LOOKED_AT: usize = 256 * 1024;

/// Judges the answer to an authorization request: its status, where it redirects to, and its page.
#[must_use]
pub fn judge(status: u16, location: Option<&str>, page: &[u8]) -> Judgement {
    match (status, location) {
        (300..=399, Some(location)) => judge_redirect(location),
        // Errors of the server, limits, and pages that keep programs out.
        (403 | 408 | 425 | 429 | 500..=599, _) => Judgement::Unclear,
        _ => {
            let text = String::from_utf8_lossy(&page[..page.len().min(LOOKED_AT)]).to_lowercase();
            match (named(&text), status) {
                (Some(found), _) => found,
                (None, 200..=299) => Judgement::Fine,
                (None, 404) => Judgement::UnknownClient,
                (None, 400 | 401 | 422) => Judgement::Refused,
                _ => Judgement::Unclear,
            }
        }
    }
}

fn judge_redirect(location: &str) -> Judgement {
    // Where it leads does not matter, so that a relative address may be read against anything.
    let Ok(url) = Url::parse("https://service.example").and_then(|base| base.join(location)) else {
        return Judgement::Unclear;
    };
    let query = url.query().unwrap_or_default();
    let parts = [query, url.fragment().unwrap_or_default()];
    let pairs = parts.iter().flat_map(|part| url::form_urlencoded::parse(part.as_bytes()));
    let mut error = None;
    for (name, value) in pairs {
        // A page's address may carry the request itself, and with it the redirect and the client.
        match name.as_ref() {
            "error" => error = Some(value.to_lowercase()),
            "authError" => error = Some(String::from_utf8_lossy(&from_base64(&value)).to_lowercase()),
            _ => {}
        }
    }
    match error {
        Some(code) if OF_THE_PERSON.contains(&code.as_str()) => Judgement::Fine,
        Some(code) => named(&code).unwrap_or(Judgement::Refused),
        None => Judgement::Fine,
    }
}

fn named(text: &str) -> Option<Judgement> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(REDIRECT) {
        Some(Judgement::UnknownRedirect)
    } else if has(CLIENT) || has(&CLIENT_CODES) {
        Some(Judgement::UnknownClient)
    } else {
        None
    }
}

/// The bytes of a text in base64 of either alphabet; what is no digit is left out. Google hides its error's name in one.
fn from_base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    });
    let digits: Vec<u8> = digits.take(LOOKED_AT).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let word = four.iter().fold(0_u32, |word, digit| word << 6 | u32::from(*digit));
        let word = word << (6 * (4 - four.len()));
        word.to_be_bytes().into_iter().skip(1).take(four.len().saturating_sub(1))
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn services_refuse_in_their_own_ways() {
        use Judgement::{Fine, Refused, Unclear, UnknownClient, UnknownRedirect};
        // Google's: a redirect to a page whose address has the error's name within base64.
        let google = "https://accounts.google.com/signin/oauth/error?authError=\
                      ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSFnNvbWV0aGluZw%3D%3D&client_id=x";
        for (status, location, page, judgement) in [
            (302, Some("https://accounts.example/signin?continue=1"), "", Fine),
            (302, Some("/login?client_id=x&return_to=%2Foauth%2Fauthorize%3Fredirect_uri%3Dx"), "", Fine),
            (302, Some("http://127.0.0.1:1/oauth/callback?error=login_required&state=s"), "", Fine),
            (302, Some("http://127.0.0.1:1/oauth/callback?error=unauthorized_client"), "", UnknownClient),
            (302, Some("http://127.0.0.1:1/oauth/callback?error=redirect_uri_mismatch"), "", UnknownRedirect),
            (302, Some("app.hearthkey:/oauth/callback#error=invalid_scope"), "", Refused),
            (303, Some(google), "", UnknownRedirect),
            (302, Some("https://["), "", Unclear),
            (302, None, "", Unclear),
            (200, None, "<h1>Sign in</h1>", Fine),
            (200, None, "<p>Error: invalid_client</p>", UnknownClient),
            (
                400,
                None,
                "{\"error\":\"invalid_request\",\"error_description\":\"redirect_uri did not match any registered\"}",
                UnknownRedirect,
            ),
            (401, None, "{\"error\":\"invalid_client\"}", UnknownClient),
            (400, None, "no", Refused),
            (404, None, "Not found", UnknownClient),
            (403, None, "invalid_client?", Unclear),
            (429, None, "", Unclear),
            (503, None, "", Unclear),
        ] {
            assert_eq!(judge(status, location, page.as_bytes()), judgement, "{status} {location:?} {page}");
        }
    }

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [("aGk=", "hi"), ("aGkh", "hi!"), ("", ""), ("YQ", "a"), ("a", "")] {
            assert_eq!(from_base64(text), bytes.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_judged(status in 0_u16..700, location in ".{0,80}", page in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = judge(status, Some(&location), &page);
            let _ = judge(status, None, &page);
            let _ = from_base64(&location);
        }
    }
}
