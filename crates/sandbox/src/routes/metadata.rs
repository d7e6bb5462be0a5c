//! What the authorization server can do (RFC 8414, OpenID Connect Discovery).

use super::Call;
use crate::provider::Provider;
use crate::reply;
use crate::scopes::Scope;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

pub(super) fn document(provider: &Provider, _: &Call) -> Response {
    let issuer = provider.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let authentication = ["none", "client_secret_basic", "client_secret_post"];
    reply::json(
        StatusCode::OK,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "revocation_endpoint": at("/revoke"),
            "device_authorization_endpoint": at("/device_authorization"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": Scope::ALL.map(Scope::as_str),
            "token_endpoint_auth_methods_supported": authentication,
            "revocation_endpoint_auth_methods_supported": authentication,
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public"],
            "claims_supported": ["sub", "name", "email", "email_verified", "preferred_username"],
        }),
    )
}
