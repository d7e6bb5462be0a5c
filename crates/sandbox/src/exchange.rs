//! One request and its reply: read, checked, noted, struck by faults, served.

use crate::clock;
use crate::faults::{FaultKind, canned, drip, without_expires_in};
use crate::guard;
use crate::provider::Provider;
use crate::reply::{self, Outcome};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::convert::Infallible;
use tokio::sync::mpsc;
use tower_service::Service as _;

/// The largest request body; more is answered with 413.
const LARGEST_BODY: usize = 1024 * 1024;

/// The largest reply that a fault can change; only a huge one is larger, and it becomes empty.
const LARGEST_REPLY: usize = 64 * 1024 * 1024;

/// How a connection ends before its time.
#[derive(Debug)]
pub(crate) enum Cut {
    /// With a TCP reset.
    Reset,
    /// With an orderly close.
    Close,
    /// With an orderly close after these bytes.
    CloseAfter(Bytes),
}

/// Answers one request. When the connection is to be cut, says so through `cuts` and never returns.
pub(crate) async fn exchange(
    provider: &Provider,
    router: Router,
    request: Request<Incoming>,
    cuts: &mpsc::Sender<Cut>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect().await.map(|whole| whole.to_bytes());
    let control = guard::is_control(parts.uri.path());
    let seq = (!control).then(|| {
        let form = body.as_deref().unwrap_or_default();
        provider.journal.arrived(&parts.method, &parts.uri, &parts.headers, form, clock::now())
    });
    let answered = |response: Response| {
        if let Some(seq) = seq {
            provider.journal.answered(seq, response.status().as_u16());
        }
        response
    };
    if let Some(refusal) = guard::refuse_foreign_host(&parts, provider.port) {
        return answered(refusal);
    }
    if control && let Some(refusal) = guard::refuse_web_page(&parts) {
        return refusal;
    }
    let Ok(body) = body else {
        let message = "The body is larger than 1 MiB, or it broke off.";
        return answered(reply::api_error(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message));
    };
    let Some(seq) = seq else {
        return serve(router, Request::from_parts(parts, Body::from(body))).await;
    };

    let faults = provider.faults.meet(&parts.method, parts.uri.path());
    if !faults.is_empty() {
        let names: Vec<_> = faults.iter().map(FaultKind::name).collect();
        provider.journal.faulted(seq, names.join(" + "));
    }
    let request = Request::from_parts(parts, Body::from(body));
    answered(strike(provider, router, request, (seq, faults), cuts).await)
}

/// Serves a request under its faults: first those that come before it is served, then those that change the reply.
async fn strike(
    provider: &Provider,
    router: Router,
    request: Request<Body>,
    (seq, faults): (u64, Vec<FaultKind>),
    cuts: &mpsc::Sender<Cut>,
) -> Response {
    let (head, body) = request.into_parts();
    let body = whole(body).await;
    let mut replacement = None;
    for fault in &faults {
        match fault {
            FaultKind::Delay { ms } => clock::sleep(*ms).await,
            FaultKind::Reset => match sever(cuts, Cut::Reset).await {},
            other => {
                replacement = replacement.or_else(|| canned(other, (&head.headers, &body), clock::now()));
            }
        }
    }
    let mut response = match replacement {
        Some(response) => response,
        None => serve(router, Request::from_parts(head, Body::from(body))).await,
    };
    if let Some(Outcome(outcome)) = response.extensions().get() {
        provider.journal.served(seq, outcome);
    }
    for fault in faults {
        let (mut head, body) = response.into_parts();
        response = match fault {
            FaultKind::SwallowReply => match sever(cuts, Cut::Close).await {},
            FaultKind::Truncated { bytes } => {
                let body = whole(body).await;
                provider.journal.answered(seq, head.status.as_u16());
                match sever(cuts, Cut::CloseAfter(truncated(&head, &body, bytes))).await {}
            }
            FaultKind::MissingExpiresIn => {
                head.headers.remove(header::CONTENT_LENGTH);
                Response::from_parts(head, Body::from(without_expires_in(whole(body).await)))
            }
            FaultKind::Drip { bytes, every_ms } => {
                let body = whole(body).await;
                let body = drip(&mut head.headers, body, bytes, every_ms);
                Response::from_parts(head, body)
            }
            _ => Response::from_parts(head, body),
        };
    }
    response
}

async fn serve(mut router: Router, request: Request<Body>) -> Response {
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Asks for the connection to be cut, and waits for that.
async fn sever(cuts: &mpsc::Sender<Cut>, cut: Cut) -> Infallible {
    // The connection holds the receiver for as long as this future lives.
    let _ = cuts.send(cut).await;
    std::future::pending().await
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, LARGEST_REPLY).await.unwrap_or_default()
}

/// A whole head, and a part of the body that it announces.
fn truncated(head: &axum::http::response::Parts, body: &[u8], bytes: usize) -> Bytes {
    let mut wire = BytesMut::new();
    let reason = head.status.canonical_reason().unwrap_or_default();
    wire.put_slice(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).as_bytes());
    let named =
        |name: &header::HeaderName| *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING;
    for (name, value) in head.headers.iter().filter(|(name, _)| named(name)) {
        wire.put_slice(name.as_str().as_bytes());
        wire.put_slice(b": ");
        wire.put_slice(value.as_bytes());
        wire.put_slice(b"\r\n");
    }
    wire.put_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    wire.put_slice(&body[..bytes.min(body.len())]);
    wire.freeze()
}
