//! A person's answers to a connector's form: trimmed, completed with defaults, and checked.
//!
//! Secret answers are not looked at here, only their names; see [`check_secret`].

use crate::address::{is_label_or, label_of};
use crate::manifest::{Address, AuthMethod, Field, FieldKind, Manifest};
use hearthkey_domain::egress::EgressPolicy;
use regex::Regex;
use std::collections::BTreeMap;
use url::Url;

/// What is wrong with an answer. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct AnswerError {
    /// The field's name.
    pub field: String,
    /// What was expected.
    pub problem: String,
}

/// Checks the plain answers of a form and fills in defaults.
///
/// # Errors
/// [`AnswerError`] for the first answer that is missing, unknown or malformed.
pub fn check_values(
    manifest: &Manifest,
    method: &AuthMethod,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, AnswerError> {
    let plain = || method.fields.iter().filter(|field| field.kind != FieldKind::Secret);
    if let Some(unknown) = given.keys().find(|name| !plain().any(|field| field.name == **name)) {
        let known: Vec<&str> = plain().map(|field| field.name.as_str()).collect();
        let problem = if known.is_empty() {
            "nothing is asked here".to_owned()
        } else {
            format!("is not asked; there is {}", known.join(", "))
        };
        return Err(AnswerError { field: unknown.clone(), problem });
    }
    let mut answers = BTreeMap::new();
    for field in plain() {
        let typed = given.get(&field.name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let Some(answer) = typed.or(field.default.as_deref()) else {
            require(field)?;
            continue;
        };
        let answer = match field.kind {
            FieldKind::Url => check_url(field, answer)?,
            _ => match domain_of(manifest, method, field) {
                Some((domain, between)) => check_label(field, answer, domain, between)?,
                None => answer.to_owned(),
            },
        };
        check_pattern(field, &answer)?;
        answers.insert(field.name.clone(), answer);
    }
    Ok(answers)
}

/// Checks one secret answer, trimmed by the caller.
///
/// # Errors
/// [`AnswerError`] when it is missing or does not look like what the field asks for.
pub fn check_secret(field: &Field, answer: &str) -> Result<(), AnswerError> {
    if answer.is_empty() {
        return require(field);
    }
    if answer.chars().any(char::is_control) {
        return Err(refuse(field, "has line breaks or control characters; copy it again"));
    }
    check_pattern(field, answer)
}

fn require(field: &Field) -> Result<(), AnswerError> {
    if field.optional { Ok(()) } else { Err(refuse(field, "is needed")) }
}

fn check_pattern(field: &Field, answer: &str) -> Result<(), AnswerError> {
    let fits =
        |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(answer));
    match &field.pattern {
        Some(pattern) if !fits(pattern) => {
            let like = field.placeholder.as_ref().map_or(String::new(), |text| format!(", as in {text}"));
            Err(refuse(field, &format!("does not look like one{like}")))
        }
        _ => Ok(()),
    }
}

fn check_url(field: &Field, answer: &str) -> Result<String, AnswerError> {
    let url = Url::parse(answer).map_err(|_| refuse(field, "must be an address like https://example.com"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(field, "must have no ? or #"));
    }
    EgressPolicy::new([&url], true).map_err(|error| refuse(field, &error.to_string()))?;
    Ok(answer.trim_end_matches('/').to_owned())
}

/// The domain under which a field's answer is a label, and what may stand between.
fn domain_of<'a>(
    manifest: &'a Manifest,
    method: &'a AuthMethod,
    field: &Field,
) -> Option<(&'a str, &'a [String])> {
    let server = method.oauth2.as_ref().and_then(|oauth| oauth.server.as_ref());
    let addresses = [Some(&manifest.api.base), server.map(|server| &server.authorization_endpoint)];
    addresses.into_iter().flatten().find_map(|address| match address {
        Address::Under { field: name, under, between, .. } if *name == field.name => {
            Some((under.as_str(), between.as_slice()))
        }
        _ => None,
    })
}

