//! Building requests: addresses and headers, never secrets.

use crate::manifest::{Manifest, RequestTemplate};
use hearthkey_domain::egress::{EgressError, EgressPolicy};
use hearthkey_domain::server::AuthorizationServer;
use std::collections::BTreeMap;
use url::Url;

/// Why no request can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The path would lead elsewhere than below the API's base.
    #[error("a path below {base} was expected, beginning with / and without .. or another host")]
    PathLeaves {
        /// The API's base.
        base: String,
    },
    /// The manifest's address needs an answer that is not there.
    #[error("the address of the API is not known: a field of the connection is empty")]
    NoBase,
    /// The path needs a value that is not there.
    #[error("the connection does not know {name}, which the address needs")]
    NoValue {
        /// The value's name.
        name: String,
    },
    /// The request needs a userinfo endpoint, and the server has none.
    #[error("the authorization server has no userinfo endpoint")]
    NoUserinfo,
    /// A header that only Hearthkey may set, or that cannot be sent.
    #[error("the header {name} cannot be set")]
    Header {
        /// Its name.
        name: String,
    },
}

/// The base of the connector's API for a connection.
///
/// # Errors
/// [`RequestError::NoBase`].
pub fn api_base(manifest: &Manifest, values: &BTreeMap<String, String>) -> Result<Url, RequestError> {
    manifest.api.base.resolve(values).ok_or(RequestError::NoBase)
}

/// The address of a path below `base`. Whatever the path says, the result has the base's origin and lies below its path.
///
/// # Errors
/// [`RequestError::PathLeaves`].
pub fn below(base: &Url, path: &str) -> Result<Url, RequestError> {
    let refuse = || RequestError::PathLeaves { base: base.to_string() };
    let lowered = path.to_ascii_lowercase();
    let escapes = ["\\", "%2e", "%5c", "%00"].iter().any(|bad| lowered.contains(bad));
    let before_query = path.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/')
        || path.starts_with("//")
        || escapes
        || path.contains('#')
        || path.chars().any(|c| c.is_control() || c == ' ')
        || before_query.split('/').any(|part| part == ".." || part == ".")
    {
        return Err(refuse());
    }
    let stem = base.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{stem}{path}")).map_err(|_| refuse())?;
    let inside = url.origin() == base.origin() && url.path().starts_with(base.path().trim_end_matches('/'));
    if inside { Ok(url) } else { Err(refuse()) }
}

/// The address a manifest's request goes to.
///
/// # Errors
/// [`RequestError`] when an answer or an endpoint is missing.
pub fn template_address(
    manifest: &Manifest,
    template: &RequestTemplate,
    values: &BTreeMap<String, String>,
    server: Option<&AuthorizationServer>,
) -> Result<Url, RequestError> {
    let mut url = match (&template.path, &template.url) {
        (Some(path), _) => below(&api_base(manifest, values)?, &filled(path, values)?)?,
        (None, Some(url)) => url.clone(),
        (None, None) => server.and_then(|s| s.userinfo_endpoint.clone()).ok_or(RequestError::NoUserinfo)?,
    };
    if !template.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&template.query);
    }
    Ok(url)
}

/// A path with `{name}` replaced by the connection's values, each as one segment of it.
fn filled(path: &str, values: &BTreeMap<String, String>) -> Result<String, RequestError> {
    let mut parts = path.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value = values.get(name).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| RequestError::NoValue { name: name.to_owned() })?;
        filled.extend(url::form_urlencoded::byte_serialize(value.as_bytes()).map(|bytes| match bytes {
            "+" => "%20",
            other => other,
        }));
        filled.push_str(rest);
    }
    Ok(filled)
}

/// The names that stand between braces in a path.
pub(crate) fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).map(|part| part.split_once('}').map_or(part, |(name, _)| name))
}

