//! HTTP/1.1 over one stream of the local socket: `POST /v1/{operation}`, blobs, and the description of it all.
//!
//! Who may connect is decided before a stream comes here: the socket's owner checks the peer.

use crate::operation::Access;
use crate::operations::blobs::{self, BLOB_MAX};
use crate::problem::ProblemKind;
use crate::{Problem, openapi, table};
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use hearthkey_core::{Caller, Hearthkey};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// The header that names the workspace a call acts in, percent-encoded; without it, the current one.
pub(crate) const WORKSPACE: &str = "hearthkey-workspace";

/// The largest JSON input, in bytes.
const INPUT_MAX: usize = 1024 * 1024;

#[derive(Clone)]
struct Served {
    app: Arc<Hearthkey>,
    caller: Caller,
}

/// Serves one stream until the other side ends it. Errors of the stream end it too; there is nobody to tell.
pub async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Arc<Hearthkey>,
    caller: Caller,
) {
    let blobs = Router::new().route("/v1/blobs", post(keep_blob)).layer(DefaultBodyLimit::max(BLOB_MAX));
    let routes = Router::new()
        .route("/v1/alive", get(async || StatusCode::NO_CONTENT))
        .route("/v1/openapi.json", get(async || Json(openapi::document())))
        .route("/v1/blobs/{blob}", get(give_blob))
        .route("/v1/{operation}", post(operate))
        .layer(DefaultBodyLimit::max(INPUT_MAX))
        .merge(blobs)
        .fallback(async || answer_problem(&nothing_here()))
        .method_not_allowed_fallback(async || answer_problem(&nothing_here()))
        .with_state(Served { app, caller });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(routes));
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a stream of the local socket broke");
    }
}

/// The local socket is the person's own: it may look and change. Revealing belongs to the window.
fn allowed(access: Access) -> bool {
    access != Access::Reveal
}

async fn operate(
    State(served): State<Served>,
    Path(name): Path<String>,
    headers: HeaderMap,
    input: Result<Bytes, BytesRejection>,
) -> Response {
    let Served { app, mut caller } = served;
    match headers.get(WORKSPACE).map(workspace_of) {
        None => {}
        Some(Some(workspace)) => caller.workspace = Some(workspace),
        Some(None) => {
            return answer_problem(&Problem::input("workspace", "a name or identifier was expected"));
        }
    }
    let input = match input {
        Ok(input) => input,
        Err(rejection) => return answer_problem(&unreadable(&rejection, INPUT_MAX)),
    };
    if table::is_watch(&name) {
        return match table::watch(&name, allowed, &input, app, caller).await {
            Ok(items) => {
                let lines = items.map(|item| Ok::<_, Infallible>(Bytes::from(format!("{item}\n"))));
                let kind = [(header::CONTENT_TYPE, "application/jsonl")];
                (kind, Body::from_stream(lines)).into_response()
            }
            Err(problem) => answer_problem(&problem),
        };
    }
    match table::call(&name, allowed, &input, app, caller).await {
        Ok(output) => Json(output).into_response(),
        Err(problem) => answer_problem(&problem),
    }
}

async fn give_blob(State(served): State<Served>, Path(blob): Path<String>) -> Response {
    match blobs::read(&served.app, &served.caller, &blob).await {
        Ok(blob) => ([(header::CONTENT_TYPE, blob.media_type)], blob.bytes).into_response(),
        Err(problem) => answer_problem(&problem),
    }
}

async fn keep_blob(
    State(served): State<Served>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Response {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(rejection) => return answer_problem(&unreadable(&rejection, BLOB_MAX)),
    };
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = named.unwrap_or("application/octet-stream");
    match blobs::write(&served.app, &served.caller, bytes, media_type).await {
        Ok(kept) => Json(kept).into_response(),
        Err(problem) => answer_problem(&problem),
    }
}

/// A workspace's name may hold any letter; a header's value may not, so it is percent-encoded.
fn workspace_of(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok().filter(|text| text.len() <= 1000)?;
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// A body that is too large, or that ended early.
fn unreadable(rejection: &BytesRejection, limit: usize) -> Problem {
    let expected = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => format!("at most {limit} bytes were expected"),
        _ => "the whole body was expected".to_owned(),
    };
    Problem::input("input", &expected)
}

fn nothing_here() -> Problem {
    let hint = "GET /v1/openapi.json describes what there is.".to_owned();
    Problem::new(ProblemKind::NotFound, Some("there is nothing at this path".into()), Some(hint))
}

fn answer_problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