fn check_label(field: &Field, answer: &str, domain: &str, between: &[String]) -> Result<String, AnswerError> {
    let label = label_of(answer, domain);
    if is_label_or(&label, between) {
        return Ok(label);
    }
    let then = match between {
        [] => String::new(),
        between => format!(", and at the end nothing or .{}", between.join(", .")),
    };
    Err(refuse(field, &format!("must be what stands before .{domain}: letters, digits and hyphens{then}")))
}

fn refuse(field: &Field, problem: &str) -> AnswerError {
    AnswerError { field: field.name.clone(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    fn check(connector: &str, given: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
        let catalog = Catalog::built_in().unwrap();
        let manifest = catalog.get(connector).unwrap();
        let method = manifest.auth.first().unwrap();
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        check_values(manifest, method, &given).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_are_trimmed_completed_and_checked() {
        let issuer = |text: &str| BTreeMap::from([("issuer".to_owned(), text.to_owned())]);
        let address = |text: &str| check("openid-connect", &[("issuer", text)]);
        assert_eq!(address(" https://id.example.com/ "), Ok(issuer("https://id.example.com")));
        assert_eq!(address("http://127.0.0.1:9/op"), Ok(issuer("http://127.0.0.1:9/op")));
        assert_eq!(address("").unwrap_err(), "issuer: is needed");
        assert!(address("http://id.example.com").unwrap_err().contains("must be https"));
        assert!(address("https://id.example.com/?a=1").unwrap_err().contains("no ? or #"));
        assert!(address("example").unwrap_err().contains("must be an address"));
        assert_eq!(check("sandbox", &[]).unwrap()["base_url"], "http://127.0.0.1:47100");
        assert_eq!(check("stripe", &[("key", "x")]).unwrap_err(), "key: nothing is asked here");
    }

    #[test]
    fn a_label_is_found_in_a_pasted_address() {
        let shop = |text: &str| check("shopify", &[("shop", text)]).map(|values| values["shop"].clone());
        assert_eq!(shop("https://Acme.myshopify.com/admin").as_deref(), Ok("acme"));
        for bad in ["acme.evil.example", "a b", "acme@evil", "-"] {
            assert!(shop(bad).unwrap_err().contains("what stands before .myshopify.com"), "{bad}");
        }
    }

    #[test]
    fn a_domain_of_ones_own_is_taken_with_what_may_stand_between() {
        let force =
            |text: &str| check("salesforce", &[("domain", text)]).map(|values| values["domain"].clone());
        assert_eq!(check("salesforce", &[]).unwrap()["domain"], "login");
        for (typed, domain) in [
            ("test", "test"),
            ("acme.my", "acme.my"),
            ("https://Acme.my.salesforce.com/lightning", "acme.my"),
            ("acme--dev.sandbox.my.salesforce.com", "acme--dev.sandbox.my"),
        ] {
            assert_eq!(force(typed).as_deref(), Ok(domain), "{typed}");
        }
        for bad in
            ["acme.evil", "acme.my.evil.example", "a.b.my", "acme.my.salesforce.com.evil.example", ".my"]
        {
            let refused = force(bad).unwrap_err();
            assert!(
                refused.contains("what stands before .salesforce.com") && refused.contains(".my"),
                "{bad}: {refused}"
            );
        }
        let catalog = Catalog::built_in().unwrap();
        let oauth = catalog.get("salesforce").unwrap().auth[0].oauth2.as_ref().unwrap();
        let values = BTreeMap::from([("domain".to_owned(), "acme.my".to_owned())]);
        let server = crate::discovery::known_server(oauth, &values).unwrap();
        assert_eq!(server.issuer, "https://acme.my.salesforce.com");
        assert_eq!(server.token_endpoint.as_str(), "https://acme.my.salesforce.com/services/oauth2/token");
    }

    #[test]
    fn a_secret_is_checked_without_being_quoted() {
        let catalog = Catalog::built_in().unwrap();
        let field = &catalog.get("stripe").unwrap().auth[0].fields[0];
        assert_eq!(check_secret(field, "rk_test_0123456789abcdef"), Ok(()));
        for bad in ["", "pk_live_0123456789abcdef", "rk_test_0123456789abcde\n", "xrk_test_0123456789abcdef"]
        {
            let error = check_secret(field, bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }
}
