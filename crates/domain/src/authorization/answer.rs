//! How the answer to a sign-in comes back, and what it looks like when it does.

use super::CallbackError;
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// How the browser's answer comes back, or that no browser of this computer is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// To a listener on this computer (RFC 8252 section 7.3).
    Loopback,
    /// To the app's own address scheme (RFC 8252 section 7.1).
    DeepLink,
    /// To an https page that sends the browser on to the app.
    HttpsBounce,
    /// The person approves on any device (RFC 8628).
    Device,
}

impl Strategy {
    /// The word for it, as in every door.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::DeepLink => "deep_link",
            Self::HttpsBounce => "https_bounce",
            Self::Device => "device",
        }
    }
}

/// How one flow's answer comes back. Part of the seal of its secret, but for the pace of the polls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Answer {
    /// The browser brings it.
    Redirect {
        /// By which way.
        strategy: Strategy,
        /// The exact redirect that was asked for.
        redirect_uri: Url,
    },
    /// The token endpoint is asked for it, again and again.
    Device(DeviceGrant),
}

/// What the person is told of a device grant (RFC 8628 section 3.2), and how often is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// What the person types.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: Url,
    /// The same with the code in it.
    pub verification_uri_complete: Option<Url>,
    /// How many seconds lie between two polls. Grows when the server asks for it.
    pub interval: u32,
}

impl DeviceGrant {
    /// Seconds between two polls where the server names none (RFC 8628 section 3.2).
    pub const INTERVAL: u32 = 5;
    /// What `slow_down` adds to them (RFC 8628 section 3.5).
    pub const SLOW_DOWN: u32 = 5;
    /// The most seconds between two polls, whatever the server asks for.
    pub const INTERVAL_MAX: u32 = 5 * 60;
}

impl Answer {
    /// By which way it comes.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::Redirect { strategy, .. } => *strategy,
            Self::Device(_) => Strategy::Device,
        }
    }

    /// The redirect that was asked for, where there is one.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<&Url> {
        match self {
            Self::Redirect { redirect_uri, .. } => Some(redirect_uri),
            Self::Device(_) => None,
        }
    }

    /// Whether an address without its query is where this answer comes back: exactly the redirect; for what ends at the app,
    /// the app's own address too.
    #[must_use]
    pub fn comes_back_at(&self, address: &str) -> bool {
        match self {
            Self::Redirect { strategy, redirect_uri } => {
                let at_the_app = matches!(strategy, Strategy::DeepLink | Strategy::HttpsBounce);
                address == redirect_uri.as_str() || (at_the_app && LINKS.contains(&address))
            }
            Self::Device(_) => false,
        }
    }
}

/// The text that is sealed with the flow's secret.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect { strategy: Strategy::Loopback, redirect_uri } => {
                writeln!(f, "redirect {redirect_uri}")
            }
            Self::Redirect { strategy, redirect_uri } => {
                writeln!(f, "redirect {redirect_uri} by {}", strategy.word())
            }
            Self::Device(device) => writeln!(f, "device {} {}", device.verification_uri, device.user_code),
        }
    }
}

/// The app's address scheme; there is no other.
pub const LINK_SCHEME: &str = "app.hearthkey";
/// The one address of that scheme that means anything, and what some browsers make of it.
const LINKS: [&str; 2] = ["app.hearthkey:/oauth/callback", "app.hearthkey:///oauth/callback"];

/// The redirect of [`Strategy::DeepLink`].
#[must_use]
pub fn link_redirect() -> Option<Url> {
    Url::parse(LINKS[0]).ok()
}

/// The query of an address that the system handed to the app.
///
/// # Errors
/// [`CallbackError`] for anything but the one address with a query; nothing was believed then.
pub fn query_of_link(address: &str) -> Result<&str, CallbackError> {
    let (at, query) = split_address(address)?;
    match at {
        Some(at) if LINKS.contains(&at) => Ok(query),
        _ => Err(CallbackError::Elsewhere),
    }
}

