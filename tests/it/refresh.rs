//! Renewing: once, for everyone who waits, and never at the cost of what is held.

use crate::harness::{World, caller};
use hearthkey_api::operations::connections::Request;
use hearthkey_core::authorize::{FlowState, Wish};
use hearthkey_core::connections::{Reply, UsageRequest};
use hearthkey_core::lock::Opener;
use hearthkey_core::{Error, ErrorKind};
use hearthkey_domain::connection::Status;
use hearthkey_sandbox::{Fault, FaultKind, Nth, Options};
use jiff::SignedDuration;
use std::sync::Arc;

async fn profile(world: &World) -> Result<Reply, Error> {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    world.app.request(&caller(), "Demo", wanted).await
}

fn at_token(nth: Nth, kind: FaultKind) -> Vec<Fault> {
    vec![Fault { route: "/token".into(), method: None, nth, kind }]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_callers_of_an_ended_token_make_one_token_request() {
    let world =
        World::with(Options { auto_approve: true, requests_per_minute: 10_000, ..Options::default() }).await;
    world.connected("Demo").await;
    world.clock.advance(SignedDuration::from_secs(300));
    world.sandbox.set_faults(at_token(Nth::Every, FaultKind::Delay { ms: 200 }));
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let app = Arc::clone(&world.app);
            tokio::spawn(async move {
                let wanted =
                    UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
                app.request(&caller(), "Demo", wanted).await.unwrap().status
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 200);
    }
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
}

#[tokio::test]
async fn a_token_the_provider_refuses_is_renewed_once_and_the_call_repeated() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    assert_eq!(profile(&world).await.unwrap().status, 200);
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
    assert_eq!(profile(&world).await.unwrap().status, 200);
    assert_eq!(world.token_requests("refresh_token").len(), 1);
}

#[tokio::test]
async fn new_tokens_are_stored_before_they_are_used_and_kept_until_they_can_be() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    // As a full disk would: nothing can be written over a credential.
    let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
    // An entry that overflows: a trigger would not run, for a schema is not trusted to act.
    let refuse = "CREATE INDEX full ON credentials (abs(iif(version > 1, -9223372036854775807 - 1, 0)))";
    database.execute_batch(refuse).unwrap();
    for _ in 0..3 {
        assert_eq!(profile(&world).await.unwrap_err().kind(), ErrorKind::Internal);
    }
    let used = world.sandbox.journal().iter().filter(|entry| entry.path == "/api/profile").count();
    assert_eq!(used, 3, "only the ended token was tried");
    assert_eq!(world.token_requests("refresh_token"), ["rotated"], "the new pair is not thrown away");
    assert!(world.app.is_busy().await, "the process stays for them");
    database.execute_batch("DROP INDEX full").unwrap();
    world.app.tick().await;
    assert!(!world.app.is_busy().await);
    world.restart().await;
    assert_eq!(profile(&world).await.unwrap().status, 200);
    assert_eq!(world.token_requests("refresh_token").len(), 1);
}

#[tokio::test]
async fn new_tokens_that_cannot_be_sealed_are_kept_until_they_can_be() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    world.sandbox.set_faults(at_token(Nth::Every, FaultKind::Drip { bytes: 20, every_ms: 50 }));
    let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
    // A person locks while the answer is under way, and what is known of the vault cannot be read.
    let lock = async {
        while world.token_requests("refresh_token").is_empty() {
            tokio::task::yield_now().await;
        }
        world.app.lock(&caller()).await.unwrap();
        database.execute_batch("ALTER TABLE vault RENAME TO away").unwrap();
    };
    let (used, ()) = tokio::join!(profile(&world), lock);
    used.unwrap_err();
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
    assert!(world.app.is_busy().await, "the process stays for them");
    database.execute_batch("ALTER TABLE away RENAME TO vault").unwrap();
    // Still locked, as a process that ends may be.
    world.app.settle().await;
    assert!(!world.app.is_busy().await);
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    assert_eq!(profile(&world).await.unwrap().status, 200);
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
}

