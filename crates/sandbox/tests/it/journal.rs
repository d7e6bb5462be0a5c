use crate::visitor::{CALLBACK, EVERY_SCOPE, VERIFIER, approving, encoded, pair, visit};
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use reqwest::Method;

#[tokio::test]
async fn requests_are_noted_in_order_with_their_outcome() {
    let visitor = visit(approving()).await;
    let (access, refresh) = visitor.tokens("profile").await;
    visitor.get_with("/api/events?limit=5&cursor=abc", &access).await;
    visitor.refresh(&refresh).await;
    let entries = visitor.sandbox.journal();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let line = |n: usize| {
        let entry = &entries[n];
        (entry.method.as_str(), entry.path.as_str(), entry.status, entry.client_id.as_deref())
    };
    assert_eq!(line(0), ("GET", "/authorize", Some(303), Some("hearthkey")));
    assert_eq!(line(1), ("POST", "/token", Some(200), Some("hearthkey")));
    assert_eq!(line(2), ("GET", "/api/events", Some(403), None));
    assert_eq!(entries[0].query["redirect_uri"].as_deref(), Some(CALLBACK));
    assert_eq!(entries[0].query["state"], None);
    assert_eq!(entries[2].query["limit"].as_deref(), Some("5"));
    assert_eq!(entries[2].query["cursor"], None);
    assert_eq!(entries[3].grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(entries[3].outcome.as_deref(), Some("refresh_token: rotated"));

    visitor.sandbox.clear_journal();
    visitor.get("/").await;
    assert_eq!(visitor.sandbox.journal()[0].seq, 5, "numbers are not used twice");
}

#[tokio::test]
async fn no_secret_enters_wherever_a_client_puts_it() {
    let visitor = visit(approving()).await;
    let state = "canary-state-0123456789";
    let code = visitor.code(&[("state", state)]).await;
    visitor.redeem(&code, &format!("{VERIFIER}-wrong")).await;
    let (access, first) = pair(&visitor.redeem(&code, VERIFIER).await);
    visitor.sandbox.set_faults(vec![Fault {
        route: "/token".into(),
        method: None,
        nth: Nth::Only(1),
        kind: FaultKind::SwallowReply,
    }]);
    let form =
        [("grant_type", "refresh_token"), ("client_id", "hearthkey"), ("refresh_token", first.as_str())];
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    assert!(visitor.try_send(Method::POST, "/token", &kind, &encoded(&form)).await.is_err());
    visitor.refresh(&first).await;
    let (_, other) = visitor.tokens(EVERY_SCOPE).await;
    let device = visitor.post("/device_authorization", &[("client_id", "hearthkey")]).await.json();
    let user_code = device["user_code"].as_str().unwrap().to_owned();
    visitor.get(&format!("/device?user_code={user_code}")).await;
    let secrets = [
        code,
        VERIFIER.to_owned(),
        state.to_owned(),
        access,
        first,
        other.clone(),
        device["device_code"].as_str().unwrap().to_owned(),
        user_code,
        "sandbox-secret".to_owned(),
        "sk_sandbox_canary-0123456789".to_owned(),
    ];

    // The journal keeps short names of ours, so a secret put in their place must be longer or marked.
    for secret in secrets.iter().filter(|secret| secret.len() > 32 || secret.starts_with("sk_")) {
        visitor.get_with(&format!("/api/echo/{secret}?{secret}={secret}&limit={secret}"), secret).await;
        visitor.authorize(&[("client_id", secret)]).await;
        let redirect = format!("{CALLBACK}?{secret}");
        visitor.authorize(&[("redirect_uri", redirect.as_str())]).await;
        visitor.authorize(&[("scope", secret), ("login_hint", secret), ("response_type", secret)]).await;
        visitor
            .post("/token", &[("grant_type", secret), ("client_id", secret), ("client_secret", secret)])
            .await;
        visitor.post("/revoke", &[("token", secret), ("client_id", "hearthkey")]).await;
        visitor.send(Method::GET, "/api/key-profile", &[("x-api-key", secret)], "").await;
    }
    let confidential = [("client_id", "hearthkey-confidential"), ("client_secret", "sandbox-secret")];
    visitor.post("/token", &confidential).await;

    let text = serde_json::to_string(&visitor.sandbox.journal()).unwrap();
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret}");
        // The random part may hold underscores itself, so it is what follows the prefix.
        let random = secret.strip_prefix("sbx_").and_then(|rest| rest.split_once('_'));
        assert!(random.is_none_or(|(_, random)| !text.contains(random)), "{secret} in part");
    }
    assert!(text.contains("(hidden)") && text.contains("(unregistered)") && text.contains("(unsupported)"));
}