/// An address in its two parts, without what follows a `#`: where it leads, if it says so, and its query. A query alone may be
/// given with or without its question mark.
///
/// # Errors
/// [`CallbackError::TooLong`], or [`CallbackError::Control`] when there is a control character in it, written out or encoded.
pub fn split_address(address: &str) -> Result<(Option<&str>, &str), CallbackError> {
    if address.len() > super::Callback::MAX_BYTES {
        return Err(CallbackError::TooLong);
    }
    if address.chars().any(char::is_control) {
        return Err(CallbackError::Control);
    }
    let address = address.split('#').next().unwrap_or_default();
    let (at, query) = match address.split_once('?') {
        Some((at, query)) => (at, query),
        // `name=value` is a query; what leads somewhere has none.
        None if address.split('=').next().is_some_and(|name| name.contains(':')) => (address, ""),
        None => ("", address),
    };
    let encoded = url::form_urlencoded::parse(query.as_bytes());
    if encoded.into_iter().any(|(name, value)| name.chars().chain(value.chars()).any(char::is_control)) {
        return Err(CallbackError::Control);
    }
    Ok((Some(at).filter(|at| !at.is_empty()), query))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::Strategy;
    use proptest::prelude::*;

    #[test]
    fn one_address_is_a_link_and_nothing_else() {
        for (address, query) in [
            ("app.hearthkey:/oauth/callback?code=c&state=s", Ok("code=c&state=s")),
            ("app.hearthkey:///oauth/callback?code=c", Ok("code=c")),
            ("app.hearthkey:/oauth/callback?code=c#_=_", Ok("code=c")),
            ("app.hearthkey:/oauth/callback", Ok("")),
            ("APP.hearthkey:/oauth/callback?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey://oauth/callback?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey://user@host/oauth/callback?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey:/oauth/callback/?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey:/oauth/../oauth/callback?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey:/oauth%2Fcallback?code=c", Err(CallbackError::Elsewhere)),
            ("app.hearthkey:/anything", Err(CallbackError::Elsewhere)),
            ("http://127.0.0.1:4242/oauth/callback?code=c", Err(CallbackError::Elsewhere)),
            ("code=c&state=s", Err(CallbackError::Elsewhere)),
            ("", Err(CallbackError::Elsewhere)),
            ("app.hearthkey:/oauth/callback?code=c%00&state=s", Err(CallbackError::Control)),
            ("app.hearthkey:/oauth/callback?code=c%0d%0aHost:x", Err(CallbackError::Control)),
            ("app.hearthkey:/oauth/call\tback?code=c", Err(CallbackError::Control)),
        ] {
            assert_eq!(query_of_link(address), query, "{address:?}");
        }
        let long = format!("app.hearthkey:/oauth/callback?code={}", "c".repeat(8192));
        assert_eq!(query_of_link(&long), Err(CallbackError::TooLong));
    }

    #[test]
    fn an_answer_comes_back_where_it_was_asked_to() {
        let at = |strategy, redirect: &str| Answer::Redirect {
            strategy,
            redirect_uri: Url::parse(redirect).unwrap(),
        };
        let loopback = at(Strategy::Loopback, "http://127.0.0.1:4242/oauth/callback");
        let bounce = at(Strategy::HttpsBounce, "https://gateway.example/oauth/bounce");
        assert!(loopback.comes_back_at("http://127.0.0.1:4242/oauth/callback"));
        assert!(!loopback.comes_back_at("http://127.0.0.1:4243/oauth/callback"));
        assert!(!loopback.comes_back_at("app.hearthkey:/oauth/callback"));
        assert!(bounce.comes_back_at("https://gateway.example/oauth/bounce"));
        assert!(bounce.comes_back_at("app.hearthkey:/oauth/callback"));
        assert!(!bounce.comes_back_at("https://gateway.example/oauth/bounce/"));
        let link = Answer::Redirect { strategy: Strategy::DeepLink, redirect_uri: link_redirect().unwrap() };
        assert!(link.comes_back_at("app.hearthkey:///oauth/callback"));
        assert_eq!(link.to_string(), "redirect app.hearthkey:/oauth/callback by deep_link\n");
        assert_eq!(loopback.to_string(), "redirect http://127.0.0.1:4242/oauth/callback\n");
    }

    #[test]
    fn what_is_pasted_is_an_address_or_a_query() {
        for (pasted, parts) in [
            (
                "http://127.0.0.1:1/oauth/callback?code=c",
                (Some("http://127.0.0.1:1/oauth/callback"), "code=c"),
            ),
            ("?code=c&state=s", (None, "code=c&state=s")),
            ("code=c&state=s", (None, "code=c&state=s")),
            ("https://id.example/start", (Some("https://id.example/start"), "")),
            ("iss=https://id.example&code=c", (None, "iss=https://id.example&code=c")),
        ] {
            assert_eq!(split_address(pasted), Ok(parts), "{pasted}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_panic(text in ".{0,300}") {
            let _ = query_of_link(&text);
        }
    }
}
