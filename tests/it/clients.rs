//! OAuth clients of the person's own: kept, given a new secret, tried out, removed.

use crate::asked::ask;
use crate::harness::{World, caller};
use crate::service::{Home, failure};
use hearthkey_api::problem::ProblemKind;
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::connection::Status;
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

fn own(world: &World) -> Wish {
    Wish { connector: "sandbox-own".into(), ..world.wish() }
}

async fn add(world: &World, client_id: &str, secret: Option<&str>) -> Value {
    let mut input = json!({
        "connector": "sandbox-own", "values": { "base_url": world.sandbox.base_url() }, "client_id": client_id,
    });
    if let Some(secret) = secret {
        input["client_secret"] = json!(secret);
    }
    ask(world, &caller(), "clients.add", input).await.unwrap()
}

async fn list(world: &World) -> Vec<Value> {
    let list = ask(world, &caller(), "clients.list", json!({})).await.unwrap();
    list["clients"].as_array().unwrap().iter().filter(|one| one["source"] == "own").cloned().collect()
}

#[tokio::test]
async fn a_client_is_kept_without_signing_in_and_then_used() {
    let world = World::new().await;
    assert_eq!(list(&world).await, Vec::<Value>::new());
    let added = add(&world, "hearthkey-confidential", Some("sandbox-secret")).await;
    assert!(!added.to_string().contains("sandbox-secret"), "{added}");
    let [kept] = &list(&world).await[..] else { panic!("one client") };
    assert_eq!(kept, &added);
    assert_eq!((&kept["proven"], &kept["next"], &kept["used_by"]), (&json!(false), &json!(true), &json!(0)));
    let first = json!({ "strategy": "loopback", "redirect": "http://127.0.0.1/oauth/callback" });
    assert_eq!(kept["redirects"][0], first);

    // It outlives what is typed later and never works.
    world.clock.advance(jiff::SignedDuration::from_hours(1));
    let typed = |client_id: &str| hearthkey_core::authorize::OwnClient {
        client_id: client_id.to_owned(),
        client_secret: None,
    };
    world
        .app
        .begin_authorization(&caller(), Wish { client: Some(typed("typo")), ..own(&world) })
        .await
        .unwrap();
    assert!(matches!(world.sign_in(own(&world)).await.unwrap(), FlowState::Connected(_)));
    let [used] = &list(&world).await[..] else { panic!("one client: what was mistyped is none") };
    assert_eq!((&used["id"], &used["proven"], &used["used_by"]), (&kept["id"], &json!(true), &json!(1)));

    let twice = json!({
        "connector": "sandbox-own", "values": { "base_url": world.sandbox.base_url() },
        "client_id": "hearthkey-confidential", "client_secret": "another",
    });
    let problem = ask(&world, &caller(), "clients.add", twice).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::InvalidInput);
    let keyed = json!({ "connector": "stripe", "client_id": "x" });
    let problem = ask(&world, &caller(), "clients.add", keyed).await.unwrap_err();
    assert!(problem.to_string().contains("needs no client"), "{problem}");
}

#[tokio::test]
async fn a_service_is_asked_whether_it_knows_a_client() {
    let world = World::new().await;
    let values = json!({ "base_url": world.sandbox.base_url() });
    let check = async |client: &str| {
        let input = json!({ "client": client, "values": values });
        ask(&world, &caller(), "clients.check", input).await.unwrap()
    };
    add(&world, "hearthkey-confidential", Some("sandbox-secret")).await;
    let fine = check("hearthkey-confidential").await;
    assert_eq!((&fine["verdict"], fine.get("fault")), (&json!("fine"), None), "{fine}");
    assert_eq!(fine["register"], "http://127.0.0.1/oauth/callback");
    add(&world, "nobody", Some("sandbox-secret")).await;
    let refused = check("nobody").await;
    assert_eq!((&refused["verdict"], &refused["fault"]), (&json!("refused"), &json!("client")), "{refused}");
    assert!(world.sandbox.journal().iter().all(|entry| !format!("{entry:?}").contains("sandbox-secret")));
}

