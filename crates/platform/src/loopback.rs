//! Loopback redirects (RFC 8252 section 7.3): one small listener per flow that takes the browser's return.
//!
//! It checks that a request can be a return (address, method, path, size) and hands its query on. What the query means, and
//! what the tab shows, is the handler's word.

mod answer;

use crate::clock::SystemClock;
use async_trait::async_trait;
use hearthkey_domain::ports::{Clock, Loopback, RedirectHandler};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// The path of the redirect address.
const PATH: &str = "/oauth/callback";
/// How long a connection may take to send its request and fetch its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections served at once; more wait.
const MOST_CONNECTIONS: usize = 16;
/// How often, and how many times more, a port that is in use is tried when it was asked for.
const HAND_OVER_STEP: Duration = Duration::from_millis(50);
const HAND_OVER_TRIES: u32 = 20;
/// The largest request head, in bytes. Generous, because a browser sends the cookies of everything on `127.0.0.1`.
const MAX_HEAD: usize = 64 * 1024;
/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The longest path and query, in bytes.
const MAX_URI: usize = 8 * 1024;

/// The loopback listeners of this process. They end with this value.
#[derive(Debug)]
pub struct LoopbackRedirects {
    all: CancellationToken,
    _end: DropGuard,
}

impl Default for LoopbackRedirects {
    fn default() -> Self {
        let all = CancellationToken::new();
        Self { _end: all.clone().drop_guard(), all }
    }
}

#[async_trait]
impl Loopback for LoopbackRedirects {
    async fn listen(
        &self,
        host: &str,
        port: Option<u16>,
        until: Timestamp,
        handler: Arc<dyn RedirectHandler>,
    ) -> Result<Url, String> {
        let listener = bind(port).await.map_err(|error| bind_words(port, &error))?;
        let port = listener.local_addr().map_err(|error| bind_words(port, &error))?.port();
        let host = format!("{host}:{port}");
        let redirect = Url::parse(&format!("http://{host}{PATH}"))
            .map_err(|_| "the redirect address is malformed".to_owned())?;

        let flow = Arc::new(Flow { handler, host, over: self.all.child_token() });
        let all = self.all.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = accept(listener, &flow, &all) => {}
                () = SystemClock.sleep_until(until) => flow.over.cancel(),
                () = flow.handler.given_up() => flow.over.cancel(),
                () = flow.over.cancelled() => {}
            }
        });
        Ok(redirect)
    }
}

/// Binds a port. One that was asked for may still be held for a moment by the owner that is giving way.
async fn bind(port: Option<u16>) -> io::Result<TcpListener> {
    let mut left = if port.is_some() { HAND_OVER_TRIES } else { 0 };
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && left > 0 => {
                left -= 1;
                crate::clock::pause(HAND_OVER_STEP).await;
            }
            outcome => return outcome,
        }
    }
}

fn bind_words(port: Option<u16>, error: &io::Error) -> String {
    match (port, error.kind()) {
        (Some(port), io::ErrorKind::AddrInUse) => format!("port {port} is in use by another program"),
        (Some(port), kind) => format!("port {port} cannot be used ({kind})"),
        (None, kind) => format!("no local port can be had ({kind})"),
    }
}

/// One flow that waits for its browser.
struct Flow {
    handler: Arc<dyn RedirectHandler>,
    /// What the `Host` header must be: anything else is a name that was rebound to this machine.
    host: String,
    over: CancellationToken,
}

async fn accept(listener: TcpListener, flow: &Arc<Flow>, all: &CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // The semaphore is never closed, so this ends only from outside.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (flow, all) = (flow.clone(), all.clone());
                tokio::spawn(async move {
                    all.run_until_cancelled(serve(stream, flow)).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: they come back.
                tracing::warn!(kind = %error.kind(), "a loopback connection could not be accepted");
                crate::clock::pause(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one request. A return that was handed over runs to its end even if the tab is closed, because it may be redeeming
/// a code that works only once.
async fn serve(stream: TcpStream, flow: Arc<Flow>) {
    let handed_over = Arc::new(AtomicBool::new(false));
    let service = {
        let handed_over = handed_over.clone();
        service_fn(move |request: Request<Incoming>| {
            let (flow, handed_over) = (flow.clone(), handed_over.clone());
            async move {
                let reply = match answer::query_of_return(&request, &flow.host, PATH, MAX_URI) {
                    Err(refusal) => answer::plain(refusal),
                    Ok(_) if flow.over.is_cancelled() => answer::plain(http::StatusCode::GONE),
                    Ok(query) => {
                        handed_over.store(true, Ordering::Release);
                        hand_over(flow, query).await
                    }
                };
                Ok::<_, Infallible>(reply)
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let in_time = tokio::time::timeout(CONNECTION_TIMEOUT, &mut connection).await;
    if in_time.is_err() && handed_over.load(Ordering::Acquire) {
        // The handler takes its time; how a connection ends is no news.
        let _ = connection.await;
    }
}

async fn hand_over(flow: Arc<Flow>, query: String) -> answer::Reply {
    let handled = tokio::spawn(async move {
        let (page, over) = flow.handler.arrived(query).await;
        if over {
            flow.over.cancel();
        }
        page
    });
    match handled.await {
        Ok(page) => answer::page(page),
        Err(_) => answer::plain(http::StatusCode::INTERNAL_SERVER_ERROR),
    }
}
