//! The egress policy: the hosts a credential may go to.
//!
//! Its canonical text is stored beside the credential and sealed with it as associated data, so that editing the database
//! or a manifest cannot point a token at another host.

use std::{collections::BTreeSet, fmt, str::FromStr};
use url::{Host, Url};

/// The origins (scheme, host, port) that a credential may be sent to, and whether they may resolve to private addresses.
///
/// Invariant: every origin is `https`, except that `http` is allowed for a literal loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy {
    origins: BTreeSet<String>,
    private: bool,
}

/// Why an address cannot be part of a policy, or a stored policy cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EgressError {
    /// Neither `https` nor `http` on a loopback address.
    #[error("{origin} must be https (http is only for 127.0.0.1 and [::1])")]
    NotSecure {
        /// The origin refused.
        origin: String,
    },
    /// The address has no host, or carries a user name or password.
    #[error("an address with a host and without user name or password was expected")]
    NotAnOrigin,
    /// The address is outside the policy.
    #[error("this connection may not send to {origin}")]
    Outside {
        /// The origin refused.
        origin: String,
    },
    /// The stored text is not a policy.
    #[error("the stored egress policy is malformed")]
    Malformed,
}

impl EgressPolicy {
    /// A policy for the origins of `addresses`. `private` allows names that resolve to loopback or private addresses, which
    /// only a person's own choice (a typed issuer, the sandbox) may set.
    ///
    /// # Errors
    /// [`EgressError::NotSecure`] or [`EgressError::NotAnOrigin`] for an address that no credential may go to.
    pub fn new<'a>(addresses: impl IntoIterator<Item = &'a Url>, private: bool) -> Result<Self, EgressError> {
        let origins = addresses.into_iter().map(secure_origin).collect::<Result<_, _>>()?;
        Ok(Self { origins, private })
    }

    /// Checks that `address` is inside the policy.
    ///
    /// # Errors
    /// [`EgressError::Outside`] when it is not; the errors of [`EgressPolicy::new`] when it could never be.
    pub fn check(&self, address: &Url) -> Result<(), EgressError> {
        let origin = secure_origin(address)?;
        if self.origins.contains(&origin) { Ok(()) } else { Err(EgressError::Outside { origin }) }
    }

    /// Whether this policy allows nothing that `other` does not.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.origins.is_subset(&other.origins) && (other.private || !self.private)
    }

    /// Whether names may resolve to loopback or private addresses.
    #[must_use]
    pub fn allows_private(&self) -> bool {
        self.private
    }

    /// The hosts for a person's eyes, without scheme: `api.github.com`, `127.0.0.1:47100`.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().filter_map(|origin| origin.split_once("://").map(|(_, host)| host))
    }
}

/// The canonical text: one line per origin in order, then `private` where allowed. Equal policies have equal text.
impl fmt::Display for EgressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for origin in &self.origins {
            writeln!(f, "{origin}")?;
        }
        if self.private { writeln!(f, "private") } else { Ok(()) }
    }
}

impl FromStr for EgressPolicy {
    type Err = EgressError;

    fn from_str(text: &str) -> Result<Self, EgressError> {
        let mut policy = Self { origins: BTreeSet::new(), private: false };
        for line in text.lines() {
            if line == "private" {
                policy.private = true;
            } else {
                let address = Url::parse(line).map_err(|_| EgressError::Malformed)?;
                policy.origins.insert(secure_origin(&address)?);
            }
        }
        if policy.to_string() == text { Ok(policy) } else { Err(EgressError::Malformed) }
    }
}

/// Whether the host is a literal loopback address. Names are not: `localhost` may resolve to anything.
#[must_use]
pub fn is_loopback_literal(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

fn secure_origin(address: &Url) -> Result<String, EgressError> {
    if address.host().is_none() || !address.username().is_empty() || address.password().is_some() {
        return Err(EgressError::NotAnOrigin);
    }
    let origin = address.origin().ascii_serialization();
    match address.scheme() {
        "https" => Ok(origin),
        "http" if is_loopback_literal(address) => Ok(origin),
        _ => Err(EgressError::NotSecure { origin }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn github() -> EgressPolicy {
        EgressPolicy::new([&url("https://api.github.com/user"), &url("https://github.com/")], false).unwrap()
    }

    #[test]
    fn only_the_named_origins_pass() {
        for (address, allowed) in [
            ("https://api.github.com/anything?x=1", true),
            ("https://api.github.com:443/", true),
            ("https://api.github.com:8443/", false),
            ("http://api.github.com/", false),
            ("https://api.github.com.evil.example/", false),
            ("https://evil.example#.github.com", false),
            ("https://api.github.com@evil.example/", false),
            ("https://user@api.github.com/", false),
            ("ftp://api.github.com/", false),
        ] {
            assert_eq!(github().check(&url(address)).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_literals_only() {
        assert!(EgressPolicy::new([&url("http://127.0.0.1:47100/")], true).is_ok());
        assert!(EgressPolicy::new([&url("http://[::1]:47100/")], true).is_ok());
        assert!(EgressPolicy::new([&url("http://localhost:47100/")], true).is_err());
        assert!(EgressPolicy::new([&url("http://10.0.0.1/")], true).is_err());
    }

    #[test]
    fn the_canonical_text_is_stable_and_strict() {
        let text = github().to_string();
        assert_eq!(text, "https://api.github.com\nhttps://github.com\n");
        assert_eq!(text.parse::<EgressPolicy>().unwrap(), github());
        assert!("https://github.com\nhttps://api.github.com\n".parse::<EgressPolicy>().is_err(), "order");
        assert!("https://github.com/\n".parse::<EgressPolicy>().is_err(), "trailing slash");
    }
}
