//! The socket's door: typed calls, streams and blobs over one table, and what it says to bad input.

use crate::harness::World;
use hearthkey_api::doors::client::ClientError;
use hearthkey_api::operations::app::{HandOver, OpenLink, Status, WatchChanges};
use hearthkey_api::operations::connections::{List, Rename, Request};
use hearthkey_api::operations::vault::Retry;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{TopicView, VaultWord};
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends one request as text and gives status and body.
async fn raw(world: &World, path: &str, body: &str) -> (u16, String) {
    let (mut near, far) = tokio::io::duplex(256 * 1024);
    tokio::spawn(hearthkey_api::doors::server::serve(far, world.app.clone(), crate::harness::caller()));
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    near.write_all(head.as_bytes()).await.unwrap();
    // A server that has heard enough stops listening, and still answers.
    let _ = near.write_all(body.as_bytes()).await;
    let mut reply = String::new();
    near.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn bad_input_is_told_where_and_what_and_never_quoted() {
    let world = World::new().await;
    for (operation, body, words) in [
        ("connections.add", r#"{"connector":"stripe","secrets":{"key":["hunter2"]}}"#, "secrets.key: "),
        ("connections.add", r#"{"connector":"stripe","secrets":"hunter2"}"#, "secrets: "),
        ("connections.add", r#"{"connector":"stripe"}"#, "secrets: is needed"),
        (
            "connections.add",
            r#"{"connector":"stripe","secrets":{"key":"hunter2"}}"#,
            "key: does not look like one",
        ),
        ("connections.show", r#"{"conection":"hunter2","connection":"a"}"#, "conection: is not known"),
        ("connections.show", r#"["hunter2"]"#, "an object was expected"),
        ("connections.show", "hunter2", "JSON was expected"),
        ("authorizations.watch", r#"{"authorization":"hunter2"}"#, "an identifier like auth_01J"),
        (
            "connections.request",
            r#"{"connection":"a","path":"/","method":"HUNTER2"}"#,
            "there is no connection",
        ),
    ] {
        let (status, reply) = raw(&world, &format!("/v1/{operation}"), body).await;
        assert!((400..500).contains(&status), "{body}: {status}");
        assert!(reply.contains(words), "{body}: {reply}");
        assert!(!reply.contains("hunter2"), "{reply}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let world = World::new().await;
    let (status, reply) = raw(&world, "/v1/vault.open_sesame", "{}").await;
    assert_eq!(status, 404, "{reply}");
    let (status, reply) = raw(&world, "/elsewhere", "{}").await;
    assert_eq!(status, 404, "{reply}");
    assert!(reply.contains("/v1/openapi.json"), "{reply}");
    let large = "x".repeat(2 * 1024 * 1024);
    let (status, reply) = raw(&world, "/v1/connections.list", &large).await;
    assert_eq!(status, 400, "{reply}");
    assert!(reply.contains("at most 1048576 bytes"), "{reply}");
}

#[tokio::test]
async fn typed_calls_come_back_typed() {
    let world = World::new().await;
    let mut client = world.client().await;
    assert_eq!(client.call(&Retry {}).await.unwrap().state, VaultWord::Open);
    let status = client.call(&Status {}).await.unwrap();
    assert_eq!((status.vault.state, status.workspace.unwrap().name), (VaultWord::Open, "Personal".into()));
    assert!(client.call(&List::default()).await.unwrap().connections.is_empty());
    let rename = Rename { connection: "Nobody".into(), label: "x".into() };
    match client.call(&rename).await {
        Err(ClientError::Problem(problem)) => assert_eq!(problem.kind, ProblemKind::NotFound),
        other => panic!("{other:?}"),
    }
    assert!(client.call(&HandOver {}).await.is_err());
}

#[tokio::test]
async fn only_the_services_own_links_are_opened() {
    let world = World::new().await;
    let mut client = world.client().await;
    for url in ["https://evil.example/", "file:///etc/passwd", "https://dashboard.stripe.com/apikeys?x"] {
        let refused = client.call(&OpenLink { url: url.into() }).await.unwrap_err();
        assert!(refused.to_string().contains("a link of one of the services was expected"), "{url}");
    }
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let world = World::new().await;
    let mut changes = world.client().await.watch(&WatchChanges {}).await.unwrap();
    assert_eq!(changes.next().await.unwrap().unwrap().topic, TopicView::All);
    world.connected("Demo").await;
    while changes.next().await.unwrap().expect("the stream goes on").topic != TopicView::Connections {}
}

#[tokio::test]
async fn large_and_binary_bodies_travel_as_blobs() {
    let world = World::new().await;
    world.connected("Demo").await;
    let mut client = world.client().await;
    let huge = FaultKind::Huge { bytes: 600_000 };
    world.sandbox.set_faults(vec![Fault {
        route: "/api/events".into(),
        method: None,
        nth: Nth::Every,
        kind: huge,
    }]);
    let large = Request { connection: "Demo".into(), path: "/api/events".into(), ..Default::default() };
    let reply = client.call(&large).await.unwrap();
    assert!(reply.text.is_none());
    let bytes = client.read_blob(&reply.blob.unwrap()).await.unwrap();
    assert!(bytes.len() >= 600_000, "{}", bytes.len());

    let blob = client.write_blob(vec![0xff, 0x00, 0xfe].into(), "image/jpeg").await.unwrap();
    let method = Some("POST".to_owned());
    let upload = Request {
        connection: "Demo".into(),
        path: "/api/echo".into(),
        method,
        blob: Some(blob),
        ..Default::default()
    };
    let echo: serde_json::Value =
        serde_json::from_str(&client.call(&upload).await.unwrap().text.unwrap()).unwrap();
    assert_eq!(echo["headers"]["content-type"], "image/jpeg");
    assert_eq!(echo["headers"]["content-length"], "3");
}

#[tokio::test]
async fn callers_do_not_set_the_headers_that_are_hearthkeys() {
    let world = World::new().await;
    world.connected("Demo").await;
    let mut client = world.client().await;
    let request = |headers: Vec<(String, String)>| Request {
        connection: "Demo".into(),
        path: "/api/echo".into(),
        headers,
        ..Default::default()
    };
    for name in ["Authorization", "Host", "Cookie", "X-Forwarded-For", "Accept-Encoding", "Range"] {
        let refused = client.call(&request(vec![(name.into(), "x".into())])).await.unwrap_err();
        assert!(refused.to_string().contains("cannot be set"), "{name}: {refused}");
    }
    let reply = client.call(&request(vec![("X-Mine".into(), "yes".into())])).await.unwrap();
    assert!(reply.text.unwrap().contains("yes"));
}
