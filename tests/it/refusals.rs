//! What services say when they refuse a token request: each in its own way, of one class at a sign-in and at a renewal, and
//! without what the request held.

use crate::harness::{World, caller, moment};
use crate::service::Home;
use hearthkey_api::{Problem, table};
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_core::{ErrorKind, Failure, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use serde_json::{Value, json};
use std::sync::Arc;

/// A service as this file signs in to it.
struct Case {
    connector: &'static str,
    strategy: Strategy,
    token: &'static str,
    tokens: Value,
    who: (&'static str, Value),
}

const CLIENT_SECRET: &str = "a client's own secret";

fn cases() -> [Case; 4] {
    let tokens = || {
        json!({
            "access_token": "an-access-token", "refresh_token": "a-refresh-token", "expires_in": 28800,
            "token_type": "bearer",
        })
    };
    let mut slack = tokens();
    slack["ok"] = json!(true);
    [
        Case {
            connector: "github",
            strategy: Strategy::Loopback,
            token: "https://github.com/login/oauth/access_token",
            tokens: tokens(),
            who: ("https://api.github.com/user", json!({ "id": 1, "login": "ada" })),
        },
        Case {
            connector: "slack",
            strategy: Strategy::DeepLink,
            token: "https://slack.com/api/oauth.v2.access",
            tokens: slack,
            who: ("https://slack.com/api/auth.test", json!({ "ok": true, "user_id": "U1", "team_id": "T1" })),
        },
        Case {
            connector: "google-calendar",
            strategy: Strategy::Loopback,
            token: "https://oauth2.googleapis.com/token",
            tokens: tokens(),
            who: ("https://openidconnect.googleapis.com/v1/userinfo", json!({ "sub": "1" })),
        },
        Case {
            connector: "hubspot",
            strategy: Strategy::Loopback,
            token: "https://api.hubapi.com/oauth/v1/token",
            tokens: tokens(),
            who: ("https://api.hubapi.com/account-info/v3/details", json!({ "portalId": 62515 })),
        },
    ]
}

impl Case {
    fn of(connector: &str) -> Self {
        cases().into_iter().find(|case| case.connector == connector).unwrap()
    }

    fn wish(&self) -> Wish {
        let client = OwnClient { client_id: "12.34".into(), client_secret: Some(Secret::new(CLIENT_SECRET)) };
        Wish {
            connector: self.connector.into(),
            method: Some("oauth".into()),
            strategy: Some(self.strategy),
            client: Some(client),
            ..Wish::default()
        }
    }

    /// Connects it, and gives its label.
    async fn connect(&self, home: &Home) -> String {
        home.service.answers(self.token, 200, self.tokens.clone());
        home.service.answers(self.who.0, 200, self.who.1.clone());
        home.connection(&home.sign_in(self.wish(), "").await).await.label
    }
}

async fn call(app: &Arc<Hearthkey>, operation: &str, input: Value) -> Result<Value, Problem> {
    let input = input.to_string();
    table::call(operation, |_| true, input.as_bytes(), Arc::clone(app), caller()).await
}

async fn shown(app: &Arc<Hearthkey>, label: &str) -> Value {
    call(app, "connections.show", json!({ "connection": label })).await.unwrap()
}

fn failed(state: &FlowState) -> Failure {
    match state {
        FlowState::Failed(failure) => failure.clone(),
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_has_one_class_at_a_renewal_and_at_a_sign_in() {
    let github = |code: &str| json!({ "error": code, "error_description": "Words." });
    let slack = |code: &str| json!({ "ok": false, "error": code });
    let google = |code: &str| json!({ "error": code, "error_description": "Words." });
    let hubspot = |code: &str| json!({ "status": code, "message": "Words." });
    let (client, passes, slower) = ("client_refused", "provider_trouble", "rate_limited");
    let rows = [
        ("github", 200, github("incorrect_client_credentials"), client),
        ("github", 404, json!("Not Found"), "request_refused"),
        ("github", 200, github("bad_refresh_token"), "grant_ended"),
        ("slack", 200, slack("bad_client_secret"), client),
        ("slack", 200, slack("invalid_client_id"), client),
        ("slack", 200, slack("internal_error"), passes),
        ("slack", 200, slack("service_unavailable"), passes),
        ("slack", 200, slack("fatal_error"), passes),
        ("slack", 200, slack("request_timeout"), passes),
        ("slack", 200, slack("ratelimited"), slower),
        ("slack", 429, slack("ratelimited"), slower),
        ("slack", 200, slack("token_revoked"), "grant_ended"),
        ("google-calendar", 401, google("deleted_client"), client),
        ("google-calendar", 401, google("invalid_client"), client),
        ("google-calendar", 500, google("internal_failure"), passes),
        ("google-calendar", 502, google("bad_gateway"), passes),
        ("google-calendar", 500, google("Internal Server Error"), passes),
        ("google-calendar", 403, json!({}), "request_refused"),
        ("google-calendar", 400, google("interaction_required"), "grant_ended"),
        ("hubspot", 400, hubspot("BAD_CLIENT_SECRET"), client),
        ("hubspot", 400, hubspot("MISSING_FIELD"), "request_refused"),
        ("hubspot", 400, hubspot("BAD_REFRESH_TOKEN"), "grant_ended"),
    ];
    for (connector, status, body, class) in rows {
        let what = format!("{connector}: {status} {body}");
        let (home, case) = (Home::new().await, Case::of(connector));
        let label = case.connect(&home).await;
        home.service.answers(case.token, status, body);
        let problem =
            call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap_err();
        assert_eq!(problem.uri, format!("urn:hearthkey:problem:{class}"), "{what}: {problem:?}");
        let shown = shown(&home.app, &label).await;
        assert_eq!(shown["connection"]["trouble"]["class"], class, "{what}");

        let failed = failed(&home.sign_in(case.wish(), "").await.state);
        // At a sign-in nothing was signed in yet that could have ended.
        assert_eq!(failed.kind, kind_of(&problem), "{what}: {failed:?}");
        assert_eq!(failed.word, (class == client).then_some("invalid_client"), "{what}");
        if class == client {
            assert_eq!(failed.hint.as_deref(), problem.hint.as_deref(), "{what}");
            assert!(failed.message.contains("does not accept the client"), "{what}: {failed:?}");
        }
    }
}

fn kind_of(problem: &Problem) -> ErrorKind {
    match problem.status {
        429 => ErrorKind::RateLimited,
        503 => ErrorKind::UpstreamUnavailable,
        _ => ErrorKind::ProviderRejected,
    }
}

#[tokio::test]
async fn why_a_service_ends_sign_ins_stands_before_what_to_do() {
    for (connector, status, body, why) in [
        ("hubspot", 400, json!({ "status": "BAD_REFRESH_TOKEN" }), "the app was removed from the account."),
        ("google-calendar", 400, json!({ "error": "invalid_grant" }), "seven days while the OAuth client is"),
        ("slack", 200, json!({ "ok": false, "error": "token_expired" }), "thirty days without a renewal"),
        ("github", 200, json!({ "error": "bad_refresh_token" }), "six months without a renewal"),
    ] {
        let (home, case) = (Home::new().await, Case::of(connector));
        let label = case.connect(&home).await;
        home.service.answers(case.token, status, body);
        call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap_err();
        let shown = shown(&home.app, &label).await;
        assert_eq!(shown["connection"]["status"], "needs_reconnect");
        let hint = shown["connection"]["trouble"]["hint"].as_str().unwrap();
        assert!(hint.contains(why) && hint.ends_with(". Reconnect to sign in again."), "{hint}");
    }
}

#[tokio::test]
async fn a_new_secret_lifts_the_wait_for_a_client_that_was_refused() {
    let (home, case) = (Home::new().await, Case::of("slack"));
    let label = case.connect(&home).await;
    home.service.answers(case.token, 200, json!({ "ok": false, "error": "bad_client_secret" }));
    call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap_err();
    assert_eq!(shown(&home.app, &label).await["connection"]["status"], "error");
    home.service.answers(case.token, 200, case.tokens.clone());
    let secret = json!({ "client": "12.34", "client_secret": "the new secret" });
    call(&home.app, "clients.update", secret).await.unwrap();
    let connection = &shown(&home.app, &label).await["connection"];
    assert_eq!((&connection["status"], &connection["trouble"]), (&json!("active"), &Value::Null));
    call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap();
    let asked = home.service.asked(case.token).pop().unwrap();
    assert_eq!(asked.field("client_secret").as_deref(), Some("the new secret"));
}

#[tokio::test]
async fn what_a_token_request_held_is_taken_out_of_the_servers_words() {
    let home = Home::new().await;
    let case = Case::of("github");
    let label = case.connect(&home).await;
    let echo = |text: &str| json!({ "error": "invalid_scope", "error_description": text });
    // As they are, and as a form and a header would write them.
    let held = ["a-refresh-token", "an-access-token", CLIENT_SECRET, "a+client%27s+own+secret"];
    for secret in held {
        for (padding, shown_words) in [("", "it holds [redacted]!"), ("far ", "far far")] {
            let text = if padding.is_empty() {
                format!("it holds {secret}!")
            } else {
                // Where the words are cut, no half of it is left.
                format!("{}{secret}", padding.repeat(48))
            };
            home.service.answers(case.token, 400, echo(&text));
            let problem =
                call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap_err();
            let all = format!("{problem:?} {}", shown(&home.app, &label).await);
            assert!(!all.contains(&secret[..5]) && all.contains(shown_words), "{secret}: {all}");
        }
    }
    let code = json!({ "error": "c0dec0dec0de", "error_description": "of a-refresh-token" });
    home.service.answers(case.token, 400, code);
    let problem = call(&home.app, "connections.refresh", json!({ "connection": label })).await.unwrap_err();
    assert!(problem.detail.as_deref().is_some_and(|words| words.contains("of [redacted]")), "{problem:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_polls_knows_the_same_codes() {
    let (home, case) = (Home::new().await, Case::of("github"));
    let codes = json!({
        "device_code": "a-device-code", "user_code": "WDJB-MJHT", "expires_in": 900, "interval": 1,
        "verification_uri": "https://github.com/login/device",
    });
    home.service.answers("https://github.com/login/device/code", 200, codes);
    home.service.answers(case.token, 200, json!({ "error": "temporarily_unavailable" }));
    let wish = Wish { strategy: Some(Strategy::Device), ..case.wish() };
    let flow = home.app.begin_authorization(&caller(), wish).await.unwrap();
    let mut states = home.app.watch_authorization(&caller(), flow.id).await.unwrap();
    while home.service.asked(case.token).is_empty() {
        moment(20).await;
    }
    let refused = json!({
        "error": "incorrect_client_credentials", "error_description": "a-device-code is not for this client",
    });
    home.service.answers(case.token, 200, refused);
    let mut last = flow.state;
    while let Some(flow) = states.next().await {
        last = flow.state;
    }
    let failed = failed(&last);
    assert_eq!(failed.word, Some("invalid_client"), "{failed:?}");
    assert!(failed.message.contains("[redacted] is not for this client"), "{failed:?}");
    assert_eq!(home.service.asked(case.token).len(), 2, "what passes is waited for");
}

#[tokio::test]
async fn a_notice_repeats_nothing_either() {
    let world = World::new().await;
    world.connected("Work").await;
    let kind = FaultKind::EchoingError { error: "invalid_grant".into() };
    world.sandbox.set_faults(vec![Fault { route: "/token".into(), method: None, nth: Nth::Every, kind }]);
    let mut notices = world.desk.notices.subscribe();
    let problem = call(&world.app, "connections.refresh", json!({ "connection": "Work" })).await.unwrap_err();
    let told = notices.wait_for(|notices| !notices.is_empty()).await.unwrap().last().unwrap().clone();
    let flow = world.sign_in(Wish { second: true, ..world.wish() }).await.unwrap();
    let activity = shown(&world.app, "Work").await;
    for text in [format!("{problem:?}"), told.body, activity.to_string()] {
        assert!(text.contains("refresh_token=[redacted]") && !text.contains("sbx_"), "{text}");
    }
    let words = failed(&flow).message;
    assert!(words.contains("code=[redacted]") && words.contains("code_verifier=[redacted]"), "{words}");
    assert!(!words.contains("sbx_"), "{words}");
}