#[tokio::test]
async fn a_reconnect_takes_the_place_of_tokens_that_could_not_be_stored() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
    let refuse = "CREATE INDEX full ON credentials (abs(iif(version > 1, -9223372036854775807 - 1, 0)))";
    database.execute_batch(refuse).unwrap();
    profile(&world).await.unwrap_err();
    database.execute_batch("DROP INDEX full").unwrap();
    let again = Wish { reconnect: Some("Demo".into()), ..world.wish() };
    assert!(matches!(world.sign_in(again).await.unwrap(), FlowState::Connected(_)));
    assert!(!world.app.is_busy().await);
    assert_eq!(profile(&world).await.unwrap().status, 200);
    // And the new ones are renewed like any.
    world.clock.advance(SignedDuration::from_mins(2));
    world.sandbox.expire_access_tokens();
    assert_eq!(profile(&world).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_sign_in_the_provider_ended_says_so_and_is_not_asked_for_again() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.revoke_grants();
    for _ in 0..3 {
        assert_eq!(profile(&world).await.unwrap_err().kind(), ErrorKind::ReauthorizationRequired);
    }
    assert_eq!(world.token_requests("refresh_token").len(), 1);
    let (connection, _) = world.app.connection(&caller(), "Demo").await.unwrap();
    let Status::NeedsReconnect { reason, .. } = connection.status else { panic!("{:?}", connection.status) };
    assert!(reason.contains("invalid_grant"), "{reason}");
    assert!(connection.oauth.unwrap().renewable, "the refresh token is kept");
}

#[tokio::test]
async fn a_providers_bad_hour_costs_nothing() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    world.sandbox.set_faults(at_token(Nth::Every, FaultKind::Status { status: 503, body: None }));
    for _ in 0..3 {
        assert_eq!(profile(&world).await.unwrap_err().kind(), ErrorKind::UpstreamUnavailable);
    }
    assert_eq!(world.token_requests("refresh_token").len(), 1, "it is not asked again at once");
    assert_eq!(world.app.connection(&caller(), "Demo").await.unwrap().0.status, Status::Active);
    world.sandbox.set_faults(vec![]);
    world.clock.advance(SignedDuration::from_secs(16));
    assert_eq!(profile(&world).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_cut_a_refresh_short() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    world.sandbox.set_faults(at_token(Nth::Every, FaultKind::Delay { ms: 100 }));
    let mut client = world.client().await;
    let input = Request { connection: "Demo".into(), path: "/api/profile".into(), ..Default::default() };
    // Gone before the token endpoint can have answered, but not before it was asked.
    let asked = async {
        while world.token_requests("refresh_token").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = client.call(&input) => panic!("the refresh is delayed"),
        () = asked => drop(client),
    }
    world.app.settle().await;
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
    let (connection, _) = world.app.connection(&caller(), "Demo").await.unwrap();
    assert!(connection.last_refreshed_at.is_some(), "the new pair was stored");
}

#[tokio::test]
async fn a_rename_during_a_refresh_costs_no_tokens() {
    let world = World::new().await;
    let id = world.connected("Demo").await.id.to_string();
    world.sandbox.expire_access_tokens();
    world.sandbox.set_faults(at_token(Nth::Every, FaultKind::Delay { ms: 50 }));
    let rename = async {
        while world.token_requests("refresh_token").is_empty() {
            tokio::task::yield_now().await;
        }
        world.app.rename_connection(&caller(), &id, "Renamed").await.unwrap();
    };
    let (used, ()) = tokio::join!(profile(&world), rename);
    assert_eq!(used.unwrap().status, 200);
    let (connection, _) = world.app.connection(&caller(), "Renamed").await.unwrap();
    assert!(connection.last_refreshed_at.is_some());
}
