//! Signing in: what a person sees of it, and what an attacker on the same machine can do to it.

use crate::harness::{World, approved, browse, caller};
use hearthkey_core::ErrorKind;
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_core::connections::UsageRequest;
use hearthkey_core::credentials::KeyOffer;
use hearthkey_domain::Secret;
use hearthkey_domain::connection::Status;
use hearthkey_sandbox::{Fault, FaultKind, Nth, Options, Sandbox};
use jiff::SignedDuration;

fn failure(state: FlowState) -> (ErrorKind, String) {
    match state {
        FlowState::Failed(failure) => (failure.kind, failure.message),
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_sign_in_ends_with_a_connection_that_works() {
    let world = World::new().await;
    let connection = world.connected("Demo").await;
    assert_eq!(connection.identity.display(), Some("anna@studio-nord.example"));
    assert_eq!(connection.status, Status::Active);
    let report = world.app.test_connection(&caller(), "demo").await.unwrap();
    assert!(report.ok, "{}", report.message);
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let reply = world.app.request(&caller(), "Demo", wanted).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(world.token_requests("authorization_code"), ["issued"]);
}

#[tokio::test]
async fn accounts_of_one_service_get_names_of_their_own() {
    let world = World::new().await;
    for label in ["Sandbox", "Sandbox (anna@studio-nord.example)", "Sandbox 2"] {
        world.sign_in(Wish { second: true, ..world.wish() }).await.unwrap();
        assert!(world.app.connection(&caller(), label).await.is_ok(), "{label}");
    }
    let taken = Wish { label: Some("SANDBOX".into()), ..world.wish() };
    let refused = world.sign_in(taken).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.hint().unwrap()),
        (ErrorKind::Conflict, "Choose another name.".into())
    );
}

#[tokio::test]
async fn a_return_that_is_not_the_flows_changes_nothing() {
    let world = World::new().await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let redirect = flow.answer.redirect_uri().unwrap().as_str();
    for foreign in ["?state=x&code=y", "?code=y", "", "?state=a&state=b&code=c", "?error=access_denied"] {
        let (status, page) = browse(&format!("{redirect}{foreign}")).await;
        assert_eq!(status, 400, "{foreign}");
        assert!(page.contains("not a sign-in that Hearthkey waits for"), "{foreign}");
    }
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new());
    let (status, page) = browse(flow.authorize_url.as_str()).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("connected as anna@studio-nord.example"), "{page}");
}

