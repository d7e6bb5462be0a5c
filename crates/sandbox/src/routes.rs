//! Which path is answered by which function. The functions are plain: what was asked in, the reply out.

mod api;
mod authorize;
pub(crate) mod control;
mod device;
mod metadata;
mod token;
mod userinfo;

use crate::pages;
use crate::parameters::Parameters;
use crate::provider::Provider;
use crate::reply;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use bytes::Bytes;
use std::sync::Arc;

/// What was asked, read to its end.
struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn query(&self) -> Parameters {
        Parameters::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The form in the body, if it says that it is one.
    fn form(&self) -> Option<Parameters> {
        let kind = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        is_form.then(|| Parameters::parse(&self.body))
    }

    /// The token of RFC 6750 section 2.1.
    fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

impl<S: Sync> FromRequest<S> for Call {
    type Rejection = StatusCode;

    async fn from_request(request: Request, _: &S) -> Result<Self, StatusCode> {
        let (parts, body) = request.into_parts();
        // The size was limited where the request was read.
        let body = to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
        Ok(Self { method: parts.method, uri: parts.uri, headers: parts.headers, body })
    }
}

type Answer = fn(&Provider, &Call) -> Response;

pub(crate) fn router(provider: Arc<Provider>) -> Router {
    let echo = || {
        any(|State(provider): State<Arc<Provider>>, call: Call| async move { api::echo(&provider, &call) })
    };
    Router::new()
        .route("/", get(|_, _| pages::message(StatusCode::OK, "The sandbox is running", ABOUT)))
        .route("/.well-known/openid-configuration", get(metadata::document))
        .route("/.well-known/oauth-authorization-server", get(metadata::document))
        .route("/authorize", get(authorize::ask).merge(post(authorize::answer)))
        .route("/token", post(token::exchange))
        .route("/revoke", post(token::revoke))
        .route("/device_authorization", post(device::authorization))
        .route("/device", get(device::ask).merge(post(device::answer)))
        .route("/userinfo", get(userinfo::claims).merge(post(userinfo::claims)))
        .route("/api/profile", get(api::profile))
        .route("/api/events", get(api::events))
        .route("/api/contacts", get(api::contacts).merge(post(api::add_contact)))
        .route("/api/messages", get(api::messages).merge(post(api::send_message)))
        .route("/api/key-profile", get(api::key_profile))
        .route("/api/echo", echo())
        .route("/api/echo/{*rest}", echo())
        .route("/_sandbox/health", get(control::health))
        .route("/_sandbox/journal", get(control::journal).merge(delete(control::clear_journal)))
        .route("/_sandbox/faults", get(control::faults).merge(put(control::set_faults)))
        .route("/_sandbox/expire-access-tokens", post(|provider, _| control::expire_access_tokens(provider)))
        .route("/_sandbox/revoke-grants", post(|provider, _| control::revoke_grants(provider)))
        .fallback(|| async {
            reply::api_error(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path.")
        })
        .method_not_allowed_fallback(|| async {
            let message = "This path has another method.";
            reply::api_error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .with_state(provider)
}

const ABOUT: &str =
    "This is a made-up service on this computer, for trying Hearthkey without a real account.";

fn get(answer: Answer) -> MethodRouter<Arc<Provider>> {
    route(MethodFilter::GET, answer)
}

fn post(answer: Answer) -> MethodRouter<Arc<Provider>> {
    route(MethodFilter::POST, answer)
}

fn put(answer: Answer) -> MethodRouter<Arc<Provider>> {
    route(MethodFilter::PUT, answer)
}

fn delete(answer: Answer) -> MethodRouter<Arc<Provider>> {
    route(MethodFilter::DELETE, answer)
}

fn route(filter: MethodFilter, answer: Answer) -> MethodRouter<Arc<Provider>> {
    on(
        filter,
        move |State(provider): State<Arc<Provider>>, call: Call| async move { answer(&provider, &call) },
    )
}
