//! The HTTP client for every outgoing call: policy before sending, address guard in the resolver, limits on time and size.
//!
//! It never follows a redirect, keeps no cookie and uses no proxy: behind one, the guard could not see where a name leads.
//! Retries, rate limits and caches are not here; they are decided in `core`.

mod cause;

use crate::address;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cause::PrivateName;
use hearthkey_domain::ports::{Http, HttpError, HttpRequest};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use url::{Host, Url};

/// How long the connection itself may take, name resolution and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long connections that nobody holds any more take to end.
const CLOSING: Duration = Duration::from_millis(100);

/// How long an unused connection is kept. Short, because a laptop that wakes up holds dead ones.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The HTTP client. It keeps the connections of policies with and without private addresses apart, so that none is reused
/// across.
#[derive(Debug)]
pub struct HttpClient(RwLock<Clients>);

#[derive(Debug)]
struct Clients {
    public: reqwest::Client,
    private: reqwest::Client,
}

impl Clients {
    fn new() -> Result<Self, String> {
        Ok(Self { public: client(false)?, private: client(true)? })
    }
}

impl HttpClient {
    /// A client that trusts what the operating system trusts.
    ///
    /// # Errors
    /// A few words when the system's trusted certificates cannot be read.
    pub fn new() -> Result<Self, String> {
        crate::install_tls();
        Ok(Self(RwLock::new(Clients::new()?)))
    }

    fn client(&self, private: bool) -> reqwest::Client {
        let clients = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if private { clients.private.clone() } else { clients.public.clone() }
    }
}

fn client(private: bool) -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .user_agent(concat!("Hearthkey/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .dns_resolver(Arc::new(GuardedResolver { private }))
        .build()
        .map_err(|error| format!("TLS could not be set up: {}", cause::words(&error)))
}

#[async_trait]
impl Http for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<Bytes>, HttpError> {
        let HttpRequest { request, policy, timeout, max_reply } = request;
        let mut request = reqwest::Request::try_from(request).map_err(|_| malformed())?;
        policy.check(request.url()).map_err(|refusal| HttpError::Blocked { reason: refusal.to_string() })?;
        let private = policy.allows_private();
        check_literal(request.url(), private)?;
        // The address alone names the host, or a request could reach another site on the same server.
        request.headers_mut().remove(http::header::HOST);
        *request.timeout_mut() = Some(timeout);

        let host = host_and_port(request.url());
        let client = self.client(private);
        let reply =
            client.execute(request).await.map_err(|error| cause::before_reply(&error, &host, timeout))?;
        read(reply, &host, timeout, max_reply).await
    }

    async fn forget(&self) {
        match Clients::new() {
            Ok(fresh) => {
                drop(std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), fresh))
            }
            Err(error) => tracing::warn!(error, "the open connections could not be closed at once"),
        }
        connections_ended().await;
    }
}

/// Each connection that nobody holds is a task that ends with its next turn, and takes its buffers along.
#[expect(clippy::disallowed_methods, reason = "there is nothing to ask: they belong to the library")]
async fn connections_ended() {
    tokio::time::sleep(CLOSING).await;
}

async fn read(
    mut reply: reqwest::Response,
    host: &str,
    timeout: Duration,
    limit: usize,
) -> Result<http::Response<Bytes>, HttpError> {
    let too_large = || HttpError::TooLarge { host: host.to_owned(), limit };
    let announced = reply.content_length().map(usize::try_from);
    if announced.is_some_and(|length| length.map_or(true, |length| length > limit)) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| cause::within_reply(&error, host, timeout))? {
        if chunk.len() > limit - body.len() {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = http::Response::new(body.freeze());
    *response.status_mut() = reply.status();
    *response.version_mut() = reply.version();
    *response.headers_mut() = std::mem::take(reply.headers_mut());
    Ok(response)
}

fn malformed() -> HttpError {
    HttpError::Blocked { reason: "the address of the request is malformed".to_owned() }
}

/// Refuses a literal address that the guard would refuse: a literal never reaches the resolver.
fn check_literal(address: &Url, private: bool) -> Result<(), HttpError> {
    let ip = match address.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()),
    };
    if address::is_allowed(ip, private) {
        Ok(())
    } else {
        Err(HttpError::Blocked {
            reason: format!("{ip} is not a public address, and this connection may use no other"),
        })
    }
}

/// All of an address that may appear in a message.
fn host_and_port(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    match address.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Resolves names as the system does, and drops the addresses that the guard refuses. What it lets through is what is
/// connected to, so that a name cannot lead elsewhere at a second look.
struct GuardedResolver {
    private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> =
                found.iter().copied().filter(|at| address::is_allowed(at.ip(), private)).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(PrivateName.into());
            }
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
    }
}
