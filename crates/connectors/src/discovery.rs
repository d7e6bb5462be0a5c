//! Authorization server metadata (OpenID Connect Discovery 1.0, RFC 8414), and the server a method names.

use crate::manifest::{Address, OAuth2};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::server::{AuthorizationServer, ClientAuthentication};
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// Why metadata cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// Not the JSON that was expected.
    #[error("the server's metadata could not be read")]
    Malformed,
    /// It describes another issuer (RFC 8414 section 3.3): a mix-up, or a typing error in the address.
    #[error("the metadata belongs to another issuer than {asked}")]
    OtherIssuer {
        /// The issuer that was asked for.
        asked: String,
    },
    /// An endpoint that no token may be sent to.
    #[error("the metadata names an endpoint that is not https")]
    NotSecure,
    /// The server lists its PKCE methods, and S256 is not one of them.
    #[error("the server does not offer PKCE with S256")]
    NoPkce,
}

/// Where the metadata of an issuer is (OpenID Connect Discovery 1.0, section 4).
#[must_use]
pub fn metadata_address(issuer: &Url) -> Url {
    let stem = issuer.as_str().trim_end_matches('/');
    Url::parse(&format!("{stem}/.well-known/openid-configuration")).unwrap_or_else(|_| issuer.clone())
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Option<Url>,
    revocation_endpoint: Option<Url>,
    device_authorization_endpoint: Option<Url>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What an issuer's metadata says.
#[derive(Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The server.
    pub server: AuthorizationServer,
    /// The scopes it lists, where it lists any.
    pub scopes: Option<Vec<String>>,
}

impl Discovered {
    /// Of the scopes wanted, those to ask for: a server that lists its scopes may refuse the whole request for another one
    /// (RFC 6749 section 4.1.2.1, `invalid_scope`).
    #[must_use]
    pub fn offered(&self, wanted: Vec<String>) -> Vec<String> {
        match &self.scopes {
            Some(listed) => wanted.into_iter().filter(|scope| listed.contains(scope)).collect(),
            None => wanted,
        }
    }
}

/// Reads the metadata document of `issuer`.
///
/// # Errors
/// [`DiscoveryError`] when it is malformed, another issuer's, insecure, or refuses PKCE.
pub fn read_metadata(issuer: &Url, document: &[u8]) -> Result<Discovered, DiscoveryError> {
    let data: Metadata = serde_json::from_slice(document).map_err(|_| DiscoveryError::Malformed)?;
    if data.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(DiscoveryError::OtherIssuer { asked: issuer.to_string() });
    }
    if data.code_challenge_methods_supported.is_some_and(|methods| !methods.iter().any(|m| m == "S256")) {
        return Err(DiscoveryError::NoPkce);
    }
    let basic = data
        .token_endpoint_auth_methods_supported
        .is_none_or(|methods| methods.iter().any(|m| m == "client_secret_basic"));
    let scopes = data.scopes_supported.filter(|scopes| !scopes.is_empty());
    let server = AuthorizationServer {
        issuer: data.issuer,
        authorization_endpoint: data.authorization_endpoint,
        token_endpoint: data.token_endpoint,
        userinfo_endpoint: data.userinfo_endpoint,
        revocation_endpoint: data.revocation_endpoint,
        device_authorization_endpoint: data.device_authorization_endpoint,
        client_authentication: if basic {
            ClientAuthentication::ClientSecretBasic
        } else {
            ClientAuthentication::ClientSecretPost
        },
        iss_required: data.authorization_response_iss_parameter_supported,
    };
    let others = [Some(&server.authorization_endpoint), server.device_authorization_endpoint.as_ref()];
    EgressPolicy::new(server.token_endpoints().chain(others.into_iter().flatten()), false)
        .map_err(|_| DiscoveryError::NotSecure)?;
    Ok(Discovered { server, scopes })
}

/// Whether `address` is where a connector's own sign-in sends the browser, and `issuer` is not that sign-in's server.
#[must_use]
pub fn is_page_of_another(oauth: &OAuth2, issuer: &str, address: &Url) -> bool {
    match (&oauth.server, &oauth.discover) {
        (Some(server), _) => {
            server.issuer.trim_end_matches('/') != issuer.trim_end_matches('/')
                && server.authorization_endpoint.shares_origin(address)
        }
        (None, Some(discover)) => discover.shares_origin(address),
        (None, None) => false,
    }
}

/// The server a method names, where its endpoints are in the manifest and its answers are given.
#[must_use]
pub fn known_server(oauth: &OAuth2, values: &BTreeMap<String, String>) -> Option<AuthorizationServer> {
    let server = oauth.server.as_ref()?;
    let optional = |address: &Option<Address>| match address {
        Some(address) => address.resolve(values).map(Some),
        None => Some(None),
    };
    let token_endpoint = server.token_endpoint.resolve(values)?;
    let issuer = match (&server.token_endpoint, server.issuer.is_empty()) {
        // What belongs to one such server is not another's.
        (Address::Under { .. }, true) => token_endpoint.origin().ascii_serialization(),
        _ => server.issuer.clone(),
    };
    Some(AuthorizationServer {
        issuer,
        authorization_endpoint: server.authorization_endpoint.resolve(values)?,
        token_endpoint,
        userinfo_endpoint: optional(&server.userinfo_endpoint)?,
        revocation_endpoint: optional(&server.revocation_endpoint)?,
        device_authorization_endpoint: optional(&server.device_authorization_endpoint)?,
        client_authentication: server.client_authentication,
        iss_required: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(change: impl Fn(&mut Value)) -> Result<Discovered, DiscoveryError> {
        let mut document = json!({
            "issuer": "https://id.example.com",
            "authorization_endpoint": "https://id.example.com/auth",
            "token_endpoint": "https://id.example.com/token",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        });
        change(&mut document);
        read_metadata(&Url::parse("https://id.example.com").unwrap(), document.to_string().as_bytes())
    }

    #[test]
    fn metadata_is_believed_only_for_its_issuer_and_with_pkce() {
        assert!(read(|_| ()).unwrap().server.iss_required);
        let device = "https://id.example.com/device";
        let found = read(|d| d["device_authorization_endpoint"] = json!(device)).unwrap().server;
        assert_eq!(found.device_authorization_endpoint.as_ref().map(Url::as_str), Some(device));
        let other = DiscoveryError::OtherIssuer { asked: "https://id.example.com/".into() };
        assert_eq!(read(|d| d["issuer"] = json!("https://evil.example")).unwrap_err(), other);
        let plain = read(|d| d["code_challenge_methods_supported"] = json!(["plain"]));
        assert_eq!(plain.unwrap_err(), DiscoveryError::NoPkce);
        let insecure = read(|d| d["token_endpoint"] = json!("http://id.example.com/token"));
        assert_eq!(insecure.unwrap_err(), DiscoveryError::NotSecure);
        assert_eq!(read(|d| d["token_endpoint"] = json!(7)).unwrap_err(), DiscoveryError::Malformed);
    }

    #[test]
    fn scopes_a_server_does_not_list_are_not_asked_for() {
        let wanted = || ["openid", "offline_access"].map(String::from).to_vec();
        assert_eq!(read(|_| ()).unwrap().offered(wanted()), wanted());
        let listed = read(|d| d["scopes_supported"] = json!(["openid", "email"])).unwrap();
        assert_eq!(listed.offered(wanted()), ["openid"]);
    }
}
