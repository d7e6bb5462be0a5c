//! Using a connection: a request through it, to its API's host and nowhere else.

use super::test::{is_healed_by_use, json_of, status_after};
use crate::outgoing::CALL_TIMEOUT;
use crate::tokens::{Opened, inject, without_secrets};
use crate::{Caller, Error, Hearthkey};
use bytes::Bytes;
use hearthkey_connectors::manifest::Manifest;
use hearthkey_connectors::request::{api_base, below, caller_header};
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::ids::BlobId;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use std::sync::Arc;

/// The largest reply that is kept, in bytes.
const REPLY_MAX: usize = crate::blobs::BLOB_MAX;
/// The largest text that is handed over inside JSON, in bytes.
const INLINE_MAX: usize = 256 * 1024;

/// A request through a connection, as a caller words it.
#[derive(Debug, Default)]
pub struct UsageRequest {
    /// GET, HEAD, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// Path below the API's base, with its query.
    pub path: String,
    /// Headers of the caller's own.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
}

/// A body, on its way in or out.
#[derive(Debug, Clone)]
pub enum Body {
    /// Text.
    Text(String),
    /// Bytes kept as a blob.
    Blob(BlobId),
}

/// The reply to a request through a connection.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, without cookies.
    pub headers: Vec<(String, String)>,
    /// The body; `None` when it is empty.
    pub body: Option<Body>,
    /// The label of the connection that was used.
    pub connection: String,
}

impl Hearthkey {
    /// Sends a request through a connection. Whatever the path says, it goes to the API's host; the credential is put in
    /// here, and taken out of the reply should the service echo it.
    ///
    /// # Errors
    /// Bad input, a connection that cannot be used, or no reply. A reply of any status is `Ok`.
    pub async fn request(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        wanted: UsageRequest,
    ) -> Result<Reply, Error> {
        let connection = self.find(caller, name).await?;
        let manifest = self.manifest_of(&connection)?;
        let request = self.worded(manifest, &connection, &wanted)?;
        // In a task of its own: a caller that goes away neither stops what it began nor keeps it out of the history.
        let (app, caller) = (Arc::clone(self), caller.clone());
        let task = async move { app.use_and_note(&caller, connection, request, &wanted).await };
        self.unhurried.spawn(task).await.map_err(|_| Error::Internal("a request did not finish"))?
    }

    async fn use_and_note(
        self: &Arc<Self>,
        caller: &Caller,
        connection: Connection,
        request: Request<Bytes>,
        wanted: &UsageRequest,
    ) -> Result<Reply, Error> {
        let manifest = self.manifest_of(&connection)?;
        let sent = self.send_through(caller, manifest, &connection, request).await;
        let outcome = match &sent {
            Ok((reply, _)) => reply.status().as_u16().to_string(),
            Err(error) => error.to_string(),
        };
        let path = wanted.path.split('?').next().unwrap_or_default();
        self.note_use(caller, &connection, format!("{} {path}: {outcome}", wanted.method));
        let (reply, opened) = sent?;
        self.note_outcome(caller, manifest, &opened, &reply).await;
        self.handed_over(reply, &opened)
    }

    fn worded(
        &self,
        manifest: &Manifest,
        connection: &Connection,
        wanted: &UsageRequest,
    ) -> Result<Request<Bytes>, Error> {
        let input = |field: &str, expected: &str| Error::Input {
            field: field.to_owned(),
            expected: expected.to_owned(),
        };
        let method = match wanted.method.as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => {
                return Err(input("method", "GET, HEAD, POST, PUT, PATCH or DELETE was expected"));
            }
        };
        let address = below(&api_base(manifest, &connection.values)?, &wanted.path)?;
        let (body, media_type) = match &wanted.body {
            None => (Bytes::new(), None),
            Some(Body::Text(text)) => (Bytes::from(text.clone()), Some("application/json".to_owned())),
            Some(Body::Blob(id)) => {
                let blob = self.blob(*id)?;
                (blob.bytes, Some(blob.media_type))
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() =
            address.as_str().parse().map_err(|_| input("path", "this path cannot be sent"))?;
        let headers = request.headers_mut();
        let json = header::HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json);
        if let Some(value) = media_type.and_then(|text| text.parse().ok()) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        put_api_headers(manifest, headers);
        let method = manifest.method(Some(&connection.method));
        let injected: Vec<&str> = method.iter().flat_map(|method| method.credential_headers()).collect();
        for (name, value) in &wanted.headers {
            let (name, value) = caller_header(name, value, &injected)?;
            headers.insert(name, value);
        }
        Ok(request)
    }

