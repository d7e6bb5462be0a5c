//! A small API of the ordinary kind: pages with cursors, writes with validation, a limit per minute.

use super::{Call, userinfo};
use crate::accounts::Account;
use crate::clock;
use crate::content::{self, NewContact, NewMessage, Sent};
use crate::provider::Provider;
use crate::reply::{self, api_error};
use crate::scopes::Scope;
use crate::secret::Sha256Of;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DEFAULT_PAGE: usize = 10;
const LARGEST_PAGE: usize = 100;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The headers that carry credentials; the echo names them without their values.
const CREDENTIALS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, API_KEY];

/// `GET /api/profile`.
pub(super) fn profile(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Profile, |account| reply::json(StatusCode::OK, &profile_of(account)))
}

/// `GET /api/key-profile`: the same for an API key, which belongs to Anna.
pub(super) fn key_profile(provider: &Provider, call: &Call) -> Response {
    let key = api_key(call);
    limited(provider, credential(call, key), || match key {
        Some(_) => reply::json(StatusCode::OK, &profile_of(Account::Anna)),
        None => api_error(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "X-Api-Key is missing or not a sandbox key.",
        ),
    })
}

/// `GET /api/events`.
pub(super) fn events(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Events, |account| page(call, &content::events(account)))
}

/// `GET /api/contacts`.
pub(super) fn contacts(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Contacts, |account| page(call, provider.content().contacts(account)))
}

/// `POST /api/contacts`.
pub(super) fn add_contact(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Contacts, |account| {
        let Some(new) = read::<NewContact>(call) else {
            return not_readable();
        };
        let problems = [
            ("name", "must not be empty", new.name.trim().is_empty()),
            ("email", "must be an e-mail address", !is_address(&new.email)),
        ];
        validated(problems, || match provider.content().add_contact(account, new, clock::now()) {
            Some(contact) => reply::json(StatusCode::CREATED, &contact),
            None => full(),
        })
    })
}

/// `GET /api/messages`.
pub(super) fn messages(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Messages, |account| page(call, provider.content().messages(account)))
}

