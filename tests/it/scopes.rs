//! Scopes: what is asked for, what is granted, and the same account twice.

use crate::harness::{browse, caller};
use crate::service::Home;
use hearthkey_api::operations::connections::Show;
use hearthkey_api::table;
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_domain::Secret;
use hearthkey_domain::connection::Connection;
use serde_json::{Value, json};
use std::sync::Arc;

const TOKEN: &str = "https://oauth2.googleapis.com/token";
const USERINFO: &str = "https://openidconnect.googleapis.com/v1/userinfo";
const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
const FREE: &str = "https://www.googleapis.com/auth/calendar.freebusy";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";

fn wish() -> Wish {
    let client_secret = Some(Secret::new("GOCSPX-hush"));
    let client = Some(OwnClient { client_id: "12.apps.googleusercontent.com".into(), client_secret });
    Wish { connector: "google-calendar".into(), client, ..Wish::default() }
}

/// Google, where this account ticked these boxes.
async fn google(email: &str, granted: &[&str]) -> Home {
    let home = Home::new().await;
    tick(&home, email, granted);
    home
}

fn tick(home: &Home, email: &str, granted: &[&str]) {
    let tokens = json!({
        "access_token": "ya29.an-access-token", "expires_in": 3599, "refresh_token": "1//a-refresh-token",
        "scope": granted.join(" "), "token_type": "Bearer", "id_token": "a.b.c",
    });
    home.service.answers(TOKEN, 200, tokens);
    home.service.answers(USERINFO, 200, json!({ "sub": format!("sub of {email}"), "email": email }));
}

/// Each scope with what came of it, as callers see it.
async fn each(home: &Home, connection: &Connection) -> Vec<(String, String)> {
    let input = serde_json::to_vec(&Show { connection: connection.id.to_string() }).unwrap();
    let shown =
        table::call("connections.show", |_| true, &input, Arc::clone(&home.app), caller()).await.unwrap();
    let rows = shown["connection"]["scopes"]["each"].as_array().unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "name"), text(row, "state"))).collect()
}

#[tokio::test]
async fn a_box_that_was_not_ticked_is_told() {
    let home = google("ada@example.com", &["openid", EMAIL]).await;
    let (flow, asked) = home.begin(wish()).await.unwrap();
    assert_eq!(asked["scope"], format!("openid email {EVENTS}"));
    let (status, page) =
        browse(&format!("{}?code=c0de&state={}", asked["redirect_uri"], asked["state"])).await;
    assert_eq!(status, 200);
    let told = "Google Calendar did not grant: read and write events. Reconnect and tick its box.";
    assert!(page.contains(told), "{page}");
    let ended = home.app.authorization(&caller(), flow.id).await.unwrap();
    assert_eq!(ended.declined.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>(), [EVENTS]);
    let connection = home.connection(&ended).await;
    let states = each(&home, &connection).await;
    let state = |name: &str| states.iter().find(|row| row.0 == name).unwrap().1.as_str();
    assert_eq!(["openid", "email", EVENTS, FREE].map(state), ["granted", "granted", "declined", "not_asked"]);

    // Ticked this time, nothing is missing any more.
    tick(&home, "ada@example.com", &["openid", EMAIL, EVENTS]);
    let again = Wish { reconnect: Some(connection.label.clone()), ..wish() };
    let ended = home.sign_in(again, "").await;
    assert_eq!((ended.state, ended.declined.len()), (FlowState::Connected(connection.id), 0));
}

#[tokio::test]
async fn a_scope_can_be_added_and_stays() {
    let home = google("ada@example.com", &["openid", EMAIL, EVENTS, FREE]).await;
    let unknown = Wish { scopes: vec!["calendar.everything".into()], ..wish() };
    let refused = home.begin(unknown).await.unwrap_err().to_string();
    assert!(refused.starts_with("scopes: ") && refused.contains(FREE), "{refused}");
    let connection = home.connection(&home.sign_in(wish(), "").await).await;
    let again = |scopes: &[&str]| Wish {
        reconnect: Some(connection.label.clone()),
        scopes: scopes.iter().map(|name| (*name).to_owned()).collect(),
        ..wish()
    };
    let (flow, asked) = home.begin(again(&["calendar.freebusy"])).await.unwrap();
    let union = format!("openid email {EVENTS} {FREE}");
    assert_eq!(asked["scope"], union);
    home.finish(&flow, "").await;
    let (_, asked) = home.begin(again(&[])).await.unwrap();
    assert_eq!(asked["scope"], union, "what was granted is asked for again");
    assert!(each(&home, &connection).await.contains(&(FREE.to_owned(), "granted".to_owned())));
}

