use crate::visitor::{Visitor, approving, pair, visit};
use hearthkey_sandbox::Options;
use serde_json::Value;

async fn start(visitor: &Visitor) -> Value {
    visitor
        .post("/device_authorization", &[("client_id", "hearthkey"), ("scope", "profile events")])
        .await
        .json()
}

async fn poll(visitor: &Visitor, started: &Value) -> Result<(String, String), (u16, String)> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "hearthkey"),
        ("device_code", started["device_code"].as_str().unwrap()),
    ];
    let reply = visitor.post("/token", &form).await;
    if reply.status == 200 { Ok(pair(&reply)) } else { Err(reply.error()) }
}

fn error(name: &str) -> Result<(String, String), (u16, String)> {
    Err((400, name.to_owned()))
}

#[tokio::test]
async fn a_person_enters_the_code_and_approves() {
    let visitor = visit(Options { device_interval_seconds: 0, ..Options::default() }).await;
    let started = start(&visitor).await;
    assert_eq!(poll(&visitor, &started).await, error("authorization_pending"));
    assert_eq!(visitor.get("/device").await.status, 200);
    assert_eq!(visitor.get("/device?user_code=XXXX-XXXX").await.status, 400);

    let user_code = started["user_code"].as_str().unwrap().to_lowercase();
    let page = visitor.get(&format!("/device?user_code={user_code}")).await;
    let form = page.form();
    let answer = [("form", form.as_str()), ("account", "acc_ben"), ("decision", "approve")];
    assert_eq!(visitor.post("/device", &answer).await.status, 200);
    let (access, _) = poll(&visitor, &started).await.unwrap();
    assert_eq!(visitor.get_with("/api/profile", &access).await.json()["id"], "acc_ben");
    assert_eq!(poll(&visitor, &started).await, error("invalid_grant"));
}

#[tokio::test]
async fn a_person_denies() {
    let visitor = visit(Options { device_interval_seconds: 0, ..Options::default() }).await;
    let started = start(&visitor).await;
    let user_code = started["user_code"].as_str().unwrap();
    let form = visitor.get(&format!("/device?user_code={user_code}")).await.form();
    visitor.post("/device", &[("form", &form), ("decision", "deny")]).await;
    assert_eq!(poll(&visitor, &started).await, error("access_denied"));
}

#[tokio::test]
async fn a_hasty_client_is_slowed_down() {
    let visitor = visit(Options::default()).await;
    let started = start(&visitor).await;
    assert_eq!(started["interval"], 5);
    assert_eq!(poll(&visitor, &started).await, error("authorization_pending"));
    assert_eq!(poll(&visitor, &started).await, error("slow_down"));
}

#[tokio::test]
async fn a_late_client_is_told_so() {
    let visitor = visit(Options { device_code_seconds: 0, ..Options::default() }).await;
    let started = start(&visitor).await;
    assert_eq!(poll(&visitor, &started).await, error("expired_token"));
}

#[tokio::test]
async fn the_complete_uri_approves_where_no_page_is_wanted() {
    let visitor = visit(approving()).await;
    let started = start(&visitor).await;
    assert_eq!(poll(&visitor, &started).await, error("authorization_pending"));
    let complete = started["verification_uri_complete"].as_str().unwrap();
    let path = complete.strip_prefix(&visitor.sandbox.base_url()).unwrap();
    assert_eq!(visitor.get(path).await.status, 200);
    assert!(poll(&visitor, &started).await.is_ok());
}
