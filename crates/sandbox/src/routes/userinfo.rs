//! Who the account is (OpenID Connect Core section 5.3), and the challenge of RFC 6750 section 3.

use super::Call;
use crate::clock;
use crate::grants::Access;
use crate::provider::Provider;
use crate::reply;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// `GET /userinfo`: any valid token will do.
pub(super) fn claims(provider: &Provider, call: &Call) -> Response {
    match access(provider, call) {
        Some(access) => reply::no_store(reply::json(StatusCode::OK, &access.account.claims())),
        None => unauthorized(call),
    }
}

/// What the bearer token of a request allows.
pub(super) fn access(provider: &Provider, call: &Call) -> Option<Access> {
    let token = call.bearer()?;
    provider.grants.read(|grants| grants.access(token, clock::now()))
}

/// 401; the error code only where a token was given (RFC 6750 section 3.1).
pub(super) fn unauthorized(call: &Call) -> Response {
    let (challenge, message) = match call.bearer() {
        Some(_) => ("Bearer error=\"invalid_token\"", "The access token is unknown, expired or revoked."),
        None => ("Bearer", "An access token is required."),
    };
    let mut response = reply::api_error(StatusCode::UNAUTHORIZED, "invalid_token", message);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}
