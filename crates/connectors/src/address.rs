//! Addresses made from what a person or a service said. Whatever that was, the host is the one that was meant: one label, or
//! labels, under a fixed domain - or, where a person typed all of it, that.

use crate::manifest::Address;
use std::collections::BTreeMap;
use url::Url;

impl Address {
    /// The address for these values. `None` when the one it needs is not there or could mean another host.
    #[must_use]
    pub fn resolve(&self, values: &BTreeMap<String, String>) -> Option<Url> {
        match self {
            Self::Fixed(url) => Some(url.clone()),
            Self::Typed { field, path } | Self::Told { told: field, path } => {
                Url::parse(&format!("{}{path}", values.get(field)?.trim_end_matches('/'))).ok()
            }
            Self::Under { field, under, between, path } => {
                let label = values.get(field).filter(|label| is_label_or(label, between))?;
                Url::parse(&format!("https://{label}.{under}{path}")).ok()
            }
        }
    }

    /// Whether `address` is at the host this one leads to, whatever the answers.
    #[must_use]
    pub fn shares_origin(&self, address: &Url) -> bool {
        match self {
            Self::Fixed(url) => url.origin() == address.origin(),
            Self::Under { under, .. } => {
                let label = address.host_str().and_then(|host| host.strip_suffix(under.as_str()));
                address.scheme() == "https"
                    && address.port().is_none()
                    && label.is_some_and(|label| label.ends_with('.'))
            }
            Self::Typed { .. } | Self::Told { .. } => false,
        }
    }

    /// Whether a person types all of it.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        matches!(self, Self::Typed { .. })
    }

    /// Whether it is known only once the service has answered.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Told { .. })
    }
}

/// Whether a text is one label of a host name: `[a-z0-9][a-z0-9-]*`, at most 63 characters (RFC 1035 section 2.3.4).
#[must_use]
pub fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a text is one label, or one before a dot and one of `between`.
pub(crate) fn is_label_or(text: &str, between: &[String]) -> bool {
    let (label, rest) = text.split_once('.').map_or((text, None), |(label, rest)| (label, Some(rest)));
    is_label(label) && rest.is_none_or(|rest| between.iter().any(|one| one == rest))
}

/// Whether it is a domain of at least two labels, in lower case.
pub(crate) fn is_domain(text: &str) -> bool {
    text.contains('.') && text.len() <= 253 && text.split('.').all(is_label)
}

