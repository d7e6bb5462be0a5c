//! The client of the local socket: calls operations by their types, over any stream of bytes.

use super::server::WORKSPACE;
use crate::Problem;
use crate::operation::{Call, Operation, Watch};
use crate::operations::blobs::Kept;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The owner's answer: the operation was not done.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The stream to the owner broke.
    #[error("the running Hearthkey ended the conversation")]
    Broken(#[source] hyper::Error),
    /// The answer was not the operation's: another version, most likely.
    #[error("the running Hearthkey answered in another version's words; restart it")]
    OtherVersion,
}

/// A conversation with the owner of a profile.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    workspace: Option<header::HeaderValue>,
}

impl Client {
    /// Begins a conversation over a stream. A task of its own moves the bytes and ends with the stream.
    ///
    /// # Errors
    /// [`ClientError::Broken`].
    pub async fn new(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, ClientError> {
        let (sender, connection) = handshake(TokioIo::new(io)).await.map_err(ClientError::Broken)?;
        tokio::spawn(connection);
        Ok(Self { sender, workspace: None })
    }

    /// The same conversation, acting in the workspace of this name or identifier.
    #[must_use]
    pub fn acting_in(mut self, workspace: Option<&str>) -> Self {
        let encoded = workspace.map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
        self.workspace = encoded.and_then(|text| text.parse().ok());
        self
    }

    /// Whether the other side answers at all.
    pub async fn is_alive(&mut self) -> bool {
        let request = request(Method::GET, "/v1/alive", "text/plain", Bytes::new());
        !matches!(self.send(request).await, Err(ClientError::Broken(_)))
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call<C: Call>(&mut self, input: &C) -> Result<C::Output, ClientError> {
        let body = self.post(input).await?.collect().await.map_err(ClientError::Broken)?.to_bytes();
        serde_json::from_slice(&body).map_err(|_| ClientError::OtherVersion)
    }

    /// Begins a watch. The conversation is the watch's from here on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn watch<W: Watch>(mut self, input: &W) -> Result<Items<W::Item>, ClientError> {
        let body = self.post(input).await?;
        Ok(Items { body, read: BytesMut::new(), sender: self.sender, item: PhantomData })
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn read_blob(&mut self, blob: &str) -> Result<Bytes, ClientError> {
        let request = request(Method::GET, &format!("/v1/blobs/{blob}"), "*/*", Bytes::new());
        let body = self.send(request).await?.collect().await.map_err(ClientError::Broken)?;
        Ok(body.to_bytes())
    }

    /// Keeps bytes as a blob, for a request's body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn write_blob(&mut self, bytes: Bytes, media_type: &str) -> Result<String, ClientError> {
        let request = request(Method::POST, "/v1/blobs", media_type, bytes);
        let body = self.send(request).await?.collect().await.map_err(ClientError::Broken)?.to_bytes();
        let kept: Kept = serde_json::from_slice(&body).map_err(|_| ClientError::OtherVersion)?;
        Ok(kept.blob)
    }

    async fn post<O: Operation>(&mut self, input: &O) -> Result<Incoming, ClientError> {
        let body = serde_json::to_vec(input).map_err(|_| ClientError::OtherVersion)?;
        let path = format!("/v1/{}", O::NAME);
        let mut request = request(Method::POST, &path, "application/json", body.into());
        if let Some(workspace) = &self.workspace {
            request.headers_mut().insert(WORKSPACE, workspace.clone());
        }
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Incoming, ClientError> {
        self.sender.ready().await.map_err(ClientError::Broken)?;
        let reply: Response<Incoming> =
            self.sender.send_request(request).await.map_err(ClientError::Broken)?;
        if reply.status().is_success() {
            return Ok(reply.into_body());
        }
        let body = reply.into_body().collect().await.map_err(ClientError::Broken)?.to_bytes();
        let problem: Problem = serde_json::from_slice(&body).map_err(|_| ClientError::OtherVersion)?;
        Err(problem.into())
    }
}

fn request(method: Method, path: &str, media_type: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("hearthkey"));
    if let Ok(value) = media_type.parse() {
        request.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    request
}

/// The items of a watch.
pub struct Items<T> {
    body: Incoming,
    read: BytesMut,
    /// Kept so that the conversation stays open.
    #[expect(dead_code, reason = "dropping it would end the stream")]
    sender: SendRequest<Full<Bytes>>,
    item: PhantomData<T>,
}

impl<T: DeserializeOwned> Items<T> {
    /// The next item; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError`] when the stream breaks or says something else.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                return serde_json::from_slice(&line).map(Some).map_err(|_| ClientError::OtherVersion);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(ClientError::Broken(error)),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.read.extend_from_slice(data);
                    }
                }
            }
        }
    }
}
