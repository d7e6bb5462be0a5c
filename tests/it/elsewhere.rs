//! Addresses that a server names beside its own: sign-in pages of others, endpoints in the network around, and hosts that a
//! client's secret was not typed for.

use crate::harness::caller;
use crate::service::{Asked, Home};
use hearthkey_core::authorize::{OwnClient, Wish};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use serde_json::{Value, json};

const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// An issuer that publishes this about itself, its own endpoints where nothing else is said.
fn publishes(home: &Home, issuer: &str, changes: Value) {
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "revocation_endpoint": format!("{issuer}/revoke"),
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    home.service.answers(&format!("{issuer}{CONFIGURATION}"), 200, document);
    let tokens = json!({ "access_token": "an-access-token", "refresh_token": "r", "token_type": "bearer" });
    home.service.answers(&format!("{issuer}/token"), 200, tokens);
    home.service.answers(&format!("{issuer}/userinfo"), 200, json!({ "sub": issuer }));
}

fn wish(issuer: &str, strategy: Strategy) -> Wish {
    let client = OwnClient { client_id: "me".into(), client_secret: Some(Secret::new("hush")) };
    Wish {
        connector: "openid-connect".into(),
        values: [("issuer".to_owned(), issuer.to_owned())].into(),
        client: Some(client),
        strategy: Some(strategy),
        ..Wish::default()
    }
}

/// Whether a request came with the client's secret.
fn has_secret(asked: &Asked) -> bool {
    asked.headers.contains_key("authorization") || asked.body.contains("hush")
}

const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn metadata_that_leads_to_anothers_sign_in_page_is_refused() {
    let home = Home::new().await;
    let honest = "https://honest.example";
    let page = "https://login.honest.example/authorize";
    publishes(&home, honest, json!({ "authorization_endpoint": page }));
    home.connection(&home.sign_in(wish(honest, Strategy::Loopback), "").await).await;
    for (page, host) in [
        ("https://slack.com/oauth/v2/authorize", "slack.com"),
        ("https://slack.com/anything/else", "slack.com"),
        ("https://acme.myshopify.com/admin/oauth/authorize", "acme.myshopify.com"),
        ("https://accounts.google.com/o/oauth2/v2/auth", "accounts.google.com"),
        ("https://honest.example/authorize", "honest.example"),
        (page, "login.honest.example"),
    ] {
        publishes(&home, EVIL, json!({ "authorization_endpoint": page }));
        let refused = home.begin(wish(EVIL, Strategy::Loopback)).await.map(drop).unwrap_err().to_string();
        assert!(refused.contains(&format!("its own sign-in page; {host} is another server's")), "{refused}");
        let client = json!({
            "connector": "openid-connect", "values": { "issuer": EVIL }, "client_id": "me", "client_secret": "hush",
        });
        assert!(home.call("clients.add", client).await.is_err(), "{page}");
    }
    // An issuer's own page is its own, whoever else is at that host; and so is one that nobody else has.
    for issuer in ["https://honest.example/realms/a", "https://accounts.google.com"] {
        publishes(&home, issuer, json!({}));
        assert!(home.begin(wish(issuer, Strategy::Loopback)).await.is_ok(), "{issuer}");
    }
    publishes(&home, EVIL, json!({ "authorization_endpoint": "https://login.evil.example/authorize" }));
    assert!(home.begin(wish(EVIL, Strategy::Loopback)).await.is_ok());
    assert!(home.begin(wish(honest, Strategy::Loopback)).await.is_ok());
}

#[tokio::test]
async fn a_check_goes_into_a_private_network_only_to_the_address_that_was_typed() {
    let home = Home::new().await;
    publishes(&home, EVIL, json!({}));
    let client = json!({
        "connector": "openid-connect", "values": { "issuer": EVIL }, "client_id": "me", "client_secret": "hush",
    });
    home.call("clients.add", client).await.unwrap();
    let check = async || {
        let input = json!({ "client": "me", "values": { "issuer": EVIL } });
        home.call("clients.check", input).await.map(drop)
    };
    for (page, private) in [
        ("https://evil.example/authorize", true),
        ("https://evil.example:8443/authorize", false),
        ("https://router.example/authorize", false),
        ("https://10.0.0.1/authorize", false),
    ] {
        publishes(&home, EVIL, json!({ "authorization_endpoint": page }));
        check().await.unwrap();
        assert_eq!(home.service.asked(page).pop().unwrap().private, private, "{page}");
    }
}

#[tokio::test]
async fn a_clients_secret_goes_to_no_host_but_that_of_the_token_endpoint() {
    let home = Home::new().await;
    let issuer = "https://id.example";
    let codes = json!({
        "device_code": "d", "user_code": "AB-CD", "verification_uri": "https://id.example/device",
        "expires_in": 600, "interval": 5,
    });
    for (at, allowed) in [("https://id.example", true), ("https://id.example:8443", false), (EVIL, false)] {
        let (device, revoke) = (format!("{at}/codes"), format!("{at}/end"));
        let endpoints = json!({ "device_authorization_endpoint": device, "revocation_endpoint": revoke });
        publishes(&home, issuer, endpoints);
        home.service.answers(&device, 200, codes.clone());
        home.service.answers(&revoke, 200, json!({}));
        home.begin(wish(issuer, Strategy::Device)).await.unwrap();
        let asked = home.service.asked(&device).pop().unwrap();
        assert_eq!(has_secret(&asked), allowed, "{device}");
        assert_eq!(asked.field("client_id").is_some(), !allowed, "{device}");
        let connection = home.connection(&home.sign_in(wish(issuer, Strategy::Loopback), "").await).await;
        home.app.disconnect(&caller(), &connection.label, true, false).await.unwrap();
        let asked = home.service.asked(&revoke).pop().unwrap();
        assert_eq!(has_secret(&asked), allowed, "{revoke}");
        assert_eq!(asked.field("token").as_deref(), Some("r"), "{revoke}");
    }
    assert!(home.service.asked(&format!("{issuer}/token")).iter().all(has_secret));
}