/// The https origin that a service names, if its host is one of `under` or lies below it: no port, path, query or user name.
#[must_use]
pub fn origin_under(text: &str, under: &[String]) -> Option<String> {
    let host = text.strip_suffix('/').unwrap_or(text).strip_prefix("https://")?;
    let inside = |domain: &String| {
        host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    (is_domain(host) && under.iter().any(inside)).then(|| format!("https://{host}"))
}

/// The label a person meant, who may have pasted all of the address: `acme`, `Acme.example.com`, `https://acme.example.com/`.
pub(crate) fn label_of(answer: &str, under: &str) -> String {
    let lowered = answer.trim().to_ascii_lowercase();
    let bare = lowered.strip_prefix("https://").unwrap_or(&lowered);
    let host = bare.split('/').next().unwrap_or(bare);
    host.strip_suffix(under).and_then(|host| host.strip_suffix('.')).unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shop(label: &str) -> Option<String> {
        let (field, under) = ("shop".to_owned(), "myshopify.com".to_owned());
        let address = Address::Under { field, under, between: vec![], path: "/admin/api".to_owned() };
        address.resolve(&[("shop".to_owned(), label.to_owned())].into()).map(String::from)
    }

    #[test]
    fn one_label_under_a_domain_is_the_only_host() {
        assert_eq!(shop("acme-2").unwrap(), "https://acme-2.myshopify.com/admin/api");
        let bad = ["", "-a", "a.b", "a/b", "evil.example/", "evil.example#", "a@b", "a:1", "A", "é", "a b"];
        for label in bad.into_iter().map(str::to_owned).chain(["a".repeat(64)]) {
            assert_eq!(shop(&label), None, "{label:?}");
        }
    }

    #[test]
    fn what_stands_between_label_and_domain_is_listed() {
        let between = ["my", "sandbox.my"].map(String::from);
        for text in ["login", "acme.my", "acme--dev.sandbox.my"] {
            assert!(is_label_or(text, &between), "{text}");
        }
        for text in [
            "",
            "my.",
            ".my",
            "acme.",
            "a.acme.my",
            "acme.my.my",
            "acme.mine",
            "a b.my",
            "acme.my/x",
            "-a.my",
        ] {
            assert!(!is_label_or(text, &between), "{text}");
        }
        assert!(!is_label_or("acme.my", &[]));
    }

    #[test]
    fn an_address_shares_the_origin_of_whatever_it_may_lead_to() {
        let is_at = |address: &Address, text: &str| address.shares_origin(&Url::parse(text).unwrap());
        let fixed = Address::Fixed(Url::parse("https://slack.com/oauth").unwrap());
        assert!(is_at(&fixed, "https://slack.com/other") && is_at(&fixed, "https://SLACK.com:443/"));
        assert!(
            !is_at(&fixed, "https://slack.com:8443/oauth") && !is_at(&fixed, "https://a.slack.com/oauth")
        );
        let (field, under) = ("shop".to_owned(), "myshopify.com".to_owned());
        let under = Address::Under { field, under, between: vec![], path: String::new() };
        assert!(is_at(&under, "https://acme.myshopify.com/x"));
        assert!(!is_at(&under, "https://evilmyshopify.com/x") && !is_at(&under, "https://myshopify.com/x"));
    }

    #[test]
    fn an_origin_is_believed_only_below_its_domains() {
        let under = ["my.salesforce.com".to_owned(), "salesforce.com".to_owned()];
        let good = "https://acme--dev.sandbox.my.salesforce.com";
        for (text, origin) in [
            (good, Some(good)),
            ("https://na1.salesforce.com/", Some("https://na1.salesforce.com")),
            ("https://salesforce.com", Some("https://salesforce.com")),
            ("http://acme.my.salesforce.com", None),
            ("https://acme.my.salesforce.com:8443", None),
            ("https://acme.my.salesforce.com/x", None),
            ("https://acme.my.salesforce.com?x", None),
            ("https://user@acme.my.salesforce.com", None),
            ("https://evilsalesforce.com", None),
            ("https://salesforce.com.evil.example", None),
            ("https://evil.example/.salesforce.com", None),
            ("https://evil.example#.salesforce.com", None),
            ("https://evil.example\\.salesforce.com", None),
            ("https://127.0.0.1", None),
            ("https://.salesforce.com", None),
            ("HTTPS://acme.my.salesforce.com", None),
            ("", None),
        ] {
            assert_eq!(origin_under(text, &under).as_deref(), origin, "{text:?}");
        }
    }

    #[test]
    fn a_pasted_address_is_read_as_its_label() {
        for pasted in ["acme", " ACME ", "acme.myshopify.com", "https://acme.myshopify.com/admin?x=1"] {
            assert_eq!(label_of(pasted, "myshopify.com"), "acme", "{pasted}");
        }
        assert_eq!(label_of("acme.evil.example", "myshopify.com"), "acme.evil.example");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_host_is_under_the_domain(label in r"[a-z0-9.:/@#?%\\\[\] -]{0,40}") {
            if let Some(address) = shop(&label) {
                let url = Url::parse(&address).unwrap();
                prop_assert!(url.host_str().unwrap().ends_with(".myshopify.com"), "{}", url);
                prop_assert_eq!(url.path(), "/admin/api");
            }
        }

        #[test]
        fn whatever_a_service_names_the_origin_is_under_its_domains(text in r"(https://)?[a-z0-9.:/@#?%\\-]{0,40}(\.example\.com)?") {
            if let Some(origin) = origin_under(&text, &["example.com".to_owned()]) {
                let host = Url::parse(&origin).unwrap().host_str().unwrap().to_owned();
                prop_assert!(host == "example.com" || host.ends_with(".example.com"), "{}", host);
            }
        }
    }
}
