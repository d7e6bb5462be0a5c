//! What a service tells besides the tokens: values in the browser's return and in the token reply that belong to the connection.
//! None of them is believed before it was looked at.

use crate::address::origin_under;
use crate::manifest::{AuthMethod, OAuth2, ReplyValueKind};
use hearthkey_domain::server::AuthorizationServer;
use regex::Regex;
use std::collections::BTreeMap;

/// What is wrong with what a service told. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToldError {
    /// It is not there.
    #[error("the answer does not say {name}, which is needed")]
    Missing {
        /// The parameter or member.
        name: String,
    },
    /// It does not look like one.
    #[error("the answer's {name} cannot be right")]
    Malformed {
        /// The parameter or member.
        name: String,
    },
    /// It names a host that the sign-in did not begin at, or that is not the service's.
    #[error("the answer's {name} names a host that is not the service's")]
    OtherHost {
        /// The parameter or member.
        name: String,
    },
}

/// The connection's values in the parameters of a browser's return from `server`.
///
/// # Errors
/// [`ToldError`] for the first that is missing or cannot be right.
pub fn from_return(
    oauth: &OAuth2,
    server: &AuthorizationServer,
    further: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ToldError> {
    if let Some(name) = &oauth.callback_host {
        let said = further.get(name).ok_or_else(|| ToldError::Missing { name: name.clone() })?;
        if server.authorization_endpoint.host_str() != Some(said.as_str()) {
            return Err(ToldError::OtherHost { name: name.clone() });
        }
    }
    let mut values = BTreeMap::new();
    for wanted in &oauth.callback_values {
        let name = || wanted.parameter.clone();
        let said = further.get(&wanted.parameter).ok_or_else(|| ToldError::Missing { name: name() })?;
        if !fits(&wanted.pattern, said) {
            return Err(ToldError::Malformed { name: name() });
        }
        values.insert(wanted.name.clone(), said.clone());
    }
    Ok(values)
}

/// The connection's values in the members of a token reply.
///
/// # Errors
/// [`ToldError`] for the first that is missing or cannot be right.
pub fn from_reply(
    oauth: &OAuth2,
    members: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ToldError> {
    let mut values = BTreeMap::new();
    for wanted in &oauth.reply_values {
        let name = || wanted.field.clone();
        let said = members.get(&wanted.field).ok_or_else(|| ToldError::Missing { name: name() })?;
        let ReplyValueKind::Origin = wanted.kind;
        let origin =
            origin_under(said, &wanted.under).ok_or_else(|| ToldError::OtherHost { name: name() })?;
        values.insert(wanted.name.clone(), origin);
    }
    Ok(values)
}

/// The answers among a connection's values, after looking again at what the service told: they may come from a file.
///
/// # Errors
/// [`ToldError`] for the first that is missing or cannot be right.
pub fn without_told(
    method: &AuthMethod,
    values: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ToldError> {
    let mut answers = values.clone();
    let Some(oauth) = &method.oauth2 else { return Ok(answers) };
    for wanted in &oauth.callback_values {
        let name = || wanted.name.clone();
        let value = answers.remove(&wanted.name).ok_or_else(|| ToldError::Missing { name: name() })?;
        if !fits(&wanted.pattern, &value) {
            return Err(ToldError::Malformed { name: name() });
        }
    }
    for wanted in &oauth.reply_values {
        let name = || wanted.name.clone();
        let value = answers.remove(&wanted.name).ok_or_else(|| ToldError::Missing { name: name() })?;
        if origin_under(&value, &wanted.under).as_ref() != Some(&value) {
            return Err(ToldError::OtherHost { name: name() });
        }
    }
    Ok(answers)
}

impl AuthMethod {
    /// Of a connection's values, those that a person answered.
    #[must_use]
    pub fn answers(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let asked = |name: &str| self.fields.iter().any(|field| field.name == name);
        let kept = values.iter().filter(|(name, _)| asked(name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    text.len() <= 200 && Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use crate::discovery::known_server;

    fn told(connector: &str, values: &[(&str, &str)], further: &[(&str, &str)]) -> Result<String, ToldError> {
        let catalog = Catalog::built_in().unwrap();
        let map = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
            rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let oauth = catalog.get(connector).unwrap().method(Some("oauth")).unwrap().oauth2.as_ref().unwrap();
        let server = known_server(oauth, &map(values)).unwrap();
        let found = from_return(oauth, &server, &map(further))?;
        Ok(found.into_values().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn quickbooks_names_the_company_in_the_return() {
        let name = || "realmId".to_owned();
        assert_eq!(told("quickbooks", &[], &[("realmId", "9130357")]), Ok("9130357".into()));
        assert_eq!(told("quickbooks", &[], &[]), Err(ToldError::Missing { name: name() }));
        for bad in ["", "91/../1", "9130357\n", &"1".repeat(33)] {
            let error = Err(ToldError::Malformed { name: name() });
            assert_eq!(told("quickbooks", &[], &[("realmId", bad)]), error, "{bad:?}");
        }
    }

    #[test]
    fn shopify_answers_for_the_shop_that_was_asked() {
        let acme = [("shop", "acme")];
        assert!(told("shopify", &acme, &[("shop", "acme.myshopify.com")]).is_ok());
        for other in ["other.myshopify.com", "acme", "acme.myshopify.com.evil.example"] {
            let error = Err(ToldError::OtherHost { name: "shop".into() });
            assert_eq!(told("shopify", &acme, &[("shop", other)]), error, "{other}");
        }
        assert_eq!(told("shopify", &acme, &[]), Err(ToldError::Missing { name: "shop".into() }));
    }

    #[test]
    fn salesforce_names_its_api_and_only_below_its_domain() {
        let catalog = Catalog::built_in().unwrap();
        let method = &catalog.get("salesforce").unwrap().auth[0];
        let oauth = method.oauth2.as_ref().unwrap();
        let read = |address: &str| {
            let members = [("instance_url".to_owned(), address.to_owned())].into();
            from_reply(oauth, &members).map(|values| values["instance_url"].clone())
        };
        let instance = "https://acme.my.salesforce.com";
        assert_eq!(read(instance).as_deref(), Ok(instance));
        let elsewhere = ToldError::OtherHost { name: "instance_url".into() };
        for bad in ["https://evil.example", "http://acme.my.salesforce.com", "https://169.254.169.254"] {
            assert_eq!(read(bad), Err(elsewhere.clone()), "{bad}");
            let stored = [("instance_url".to_owned(), bad.to_owned())].into();
            assert_eq!(without_told(method, &stored).unwrap_err(), elsewhere, "{bad}");
        }
        assert_eq!(
            from_reply(oauth, &BTreeMap::new()),
            Err(ToldError::Missing { name: "instance_url".into() })
        );
    }
}
