//! The device grant (RFC 8628): codes for a browser elsewhere, and polls that follow the clock and the server's wishes.

use crate::harness::{UNTAKABLE, World, browse, caller, moment};
use crate::links::begin;
use hearthkey_core::authorize::{Authorization, FlowState};
use hearthkey_core::lock::Opener;
use hearthkey_core::{Error, ErrorKind};
use hearthkey_domain::authorization::{Answer, DeviceGrant, Strategy};
use hearthkey_domain::ports::Clock;
use hearthkey_sandbox::{Fault, FaultKind, Nth, Options};
use jiff::SignedDuration;
use std::time::Duration;

async fn world(change: impl FnOnce(&mut Options)) -> World {
    let mut options = Options { auto_approve: true, device_interval_seconds: 0, ..Options::default() };
    change(&mut options);
    World::with(options).await
}

fn grant(flow: &Authorization) -> DeviceGrant {
    match &flow.answer {
        Answer::Device(grant) => grant.clone(),
        other => panic!("no device: {other:?}"),
    }
}

/// The person types the code on another device, and approves.
async fn approve(flow: &Authorization) {
    let address = grant(flow).verification_uri_complete.unwrap();
    let (status, page) = browse(address.as_str()).await;
    assert!(status == 200 && page.contains("return to Hearthkey"), "{page}");
}

fn polls(world: &World) -> Vec<String> {
    world.token_requests("device_code")
}

async fn state(world: &World, flow: &Authorization) -> FlowState {
    world.app.authorization(&caller(), flow.id).await.unwrap().state
}

/// Lets time pass, and whoever waits for it have its turn.
async fn pass(world: &World, seconds: i64) {
    for _ in 0..seconds {
        world.clock.advance(SignedDuration::from_secs(1));
        moment(3).await;
    }
    moment(60).await;
}

/// Lets time pass until a flow has ended.
async fn end(world: &World, flow: &Authorization) -> FlowState {
    for _ in 0..200 {
        match state(world, flow).await {
            FlowState::Waiting | FlowState::Exchanging | FlowState::WaitingForUnlock(_) => {
                pass(world, 5).await
            }
            ended => return ended,
        }
    }
    panic!("it does not end");
}

fn fault(world: &World, kind: FaultKind) {
    let fault = Fault { route: "/token".into(), method: None, nth: Nth::Every, kind };
    world.sandbox.set_faults(vec![fault]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_approved_elsewhere() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    let shown = grant(&flow);
    assert_eq!(shown.verification_uri.as_str(), format!("{}/device", world.sandbox.base_url()));
    assert_eq!(shown.interval, 1, "zero is not believed");
    assert_eq!(polls(&world), [""; 0], "not before the interval is over");
    pass(&world, 3).await;
    assert!(polls(&world).iter().all(|outcome| outcome == "pending") && !polls(&world).is_empty());
    approve(&flow).await;
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)));
    let (connection, _) = world.app.connection(&caller(), "Sandbox").await.unwrap();
    assert_eq!(connection.identity.display(), Some("anna@studio-nord.example"));
    assert!(world.app.test_connection(&caller(), "Sandbox").await.unwrap().ok);
    let count = polls(&world).len();
    pass(&world, 30).await;
    assert_eq!(polls(&world).len(), count, "nothing is asked any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_and_an_end_have_their_own_words() {
    let world = world(|options| options.device_code_seconds = 1).await;
    let late = begin(&world, Strategy::Device).await;
    moment(1100).await;
    let FlowState::Failed(failure) = end(&world, &late).await else { panic!("it did not fail") };
    assert_eq!(failure.word, Some("authorization_expired"));

    let world = self::world(|options| options.auto_approve = false).await;
    let denied = begin(&world, Strategy::Device).await;
    let address = grant(&denied).verification_uri_complete.unwrap();
    let page = reqwest::get(address).await.unwrap().text().await.unwrap();
    let form = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let answers = [("form", form), ("decision", "deny")];
    let device = format!("{}/device", world.sandbox.base_url());
    reqwest::Client::new().post(device).form(&answers).send().await.unwrap();
    let FlowState::Failed(failure) = end(&world, &denied).await else { panic!("it did not fail") };
    assert_eq!((failure.kind, failure.word), (ErrorKind::ProviderRejected, Some("authorization_denied")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_the_code_before_its_time_is_believed() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    fault(&world, FaultKind::ErrorInside200 { error: "expired_token".into() });
    pass(&world, 3).await;
    let FlowState::Failed(failure) = state(&world, &flow).await else { panic!("it did not fail") };
    assert_eq!(failure.word, Some("authorization_expired"));
    assert!(world.clock.now() < flow.expires_at, "by this clock there was time left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_for_a_moment_ends_nothing() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    world.meddle("ALTER TABLE authorizations RENAME TO away");
    pass(&world, 10).await;
    world.meddle("ALTER TABLE away RENAME TO authorizations");
    approve(&flow).await;
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)));
}

