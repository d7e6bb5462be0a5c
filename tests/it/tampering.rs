//! Editing the database: what is sealed is bound to its place, and one row that does not open blocks no other.

use crate::harness::{World, caller};
use hearthkey_core::ErrorKind;
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::Secret;
use hearthkey_sandbox::{Options, Sandbox};
use std::path::PathBuf;

async fn outcome(world: &World, name: &str) -> Result<u16, ErrorKind> {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let reply = world.app.request(&caller(), name, wanted).await;
    reply.map(|reply| reply.status).map_err(|error| error.kind())
}

/// Changes the database of two working connections, and gives what each of them does after.
async fn after(statement: &str) -> [Result<u16, ErrorKind>; 2] {
    let mut world = World::new().await;
    for label in ["One", "Two"] {
        world.connected(label).await;
    }
    world
        .change_database(|file: PathBuf| {
            let database = rusqlite::Connection::open(file).unwrap();
            assert!(database.execute(statement, []).unwrap() > 0, "{statement} changes nothing");
        })
        .await;
    [outcome(&world, "One").await, outcome(&world, "Two").await]
}

const ONE: &str = "(SELECT id FROM connections WHERE label = 'One')";
const TWO: &str = "(SELECT id FROM connections WHERE label = 'Two')";

#[tokio::test]
async fn a_policy_that_was_edited_closes_the_credential() {
    let elsewhere = "policy || 'https://zz.evil.example' || char(10)";
    let edit = format!("UPDATE credentials SET policy = {elsewhere} WHERE connection = {ONE}");
    assert_eq!(after(&edit).await, [Err(ErrorKind::KeyLost), Ok(200)]);
}

#[tokio::test]
async fn an_envelope_in_another_row_does_not_open() {
    let source = format!("(SELECT sealed FROM credentials WHERE connection = {TWO})");
    let edit = format!("UPDATE credentials SET sealed = {source} WHERE connection = {ONE}");
    assert_eq!(after(&edit).await, [Err(ErrorKind::KeyLost), Ok(200)]);
}

#[tokio::test]
async fn an_envelope_that_was_cut_does_not_open() {
    let edit = format!("UPDATE credentials SET sealed = substr(sealed, 1, 200) WHERE connection = {ONE}");
    assert_eq!(after(&edit).await, [Err(ErrorKind::KeyLost), Ok(200)]);
}

#[tokio::test]
async fn an_address_that_was_edited_is_outside_the_policy() {
    let elsewhere = "replace(record, '\"base_url\":\"http://127.0.0.1', '\"base_url\":\"http://127.0.0.2')";
    let edit = format!("UPDATE connections SET record = {elsewhere} WHERE label = 'One'");
    assert_eq!(after(&edit).await, [Err(ErrorKind::PermissionDenied), Ok(200)]);
}

#[tokio::test]
async fn the_doctor_names_the_row_that_does_not_open() {
    let mut world = World::new().await;
    world.connected("Broken").await;
    world
        .change_database(|file| {
            let database = rusqlite::Connection::open(file).unwrap();
            database.execute("UPDATE credentials SET sealed = zeroblob(300)", []).unwrap();
        })
        .await;
    let checks = world.app.examine().await;
    let vault = checks.iter().find(|check| check.id == "vault").unwrap();
    assert_eq!(vault.detail, "unreadable: Broken");
}

#[tokio::test]
async fn a_flow_that_was_edited_sends_its_code_nowhere() {
    for edit in [
        "replace(record, '/token\"', '/elsewhere\"')",
        "replace(record, '127.0.0.1', '127.0.0.2')",
        "replace(record, '\"client_id\":\"hearthkey\"', '\"client_id\":\"hearthkey-confidential\"')",
    ] {
        let mut world = World::new().await;
        let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
        let statement = format!("UPDATE authorizations SET record = {edit}");
        world
            .change_database(|file| {
                let database = rusqlite::Connection::open(file).unwrap();
                let before: String =
                    database.query_row("SELECT record FROM authorizations", [], |r| r.get(0)).unwrap();
                database.execute(&statement, []).unwrap();
                let after: String =
                    database.query_row("SELECT record FROM authorizations", [], |r| r.get(0)).unwrap();
                assert_ne!(before, after, "{edit} changes nothing");
            })
            .await;
        world.app.resume_authorizations().await.unwrap();
        let returned = reqwest::get(flow.authorize_url.as_str()).await;
        assert!(returned.is_err() || returned.unwrap().status() != 200, "{edit}");
        assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new(), "{edit}");
    }
}

#[tokio::test]
async fn a_client_secret_goes_to_no_other_server() {
    let mut world = World::new().await;
    let elsewhere = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.unwrap();
    for (label, base) in [("One", world.sandbox.base_url()), ("Two", elsewhere.base_url())] {
        let client_secret = Some(Secret::new("sandbox-secret"));
        let client = Some(OwnClient { client_id: "hearthkey-confidential".into(), client_secret });
        let values = [("base_url".to_owned(), base)].into();
        let (connector, label) = ("sandbox-own".to_owned(), Some(label.to_owned()));
        let wish = Wish { connector, label, client, values, ..Wish::default() };
        assert!(matches!(world.sign_in(wish).await.unwrap(), FlowState::Connected(_)));
    }
    let foreign = "(SELECT json_extract(record, '$.oauth.client.id') FROM connections WHERE label = 'Two')";
    let edit = format!(
        "UPDATE connections SET record = json_set(record, '$.oauth.client.id', {foreign}) WHERE label = 'One'"
    );
    world
        .change_database(|file| {
            let database = rusqlite::Connection::open(file).unwrap();
            assert_eq!(database.execute(&edit, []).unwrap(), 1);
        })
        .await;
    world.sandbox.expire_access_tokens();
    elsewhere.expire_access_tokens();
    assert_eq!(outcome(&world, "One").await, Err(ErrorKind::ProviderRejected), "as a client that is gone");
    assert_eq!(world.token_requests("refresh_token"), Vec::<String>::new());
    assert_eq!(outcome(&world, "Two").await, Ok(200));
}
