//! The loopback listener, by raw requests as a browser, a hostile page or a port scan would send them.

use async_trait::async_trait;
use hearthkey_domain::ports::{Clock, EndPage, Loopback, RedirectHandler};
use hearthkey_platform::{clock::SystemClock, loopback::LoopbackRedirects};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

/// Keeps the queries. The flow is over with a `code`.
#[derive(Default)]
struct Flow {
    queries: Mutex<Vec<String>>,
    /// Waited for before an answer when set.
    gate: Option<Arc<Notify>>,
}

#[async_trait]
impl RedirectHandler for Flow {
    async fn arrived(&self, query: String) -> (EndPage, bool) {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let over = query.contains("code=");
        self.queries.lock().unwrap().push(query);
        let page = EndPage {
            status: if over { 200 } else { 400 },
            html: "<!doctype html><title>Hearthkey</title>done".to_owned(),
        };
        (page, over)
    }
}

struct Listening {
    redirects: LoopbackRedirects,
    flow: Arc<Flow>,
    port: u16,
}

impl Listening {
    async fn with(flow: Flow, until: Timestamp) -> Self {
        let (redirects, flow) = (LoopbackRedirects::default(), Arc::new(flow));
        let redirect = redirects.listen("127.0.0.1", None, until, flow.clone()).await.unwrap();
        let port = redirect.port().unwrap();
        assert_eq!(redirect.as_str(), format!("http://127.0.0.1:{port}/oauth/callback"));
        Self { redirects, flow, port }
    }

    async fn new() -> Self {
        Self::with(Flow::default(), in_a_minute()).await
    }

    async fn get(&self, target: &str) -> String {
        let port = self.port;
        raw(port, format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n").as_bytes())
            .await
            .unwrap()
    }

    async fn is_closed(&self) -> bool {
        for _ in 0..1000 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }
}

fn in_a_minute() -> Timestamp {
    SystemClock.now() + SignedDuration::from_secs(60)
}

async fn raw(port: u16, request: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

#[tokio::test]
async fn the_return_is_handed_over_and_ends_the_flow() {
    let listening = Listening::new().await;
    let reply = listening.get("/oauth/callback?code=a%20b&state=s").await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("done"), "{reply}");
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
    ] {
        assert!(reply.contains(&format!("\r\n{header}\r\n")), "{header}: {reply}");
    }
    assert_eq!(*listening.flow.queries.lock().unwrap(), ["code=a%20b&state=s"]);
    assert!(listening.is_closed().await);
}

#[tokio::test]
async fn a_host_by_its_name_is_that_host_alone() {
    let (redirects, flow) = (LoopbackRedirects::default(), Arc::new(Flow::default()));
    let redirect = redirects.listen("localhost", None, in_a_minute(), flow.clone()).await.unwrap();
    let port = redirect.port().unwrap();
    assert_eq!(redirect.as_str(), format!("http://localhost:{port}/oauth/callback"));
    for (host, status) in [("127.0.0.1", 400..500), ("evil.example", 400..500), ("localhost", 200..201)] {
        let request = format!("GET /oauth/callback?code=a&state=s HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
        let reply = raw(port, request.as_bytes()).await.unwrap();
        let found: u16 = reply.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(status.contains(&found), "{host}: {reply}");
    }
    assert_eq!(flow.queries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_a_return_changes_nothing() {
    let listening = Listening::new().await;
    let port = listening.port;
    let own = format!("host: 127.0.0.1:{port}\r\n");
    let long = format!("/oauth/callback?code={}", "a".repeat(9000));
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("GET /favicon.ico HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("GET /oauth/callback/?code=x HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("GET //oauth/callback?code=x HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("GET http://evil.example/oauth/callback?code=x HTTP/1.1\r\n{own}\r\n"), 404),
        (format!("POST /oauth/callback?code=x HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("HEAD /oauth/callback?code=x HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("OPTIONS /oauth/callback?code=x HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("GET /oauth/callback?code=x HTTP/1.1\r\nhost: evil.test:{port}\r\n\r\n"), 421),
        (format!("GET /oauth/callback?code=x HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n"), 421),
        ("GET /oauth/callback?code=x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_owned(), 421),
        (format!("GET /oauth/callback?code=x HTTP/1.1\r\n{own}host: evil.test\r\n\r\n"), 421),
        ("GET /oauth/callback?code=x HTTP/1.1\r\n\r\n".to_owned(), 421),
        (format!("GET {long} HTTP/1.1\r\n{own}\r\n"), 414),
        (format!("GET /oauth/callback?code=x HTTP/1.1\r\n{own}{}\r\n", "x-a: b\r\n".repeat(100)), 431),
    ] {
        let reply = raw(port, request.as_bytes()).await.unwrap();
        let head: String = request.chars().take(90).collect();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {reply}");
        assert!(!reply.contains("evil"), "{reply}");
    }
    assert!(listening.flow.queries.lock().unwrap().is_empty());

    // A return with an error is the handler's to judge; the flow goes on until it says so.
    assert!(listening.get("/oauth/callback?error=x").await.starts_with("HTTP/1.1 400 "));
    assert!(listening.get("/oauth/callback?code=x").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(*listening.flow.queries.lock().unwrap(), ["error=x", "code=x"]);
}

#[tokio::test]
async fn garbage_does_not_disturb() {
    let listening = Listening::new().await;
    let mut open = Vec::new();
    for number in 0..100_u8 {
        let garbage: Vec<u8> = (0..200).map(|at: u8| at.wrapping_mul(number | 1) ^ number).collect();
        let mut stream = TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap();
        // Each of them may be cut off while it still writes.
        let _ = stream.write_all(&garbage).await;
        let _ = stream.write_all(b"\r\n\r\n").await;
        if number % 10 == 0 {
            open.push(stream);
        }
    }
    let reply = listening.get("/oauth/callback?code=x").await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
}

#[tokio::test]
async fn a_closed_tab_does_not_stop_the_handler() {
    let gate = Arc::new(Notify::new());
    let flow = Flow { gate: Some(gate.clone()), ..Flow::default() };
    let listening = Listening::with(flow, in_a_minute()).await;
    let mut tab = TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap();
    let request =
        format!("GET /oauth/callback?code=x HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", listening.port);
    tab.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    drop(tab);
    // This one finds its way, which shows that the closed one was noticed.
    assert!(listening.get("/").await.starts_with("HTTP/1.1 404 "));
    gate.notify_one();
    assert!(listening.is_closed().await);
    assert_eq!(*listening.flow.queries.lock().unwrap(), ["code=x"]);
}

#[tokio::test]
async fn the_listener_ends_in_time_and_with_its_owner() {
    let late = Listening::with(Flow::default(), SystemClock.now() + SignedDuration::from_millis(5)).await;
    SystemClock.sleep_until(SystemClock.now() + SignedDuration::from_millis(20)).await;
    assert!(late.is_closed().await);

    let dropped = Listening::new().await;
    let (port, redirects) = (dropped.port, dropped.redirects);
    drop(redirects);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Listening::new().await;
    let answer = LoopbackRedirects::default()
        .listen("127.0.0.1", Some(first.port), in_a_minute(), Arc::new(Flow::default()))
        .await;
    assert_eq!(answer.unwrap_err(), format!("port {} is in use by another program", first.port));
}