#[tokio::test]
async fn a_state_works_once_even_for_many_at_once() {
    let world = World::with(Options { auto_approve: false, ..Options::default() }).await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let back = approved(&world, flow.authorize_url.as_str(), "acc_anna").await;
    let tabs: Vec<_> = (0..10).map(|_| tokio::spawn(reqwest::get(back.clone()))).collect();
    let mut connected = 0;
    for tab in tabs {
        connected += usize::from(tab.await.unwrap().is_ok_and(|reply| reply.status() == 200));
    }
    assert_eq!(connected, 1);
    assert_eq!(world.token_requests("authorization_code"), ["issued"]);
    assert_eq!(world.app.connections(&caller()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_sign_in_that_is_declined_says_so() {
    let world = World::with(Options { auto_approve: false, ..Options::default() }).await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let state = flow.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let iss = world.sandbox.base_url();
    let redirect = flow.answer.redirect_uri().unwrap();
    let denied = format!("{redirect}?error=access_denied&state={state}&iss={iss}");
    assert!(browse(&denied).await.1.contains("The sign-in was declined"));
    let ended = world.app.authorization(&caller(), flow.id).await.unwrap().state;
    assert_eq!(failure(ended), (ErrorKind::ProviderRejected, "the sign-in was declined".into()));
}

#[tokio::test]
async fn an_answer_of_another_server_is_refused() {
    let world = World::new().await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let state = flow.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let redirect = flow.answer.redirect_uri().unwrap();
    let mixed_up = format!("{redirect}?code=theirs&state={state}&iss=https://evil.example");
    assert!(browse(&mixed_up).await.1.contains("Stopped for your safety"));
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new(), "the code went nowhere");
}

#[tokio::test]
async fn a_sign_in_survives_a_restart_and_ends_after_ten_minutes() {
    let mut world = World::new().await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let late = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    world.restart().await;
    world.app.resume_authorizations().await.unwrap();
    let (status, page) = browse(flow.authorize_url.as_str()).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(world.app.connections(&caller()).await.unwrap().len(), 1);
    let mut states = world.app.watch_authorization(&caller(), late.id).await.unwrap();
    assert_eq!(states.next().await.unwrap().state, FlowState::Waiting);
    world.clock.advance(SignedDuration::from_mins(11));
    let ended = states.next().await.unwrap().state;
    assert_eq!(failure(ended).1, "this sign-in was started more than ten minutes ago");
}

#[tokio::test]
async fn a_sign_in_that_is_given_up_lets_its_port_go() {
    let world = World::new().await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    world.app.cancel_authorization(&caller(), flow.id).await.unwrap();
    assert_eq!(world.app.authorization(&caller(), flow.id).await.unwrap().state, FlowState::Cancelled);
    let port = flow.answer.redirect_uri().unwrap().port().unwrap();
    let free = async {
        while tokio::net::TcpListener::bind(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), free).await.expect("the port is free again");
    assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
}

#[tokio::test]
async fn what_the_token_endpoint_does_is_told_in_words() {
    for (kind, expected, words) in [
        (
            FaultKind::ErrorInside200 { error: "invalid_client".into() },
            ErrorKind::ProviderRejected,
            "invalid_client",
        ),
        (FaultKind::HtmlWith200, ErrorKind::ProviderRejected, "a token response"),
        (FaultKind::Status { status: 503, body: None }, ErrorKind::UpstreamUnavailable, "status 503"),
        (
            FaultKind::Truncated { bytes: 10 },
            ErrorKind::UpstreamUnavailable,
            "before its answer was complete",
        ),
        (FaultKind::Huge { bytes: 3_000_000 }, ErrorKind::UpstreamUnavailable, "more than the 1048576 bytes"),
        (
            FaultKind::Redirect { location: "/elsewhere".into(), status: 307 },
            ErrorKind::ProviderRejected,
            "token",
        ),
    ] {
        let world = World::new().await;
        let fault = Fault { route: "/token".into(), method: None, nth: Nth::Every, kind: kind.clone() };
        world.sandbox.set_faults(vec![fault]);
        let (found, message) = failure(world.sign_in(world.wish()).await.unwrap());
        assert_eq!(found, expected, "{kind:?}: {message}");
        assert!(message.contains(words), "{kind:?}: {message}");
        assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_service_that_will_not_say_who_one_is_does_not_cost_the_sign_in() {
    let world = World::new().await;
    let status = FaultKind::Status { status: 500, body: None };
    world.sandbox.set_faults(vec![Fault {
        route: "/userinfo".into(),
        method: None,
        nth: Nth::Every,
        kind: status,
    }]);
    assert_eq!(world.connected("Nameless").await.identity.display(), None);
}

#[tokio::test]
async fn signing_in_anew_keeps_the_connection() {
    let world = World::new().await;
    let before = world.connected("Demo").await;
    world.sandbox.revoke_grants();
    assert!(!world.app.test_connection(&caller(), "Demo").await.unwrap().ok);
    let again = Wish { connector: "sandbox".into(), reconnect: Some("Demo".into()), ..Wish::default() };
    assert_eq!(world.sign_in(again).await.unwrap(), FlowState::Connected(before.id));
    let (after, _) = world.app.connection(&caller(), "Demo").await.unwrap();
    assert_eq!((after.status, after.created_at), (Status::Active, before.created_at));
    assert!(world.app.test_connection(&caller(), "Demo").await.unwrap().ok);
}

#[tokio::test]
async fn signing_in_anew_as_somebody_else_is_refused() {
    let world = World::new().await;
    world.connected("Demo").await;
    let again = Wish { reconnect: Some("Demo".into()), ..world.wish() };
    let flow = world.app.begin_authorization(&caller(), again).await.unwrap();
    browse(&format!("{}&login_hint=ben@ost.example", flow.authorize_url)).await;
    let (kind, message) = failure(world.app.authorization(&caller(), flow.id).await.unwrap().state);
    assert_eq!(kind, ErrorKind::Conflict);
    assert_eq!(message, "Demo belongs to anna@studio-nord.example, and the sign-in was as ben@ost.example");
    assert!(world.app.test_connection(&caller(), "Demo").await.unwrap().ok, "the old sign-in still works");
    let given_back = world.sandbox.journal().iter().filter(|entry| entry.path == "/revoke").count();
    assert_eq!(given_back, 1, "the grant nobody wanted is ended");
}

#[tokio::test]
async fn signing_in_anew_needs_the_service_to_say_who_it_is() {
    let world = World::new().await;
    world.connected("Demo").await;
    let silent = FaultKind::Status { status: 500, body: None };
    world.sandbox.set_faults(vec![Fault {
        route: "/userinfo".into(),
        method: None,
        nth: Nth::Every,
        kind: silent,
    }]);
    let again = Wish { reconnect: Some("Demo".into()), ..world.wish() };
    assert_eq!(failure(world.sign_in(again).await.unwrap()).0, ErrorKind::Conflict);
}

#[tokio::test]
async fn signing_in_anew_somewhere_else_is_refused_before_it_begins() {
    let world = World::new().await;
    world.connected("Demo").await;
    let elsewhere = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.unwrap();
    let values = [("base_url".to_owned(), elsewhere.base_url())].into();
    let again = Wish { reconnect: Some("Demo".into()), values, ..world.wish() };
    let refused = world.app.begin_authorization(&caller(), again).await.unwrap_err();
    assert!(refused.to_string().contains("connect the other place as a new connection"), "{refused}");
}

#[tokio::test]
async fn a_client_that_was_mistyped_costs_no_connection_its_own() {
    let world = World::new().await;
    let own = |secret: &str| {
        let client_secret = Some(Secret::new(secret));
        Some(OwnClient { client_id: "hearthkey-confidential".into(), client_secret })
    };
    let wish =
        |label: &str, client| Wish { label: Some(label.into()), client, second: true, ..keyed_wish(&world) };
    world.sign_in(wish("Good", own("sandbox-secret"))).await.unwrap();
    let (kind, message) = failure(world.sign_in(wish("Bad", own("mistyped"))).await.unwrap());
    assert_eq!((kind, message.contains("invalid_client")), (ErrorKind::ProviderRejected, true), "{message}");
    world.sandbox.expire_access_tokens();
    assert!(
        world.app.test_connection(&caller(), "Good").await.unwrap().ok,
        "it is renewed with its own client"
    );
    world.sign_in(wish("Next", None)).await.unwrap();
    assert!(
        world.app.connection(&caller(), "Next").await.is_ok(),
        "the proven client is the one that is remembered"
    );
}

/// A service with clients of one's own, and one with keys, both at the sandbox.
fn keyed_wish(world: &World) -> Wish {
    Wish { connector: "sandbox-own".into(), ..world.wish() }
}

#[tokio::test]
async fn a_key_that_ended_is_replaced_in_place() {
    let world = World::new().await;
    let offer = |key: &str| KeyOffer {
        connector: "sandbox-key".into(),
        label: Some("Key".into()),
        values: world.wish().values,
        secrets: [("key".to_owned(), Secret::new(key))].into(),
        ..KeyOffer::default()
    };
    let first = world.app.add_key(&caller(), offer("sk_sandbox_first_key_1111")).await.unwrap();
    let refused = world.app.add_key(&caller(), offer("sk_sandbox_other_key_2222")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "the name is taken");
    let again = KeyOffer { reconnect: Some("Key".into()), ..offer("sk_sandbox_second_key_of_2222") };
    let second = world.app.add_key(&caller(), again).await.unwrap();
    assert_eq!((second.id, second.label.as_str()), (first.id, "Key"));
    assert_eq!(second.masked_key.as_deref(), Some("sk_sandbox_…2222"));
    assert!(world.app.test_connection(&caller(), "Key").await.unwrap().ok);
    let bad = world.app.add_key(&caller(), KeyOffer { label: None, ..offer("not_a_key_at_all_3333") }).await;
    assert_eq!(bad.unwrap_err().kind(), ErrorKind::ProviderRejected);
}

#[tokio::test]
async fn a_client_of_ones_own_is_asked_for_and_used() {
    let world = World::new().await;
    let issuer = || [("issuer".to_owned(), world.sandbox.base_url())].into();
    // The sandbox knows no `openid`, so that the flow ends there; what is asked is who asks.
    let wish =
        |client| Wish { connector: "openid-connect".into(), values: issuer(), client, ..Wish::default() };
    let missing = world.app.begin_authorization(&caller(), wish(None)).await.unwrap_err();
    assert!(missing.to_string().contains("register one with the redirect http://127.0.0.1/oauth/callback"));
    let own = OwnClient {
        client_id: "hearthkey-confidential".into(),
        client_secret: Some(Secret::new("sandbox-secret")),
    };
    let flow = world.app.begin_authorization(&caller(), wish(Some(own))).await.unwrap();
    let asks = flow.authorize_url.query_pairs().find(|(name, _)| name == "client_id").unwrap().1.into_owned();
    assert_eq!(asks, "hearthkey-confidential");
    assert!(!flow.authorize_url.as_str().contains("sandbox-secret"));
}
