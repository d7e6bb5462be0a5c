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
    /// What its returns have in them.
    state: &'static str,
    /// Notified when it is given up.
    given_up: Notify,
}

impl Flow {
    fn of(state: &'static str) -> Arc<Self> {
        Arc::new(Self { state, ..Self::default() })
    }

    fn queries(&self) -> Vec<String> {
        self.queries.lock().unwrap().clone()
    }
}

#[async_trait]
impl RedirectHandler for Flow {
    fn awaits(&self, query: &str) -> bool {
        query.contains(self.state)
    }

    async fn given_up(&self) {
        self.given_up.notified().await;
    }

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
        is_closed(self.port).await
    }
}

async fn is_closed(port: u16) -> bool {
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// What a browser gets that is sent to a redirect.
async fn get_at(host: &str, port: u16, query: &str) -> String {
    let request = format!("GET /oauth/callback?{query} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
    raw(port, request.as_bytes()).await.unwrap()
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

#[tokio::test]
async fn flows_that_need_one_port_share_it_and_each_gets_its_own_return() {
    let (redirects, port) = (LoopbackRedirects::default(), free_port().await);
    let flows = [Flow::of("state=a"), Flow::of("state=b"), Flow::of("state=c")];
    for (flow, host) in flows.iter().zip(["localhost", "127.0.0.1", "localhost"]) {
        let redirect = redirects.listen(host, Some(port), in_a_minute(), flow.clone()).await.unwrap();
        assert_eq!(redirect.as_str(), format!("http://{host}:{port}/oauth/callback"));
    }
    let [first, second, third] = &flows;
    assert!(get_at("localhost", port, "code=1&state=c").await.starts_with("HTTP/1.1 200 "));
    assert!(get_at("localhost", port, "error=2&state=a").await.starts_with("HTTP/1.1 400 "));
    assert!(get_at("127.0.0.1", port, "code=3&state=b").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(first.queries(), ["error=2&state=a"]);
    assert_eq!(second.queries(), ["code=3&state=b"]);
    assert_eq!(third.queries(), ["code=1&state=c"]);
    // The one that is left goes on until it is given up.
    assert!(get_at("127.0.0.1", port, "state=b").await.starts_with("HTTP/1.1 421 "));
    assert!(get_at("localhost", port, "state=a").await.starts_with("HTTP/1.1 400 "));
    first.given_up.notify_one();
    assert!(is_closed(port).await);
    let again = Flow::of("state=d");
    redirects.listen("127.0.0.1", Some(port), in_a_minute(), again.clone()).await.unwrap();
    assert!(get_at("127.0.0.1", port, "code=4&state=d").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_name_is_listened_for_wherever_it_leads() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        return;
    }
    for shared in [false, true] {
        let (redirects, port) = (LoopbackRedirects::default(), free_port().await);
        // One that has the number alone has no need of it, until another has.
        if shared {
            redirects.listen("127.0.0.1", Some(port), in_a_minute(), Flow::of("state=n")).await.unwrap();
            assert!(TcpStream::connect(("::1", port)).await.is_err());
        }
        let flow = Flow::of("state=s");
        redirects.listen("localhost", Some(port), in_a_minute(), flow.clone()).await.unwrap();
        let mut tab = TcpStream::connect(("::1", port)).await.unwrap();
        let request =
            format!("GET /oauth/callback?code=a&state=s HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
        tab.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        tab.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        assert_eq!(flow.queries(), ["code=a&state=s"]);
    }

    // Another program there would get the return: nobody is sent off.
    let other = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let redirects = LoopbackRedirects::default();
    let refused = redirects.listen("localhost", Some(port), in_a_minute(), Flow::of("state=s")).await;
    assert_eq!(refused.unwrap_err(), format!("port {port} is in use by another program"));
    assert!(is_closed(port).await);
    redirects.listen("127.0.0.1", Some(port), in_a_minute(), Flow::of("state=s")).await.unwrap();
}