/// Lets time pass until the tokens are issued.
async fn issued(world: &World) {
    while !polls(world).iter().any(|outcome| outcome == "issued") {
        world.clock.advance(SignedDuration::from_secs(1));
        moment(3).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_here_wait_for_a_database_that_fails() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    world.meddle(UNTAKABLE);
    approve(&flow).await;
    issued(&world).await;
    moment(60).await;
    assert_eq!(state(&world, &flow).await, FlowState::Waiting);
    world.meddle("DROP INDEX stop");
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)));
    assert_eq!(revocations(&world), 0);
    assert!(world.app.test_connection(&caller(), "Sandbox").await.unwrap().ok);

    // One that goes on failing is said, and nothing lives on unseen.
    let flow = begin(&world, Strategy::Device).await;
    world.meddle(UNTAKABLE);
    world.sandbox.clear_journal();
    approve(&flow).await;
    let FlowState::Failed(failure) = end(&world, &flow).await else { panic!("it did not fail") };
    assert_eq!(failure.kind, ErrorKind::Internal);
}

fn revocations(world: &World) -> usize {
    world.sandbox.journal().iter().filter(|entry| entry.path == "/revoke").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_costs_no_other_connection_its_sign_in() {
    let mut world = world(|_| ()).await;
    world.connected("Anna").await;
    world.sandbox.clear_journal();
    let flow = begin(&world, Strategy::Device).await;
    approve(&flow).await;
    fault(&world, FaultKind::Delay { ms: 400 });
    while !world.sandbox.journal().iter().any(|entry| entry.path == "/token") {
        world.clock.advance(SignedDuration::from_secs(1));
        moment(5).await;
    }
    world.app.cancel_authorization(&caller(), flow.id).await.unwrap();
    // Waits for what is under way.
    world.restart().await;
    assert_eq!(polls(&world), ["issued"]);
    assert_eq!(revocations(&world), 0, "at many services that would end the other one too");
    world.sandbox.set_faults(vec![]);
    assert!(world.app.test_connection(&caller(), "Anna").await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_slow_down_is_asked_less_often_also_after_a_restart() {
    let mut world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    fault(&world, FaultKind::ErrorInside200 { error: "slow_down".into() });
    pass(&world, 3).await;
    let stored = |world: &World| -> u32 {
        let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
        let sql = "SELECT record ->> '$.answer.interval' FROM authorizations";
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(stored(&world), 6);
    world.sandbox.set_faults(vec![]);
    world.restart().await;
    world.app.resume_authorizations().await.unwrap();
    world.sandbox.clear_journal();
    pass(&world, 4).await;
    assert_eq!(polls(&world), [""; 0], "the interval begins anew");
    pass(&world, 4).await;
    assert_eq!(polls(&world), ["pending"]);
    let resumed = world.app.authorization(&caller(), flow.id).await.unwrap();
    assert_eq!(grant(&resumed).user_code, grant(&flow).user_code, "the code is still there to be typed");
    approve(&flow).await;
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_asked_less_and_less() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    fault(&world, FaultKind::Status { status: 503, body: None });
    pass(&world, 40).await;
    let asked = world.sandbox.journal().iter().filter(|entry| entry.path == "/token").count();
    // After 1, 2, 4, 8 and 16 seconds, give or take what the clock was moved in between.
    assert!((3..=6).contains(&asked), "{asked}");
    world.sandbox.set_faults(vec![]);
    approve(&flow).await;
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)), "it lost nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_is_asked_for_no_more_and_owns_nothing() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    world.app.cancel_authorization(&caller(), flow.id).await.unwrap();
    pass(&world, 10).await;
    assert_eq!(polls(&world), [""; 0]);

    // Given up while the tokens are on their way: they are ended at the service.
    let flow = begin(&world, Strategy::Device).await;
    approve(&flow).await;
    fault(&world, FaultKind::Delay { ms: 400 });
    let asked = || world.sandbox.journal().iter().any(|entry| entry.path == "/token");
    while !asked() {
        world.clock.advance(SignedDuration::from_secs(1));
        moment(5).await;
    }
    world.app.cancel_authorization(&caller(), flow.id).await.unwrap();
    let revoked = async {
        while !world.sandbox.journal().iter().any(|entry| entry.path == "/revoke") {
            moment(5).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), revoked).await.expect("the grant is ended");
    assert_eq!(state(&world, &flow).await, FlowState::Cancelled);
    assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_locked_nothing_is_asked() {
    let world = world(|_| ()).await;
    let flow = begin(&world, Strategy::Device).await;
    world.app.lock(&caller()).await.unwrap();
    approve(&flow).await;
    pass(&world, 10).await;
    assert!(matches!(state(&world, &flow).await, FlowState::WaitingForUnlock(_)));
    assert_eq!(polls(&world), [""; 0]);
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    assert!(matches!(end(&world, &flow).await, FlowState::Connected(_)));
}

#[tokio::test]
async fn a_server_without_codes_says_so() {
    let world = world(|_| ()).await;
    let refused = Fault {
        route: "/device_authorization".into(),
        method: None,
        nth: Nth::Every,
        kind: FaultKind::ErrorInside200 { error: "unauthorized_client".into() },
    };
    world.sandbox.set_faults(vec![refused]);
    let wish = hearthkey_core::authorize::Wish { strategy: Some(Strategy::Device), ..world.wish() };
    let error = world.app.begin_authorization(&caller(), wish).await.unwrap_err();
    assert!(matches!(error, Error::Provider { .. }), "{error}");
    let listed = world.app.resume_authorizations().await;
    assert!(listed.is_ok());
}
