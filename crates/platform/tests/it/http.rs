//! The HTTP client against servers of a few lines that misbehave.

use bytes::Bytes;
use hearthkey_domain::{
    egress::EgressPolicy,
    ports::{Http, HttpError, HttpRequest},
};
use hearthkey_platform::http::HttpClient;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use url::Url;

/// A server that answers every connection with `reply`, counts them, and keeps the last request head.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    head: Arc<std::sync::Mutex<String>>,
}

impl Server {
    async fn answering(reply: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            head: Arc::default(),
        };
        let (connections, head) = (server.connections.clone(), server.head.clone());
        tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let mut request = vec![0; 64 * 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                *head.lock().unwrap() = String::from_utf8_lossy(&request[..read]).into_owned();
                match reply {
                    Some(reply) => stream.write_all(reply).await.unwrap(),
                    None => silent.push(stream),
                }
            }
        });
        server
    }

    fn url(&self, rest: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{rest}", self.port)).unwrap()
    }
}

fn get(address: &Url, private: bool) -> HttpRequest {
    HttpRequest {
        request: ::http::Request::get(address.as_str()).body(Bytes::new()).unwrap(),
        policy: EgressPolicy::new([address], private).unwrap(),
        timeout: Duration::from_secs(5),
        max_reply: 1024,
    }
}

async fn send(request: HttpRequest) -> Result<::http::Response<Bytes>, HttpError> {
    HttpClient::new().unwrap().send(request).await
}

#[tokio::test]
async fn a_reply_comes_back_whole() {
    let server = Server::answering(Some(
        b"HTTP/1.1 429 Too Many\r\nretry-after: 7\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 2\r\n\r\nhi",
    ))
    .await;
    let mut request = get(&server.url("/a?b=c"), true);
    request.request.headers_mut().insert("host", "elsewhere.example".parse().unwrap());
    let reply = send(request).await.unwrap();
    assert_eq!(reply.status(), 429);
    assert_eq!(reply.headers()["retry-after"], "7");
    assert_eq!(reply.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(reply.body(), "hi");

    let head = server.head.lock().unwrap().to_lowercase();
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: hearthkey/"), "{head}");
    assert!(
        head.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)),
        "the address names the host: {head}"
    );
}

#[tokio::test]
async fn a_user_agent_of_the_request_wins() {
    let server = Server::answering(Some(b"HTTP/1.1 204 No Content\r\n\r\n")).await;
    let mut request = get(&server.url("/"), true);
    request.request.headers_mut().insert("user-agent", "Special/1".parse().unwrap());
    send(request).await.unwrap();
    let head = server.head.lock().unwrap().to_lowercase();
    assert!(head.contains("user-agent: special/1\r\n") && !head.contains("hearthkey"), "{head}");
}

#[tokio::test]
async fn redirects_are_replies() {
    let server = Server::answering(Some(
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n",
    ))
    .await;
    let reply = send(get(&server.url("/token"), true)).await.unwrap();
    assert_eq!(reply.status(), 307);
    assert_eq!(reply.headers()["location"], "/elsewhere");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_the_policy_or_the_guard_refuses_is_never_sent() {
    let server = Server::answering(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let port = server.port;
    let outside = HttpRequest {
        policy: EgressPolicy::new([&Url::parse("https://api.github.com/").unwrap()], true).unwrap(),
        ..get(&server.url("/"), true)
    };
    let mut cases = vec![outside];
    for address in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://0x7f000001:{port}/"),
        format!("https://0177.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://localhost:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[64:ff9b::7f00:1]/".to_owned(),
    ] {
        cases.push(get(&Url::parse(&address).unwrap(), false));
    }
    for address in ["https://0.0.0.0/", "https://224.0.0.1/", "https://[ff02::1]/"] {
        cases.push(get(&Url::parse(address).unwrap(), true));
    }
    for case in cases {
        let address = case.request.uri().to_string();
        let answer = send(case).await;
        assert!(matches!(answer, Err(HttpError::Blocked { .. })), "{address}: {answer:?}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_policy_with_private_addresses_reaches_a_local_name() {
    let server = Server::answering(Some(b"this is not TLS")).await;
    let address = Url::parse(&format!("https://localhost:{}/", server.port)).unwrap();
    let answer = send(get(&address, true)).await;
    assert!(matches!(answer, Err(HttpError::Unreachable { .. })), "{answer:?}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_size_of_a_reply_is_limited() {
    for (reply, fits) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678"[..], true),
        // Refused by its announcement alone: the body never comes.
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n", true),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n", false),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n123456789", false),
    ] {
        let server = Server::answering(Some(reply)).await;
        let request = HttpRequest { max_reply: 8, ..get(&server.url("/"), true) };
        match send(request).await {
            Ok(reply) => assert!(fits && reply.body() == "12345678", "{reply:?}"),
            Err(HttpError::TooLarge { limit: 8, .. }) if !fits => {}
            Err(other) => panic!("{other}: {}", String::from_utf8_lossy(reply)),
        }
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_allowed() {
    for reply in [None, Some(&b"HTTP/1.1 200 OK\r\n"[..])] {
        let server = Server::answering(reply).await;
        // The second one keeps its connection open only as long as it is written to, so it is a cut.
        let request = HttpRequest { timeout: Duration::from_millis(50), ..get(&server.url("/"), true) };
        let answer = tokio::time::timeout(Duration::from_secs(1), send(request)).await;
        match (reply, answer.expect("it ends by itself")) {
            (None, Err(HttpError::Timeout { seconds: 1, .. })) | (Some(_), Err(HttpError::Cut { .. })) => {}
            (reply, other) => panic!("{reply:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_broken_reply_is_a_cut() {
    for reply in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let server = Server::answering(Some(reply)).await;
        let answer = send(get(&server.url("/"), true)).await;
        assert!(matches!(answer, Err(HttpError::Cut { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = Url::parse(&format!("http://{closed}/")).unwrap();
    let answer = send(get(&address, true)).await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        format!("{closed} could not be reached: it refused the connection")
    );
    let nowhere = Url::parse("https://no-such-name.invalid/").unwrap();
    let answer = send(get(&nowhere, false)).await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        "no-such-name.invalid could not be reached: its name could not be resolved"
    );
}

#[tokio::test]
async fn no_error_holds_path_query_header_or_body() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let cut = Server::answering(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\ncanary-body")).await;
    let silent = Server::answering(None).await;
    let bases = [
        format!("http://{closed}"),
        format!("http://127.0.0.1:{}", cut.port),
        format!("http://127.0.0.1:{}", silent.port),
        format!("https://127.0.0.1:{}", cut.port),
        "https://no-such-name.invalid".to_owned(),
    ];
    let mut texts = Vec::new();
    for (base, private) in bases.iter().flat_map(|base| [(base, true), (base, false)]) {
        let address = Url::parse(&format!("{base}/canary-path?token=canary-query#canary-fragment")).unwrap();
        let mut request = HttpRequest { timeout: Duration::from_millis(50), ..get(&address, private) };
        request.request.headers_mut().insert("authorization", "Bearer canary-header".parse().unwrap());
        *request.request.body_mut() = Bytes::from_static(b"canary-sent");
        let error = send(request).await.unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    let outside = HttpRequest {
        policy: EgressPolicy::new([&Url::parse("https://api.github.com/").unwrap()], true).unwrap(),
        ..get(&Url::parse("https://evil.example/canary-path?canary-query").unwrap(), true)
    };
    texts.push(format!("{:?}", send(outside).await.unwrap_err()));
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
}
