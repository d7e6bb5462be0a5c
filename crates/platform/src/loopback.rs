//! Loopback redirects (RFC 8252 section 7.3): small listeners that take the browser's return.
//!
//! They check that a request can be a return (address, method, path, size) and hand its query on. What the query means, and
//! what the tab shows, is the handler's word. A flow has a port of its own, unless its service has one fixed port: all flows
//! that need the same one share its listener, and each return goes to the flow that awaits it.

mod answer;

use crate::clock::SystemClock;
use async_trait::async_trait;
use hearthkey_domain::ports::{Clock, Loopback, RedirectHandler};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
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

/// How many free ports are tried for a redirect that needs the same one at both loopback addresses.
const MOST_PORTS: usize = 20;

/// The loopback listeners of this process. They end with this value.
#[derive(Debug)]
pub struct LoopbackRedirects {
    doors: Arc<Doors>,
    /// Held while ports are bound: two flows that need the same one do not fight for it.
    opening: tokio::sync::Mutex<()>,
    all: CancellationToken,
    _end: DropGuard,
}

impl Default for LoopbackRedirects {
    fn default() -> Self {
        let all = CancellationToken::new();
        let (doors, opening) = (Arc::default(), tokio::sync::Mutex::default());
        Self { doors, opening, _end: all.clone().drop_guard(), all }
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
        let _alone = self.opening.lock().await;
        let by_name = host == "localhost";
        let flow = |port: u16| {
            Arc::new(Flow { handler, host: format!("{host}:{port}"), over: self.all.child_token() })
        };
        let (port, flow) = match port.and_then(|port| Some((port, self.doors.at(port)?))) {
            // It stays open while this flow is among those that wait there.
            Some((port, door)) => {
                let flow = flow(port);
                if self.doors.enter(port, &flow) {
                    let joined = if by_name { self.open_second(port, &door).await } else { Ok(()) };
                    if let Err(error) = joined {
                        self.doors.leave(port, &flow);
                        return Err(bind_words(Some(port), &error));
                    }
                } else {
                    self.open(Some(port), by_name, |_| flow.clone()).await?;
                }
                (port, flow)
            }
            None => self.open(port, by_name, flow).await?,
        };
        let redirect = Url::parse(&format!("http://{}{PATH}", flow.host))
            .map_err(|_| "the redirect address is malformed".to_owned());
        if redirect.is_err() {
            self.doors.leave(port, &flow);
        }
        let doors = Arc::clone(&self.doors);
        tokio::spawn(async move {
            tokio::select! {
                () = SystemClock.sleep_until(until) => {}
                () = flow.handler.given_up() => {}
                () = flow.over.cancelled() => {}
            }
            flow.over.cancel();
            doors.leave(port, &flow);
        });
        redirect
    }
}

impl LoopbackRedirects {
    /// Opens a door with its first flow.
    async fn open(
        &self,
        wanted: Option<u16>,
        by_name: bool,
        flow: impl FnOnce(u16) -> Arc<Flow>,
    ) -> Result<(u16, Arc<Flow>), String> {
        let (first, second) = bind_all(wanted, by_name).await.map_err(|error| bind_words(wanted, &error))?;
        let port = first.local_addr().map_err(|error| bind_words(wanted, &error))?.port();
        let flow = flow(port);
        let door = Arc::new(Door {
            flows: Mutex::new(vec![flow.clone()]),
            by_name: AtomicBool::new(by_name),
            closed: self.all.child_token(),
        });
        self.doors.add(port, door.clone());
        for listener in std::iter::once(first).chain(second) {
            self.serve_door(listener, &door);
        }
        Ok((port, flow))
    }

    /// Has a door that was opened for `127.0.0.1` answer where `localhost` may lead as well.
    async fn open_second(&self, port: u16, door: &Arc<Door>) -> io::Result<()> {
        if !door.by_name.load(Ordering::Acquire) {
            let second = bind_second(port, HAND_OVER_TRIES).await?;
            door.by_name.store(true, Ordering::Release);
            second.into_iter().for_each(|listener| self.serve_door(listener, door));
        }
        Ok(())
    }

    fn serve_door(&self, listener: TcpListener, door: &Arc<Door>) {
        let (door, all) = (door.clone(), self.all.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = accept(listener, &door, &all) => {}
                () = door.closed.cancelled() => {}
            }
        });
    }
}

/// The open ports.
#[derive(Debug, Default)]
struct Doors(Mutex<BTreeMap<u16, Arc<Door>>>);

