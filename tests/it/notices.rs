//! A connection that needs its person is heard of outside the window, once, and the notice's button begins the sign-in.

use crate::harness::{World, browse, caller};
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::ports::Notice;
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use jiff::SignedDuration;
use std::sync::Arc;

fn at_token(world: &World, status: u16, body: Option<&str>) {
    let kind = FaultKind::Status { status, body: body.map(str::to_owned) };
    world.sandbox.set_faults(vec![Fault { route: "/token".into(), method: None, nth: Nth::Every, kind }]);
}

async fn ended(world: &World) -> (Connection, Notice) {
    ended_as(world, "Work").await
}

/// A connection whose sign-in the provider ends while nobody looks, and the notice about it.
async fn ended_as(world: &World, label: &str) -> (Connection, Notice) {
    world.sandbox.set_faults(vec![]);
    let connection = world.connected(label).await;
    at_token(world, 400, Some(r#"{"error":"invalid_grant"}"#));
    let before = world.desk.notices.borrow().len();
    let mut notices = world.desk.notices.subscribe();
    world.clock.advance(SignedDuration::from_hours(1));
    world.app.tick().await;
    // After an hour of sleep, what is due is spread over a few minutes.
    world.clock.advance(SignedDuration::from_mins(4));
    world.app.tick().await;
    let told = notices.wait_for(|notices| notices.len() > before).await.unwrap().last().unwrap().clone();
    world.sandbox.set_faults(vec![]);
    (connection, told)
}

#[tokio::test]
async fn an_ended_sign_in_is_told_once_and_its_button_begins_the_next() {
    let world = World::new().await;
    world.desk.opened.send_replace(Some(vec![]));
    let (connection, notice) = ended(&world).await;
    assert_eq!(notice.title, "Work needs you");
    assert_eq!(
        notice.body,
        "Sandbox ended the sign-in of Work: it was revoked, or its time ran out (invalid_grant)."
    );
    assert_eq!(notice.action, "Reconnect");

    // Whoever uses it hears the same, and no second notice appears: not at a second renewal, nor after a failure of another
    // kind.
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    world.app.request(&caller(), "Work", wanted).await.unwrap_err();
    for body in [None, Some(r#"{"error":"invalid_grant"}"#), None, Some(r#"{"error":"invalid_grant"}"#)] {
        world.clock.advance(SignedDuration::from_hours(30));
        world.app.tick().await;
        at_token(&world, if body.is_some() { 400 } else { 503 }, body);
        world.app.refresh_connection(&caller(), "Work").await.unwrap_err();
    }
    // Notices appear in their order: whatever was told of it would be there before the next one's.
    let (other, last) = ended_as(&world, "Other").await;
    assert_eq!(last.about, other.id.to_string());
    assert_eq!(world.desk.notices.borrow().len(), 2);

    let mut opened = world.desk.opened.subscribe();
    world.desk.choose.notify_one();
    let address = {
        let opened = opened.wait_for(|opened| opened.as_ref().is_some_and(|o| !o.is_empty())).await.unwrap();
        opened.as_ref().unwrap()[0].clone()
    };
    assert_eq!(browse(address.as_str()).await.0, 200);
    let (renewed, _) = world.app.connection(&caller(), "Work").await.unwrap();
    assert_eq!((renewed.id, renewed.status), (connection.id, Status::Active));
    world.app.settle().await;
    assert!(world.desk.withdrawn.lock().unwrap().contains(&connection.id.to_string()));
}

#[tokio::test]
async fn without_a_browser_the_button_shows_the_window() {
    let world = World::new().await;
    let (_, _) = ended(&world).await;
    let app = Arc::clone(&world.app);
    world.desk.choose.notify_one();
    world.desk.window_asked().await;
    // Nothing is left waiting for a browser that never opened.
    assert!(!app.is_busy().await);
}

#[tokio::test]
async fn while_locked_the_button_opens_the_window_and_nothing_else() {
    let world = World::new().await;
    world.desk.opened.send_replace(Some(vec![]));
    let (_, _) = ended(&world).await;
    world.app.lock(&caller()).await.unwrap();
    world.desk.choose.notify_one();
    world.desk.window_asked().await;
    assert_eq!(world.desk.opened.borrow().as_ref().map(Vec::len), Some(0));
}