#[tokio::test]
async fn a_client_is_removed_only_when_nothing_goes_with_it_or_by_force() {
    let world = World::new().await;
    add(&world, "hearthkey-confidential", Some("sandbox-secret")).await;
    world.sign_in(Wish { label: Some("Work".into()), ..own(&world) }).await.unwrap();
    let remove = async |force: bool| {
        ask(
            &world,
            &caller(),
            "clients.remove",
            json!({ "client": "hearthkey-confidential", "force": force }),
        )
        .await
    };
    let refused = remove(false).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::PermissionDenied);
    assert!(refused.to_string().contains("Work cannot be renewed without"), "{refused}");
    remove(true).await.unwrap();
    assert_eq!(list(&world).await, Vec::<Value>::new());
    let works = world.app.test_connection(&caller(), "Work").await.unwrap();
    assert!(works.ok, "it works until its token ends");
    let again = Wish { reconnect: Some("Work".into()), ..own(&world) };
    let asked = world.app.begin_authorization(&caller(), again).await.unwrap_err();
    assert!(asked.to_string().contains("needs a client of your own"), "{asked}");
    assert_eq!(remove(true).await.unwrap_err().kind, ProblemKind::NotFound);
}

/// What was made with a client that is gone, or whose secret does not open, says so, and nobody asks the service without it.
#[tokio::test]
async fn a_connection_whose_client_is_gone_says_so() {
    let mut world = World::new().await;
    add(&world, "hearthkey-confidential", Some("sandbox-secret")).await;
    world.sign_in(Wish { label: Some("Work".into()), ..own(&world) }).await.unwrap();
    let state = async |world: &World| {
        world.clock.advance(SignedDuration::from_hours(30));
        for _ in 0..2 {
            world.app.tick().await;
            world.app.settle().await;
            world.clock.advance(SignedDuration::from_mins(4));
        }
        let shown = ask(world, &caller(), "connections.show", json!({ "connection": "Work" })).await.unwrap();
        assert_eq!(world.token_requests("refresh_token"), [""; 0]);
        let connection = &shown["connection"];
        assert_eq!(connection["trouble"]["class"], "client_refused", "{connection}");
        (connection["status"].clone(), connection["trouble"]["message"].as_str().unwrap().to_owned())
    };
    let spoil = |database: std::path::PathBuf| {
        let database = rusqlite::Connection::open(database).unwrap();
        database.execute("UPDATE clients SET secret = zeroblob(length(secret))", []).unwrap();
    };
    world.change_database(spoil).await;
    let (status, message) = state(&world).await;
    assert_eq!(status, "error");
    assert!(message.ends_with(": its client secret cannot be read any more"), "{message}");
    let gone = json!({ "client": "hearthkey-confidential", "force": true });
    ask(&world, &caller(), "clients.remove", gone).await.unwrap();
    let (status, message) = state(&world).await;
    assert_eq!(status, "error");
    assert!(message.ends_with(": its client is not kept here any more"), "{message}");
}

/// The answer to the old secret comes after the new one is in place.
#[tokio::test]
async fn a_client_mended_while_it_is_refused_is_not_left_waiting() {
    let world = World::new().await;
    add(&world, "hearthkey-confidential", Some("sandbox-secret")).await;
    world.sign_in(Wish { label: Some("Work".into()), ..own(&world) }).await.unwrap();
    let update = async |secret: &str| {
        let input = json!({ "client": "hearthkey-confidential", "client_secret": secret });
        ask(&world, &caller(), "clients.update", input).await.unwrap();
    };
    update("mistyped").await;
    world.sandbox.expire_access_tokens();
    let delay = FaultKind::Delay { ms: 100 };
    world.sandbox.set_faults(vec![Fault {
        route: "/token".into(),
        method: None,
        nth: Nth::Every,
        kind: delay,
    }]);
    let mend = async {
        while world.token_requests("refresh_token").is_empty() {
            tokio::task::yield_now().await;
        }
        update("sandbox-secret").await;
    };
    let wanted = || UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let asking = caller();
    let (used, ()) = tokio::join!(world.app.request(&asking, "Work", wanted()), mend);
    assert_eq!(used.unwrap_err().word(), Some("client_refused"));
    let (connection, _) = world.app.connection(&caller(), "Work").await.unwrap();
    assert_eq!((&connection.status, connection.oauth.unwrap().renewal.cool_down), (&Status::Active, None));
    assert_eq!(world.app.request(&caller(), "Work", wanted()).await.unwrap().status, 200);
}

const INTUIT: &str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer";

