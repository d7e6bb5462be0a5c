use crate::visitor::{CALLBACK, CHALLENGE, VERIFIER, approving, encoded, pair, visit};
use hearthkey_sandbox::Options;
use serde_json::json;

#[tokio::test]
async fn a_person_approves_and_the_client_gets_a_profile() {
    let visitor = visit(Options::default()).await;
    let page = visitor.authorize(&[("login_hint", "ben@ost.example")]).await;
    assert_eq!(page.status, 200);
    for text in
        ["Hearthkey wants to use your Sandbox account", "id=\"approve\"", "id=\"deny\"", "See your calendar"]
    {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(page.text.contains("value=\"acc_ben\" checked"), "the hinted account is chosen");
    assert!(!page.text.contains("<script"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'sha256-") && !policy.contains("form-action"), "{policy}");

    let form = page.form();
    let answer = [("form", form.as_str()), ("account", "acc_ben"), ("decision", "approve")];
    let callback = visitor.post("/authorize", &answer).await.callback();
    assert_eq!(callback["state"], "state-4711");
    assert_eq!(callback["iss"], visitor.sandbox.base_url());
    assert_eq!(visitor.post("/authorize", &answer).await.status, 400, "a page answers once");

    let reply = visitor.redeem(&callback["code"], VERIFIER).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let document = reply.json();
    assert_eq!((&document["token_type"], &document["expires_in"]), (&json!("Bearer"), &json!(300)));
    let (access, _) = pair(&reply);
    let userinfo = visitor.get_with("/userinfo", &access).await;
    assert_eq!(
        userinfo.json(),
        json!({"sub": "acc_ben", "name": "Ben Ost", "email": "ben@ost.example", "email_verified": true,
               "preferred_username": "ben"})
    );
}

#[tokio::test]
async fn a_denial_names_state_and_issuer() {
    let visitor = visit(Options::default()).await;
    let form = visitor.authorize(&[]).await.form();
    let callback = visitor.post("/authorize", &[("form", &form), ("decision", "deny")]).await.callback();
    assert_eq!(callback["error"], "access_denied");
    assert_eq!(callback["state"], "state-4711");
    assert_eq!(callback["iss"], visitor.sandbox.base_url());
    assert!(!callback.contains_key("code"));
}

#[tokio::test]
async fn faulty_requests_go_back_as_errors_with_the_issuer() {
    let visitor = visit(approving()).await;
    for (changes, error) in [
        (&[("code_challenge", ""), ("code_challenge_method", "")][..], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "profile everything")], "invalid_scope"),
    ] {
        let callback = visitor.authorize(changes).await.callback();
        assert_eq!(callback["error"], error, "{changes:?}");
        assert_eq!(callback["state"], "state-4711");
        assert_eq!(callback["iss"], visitor.sandbox.base_url());
        assert!(!callback.contains_key("code"));
    }
}

#[tokio::test]
async fn an_unknown_client_or_redirect_is_never_redirected_to() {
    let visitor = visit(approving()).await;
    for changes in [
        ("client_id", "somebody"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/oauth/callback"),
        ("redirect_uri", "http://localhost:4711/oauth/callback"),
        ("redirect_uri", "http://127.0.0.1:4711/oauth/callback/../x"),
    ] {
        let page = visitor.authorize(&[changes]).await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert_eq!(page.header("location"), None);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
    }
    let twice = [("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK), ("client_id", "hearthkey")];
    let page = visitor.get(&format!("/authorize?{}", encoded(&twice))).await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn the_private_scheme_is_redirected_to() {
    let visitor = visit(approving()).await;
    let reply = visitor.authorize(&[("redirect_uri", "app.hearthkey:/oauth/callback")]).await;
    assert!(reply.header("location").unwrap().starts_with("app.hearthkey:/oauth/callback?code="));
}

#[tokio::test]
async fn both_metadata_documents_say_the_same() {
    let visitor = visit(Options::default()).await;
    let document = visitor.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document, visitor.get("/.well-known/openid-configuration").await.json());
    assert_eq!(document["issuer"], visitor.sandbox.base_url());
    assert_eq!(document["token_endpoint"], visitor.url("/token"));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(CHALLENGE.len(), 43);
}
