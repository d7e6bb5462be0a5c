use crate::visitor::{CALLBACK, EVERY_SCOPE, VERIFIER, approving, pair, visit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearthkey_sandbox::{Error, Options, Sandbox};
use std::fs;

#[tokio::test]
async fn a_code_needs_its_verifier_and_works_once() {
    let visitor = visit(approving()).await;
    let code = visitor.code(&[]).await;
    let wrong = "x".repeat(43);
    assert_eq!(visitor.redeem(&code, &wrong).await.error(), (400, "invalid_grant".into()));
    assert_eq!(visitor.redeem(&code, "").await.error(), (400, "invalid_request".into()));
    let (access, refresh) = pair(&visitor.redeem(&code, VERIFIER).await);
    assert_eq!(visitor.get_with("/api/profile", &access).await.status, 200);

    assert_eq!(visitor.redeem(&code, VERIFIER).await.error(), (400, "invalid_grant".into()));
    assert_eq!(visitor.get_with("/api/profile", &access).await.status, 401, "the reuse revoked it");
    assert_eq!(visitor.refresh(&refresh).await.error(), (400, "invalid_grant".into()));
    assert_eq!(
        visitor.outcomes(),
        [
            "approved",
            "authorization_code: wrong verifier",
            "authorization_code: malformed",
            "authorization_code: issued",
            "authorization_code: code reuse, grant revoked",
            "refresh_token: grant was revoked",
        ]
    );
}

#[tokio::test]
async fn reuse_of_a_rotated_refresh_token_kills_the_family() {
    let visitor = visit(approving()).await;
    let (_, first) = visitor.tokens(EVERY_SCOPE).await;
    let (access, second) = pair(&visitor.refresh(&first).await);
    assert_ne!(first, second);
    assert_eq!(visitor.refresh(&first).await.error(), (400, "invalid_grant".into()));
    assert_eq!(visitor.refresh(&second).await.error(), (400, "invalid_grant".into()));
    assert_eq!(visitor.get_with("/api/profile", &access).await.status, 401);
    let outcomes = visitor.outcomes();
    assert_eq!(
        outcomes[2..],
        [
            "refresh_token: rotated",
            "refresh_token: reuse, family revoked",
            "refresh_token: grant was revoked"
        ]
    );
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_rotates() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    let (a, b, c, d) = tokio::join!(
        visitor.refresh(&token),
        visitor.refresh(&token),
        visitor.refresh(&token),
        visitor.refresh(&token)
    );
    assert_eq!([a, b, c, d].iter().filter(|reply| reply.status == 200).count(), 1);
    let outcomes = visitor.outcomes();
    let count = |outcome: &str| outcomes.iter().filter(|known| *known == outcome).count();
    assert_eq!(count("refresh_token: rotated"), 1);
    assert_eq!(count("refresh_token: reuse, family revoked"), 1);
}

#[tokio::test]
async fn the_confidential_client_proves_itself() {
    let visitor = visit(approving()).await;
    let id = "hearthkey-confidential";
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let (right, wrong) = (basic("sandbox-secret"), basic("guess"));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
    let with = |more: &[(&'static str, &'static str)]| [&refresh[..], more].concat();
    for (headers, form, expected) in [
        (vec![("authorization", right.as_str())], with(&[]), (400, "invalid_grant")),
        (vec![], with(&[("client_id", id), ("client_secret", "sandbox-secret")]), (400, "invalid_grant")),
        (vec![], with(&[("client_id", "hearthkey")]), (400, "invalid_grant")),
        (vec![("authorization", wrong.as_str())], with(&[]), (401, "invalid_client")),
        (vec![], with(&[("client_id", id), ("client_secret", "guess")]), (401, "invalid_client")),
        (vec![], with(&[("client_id", id)]), (401, "invalid_client")),
        (vec![], with(&[("client_id", "somebody")]), (401, "invalid_client")),
        (vec![], with(&[("client_id", "hearthkey"), ("client_secret", "x")]), (401, "invalid_client")),
        (
            vec![("authorization", right.as_str())],
            with(&[("client_id", "hearthkey")]),
            (400, "invalid_request"),
        ),
        (vec![("authorization", right.as_str())], with(&[("client_secret", "x")]), (400, "invalid_request")),
        (vec![], with(&[]), (400, "invalid_request")),
        (vec![], with(&[("client_id", "hearthkey"), ("refresh_token", "twice")]), (400, "invalid_request")),
        (
            vec![],
            vec![("grant_type", "password"), ("client_id", "hearthkey")],
            (400, "unsupported_grant_type"),
        ),
    ] {
        let reply = visitor.post_as("/token", &headers, &form).await;
        assert_eq!(reply.error(), (expected.0, expected.1.into()), "{form:?}");
        assert_eq!(reply.header("www-authenticate").is_some(), expected.0 == 401);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri() {
    let visitor = visit(approving()).await;
    let code = visitor.code(&[]).await;
    let redeem = |redirect_uri| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "hearthkey"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        let visitor = &visitor;
        async move { visitor.post("/token", &form).await.status.as_u16() }
    };
    assert_eq!(redeem("app.hearthkey:/oauth/callback").await, 400);
    assert_eq!(redeem(CALLBACK).await, 200);
}

#[tokio::test]
async fn revocation_of_a_refresh_token_takes_the_access_token_along() {
    let visitor = visit(approving()).await;
    let revoke = |token: String| {
        let visitor = &visitor;
        async move {
            visitor.post("/revoke", &[("token", &token), ("client_id", "hearthkey")]).await.status.as_u16()
        }
    };
    let (access, refresh) = visitor.tokens(EVERY_SCOPE).await;
    assert_eq!(revoke("never-seen".into()).await, 200);
    assert_eq!(revoke(refresh.clone()).await, 200);
    assert_eq!(visitor.get_with("/userinfo", &access).await.status, 401);
    assert_eq!(visitor.refresh(&refresh).await.status, 400);

    let (access, refresh) = visitor.tokens(EVERY_SCOPE).await;
    assert_eq!(revoke(access.clone()).await, 200);
    assert_eq!(visitor.get_with("/userinfo", &access).await.status, 401);
    assert_eq!(visitor.refresh(&refresh).await.status, 200, "an access token goes alone");
}

#[tokio::test]
async fn a_refresh_token_stays_where_rotation_is_off() {
    let visitor = visit(Options { rotate_refresh_tokens: false, ..approving() }).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    for _ in 0..2 {
        let reply = visitor.refresh(&token).await;
        assert_eq!(reply.status, 200);
        assert!(reply.json().get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn grants_survive_a_restart_and_the_file_holds_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let options = || Options { state_file: Some(file.clone()), ..approving() };
    let visitor = visit(options()).await;
    let (access, first) = visitor.tokens(EVERY_SCOPE).await;
    let (_, second) = pair(&visitor.refresh(&first).await);
    visitor.sandbox.shutdown().await;

    let text = fs::read_to_string(&file).unwrap();
    for token in [&access, &first, &second] {
        assert!(!text.contains(token.as_str()));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");

    let visitor = visit(options()).await;
    assert_eq!(visitor.get_with("/api/profile", &access).await.json()["id"], "acc_anna");
    let (_, third) = pair(&visitor.refresh(&second).await);
    drop(visitor);

    let visitor = visit(options()).await;
    assert_eq!(visitor.refresh(&second).await.status, 400, "a rotation is remembered");
    assert_eq!(visitor.refresh(&third).await.status, 400, "and its reuse revoked the family");
    assert_eq!(
        visitor.outcomes(),
        ["refresh_token: reuse, family revoked", "refresh_token: grant was revoked"]
    );
}

#[tokio::test]
async fn a_state_file_of_another_kind_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    for text in ["not json", r#"{"format": 99, "grants": {}, "access_tokens": {}, "refresh_tokens": {}}"#] {
        fs::write(&file, text).unwrap();
        let started = Sandbox::start(Options { state_file: Some(file.clone()), ..Options::default() }).await;
        assert!(matches!(started, Err(Error::StateFormat { .. })), "{started:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let nowhere = folder.path().join("missing").join("state.json");
    let started = Sandbox::start(Options { state_file: Some(nowhere), ..Options::default() }).await;
    assert!(matches!(started, Err(Error::StateFile { .. })), "{started:?}");
}

#[tokio::test]
async fn a_change_that_cannot_be_written_does_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let options = Options { state_file: Some(state.join("grants.json")), ..approving() };
    let visitor = visit(options).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    let aside = folder.path().join("aside");
    fs::rename(&state, &aside).unwrap();
    assert_eq!(visitor.refresh(&token).await.error(), (500, "server_error".into()));
    fs::rename(&aside, &state).unwrap();
    assert_eq!(visitor.refresh(&token).await.status, 200);
}