/// Headers that a caller's own request may not set: they carry the credential, frame the message, name the host, or would hide
/// an echo.
const RESERVED: &[&str] = &[
    // A compressed or partial reply could not be looked through for an echo of the credential.
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Checks a caller's own header.
///
/// # Errors
/// [`RequestError::Header`] when it is reserved, one the connector injects, or cannot be sent.
pub fn caller_header(
    name: &str,
    value: &str,
    injected: &[&str],
) -> Result<(http::HeaderName, http::HeaderValue), RequestError> {
    let refuse =
        || RequestError::Header { name: name.chars().filter(|c| !c.is_control()).take(60).collect() };
    let header = http::HeaderName::try_from(name).map_err(|_| refuse())?;
    let text = header.as_str();
    if RESERVED.contains(&text)
        || text.starts_with("x-forwarded-")
        || text.starts_with("x-http-method")
        || injected.iter().any(|own| own.eq_ignore_ascii_case(text))
    {
        return Err(refuse());
    }
    Ok((header, http::HeaderValue::try_from(value).map_err(|_| refuse())?))
}

/// The hosts a connection's credential may go to: its API, its authorization server's token endpoints, and the fixed
/// addresses of the manifest's requests. Private addresses are allowed only where a person typed the address and every host
/// is that one.
///
/// # Errors
/// [`EgressError`] when one of them could never be allowed.
pub fn egress_policy(
    manifest: &Manifest,
    base: &Url,
    server: Option<&AuthorizationServer>,
) -> Result<EgressPolicy, EgressError> {
    let identity = manifest.identity.iter().map(|identity| &identity.request);
    let fixed = identity.chain([&manifest.test.request]).filter_map(|request| request.url.as_ref());
    let all: Vec<&Url> = std::iter::once(base)
        .chain(server.into_iter().flat_map(AuthorizationServer::token_endpoints))
        .chain(fixed)
        .collect();
    let one_origin = all.iter().all(|url| url.origin() == base.origin());
    EgressPolicy::new(all, manifest.api.base.is_typed() && one_origin)
}

/// The hosts that a sign-in may reach before the service has named its API, where it does; else those of the connection.
///
/// # Errors
/// [`EgressError`] when one of them could never be allowed.
pub fn flow_policy(
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
    server: &AuthorizationServer,
) -> Result<EgressPolicy, EgressError> {
    match api_base(manifest, values) {
        Ok(base) if !manifest.api.base.is_told() => egress_policy(manifest, &base, Some(server)),
        _ => EgressPolicy::new(server.token_endpoints(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://www.googleapis.com/calendar/v3").unwrap()
    }

    #[test]
    fn paths_stay_below_the_base() {
        for (path, address) in [
            ("/users/me", Some("https://www.googleapis.com/calendar/v3/users/me")),
            ("/search?q=a/../b", Some("https://www.googleapis.com/calendar/v3/search?q=a/../b")),
            ("/a%20b", Some("https://www.googleapis.com/calendar/v3/a%20b")),
            ("users/me", None),
            ("//evil.example/", None),
            ("/\\evil.example", None),
            ("/../drive/v3", None),
            ("/a/%2e%2e/%2E%2e/drive", None),
            ("https://evil.example/", None),
            ("@evil.example/", None),
            ("/a\r\nHost: evil.example", None),
            ("/a#b", None),
            ("", None),
        ] {
            assert_eq!(below(&base(), path).ok().map(String::from).as_deref(), address, "{path:?}");
        }
    }

    #[test]
    fn a_value_is_one_segment_of_a_path() {
        let path = |value: &str| {
            let values = [("realm".to_owned(), value.to_owned())].into();
            filled("/v3/company/{realm}/info/{realm}", &values)
        };
        assert_eq!(path("91").unwrap(), "/v3/company/91/info/91");
        assert_eq!(path("a/b?c#d e").unwrap(), "/v3/company/a%2Fb%3Fc%23d%20e/info/a%2Fb%3Fc%23d%20e");
        assert!(below(&base(), &path("..").unwrap()).is_err());
        assert_eq!(path("").unwrap_err(), RequestError::NoValue { name: "realm".into() });
    }

    #[test]
    fn callers_do_not_set_what_is_hearthkeys() {
        for name in ["Host", "authorization", "X-Forwarded-For", "X-HTTP-Method-Override", "X-Key", "a b", ""]
        {
            assert!(caller_header(name, "x", &["X-Key"]).is_err(), "{name}");
        }
        assert!(caller_header("X-Good", "a\r\nb", &[]).is_err());
        assert!(caller_header("Idempotency-Key", "7", &[]).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_the_path_the_origin_is_the_bases(path in r"[/\\.:@#?%a-e0-9\[\] -]{0,40}") {
            if let Ok(url) = below(&base(), &path) {
                prop_assert_eq!(url.origin(), base().origin());
                prop_assert!(url.path().starts_with("/calendar/v3/"), "{}", url);
            }
        }
    }
}
