//! A running sandbox: its socket, its connections, and how both end.

use crate::clock;
use crate::error::Error;
use crate::exchange::{Cut, exchange};
use crate::faults::Fault;
use crate::journal::JournalEntry;
use crate::options::Options;
use crate::provider::Provider;
use crate::routes;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How long a shutdown waits for replies under way before it cuts them off.
const GRACE: Duration = Duration::from_millis(500);

/// The pause after a failed accept, such as one for lack of file descriptors.
const ACCEPT_PAUSE_MS: u64 = 20;

/// A running sandbox. It serves until it is shut down or dropped; dropping cuts its connections.
pub struct Sandbox {
    provider: Arc<Provider>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Sandbox {
    /// Binds 127.0.0.1, loads the state file if one is named, and serves. When this returns, the port answers.
    ///
    /// # Errors
    ///
    /// The port is taken or cannot be bound; the state file cannot be read or written, or is something else.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let port = options.port;
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| match source.kind() {
                ErrorKind::AddrInUse => Error::PortTaken { port },
                _ => Error::Listen { port, source },
            })?;
        let bound = listener.local_addr().map_err(|source| Error::Listen { port, source })?.port();
        let provider = Arc::new(Provider::open(options, bound)?);
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, provider.clone(), stopped));
        Ok(Self { provider, stop, serving })
    }

    /// `http://127.0.0.1:PORT`, which is also the issuer.
    pub fn base_url(&self) -> String {
        self.provider.issuer()
    }

    /// What was asked so far, in order of arrival.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.provider.journal.entries()
    }

    /// Forgets what was asked so far; the numbers go on.
    pub fn clear_journal(&self) {
        self.provider.journal.clear();
    }

    /// Puts these faults in place of the present ones; requests are counted anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.provider.faults.set(faults);
    }

    /// The faults in force.
    pub fn faults(&self) -> Vec<Fault> {
        self.provider.faults.list()
    }

    /// Ends every access token now; refresh tokens stay. Changes nothing when the state file cannot be written.
    pub fn expire_access_tokens(&self) {
        // Only a full or broken disk fails here, and then the file and the memory agree that nothing happened.
        let _ = routes::control::expire_access_tokens(&self.provider);
    }

    /// Revokes every grant now, and so every token. Changes nothing when the state file cannot be written.
    pub fn revoke_grants(&self) {
        // As above.
        let _ = routes::control::revoke_grants(&self.provider);
    }

    /// Stops listening, lets replies under way finish for half a second, and returns when the port is free.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // It fails only when the task was aborted or panicked: stopped either way.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, provider: Arc<Provider>, mut stopped: watch::Receiver<bool>) {
    let router = routes::router(provider.clone());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, provider.clone(), router.clone(), stopped.clone()));
                }
                Err(_) => clock::sleep(ACCEPT_PAUSE_MS).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is left after the grace is cut when the set drops.
    let _ = tokio::time::timeout(GRACE, drained).await;
}

/// Serves one connection until the client leaves, a fault cuts it, or the sandbox stops.
async fn connection(
    stream: TcpStream,
    provider: Arc<Provider>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    // Pieces of a dripping body are to be seen one by one; without it they are merely late.
    let _ = stream.set_nodelay(true);
    let (cuts, mut cut) = mpsc::channel(1);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (provider, router, cuts) = (provider.clone(), router.clone(), cuts.clone());
        Box::pin(async move { Ok::<_, Infallible>(exchange(&provider, router, request, &cuts).await) })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            Some(how) = cut.recv() => {
                end(connection.into_parts().io.into_inner(), how).await;
                return;
            }
            // An error is the client's leaving.
            _ = &mut connection => return,
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// Ends a connection. Errors mean that the client ended it first.
async fn end(mut stream: TcpStream, how: Cut) {
    match how {
        Cut::Reset => {
            let _ = stream.set_zero_linger();
        }
        Cut::Close => {}
        Cut::CloseAfter(bytes) => {
            if stream.write_all(&bytes).await.is_ok() {
                let _ = stream.shutdown().await;
            }
        }
    }
}
