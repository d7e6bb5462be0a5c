//! Disconnecting: stops at once, can be undone for thirty seconds, then is told to the provider and gone.

use crate::harness::{World, approved, browse, caller};
use hearthkey_core::ErrorKind;
use hearthkey_core::authorize::Wish;
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::connection::Status;
use hearthkey_sandbox::{Fault, FaultKind, Nth, Options};
use jiff::SignedDuration;

fn revocations(world: &World) -> usize {
    world.sandbox.journal().iter().filter(|entry| entry.path == "/revoke").count()
}

#[tokio::test]
async fn a_disconnect_can_be_undone_for_thirty_seconds() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.app.disconnect(&caller(), "Demo", false, false).await.unwrap();
    let wanted = || UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let refused = world.app.request(&caller(), "Demo", wanted()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    world.clock.advance(SignedDuration::from_secs(29));
    world.app.tick().await;
    let restored = world.app.restore_connection(&caller(), "Demo").await.unwrap();
    assert_eq!(restored.status, Status::Active);
    assert_eq!(world.app.request(&caller(), "Demo", wanted()).await.unwrap().status, 200);
    assert_eq!(revocations(&world), 0);
}

#[tokio::test]
async fn after_that_it_is_revoked_and_gone_even_over_a_restart() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    world.app.disconnect(&caller(), "Demo", false, false).await.unwrap();
    assert!(world.app.is_busy().await, "the process stays for it");
    world.restart().await;
    world.clock.advance(SignedDuration::from_secs(31));
    world.app.tick().await;
    assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
    assert_eq!(revocations(&world), 1);
    assert!(!world.app.is_busy().await);
}

#[tokio::test]
async fn a_provider_that_cannot_be_told_does_not_keep_it() {
    let world = World::new().await;
    world.connected("Demo").await;
    let fault = FaultKind::Status { status: 500, body: None };
    world.sandbox.set_faults(vec![Fault {
        route: "/revoke".into(),
        method: None,
        nth: Nth::Every,
        kind: fault,
    }]);
    assert_eq!(world.app.disconnect(&caller(), "Demo", true, false).await.unwrap(), None);
    assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
}

#[tokio::test]
async fn a_sign_in_that_another_connection_lives_by_is_not_ended_before_the_last() {
    let world = World::new().await;
    world.connected("One").await;
    world.connected("Other").await;
    world.app.disconnect(&caller(), "One", true, false).await.unwrap();
    assert_eq!(revocations(&world), 0);
    world.app.disconnect(&caller(), "Other", true, false).await.unwrap();
    assert_eq!(revocations(&world), 1);
}

#[tokio::test]
async fn what_a_reconnect_cannot_keep_is_not_ended_where_a_connection_may_live_by_it() {
    let world = World::with(Options { auto_approve: false, ..Options::default() }).await;
    let sign_in = async |wish: Wish, account: &str| {
        let flow = world.app.begin_authorization(&caller(), wish).await.unwrap();
        browse(&approved(&world, flow.authorize_url.as_str(), account).await).await.0
    };
    let labelled = |label: &str| Wish { label: Some(label.into()), ..world.wish() };
    let again = || Wish { reconnect: Some("Anna".into()), ..world.wish() };
    assert_eq!(sign_in(labelled("Anna"), "acc_anna").await, 200);

    // Nobody lives by Ben's: it does not live on unseen.
    assert_eq!(sign_in(again(), "acc_ben").await, 400);
    assert_eq!(revocations(&world), 1);
    // Ben is connected: his sign-in stays.
    assert_eq!(sign_in(labelled("Ben"), "acc_ben").await, 200);
    assert_eq!(sign_in(again(), "acc_ben").await, 400);
    assert_eq!(revocations(&world), 1);
    // The service will not say who it is: it may well be Anna's own.
    let silent = FaultKind::Status { status: 503, body: None };
    let userinfo = Fault { route: "/userinfo".into(), method: None, nth: Nth::Every, kind: silent };
    world.sandbox.set_faults(vec![userinfo]);
    assert_eq!(sign_in(again(), "acc_anna").await, 400);
    assert_eq!(revocations(&world), 1);
}