/// `POST /api/messages`: with an `Idempotency-Key`, sends once.
pub(super) fn send_message(provider: &Provider, call: &Call) -> Response {
    with_scope(provider, call, Scope::Messages, |account| {
        let Some(new) = read::<NewMessage>(call) else {
            return not_readable();
        };
        let problems = [
            ("to", "must be an e-mail address", !is_address(&new.to)),
            ("text", "must not be empty", new.text.trim().is_empty()),
        ];
        let key = call.headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
        let key = key.map(|key| (key, call.body.as_ref()));
        validated(problems, || match provider.content().send(account, &new, key, clock::now()) {
            Sent::New(message) => reply::json(StatusCode::CREATED, &message),
            Sent::Replayed(message) => {
                let mut response = reply::json(StatusCode::CREATED, &message);
                let replayed = HeaderName::from_static("idempotent-replayed");
                response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
                response
            }
            Sent::KeyReused => {
                let message = "The Idempotency-Key was used with another body.";
                api_error(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
            }
            Sent::Full => full(),
        })
    })
}

/// `ANY /api/echo` and below: what arrived, for a bearer token or an API key; the credentials only by name.
pub(super) fn echo(provider: &Provider, call: &Call) -> Response {
    let key = api_key(call);
    limited(provider, credential(call, key), || {
        if key.is_none() && userinfo::access(provider, call).is_none() {
            return userinfo::unauthorized(call);
        }
        let mut headers = BTreeMap::<&str, Vec<String>>::new();
        for (name, value) in call.headers.iter().filter(|(name, _)| !CREDENTIALS.contains(name)) {
            headers
                .entry(name.as_str())
                .or_default()
                .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        let headers: BTreeMap<_, _> =
            headers.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
        let present = CREDENTIALS.into_iter().filter(|name| call.headers.contains_key(name));
        let mut echo = json!({
            "method": call.method.as_str(),
            "path": call.uri.path(),
            "query": call.uri.query(),
            "headers": headers,
            "credential_headers": present.map(|name| name.to_string()).collect::<Vec<_>>(),
        });
        match std::str::from_utf8(&call.body) {
            Ok(text) => echo["body"] = text.into(),
            Err(_) => echo["body_base64"] = STANDARD.encode(&call.body).into(),
        }
        reply::json(StatusCode::OK, &echo)
    })
}

fn profile_of(account: Account) -> Value {
    json!({
        "id": account.subject(),
        "name": account.name(),
        "email": account.email(),
        "username": account.short(),
        "plan": "demo",
    })
}

/// Serves the account of a bearer token that has `scope`.
fn with_scope(
    provider: &Provider,
    call: &Call,
    scope: Scope,
    serve: impl FnOnce(Account) -> Response,
) -> Response {
    let access = userinfo::access(provider, call);
    // Tokens of one grant share its minute, whether or not they were refreshed.
    let credential = access.as_ref().map(|access| access.grant.as_str().to_owned());
    limited(provider, credential.unwrap_or_else(credential_of_none), || match access {
        None => userinfo::unauthorized(call),
        Some(access) if !access.scopes.contains(scope) => {
            let message = format!("This needs the scope {}.", scope.as_str());
            let mut response = api_error(StatusCode::FORBIDDEN, "insufficient_scope", &message);
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", scope.as_str());
            let challenge = HeaderValue::from_str(&challenge).expect("scope values are ASCII");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Some(access) => serve(access.account),
    })
}

/// Serves within the limit of `credential`, and says in every reply what is left of it.
fn limited(provider: &Provider, credential: String, serve: impl FnOnce() -> Response) -> Response {
    let allowance = provider.quota.take(credential, provider.options.requests_per_minute, clock::now());
    let mut response = if allowance.exceeded {
        let mut response =
            api_error(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests this minute.");
        response.headers_mut().insert(header::RETRY_AFTER, allowance.retry_after.into());
        response
    } else {
        serve()
    };
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", allowance.limit.into());
    headers.insert("x-ratelimit-remaining", allowance.remaining.into());
    headers.insert("x-ratelimit-reset", allowance.reset.into());
    response
}

/// One page of `items`. The cursor is opaque to clients: the offset in base64url.
fn page(call: &Call, items: &[Value]) -> Response {
    let query = call.query();
    let limit = query.get("limit").map_or(Some(DEFAULT_PAGE), |limit| limit.parse().ok());
    let Some(limit) = limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit)) else {
        return api_error(StatusCode::BAD_REQUEST, "invalid_limit", "limit is a number from 1 to 100.");
    };
    let offset = query.get("cursor").map_or(Some(0), |cursor| {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        text.strip_prefix("offset:")?.parse().ok()
    });
    let Some(rest) = offset.and_then(|offset: usize| items.get(offset..)) else {
        return api_error(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "cursor is not one that this list gave.",
        );
    };
    let items_here = &rest[..limit.min(rest.len())];
    let next = (rest.len() > limit).then(|| items.len() - rest.len() + limit);
    let next_cursor = next.map(|offset| URL_SAFE_NO_PAD.encode(format!("offset:{offset}")));
    reply::json(StatusCode::OK, &json!({ "items": items_here, "next_cursor": next_cursor }))
}

fn read<T: DeserializeOwned>(call: &Call) -> Option<T> {
    serde_json::from_slice(&call.body).ok()
}

fn not_readable() -> Response {
    api_error(
        StatusCode::BAD_REQUEST,
        "invalid_json",
        "The body is not the JSON object that this path takes.",
    )
}

fn validated<const N: usize>(
    problems: [(&str, &str, bool); N],
    serve: impl FnOnce() -> Response,
) -> Response {
    let fields: BTreeMap<_, _> =
        problems.into_iter().filter(|(.., wrong)| *wrong).map(|(name, rule, _)| (name, rule)).collect();
    if fields.is_empty() {
        return serve();
    }
    let error = json!({ "code": "validation_failed", "message": "Some fields are wrong.", "fields": fields });
    reply::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "error": error }))
}

fn full() -> Response {
    api_error(
        StatusCode::INSUFFICIENT_STORAGE,
        "account_full",
        "The account is full. Restart the sandbox to empty it.",
    )
}

fn is_address(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    plain && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

/// A key of the sandbox: `sk_sandbox_` and at least eight characters.
fn api_key(call: &Call) -> Option<&str> {
    let key = call.headers.get(API_KEY)?.to_str().ok()?;
    key.strip_prefix("sk_sandbox_").filter(|rest| rest.len() >= 8).map(|_| key)
}

/// What the limit counts by when there is no grant.
fn credential(call: &Call, key: Option<&str>) -> String {
    let given = key.or_else(|| call.bearer());
    given.map_or_else(credential_of_none, |given| Sha256Of::new(given).as_str().to_owned())
}

fn credential_of_none() -> String {
    String::from("anonymous")
}
