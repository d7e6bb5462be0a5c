//! The replies that faults make.

use super::{FaultKind, RetryAfter};
use crate::clock;
use crate::reply;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::Channel;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::convert::Infallible;

/// The size of the pieces of a huge body.
const PIECE: u64 = 16 * 1024;

/// The reply that takes the place of the true one, for the kinds that replace it.
pub(crate) fn canned(kind: &FaultKind, asked: (&HeaderMap, &[u8]), now: Timestamp) -> Option<Response> {
    Some(match kind {
        FaultKind::Status { status, body } => status_reply(*status, body.as_deref()),
        FaultKind::RateLimited { retry_after } => {
            let message = "Too many requests.";
            let mut response = reply::api_error(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
            let value = HeaderValue::from_str(&retry_after_value(retry_after, now));
            response.headers_mut().insert(header::RETRY_AFTER, value.unwrap_or(HeaderValue::from_static("")));
            response
        }
        FaultKind::HtmlWith200 => {
            let page = "<!doctype html><html><head><title>Sign in to the network</title></head>\
                        <body><h1>Welcome to the guest network</h1></body></html>";
            typed(StatusCode::OK, "text/html; charset=utf-8", Body::from(page))
        }
        FaultKind::Huge { bytes } => huge(*bytes),
        FaultKind::Redirect { location, status } => {
            let mut response = status_reply(*status, Some(""));
            if let Ok(location) = HeaderValue::from_str(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        FaultKind::ErrorInside200 { error } => reply::json(
            StatusCode::OK,
            &json!({ "error": error, "error_description": "An error inside a success." }),
        ),
        FaultKind::EchoingError { error } => {
            let header = asked.0.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
            let said = [header, asked.1].map(String::from_utf8_lossy).join(" ");
            let error = json!({ "error": error, "error_description": said });
            reply::json(StatusCode::BAD_REQUEST, &error)
        }
        FaultKind::Delay { .. }
        | FaultKind::Drip { .. }
        | FaultKind::Reset
        | FaultKind::SwallowReply
        | FaultKind::Truncated { .. }
        | FaultKind::MissingExpiresIn => return None,
    })
}

/// The same head and body, the body in pieces with a wait before each.
pub(crate) fn drip(headers: &mut HeaderMap, body: Bytes, piece: usize, every_ms: u64) -> Body {
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(async move {
        let mut rest = body;
        while !rest.is_empty() {
            clock::sleep(every_ms).await;
            // The receiver is gone when the client is.
            if sender.send_data(rest.split_to(piece.clamp(1, rest.len()))).await.is_err() {
                return;
            }
        }
    });
    Body::new(channel)
}

/// The body without `expires_in`, where it is a JSON object.
pub(crate) fn without_expires_in(body: Bytes) -> Bytes {
    match serde_json::from_slice(&body) {
        Ok(Value::Object(mut members)) => {
            members.remove("expires_in");
            Value::Object(members).to_string().into()
        }
        _ => body,
    }
}

fn huge(bytes: u64) -> Response {
    const OPEN: &[u8] = b"{\"junk\":\"";
    const CLOSE: &[u8] = b"\"}";
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(2);
    tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; usize::try_from(PIECE).unwrap_or_default()]);
        let mut rest = bytes.saturating_sub((OPEN.len() + CLOSE.len()) as u64);
        let mut sent = sender.send_data(Bytes::from_static(OPEN)).await;
        while sent.is_ok() && rest > 0 {
            let size = rest.min(PIECE);
            rest -= size;
            sent = sender.send_data(piece.slice(..usize::try_from(size).unwrap_or_default())).await;
        }
        if sent.is_ok() {
            // A client that left early is what this fault is for.
            let _ = sender.send_data(Bytes::from_static(CLOSE)).await;
        }
    });
    typed(StatusCode::OK, "application/json", Body::new(channel))
}

fn status_reply(status: u16, body: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match body {
        None => reply::api_error(status, "fault", "The sandbox was told to fail here."),
        Some(body) => {
            let is_json = serde_json::from_str::<Value>(body).is_ok();
            let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
            typed(status, kind, Body::from(body.to_owned()))
        }
    }
}

fn retry_after_value(retry_after: &RetryAfter, now: Timestamp) -> String {
    match retry_after {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::HttpDate(seconds) => {
            let moment = now.checked_add(SignedDuration::from_secs(*seconds)).unwrap_or(Timestamp::MAX);
            DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap_or_default()
        }
        RetryAfter::Raw(text) => text.clone(),
    }
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
