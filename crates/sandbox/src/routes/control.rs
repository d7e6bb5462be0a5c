//! The control routes: what a test in the same process does through the library, over HTTP.

use super::Call;
use crate::clock;
use crate::faults::Fault;
use crate::provider::Provider;
use crate::reply;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// `GET /_sandbox/health`.
pub(super) fn health(provider: &Provider, _: &Call) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    reply::json(StatusCode::OK, &json!({ "status": "ok", "issuer": provider.issuer(), "version": version }))
}

/// `GET /_sandbox/journal`.
pub(super) fn journal(provider: &Provider, _: &Call) -> Response {
    reply::json(StatusCode::OK, &provider.journal.entries())
}

/// `DELETE /_sandbox/journal`.
pub(super) fn clear_journal(provider: &Provider, _: &Call) -> Response {
    provider.journal.clear();
    done()
}

/// `GET /_sandbox/faults`.
pub(super) fn faults(provider: &Provider, _: &Call) -> Response {
    reply::json(StatusCode::OK, &provider.faults.list())
}

/// `PUT /_sandbox/faults`: all at once, in place of the present ones.
pub(super) fn set_faults(provider: &Provider, call: &Call) -> Response {
    match serde_json::from_slice::<Vec<Fault>>(&call.body) {
        Ok(faults) => {
            provider.faults.set(faults);
            done()
        }
        Err(error) => {
            let message = format!("The body is not a list of faults: {error}.");
            reply::api_error(StatusCode::UNPROCESSABLE_ENTITY, "invalid_faults", &message)
        }
    }
}

/// `POST /_sandbox/expire-access-tokens`.
pub(crate) fn expire_access_tokens(provider: &Provider) -> Response {
    kept(provider.grants.change(|grants| grants.expire_access_tokens()))
}

/// `POST /_sandbox/revoke-grants`.
pub(crate) fn revoke_grants(provider: &Provider) -> Response {
    kept(provider.grants.change(|grants| grants.revoke_all(clock::now())))
}

fn kept(change: std::io::Result<()>) -> Response {
    match change {
        Ok(()) => done(),
        Err(error) => {
            let message = format!("The state file could not be written, so nothing changed: {error}.");
            reply::api_error(StatusCode::INTERNAL_SERVER_ERROR, "state_file", &message)
        }
    }
}

fn done() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
