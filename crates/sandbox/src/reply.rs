//! The shapes of replies: JSON, OAuth errors, API errors, redirects.

use crate::grants::Refusal;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

/// What a request led to, for the journal; carried as an extension of the reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome(pub(crate) &'static str);

/// A JSON document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(document).expect("our documents have string keys only");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same reply, not to be kept by any cache (RFC 6749 section 5.1).
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The same reply, with its line in the journal.
pub(crate) fn noted(mut response: Response, outcome: &'static str) -> Response {
    response.extensions_mut().insert(Outcome(outcome));
    response
}

/// An error of RFC 6749 section 5.2.
pub(crate) fn oauth_error(refusal: &Refusal) -> Response {
    let status = match refusal.error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let document = json!({ "error": refusal.error, "error_description": refusal.description });
    let mut response = json(status, &document);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"hearthkey-sandbox\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    noted(no_store(response), refusal.outcome)
}

/// An error of the API.
pub(crate) fn api_error(status: StatusCode, code: &str, message: &str) -> Response {
    json(status, &json!({ "error": { "code": code, "message": message } }))
}

/// 303: the browser continues elsewhere with GET.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = no_store(Response::new(Body::empty()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location =
        HeaderValue::from_str(location).expect("a registered redirect URI and an encoded query are ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    response
}
