//! Authorization servers (RFC 8414), as far as a client needs to know them.

use serde::{Deserialize, Serialize};
use url::Url;

/// How the client authenticates at the token endpoint (RFC 8414 `token_endpoint_auth_methods_supported`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// HTTP Basic (RFC 6749 section 2.3.1), the default of RFC 8414.
    #[default]
    ClientSecretBasic,
    /// In the request body.
    ClientSecretPost,
}

/// Metadata of an authorization server, from a manifest or its discovery document. Kept with each flow and connection, so
/// that a flow ends at the server where it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationServer {
    /// The `issuer` identifier, compared byte for byte with `iss` (RFC 9207). Empty where a provider has none.
    pub issuer: String,
    /// Where the browser goes.
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Url,
    /// OpenID Connect userinfo, where the identity comes from it.
    pub userinfo_endpoint: Option<Url>,
    /// RFC 7009.
    pub revocation_endpoint: Option<Url>,
    /// RFC 8628 section 3.1, where the server has the device grant.
    #[serde(default)]
    pub device_authorization_endpoint: Option<Url>,
    /// How a confidential client authenticates.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// Whether every authorization response carries `iss` (RFC 9207 section 3); a missing one is then refused.
    #[serde(default)]
    pub iss_required: bool,
}

impl AuthorizationServer {
    /// The endpoints a token of this server may be sent to.
    pub fn token_endpoints(&self) -> impl Iterator<Item = &Url> {
        std::iter::once(&self.token_endpoint).chain(&self.userinfo_endpoint).chain(&self.revocation_endpoint)
    }
}