impl Doors {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<u16, Arc<Door>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn at(&self, port: u16) -> Option<Arc<Door>> {
        self.with(|doors| doors.get(&port).cloned())
    }

    fn add(&self, port: u16, door: Arc<Door>) {
        self.with(|doors| doors.insert(port, door));
    }

    /// Adds a flow to those that wait at an open door; false when it has been closed.
    fn enter(&self, port: u16, flow: &Arc<Flow>) -> bool {
        self.with(|doors| doors.get(&port).map(|door| door.flows().push(flow.clone())).is_some())
    }

    /// Takes a flow away from its door, which closes after the last one.
    fn leave(&self, port: u16, flow: &Arc<Flow>) {
        self.with(|doors| {
            let Some(door) = doors.get(&port) else { return };
            let left = {
                let mut flows = door.flows();
                let before = flows.len();
                flows.retain(|other| !Arc::ptr_eq(other, flow));
                before > flows.len() && flows.is_empty()
            };
            if left && let Some(door) = doors.remove(&port) {
                door.closed.cancel();
            }
        });
    }
}

/// A port that is listened at.
struct Door {
    /// Those that wait for their browsers.
    flows: Mutex<Vec<Arc<Flow>>>,
    /// Whether it answers wherever `localhost` may lead.
    by_name: AtomicBool,
    closed: CancellationToken,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("flows", &self.flows().len()).finish_non_exhaustive()
    }
}

impl Door {
    fn flows(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Flow>>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that wait under a host.
    fn flows_at(&self, host: &[u8]) -> Vec<Arc<Flow>> {
        self.flows().iter().filter(|flow| flow.host.as_bytes() == host).cloned().collect()
    }
}

/// Binds a port where a redirect leads: for `localhost` at both loopback addresses, so that no other program has one of them.
async fn bind_all(wanted: Option<u16>, by_name: bool) -> io::Result<(TcpListener, Option<TcpListener>)> {
    let mut left = if wanted.is_none() { MOST_PORTS } else { 1 };
    loop {
        let tries = if wanted.is_some() { HAND_OVER_TRIES } else { 0 };
        let first = bind(Ipv4Addr::LOCALHOST.into(), wanted.unwrap_or(0), tries).await?;
        if !by_name {
            return Ok((first, None));
        }
        left -= 1;
        match bind_second(first.local_addr()?.port(), tries).await {
            Err(_) if left > 0 => {}
            second => return Ok((first, second?)),
        }
    }
}

/// Binds a port at `[::1]`; nothing where this computer has no such address.
async fn bind_second(port: u16, tries: u32) -> io::Result<Option<TcpListener>> {
    match bind(Ipv6Addr::LOCALHOST.into(), port, tries).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        bound => Ok(bound.ok()),
    }
}

/// Binds a port. One that was asked for may still be held for a moment by the owner that is giving way, so that it is tried
/// again so many times.
async fn bind(address: IpAddr, port: u16, mut tries: u32) -> io::Result<TcpListener> {
    loop {
        match TcpListener::bind((address, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {
                tries -= 1;
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

async fn accept(listener: TcpListener, door: &Arc<Door>, all: &CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // The semaphore is never closed, so this ends only from outside.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (door, all) = (door.clone(), all.clone());
                tokio::spawn(async move {
                    all.run_until_cancelled(serve(stream, door)).await;
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
async fn serve(stream: TcpStream, door: Arc<Door>) {
    let handed_over = Arc::new(AtomicBool::new(false));
    let service = {
        let handed_over = handed_over.clone();
        service_fn(move |request: Request<Incoming>| {
            let (door, handed_over) = (door.clone(), handed_over.clone());
            async move {
                let here = answer::host_of(&request).map(|host| door.flows_at(host)).unwrap_or_default();
                let reply = match answer::query_of_return(&request, !here.is_empty(), PATH, MAX_URI) {
                    Err(_) if door.closed.is_cancelled() => answer::plain(http::StatusCode::GONE),
                    Err(refusal) => answer::plain(refusal),
                    Ok(query) => match waiting(here, &query) {
                        None => answer::plain(http::StatusCode::GONE),
                        Some(flow) => {
                            handed_over.store(true, Ordering::Release);
                            hand_over(flow, query).await
                        }
                    },
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

/// The flow that a return is for. What is nobody's, any of them may answer.
fn waiting(mut here: Vec<Arc<Flow>>, query: &str) -> Option<Arc<Flow>> {
    here.retain(|flow| !flow.over.is_cancelled());
    let own = here.iter().position(|flow| flow.handler.awaits(query)).unwrap_or(0);
    (own < here.len()).then(|| here.swap_remove(own))
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
