use crate::visitor::{EVERY_SCOPE, approving, visit};
use hearthkey_sandbox::{Fault, FaultKind, JournalEntry, Nth};
use reqwest::Method;

#[tokio::test]
async fn every_control_works_over_http() {
    let visitor = visit(approving()).await;
    assert_eq!(visitor.get("/_sandbox/health").await.json()["status"], "ok");
    let (access, refresh) = visitor.tokens(EVERY_SCOPE).await;

    let entries: Vec<JournalEntry> =
        serde_json::from_str(&visitor.get("/_sandbox/journal").await.text).unwrap();
    assert_eq!(entries, visitor.sandbox.journal());
    assert_eq!(entries.len(), 2, "control requests are not noted");
    assert_eq!(visitor.send(Method::DELETE, "/_sandbox/journal", &[], "").await.status, 204);
    assert!(visitor.sandbox.journal().is_empty());

    let faults = r#"[{"route": "/", "nth": {"only": 1}, "kind": {"status": {"status": 500}}}]"#;
    assert_eq!(visitor.send(Method::PUT, "/_sandbox/faults", &[], faults).await.status, 204);
    let kind = FaultKind::Status { status: 500, body: None };
    let expected = [Fault { route: "/".into(), method: None, nth: Nth::Only(1), kind }];
    assert_eq!(visitor.sandbox.faults(), expected);
    assert_eq!(visitor.get("/_sandbox/faults").await.json(), serde_json::to_value(&expected).unwrap());
    assert_eq!(visitor.get_with("/api/profile", &access).await.status, 500);
    let wrong = visitor.send(Method::PUT, "/_sandbox/faults", &[], r#"[{"route": "/"}]"#).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(visitor.sandbox.faults(), expected, "a wrong list changes nothing");

    assert_eq!(visitor.send(Method::POST, "/_sandbox/expire-access-tokens", &[], "").await.status, 204);
    assert_eq!(visitor.get_with("/api/profile", &access).await.status, 401);
    let renewed = visitor.refresh(&refresh).await;
    assert_eq!(renewed.status, 200, "refresh tokens outlive it");
    assert_eq!(visitor.send(Method::POST, "/_sandbox/revoke-grants", &[], "").await.status, 204);
    let token = renewed.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(visitor.refresh(&token).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn the_library_has_the_same_controls() {
    let visitor = visit(approving()).await;
    let (access, refresh) = visitor.tokens(EVERY_SCOPE).await;
    visitor.sandbox.expire_access_tokens();
    assert_eq!(visitor.get_with("/userinfo", &access).await.status, 401);
    visitor.sandbox.revoke_grants();
    assert_eq!(visitor.refresh(&refresh).await.status, 400);
}

#[tokio::test]
async fn a_web_page_reaches_no_control() {
    let visitor = visit(approving()).await;
    let own = visitor.sandbox.base_url();
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", own.as_str())],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-origin")],
    ] {
        for path in ["/_sandbox/health", "/_sandbox/journal", "/_sandbox"] {
            assert_eq!(visitor.send(Method::GET, path, &headers, "").await.status, 403, "{headers:?} {path}");
        }
        let revoked = visitor.send(Method::POST, "/_sandbox/revoke-grants", &headers, "").await;
        assert_eq!(revoked.status, 403);
    }
    let consent = visitor.send(Method::GET, "/userinfo", &[("origin", own.as_str())], "").await;
    assert_eq!(consent.status, 401, "other routes are for browsers too");
}

#[tokio::test]
async fn another_host_is_misdirected() {
    let visitor = visit(approving()).await;
    let port = visitor.authority().rsplit_once(':').unwrap().1.to_owned();
    let status = |target: String, hosts: Vec<String>| {
        let visitor = &visitor;
        async move {
            let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
            let (reply, _) =
                visitor.raw(&format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
            reply[9..12].to_owned()
        }
    };
    for path in ["/", "/_sandbox/health"] {
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("LOCALHOST:{port}")] {
            assert_eq!(status(path.into(), vec![host.clone()]).await, "200", "{host}");
        }
        let foreign = ["evil.example", "127.0.0.1", "localhost", "127.0.0.1:1", "[::1]:1", ""];
        for host in foreign.map(str::to_owned).into_iter().chain([format!("evil.example:{port}")]) {
            assert_eq!(status(path.into(), vec![host.clone()]).await, "421", "{host}");
        }
        assert_eq!(status(path.into(), Vec::new()).await, "421");
        let both = vec![format!("localhost:{port}"), "evil.example".into()];
        assert_eq!(status(path.into(), both).await, "421");
        let target = format!("http://evil.example:{port}{path}");
        assert_eq!(status(target, vec![format!("localhost:{port}")]).await, "421");
    }
    let entries = visitor.sandbox.journal();
    assert!(entries.iter().all(|entry| entry.path == "/"), "and control requests stay out of the journal");
    assert!(entries.iter().any(|entry| entry.status == Some(421)));
}

#[tokio::test]
async fn a_shutdown_frees_the_port_even_with_open_connections() {
    let visitor = visit(approving()).await;
    let (authority, port) =
        (visitor.authority(), visitor.authority().rsplit_once(':').unwrap().1.parse().unwrap());
    visitor.get("/").await;
    let _idle = visitor.connect().await;
    visitor.sandbox.shutdown().await;
    assert!(tokio::net::TcpStream::connect(&authority).await.is_err());
    let again = visit(hearthkey_sandbox::Options { port, ..approving() }).await;
    assert_eq!(again.get("/").await.status, 200);
}