/// The remedy for a client that the service refuses: its new secret, and everything goes on.
#[tokio::test]
async fn connections_go_on_with_a_clients_new_secret() {
    let home = Home::new().await;
    home.service.answers(
        INTUIT,
        200,
        json!({ "access_token": "an-access-token", "expires_in": 1, "refresh_token": "a-refresh-token" }),
    );
    let company = "https://quickbooks.api.intuit.com/v3/company/91/companyinfo/91";
    home.service.answers(company, 200, json!({ "CompanyInfo": { "CompanyName": "Ada" } }));
    let call = async |operation: &str, input: Value| {
        let input = serde_json::to_vec(&input).unwrap();
        let app = std::sync::Arc::clone(&home.app);
        hearthkey_api::table::call(operation, |_| true, &input, app, caller()).await
    };
    let client = json!({ "connector": "quickbooks", "client_id": "AB", "client_secret": "first" });
    let added = call("clients.add", client).await.unwrap();
    let quickbooks =
        || Wish { connector: "quickbooks".into(), strategy: Some(Strategy::HttpsBounce), ..Wish::default() };
    let connection = home.connection(&home.sign_in(quickbooks(), "&realmId=91").await).await;
    // One flow is under way while the secret changes.
    let (waiting, _) = home.begin(Wish { second: true, ..quickbooks() }).await.unwrap();

    home.service.answers(INTUIT, 401, json!({ "error": "invalid_client" }));
    assert!(!home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    let refused = home.app.connection(&caller(), &connection.label).await.unwrap().0;
    assert_eq!(refused.status.word(), "error");

    home.service.answers(
        INTUIT,
        200,
        json!({ "access_token": "another-access-token", "expires_in": 3600, "refresh_token": "another" }),
    );
    let update = json!({ "client": "AB", "client_secret": "second" });
    let updated = call("clients.update", update).await.unwrap();
    assert_ne!(updated["id"], added["id"], "a row is never changed");
    assert_eq!(updated["used_by"], 1);
    let tried = home.app.connection(&caller(), &connection.label).await.unwrap().0;
    assert_eq!(tried.status, Status::Active, "it is tried again");
    assert!(home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    let authorization = |asked: crate::service::Asked| asked.headers["authorization"].clone();
    // Basic AB:second
    assert_eq!(home.service.asked(INTUIT).pop().map(authorization).as_deref(), Some("Basic QUI6c2Vjb25k"));
    let finished = home.finish(&waiting, "&realmId=91").await;
    assert!(matches!(finished.state, FlowState::Connected(_)), "{}", failure(&finished));
    let listed = call("clients.list", json!({})).await.unwrap();
    let own: Vec<&Value> =
        listed["clients"].as_array().unwrap().iter().filter(|one| one["source"] == "own").collect();
    assert_eq!(own.len(), 1, "{listed}");
}

/// A renewal that began with the old secret does not bring the old client back.
#[tokio::test]
async fn a_renewal_under_way_goes_on_with_the_new_secret() {
    let home = Home::new().await;
    let tokens =
        |life: u32| json!({ "access_token": "an-access-token", "expires_in": life, "refresh_token": "r" });
    home.service.answers(INTUIT, 200, tokens(1));
    let company = "https://quickbooks.api.intuit.com/v3/company/91/companyinfo/91";
    home.service.answers(company, 200, json!({ "CompanyInfo": { "CompanyName": "Ada" } }));
    let client = OwnClient { client_id: "AB".into(), client_secret: Some(Secret::new("first")) };
    let quickbooks = Wish {
        connector: "quickbooks".into(),
        strategy: Some(Strategy::HttpsBounce),
        client: Some(client),
        ..Wish::default()
    };
    let connection = home.connection(&home.sign_in(quickbooks, "&realmId=91").await).await;
    let permits = home.service.hold(INTUIT);
    let (app, label) = (Arc::clone(&home.app), connection.label.clone());
    let using = tokio::spawn(async move { app.test_connection(&caller(), &label).await });
    while home.service.asked(INTUIT).len() < 2 {
        tokio::task::yield_now().await;
    }
    home.app.update_client(&caller(), "AB", Secret::new("second")).await.unwrap();
    permits.add_permits(2);
    assert!(using.await.unwrap().unwrap().ok);
    let kept = home.app.connection(&caller(), &connection.label).await.unwrap().0;
    assert_ne!(kept.oauth.unwrap().client, connection.oauth.unwrap().client);
    // Its tokens lived for a second.
    assert!(home.app.test_connection(&caller(), &connection.label).await.unwrap().ok);
    let last = home.service.asked(INTUIT).pop().unwrap();
    assert_eq!(last.headers["authorization"], "Basic QUI6c2Vjb25k");
}

/// How a way to sign in by OAuth sees its client.
async fn need(home: &Home, connector: &str) -> Value {
    let list = home.call("connectors.list", json!({})).await.unwrap();
    let found = list["connectors"].as_array().unwrap().iter().find(|one| one["id"] == connector).unwrap();
    let methods = found["methods"].as_array().unwrap();
    methods.iter().find(|method| method["id"] == "oauth").unwrap()["client"].clone()
}

#[tokio::test]
async fn a_client_is_found_where_its_server_depends_on_an_answer() {
    let home = Home::new().await;
    for (connector, values, secret) in [
        ("salesforce", json!({ "domain": "test" }), None),
        ("shopify", json!({ "shop": "acme" }), Some("hush")),
    ] {
        assert_eq!(need(&home, connector).await["ready"], false, "{connector}");
        let mut client =
            json!({ "connector": connector, "method": "oauth", "client_id": "of-one", "values": values });
        client["client_secret"] = json!(secret);
        if secret.is_none() {
            client.as_object_mut().unwrap().remove("client_secret");
        }
        home.call("clients.add", client).await.unwrap();
        let found = need(&home, connector).await;
        assert_eq!((&found["ready"], &found["client_id"]), (&json!(true), &json!("of-one")), "{connector}");
    }
    // The one for the address that stands there from the start goes before a newer one.
    for (domain, client_id) in [("login", "of-login"), ("acme.my", "of-acme")] {
        let values = json!({ "domain": domain });
        let client = json!({ "connector": "salesforce", "client_id": client_id, "values": values });
        home.call("clients.add", client).await.unwrap();
        assert_eq!(need(&home, "salesforce").await["client_id"], "of-login");
    }
}

#[tokio::test]
async fn what_returns_by_way_of_a_gateway_says_so_before_there_is_one() {
    let home = Home::new().await;
    let add = async |client_id: &str| {
        let client = json!({ "connector": "quickbooks", "client_id": client_id, "client_secret": "hush" });
        home.call("clients.add", client).await.unwrap()
    };
    assert_eq!(need(&home, "quickbooks").await.get("needs_gateway"), None);
    assert_eq!(add("first").await.get("needs_gateway"), None);
    home.app.set_bounce(None).await.unwrap();
    for connector in ["quickbooks", "shopify"] {
        let need = need(&home, connector).await;
        assert_eq!((&need["needs_gateway"], &need["redirects"]), (&json!(true), &json!([])), "{connector}");
    }
    assert_eq!(need(&home, "github").await.get("needs_gateway"), None);
    assert_eq!(add("second").await["needs_gateway"], true);
    let shop = Wish {
        connector: "shopify".into(),
        method: Some("oauth".into()),
        values: [("shop".to_owned(), "acme".to_owned())].into(),
        ..Wish::default()
    };
    let refused = home.begin(shop).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("Set the gateway first: hearthkey gateway URL"), "{refused}");
}

#[tokio::test]
async fn a_client_that_was_typed_twice_is_removed_with_all_its_rows() {
    let world = World::new().await;
    let typed = || OwnClient {
        client_id: "hearthkey-confidential".into(),
        client_secret: Some(Secret::new("sandbox-secret")),
    };
    for label in ["First", "Second"] {
        let wish = Wish { label: Some(label.into()), client: Some(typed()), second: true, ..own(&world) };
        world.sign_in(wish).await.unwrap();
        world.clock.advance(jiff::SignedDuration::from_secs(60));
    }
    let listed = list(&world).await;
    assert_eq!((listed.len(), &listed[0]["used_by"]), (1, &json!(2)), "it is one client: {listed:?}");
    let newest = listed[0]["id"].clone();
    let remove = async |force: bool| {
        ask(&world, &caller(), "clients.remove", json!({ "client": newest, "force": force })).await
    };
    let refused = remove(false).await.unwrap_err().to_string();
    assert!(refused.contains("First") && refused.contains("Second"), "{refused}");
    remove(true).await.unwrap();
    assert_eq!(list(&world).await, Vec::<Value>::new());
    let asked = world.app.begin_authorization(&caller(), own(&world)).await.unwrap_err();
    assert!(asked.to_string().contains("needs a client of your own"), "{asked}");
}
