use crate::visitor::{EVERY_SCOPE, approving, visit};
use hearthkey_sandbox::Options;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_token_is_required_and_its_scope_counts() {
    let visitor = visit(approving()).await;
    let none = visitor.get("/api/profile").await;
    assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, Some("Bearer")));
    for path in ["/userinfo", "/api/profile", "/api/echo"] {
        let wrong = visitor.get_with(path, "guess").await;
        assert_eq!(wrong.status, 401, "{path}");
        assert_eq!(wrong.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }

    let (access, _) = visitor.tokens("events").await;
    assert_eq!(visitor.get_with("/api/events", &access).await.status, 200);
    for path in ["/api/profile", "/api/contacts", "/api/messages"] {
        let reply = visitor.get_with(path, &access).await;
        assert_eq!(reply.status, 403, "{path}");
        assert_eq!(reply.json()["error"]["code"], "insufficient_scope");
        assert!(reply.header("www-authenticate").unwrap().contains("insufficient_scope"));
    }
}

#[tokio::test]
async fn pages_add_up_to_the_whole() {
    let visitor = visit(approving()).await;
    let (access, _) = visitor.tokens(EVERY_SCOPE).await;
    let mut seen = BTreeSet::new();
    let (mut path, mut sizes) = ("/api/events?limit=10".to_owned(), Vec::new());
    loop {
        let page = visitor.get_with(&path, &access).await.json();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        for event in items {
            assert!(event["starts_at"].as_str().unwrap() < event["ends_at"].as_str().unwrap());
            assert!(seen.insert(event["id"].as_str().unwrap().to_owned()));
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/events?limit=10&cursor={cursor}");
    }
    assert_eq!(sizes, [10, 10, 5]);
    let exact = visitor.get_with("/api/events?limit=25", &access).await.json();
    assert_eq!(exact["next_cursor"], Value::Null);
    for wrong in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=b2Zmc2V0Ojk5"] {
        assert_eq!(visitor.get_with(&format!("/api/events?{wrong}"), &access).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_contact_is_validated_and_kept() {
    let visitor = visit(approving()).await;
    let (access, _) = visitor.tokens(EVERY_SCOPE).await;
    let wrong = visitor.post_json("/api/contacts", &access, &json!({"name": " ", "email": "nobody"})).await;
    assert_eq!(wrong.status, 422);
    let fields = wrong.json()["error"]["fields"].clone();
    assert!(fields.get("name").is_some() && fields.get("email").is_some());

    let new = json!({"name": "Kim Vogel", "email": "kim@vogel.example"});
    let made = visitor.post_json("/api/contacts", &access, &new).await;
    assert_eq!(made.status, 201);
    let list = visitor.get_with("/api/contacts?limit=100", &access).await.json();
    assert_eq!(list["items"].as_array().unwrap().last(), Some(&made.json()));
    let broken = visitor.post_json("/api/contacts", &access, &json!("text")).await;
    assert_eq!((broken.status.as_u16(), &broken.json()["error"]["code"]), (400, &json!("invalid_json")));
}

#[tokio::test]
async fn an_idempotency_key_sends_once() {
    let visitor = visit(approving()).await;
    let (access, _) = visitor.tokens(EVERY_SCOPE).await;
    let bearer = format!("Bearer {access}");
    let send = |key: &'static str, text: &'static str| {
        let (visitor, bearer) = (&visitor, &bearer);
        let body = json!({"to": "mara@people.example", "subject": "Hello", "text": text}).to_string();
        async move {
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
            visitor.send(Method::POST, "/api/messages", &headers, &body).await
        }
    };
    let first = send("key-1", "one").await;
    let again = send("key-1", "one").await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(send("key-1", "two").await.status, 422);
    assert_ne!(send("key-2", "one").await.json()["id"], first.json()["id"]);
    let list = visitor.get_with("/api/messages?limit=100", &access).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 8, "six from before and two");
}

#[tokio::test]
async fn the_echo_keeps_credentials_to_itself() {
    let visitor = visit(approving()).await;
    let (access, _) = visitor.tokens(EVERY_SCOPE).await;
    let bearer = format!("Bearer {access}");
    let headers = [("authorization", bearer.as_str()), ("x-canary", "yes")];
    let reply = visitor.send(Method::PATCH, "/api/echo/deep/er?a=1", &headers, "text").await;
    let echo = reply.json();
    assert_eq!(echo["method"], "PATCH");
    assert_eq!((&echo["path"], &echo["query"]), (&json!("/api/echo/deep/er"), &json!("a=1")));
    assert_eq!((&echo["body"], &echo["headers"]["x-canary"]), (&json!("text"), &json!("yes")));
    assert_eq!(echo["credential_headers"], json!(["authorization"]));
    assert!(!reply.text.contains(&access));
}

#[tokio::test]
async fn an_api_key_opens_its_profile() {
    let visitor = visit(approving()).await;
    let with = |key: &'static str| {
        let visitor = &visitor;
        async move { visitor.send(Method::GET, "/api/key-profile", &[("x-api-key", key)], "").await }
    };
    assert_eq!(with("sk_sandbox_12345678").await.json()["email"], "anna@studio-nord.example");
    assert_eq!(with("sk_sandbox_1234567").await.status, 401);
    assert_eq!(with("sk_live_12345678").await.status, 401);
    assert_eq!(visitor.get("/api/key-profile").await.status, 401);
}

#[tokio::test]
async fn the_limit_is_told_and_kept() {
    let visitor = visit(Options { requests_per_minute: 2, ..approving() }).await;
    let (access, _) = visitor.tokens(EVERY_SCOPE).await;
    let mut statuses = Vec::new();
    // Five requests span at most two windows of a minute, so at least one exceeds the limit.
    for _ in 0..5 {
        let reply = visitor.get_with("/api/profile", &access).await;
        assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
        assert!(
            reply.header("x-ratelimit-remaining").is_some() && reply.header("x-ratelimit-reset").is_some()
        );
        if reply.status == 429 {
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds));
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses[0], 200);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_json() {
    let visitor = visit(approving()).await;
    let missing = visitor.get("/nothing").await;
    assert_eq!((missing.status.as_u16(), &missing.json()["error"]["code"]), (404, &json!("not_found")));
    let method = visitor.get("/token").await;
    assert_eq!(
        (method.status.as_u16(), &method.json()["error"]["code"]),
        (405, &json!("method_not_allowed"))
    );
}