    /// Sends a request with a connection's credential; once more with a renewed one if the provider refuses it.
    pub(crate) async fn send_through(
        self: &Arc<Self>,
        caller: &Caller,
        manifest: &Manifest,
        connection: &Connection,
        request: Request<Bytes>,
    ) -> Result<(Response<Bytes>, Opened), Error> {
        self.start_program(manifest, &connection.values).await?;
        let opened = self.usable(caller, connection.workspace, connection.id).await?;
        let reply = self.send_as(manifest, &opened, request.clone()).await?;
        if reply.status() == StatusCode::UNAUTHORIZED
            && let Some(renewed) = self.after_refusal(caller, &opened).await?
        {
            let reply = self.send_as(manifest, &renewed, request).await?;
            if reply.status() == StatusCode::UNAUTHORIZED {
                self.lanes.note_renewed_in_vain(renewed.connection.id, renewed.version, self.now());
            } else {
                self.note_worked(&renewed);
            }
            return Ok((reply, renewed));
        }
        if reply.status() != StatusCode::UNAUTHORIZED {
            self.note_worked(&opened);
        }
        Ok((reply, opened))
    }

    /// What a reply says about the connection that was used: refused though nothing was left to try, or working again. Says
    /// nothing when the credential has changed since.
    async fn note_outcome(
        self: &Arc<Self>,
        caller: &Caller,
        manifest: &Manifest,
        opened: &Opened,
        reply: &Response<Bytes>,
    ) {
        let known = &opened.connection;
        let (status, body) = json_of(reply);
        let troubled = is_healed_by_use(known);
        let found = match status {
            401 => {
                let verdict = hearthkey_connectors::reply::verdict(manifest, status, body.as_ref());
                status_after(&verdict, status, known)
            }
            200..300 if troubled => Some(Status::Active),
            _ => None,
        };
        let Some(found) = found else { return };
        let stored = self.ports.store.credential(known.workspace, known.id).await;
        if !matches!(stored, Ok(Some(row)) if row.version == opened.version) {
            return;
        }
        if let Err(error) = self.note_reply(caller, known, Some(found), None).await {
            tracing::warn!(kind = ?error.kind(), "what a reply said could not be written down");
        }
    }

    async fn send_as(
        &self,
        manifest: &Manifest,
        opened: &Opened,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Error> {
        inject(manifest, &opened.connection.method, &opened.credential, request.headers_mut())?;
        Ok(self.send(request, &opened.policy, CALL_TIMEOUT, REPLY_MAX).await?)
    }

    fn handed_over(&self, reply: Response<Bytes>, opened: &Opened) -> Result<Reply, Error> {
        let clean = |bytes: &[u8]| without_secrets(&opened.credential, bytes);
        let readable = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let headers = reply
            .headers()
            .iter()
            .filter(|(name, _)| !matches!(**name, header::SET_COOKIE | header::WWW_AUTHENTICATE))
            .map(|(name, value)| (name.to_string(), readable(clean(value.as_bytes()))))
            .collect();
        let media_type = reply
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/octet-stream")
            .to_owned();
        let body = match String::from_utf8(clean(reply.body())) {
            Ok(text) if text.is_empty() => None,
            Ok(text) if text.len() <= INLINE_MAX => Some(Body::Text(text)),
            Ok(text) => Some(Body::Blob(self.keep_blob(Bytes::from(text), media_type)?)),
            Err(binary) => Some(Body::Blob(self.keep_blob(binary.into_bytes().into(), media_type)?)),
        };
        Ok(Reply {
            status: reply.status().as_u16(),
            headers,
            body,
            connection: opened.connection.label.clone(),
        })
    }
}

/// The headers a manifest gives every request of its API.
pub(crate) fn put_api_headers(manifest: &Manifest, headers: &mut HeaderMap) {
    for (name, value) in &manifest.api.headers {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), value.parse()) {
            headers.insert(name, value);
        }
    }
}