#[tokio::test]
async fn an_account_that_is_connected_is_renewed_unless_a_second_one_is_meant() {
    let all = ["openid", EMAIL, EVENTS];
    let home = google("ada@example.com", &all).await;
    let first = home.connection(&home.sign_in(wish(), "").await).await;
    assert_eq!(first.label, "Google Calendar");
    let again = home.sign_in(wish(), "").await;
    assert_eq!(again.state, FlowState::AlreadyConnected(first.id));
    let renewed = home.connection(&again).await;
    assert_eq!((renewed.label.as_str(), renewed.version), ("Google Calendar", first.version + 1));
    assert_eq!(home.app.connections(&caller()).await.unwrap().len(), 1);

    let second = home.connection(&home.sign_in(Wish { second: true, ..wish() }, "").await).await;
    assert_eq!(second.label, "Google Calendar (ada@example.com)");
    assert_ne!(second.id, first.id);
    let third = home.connection(&home.sign_in(Wish { second: true, ..wish() }, "").await).await;
    assert_eq!(third.label, "Google Calendar 2");

    tick(&home, "grace@example.com", &all);
    let other = home.sign_in(wish(), "").await;
    assert!(matches!(other.state, FlowState::Connected(_)));
    assert_eq!(home.connection(&other).await.label, "Google Calendar (grace@example.com)");
    // Fewer rights do not take the place of more.
    tick(&home, "grace@example.com", &["openid", EMAIL]);
    let fewer = home.sign_in(wish(), "").await;
    let kept = home.connection(&fewer).await;
    assert!(matches!(fewer.state, FlowState::AlreadyConnected(_)), "{:?}", fewer.state);
    assert!(each(&home, &kept).await.contains(&(EVENTS.to_owned(), "granted".to_owned())));
    assert!(fewer.declined.is_empty(), "the connection has it");
    assert_eq!(home.app.connections(&caller()).await.unwrap().len(), 4);
}

/// A service that gives its refresh token with the first consent only.
#[tokio::test]
async fn a_sign_in_without_a_refresh_token_takes_none_away() {
    let all = ["openid", EMAIL, EVENTS];
    let home = google("ada@example.com", &all).await;
    let first = home.connection(&home.sign_in(wish(), "").await).await;
    let without = json!({
        "access_token": "ya29.another", "expires_in": 1, "scope": all.join(" "), "token_type": "Bearer",
    });
    home.service.answers(TOKEN, 200, without);
    let again = home.sign_in(wish(), "").await;
    assert_eq!(again.state, FlowState::AlreadyConnected(first.id));
    let kept = home.connection(&again).await;
    assert_eq!((kept.version, kept.oauth.unwrap().renewable), (first.version, true), "it was left as it was");

    // Signed in anew on purpose, it takes the new token, and keeps the known one for when that ends.
    let anew = Wish { reconnect: Some(first.label.clone()), client: None, ..wish() };
    let renewed = home.connection(&home.sign_in(anew, "").await).await;
    let grant = renewed.oauth.unwrap();
    assert!(
        renewed.version > first.version && grant.renewable && grant.renewal.refresh_at.is_some(),
        "{grant:?}"
    );
    tick(&home, "ada@example.com", &all);
    let events = "https://www.googleapis.com/calendar/v3/calendars/primary/events";
    home.service.answers(events, 200, json!({ "summary": "Ada" }));
    assert!(home.app.test_connection(&caller(), &first.label).await.unwrap().ok);
    let last = home.service.asked(TOKEN).pop().unwrap();
    assert_eq!(last.field("refresh_token").as_deref(), Some("1//a-refresh-token"));
}
