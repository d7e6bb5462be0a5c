//! Files made by strangers: nothing in one is believed, and nothing of it is quoted.

use crate::asked::{ask, connected_with_client, connected_with_key, exported, imported, used};
use crate::harness::{World, caller};
use hearthkey_api::problem::ProblemKind;
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_domain::connection::Connection;
use hearthkey_domain::egress::EgressPolicy;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const KEY: &str = "sk_sandbox_first_key_1111";

async fn furnished() -> (World, Value) {
    let world = World::new().await;
    world.connected("Demo").await;
    connected_with_client(&world, &caller(), "Own").await;
    connected_with_key(&world, &caller(), "Key", KEY).await;
    let (content, _) = exported(&world, &caller(), false).await;
    (world, content)
}

/// Whether a text has something of the file's secrets in it.
fn quotes(text: &str) -> bool {
    ["sbx_", "sk_sandbox_", "sandbox-secret"].iter().any(|secret| text.contains(secret))
}

#[tokio::test]
async fn what_is_no_export_is_refused_without_being_quoted() {
    let (_source, content) = furnished().await;
    let world = World::new().await;
    let text = content.to_string();
    let with = |field: &str, value: Value| {
        let mut content = content.clone();
        content[field] = value;
        content.to_string()
    };
    for (file, words) in [
        (String::new(), "not an export"),
        (KEY.to_owned(), "not an export"),
        (format!("[{text}]"), "not an export"),
        (format!("{text}{KEY}"), "not an export"),
        (text[..text.len() - 40].to_owned(), "not an export"),
        (with("format", json!("bitwarden")), "not an export"),
        (with("version", json!(2)), "newer Hearthkey"),
        (with("version", json!("sk_sandbox_version")), "not an export"),
        (with("workspaces", json!("sk_sandbox_workspaces")), "malformed"),
        (with("workspaces", json!([{ "id": "sk_sandbox_id" }])), "malformed"),
        (text.replace("\"access_token\":\"", "\"access_token\":7,\"other\":\""), "malformed"),
        (text.replace("\"access_token\":\"", "\"accessToken\":\""), "malformed"),
    ] {
        for apply in [false, true] {
            let refused = imported(&world, &caller(), file.as_bytes(), apply).await.unwrap_err();
            let said = serde_json::to_string(&refused).unwrap();
            assert!(said.contains(words) && !quotes(&said), "{said}");
            assert_eq!(refused.kind, ProblemKind::InvalidInput, "{said}");
        }
    }
}

/// Changes the connection called `label` in the file, imports that, and gives what became of it: outcome, and reason if any.
async fn after(content: &Value, label: &str, change: impl FnOnce(&mut Value)) -> (String, World) {
    let mut content = content.clone();
    let connections = content["workspaces"][0]["connections"].as_array_mut().unwrap();
    connections.retain(|connection| connection["label"] == label);
    change(&mut connections[0]);
    let world = World::new().await;
    let report = imported(&world, &caller(), content.to_string().as_bytes(), true).await.unwrap();
    assert!(!quotes(&report.to_string()), "{report}");
    let item = &report["items"][0];
    let words = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    (format!("{} {}", words("outcome"), words("reason")).trim().to_owned(), world)
}

/// A change of one value in a connection of the file.
struct Change(&'static str, &'static str, Value);

#[tokio::test]
async fn a_connection_that_could_not_have_been_made_here_is_left_out() {
    let (source, content) = furnished().await;
    let evil = "https://evil.example";
    let own_host = source.sandbox.base_url();
    let mut taken = vec![];
    for Change(label, pointer, value) in [
        Change("Demo", "/connector", json!("myspace")),
        Change("Demo", "/method", json!("carrier-pigeon")),
        Change("Demo", "/connector", json!("stripe")),
        Change("Key", "/connector", json!("sandbox")),
        Change("Demo", "/oauth", Value::Null),
        // Where its credential may go.
        Change("Demo", "/policy", json!(format!("{evil}\n"))),
        Change("Demo", "/policy", json!(format!("{own_host}\n{evil}\nprivate\n"))),
        Change("Demo", "/policy", json!("no policy at all")),
        Change("Key", "/policy", json!(format!("{own_host}\n{evil}\nprivate\n"))),
        // Who renews it.
        Change("Demo", "/oauth/server/issuer", json!(evil)),
        Change("Demo", "/oauth/server/token_endpoint", json!("http://evil.example/token")),
        // What it is.
        Change("Demo", "/credential", json!({ "kind": "keys", "keys": { "key": KEY } })),
        Change(
            "Key",
            "/credential",
            json!({ "kind": "oauth2", "access_token": "sbx_at_x", "refresh_token": null, "expires_at": null, "scopes": [] }),
        ),
        Change("Key", "/credential/keys", json!({})),
        Change("Key", "/credential/keys", json!({ "other": KEY })),
        Change("Key", "/credential/keys/key", json!("sk_sandbox_\r\nX-More: header")),
        Change("Demo", "/credential/access_token", json!("sbx_at_\r\nX-More: header")),
        // What it is called, and how it is.
        Change("Demo", "/label", json!("")),
        Change("Demo", "/label", json!("line\nbreak")),
        Change("Demo", "/label", json!("\u{1b}[2Jgone")),
        Change("Demo", "/label", json!("x".repeat(1_000_000))),
        Change("Demo", "/label", json!("conn_01J00000000000000000000000")),
        Change("Demo", "/values/base_url", json!("http://192.168.0.1")),
        Change("Demo", "/values/base_url", json!("file:///etc/passwd")),
        Change("Demo", "/values/more", json!("x")),
        Change(
            "Demo",
            "/status",
            json!({ "status": "deleting", "purge_after": "2026-01-01T00:00:00Z", "before": { "status": "active" } }),
        ),
    ] {
        let (outcome, world) = after(&content, label, |connection| match pointer {
            // The status is written into the connection itself.
            "/status" => connection.as_object_mut().unwrap().extend(value.as_object().unwrap().clone()),
            _ => put(connection, pointer, value.clone()),
        })
        .await;
        let what = format!("{label}{pointer} = {}", value.to_string().chars().take(80).collect::<String>());
        let list = ask(&world, &caller(), "connections.list", json!({})).await.unwrap();
        if !outcome.starts_with("left_out") || outcome.len() > 300 || list["connections"] != json!([]) {
            taken.push(format!("{what}: {outcome}"));
        }
    }
    assert_eq!(taken, [""; 0]);
}

fn put(connection: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    connection.pointer_mut(parent).unwrap()[name] = value;
}

#[tokio::test]
async fn what_only_a_person_reads_is_bounded_and_has_no_control_characters() {
    let (_source, content) = furnished().await;
    let escape = "\u{1b}]0;owned\u{7}\u{202e}";
    let long = "x".repeat(1_000_000);
    let mut shown = vec![];
    for (pointer, value) in [
        ("/identity/email", json!(escape)),
        ("/identity/name", json!(escape)),
        ("/identity/external_id", json!(escape)),
        ("/masked_key", json!(escape)),
        ("/identity/email", json!(long)),
        ("/masked_key", json!(long)),
        ("/oauth/scopes_granted", json!([escape])),
        ("/oauth/scopes_granted", json!(vec!["scope"; 100_000])),
    ] {
        let (outcome, world) = after(&content, "Demo", |connection| put(connection, pointer, value)).await;
        let list = ask(&world, &caller(), "connections.list", json!({})).await.unwrap().to_string();
        if list.len() > 20_000 || list.contains("\\u001b") || list.contains("\\u0007") {
            shown.push(format!("{pointer}: {outcome}, {} bytes in the list", list.len()));
        }
    }
    for (word, field) in [("needs_reconnect", "reason"), ("error", "message")] {
        let (outcome, world) = after(&content, "Demo", |connection| {
            connection["status"] = json!(word);
            connection[field] = json!(escape);
        })
        .await;
        let list = ask(&world, &caller(), "connections.list", json!({})).await.unwrap().to_string();
        if list.contains("\\u001b") {
            shown.push(format!("{word}: {outcome}"));
        }
    }
    assert_eq!(shown, [""; 0]);
}

#[tokio::test]
async fn identifiers_of_a_file_take_nobodys_place() {
    let (_source, content) = furnished().await;
    let world = World::new().await;
    let mine = world.connected("Mine").await;
    let mut file = content.clone();
    let connections = file["workspaces"][0]["connections"].as_array_mut().unwrap();
    connections.retain(|connection| connection["label"] != "Own");
    // One says that it is a connection of another workspace here, and its double says so too.
    let made = ask(&world, &caller(), "workspaces.add", json!({ "name": "Other" })).await.unwrap();
    connections[0]["id"] = json!(mine.id.to_string());
    let mut double = connections[0].clone();
    double["label"] = json!("Double");
    double["identity"]["external_id"] = json!("somebody else");
    connections.push(double);
    file["workspaces"][0]["id"] = made["id"].clone();
    let report = imported(&world, &caller(), file.to_string().as_bytes(), true).await.unwrap();
    assert!(report["items"].as_array().unwrap().iter().all(|item| item["workspace"] == "Other"), "{report}");
    assert_eq!(used(&world, &caller(), "Mine").await, "200");
    let list = ask(&world, &caller(), "connections.list", json!({})).await.unwrap();
    assert_eq!(list["connections"].as_array().unwrap().len(), 1);
    let other = ask(&world, &crate::asked::within("Other"), "connections.list", json!({})).await.unwrap();
    let ids: Vec<&Value> = other["connections"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert!(ids.len() >= 2 && ids.iter().all(|id| **id != mine.id.to_string()), "{ids:?}");
}

/// What a stranger writes into a place of the file.
#[derive(Debug, Clone)]
enum Scribble {
    Value(Value),
    /// What stands elsewhere in the file.
    Copy(Index),
    /// Nothing: the place is gone.
    Gone,
}

fn scribbles() -> impl Strategy<Value = Vec<(Index, Scribble)>> {
    let texts = prop::sample::select(vec![
        "",
        "https://evil.example",
        "https://evil.example\n",
        "http://127.0.0.1:1\nprivate\n",
        "private\n",
        "conn_01J00000000000000000000000",
        "stripe",
        "sandbox-key",
        "sandbox-own",
        "active",
        "deleting",
        "2026-01-01T00:00:00Z",
        "\u{0}\u{1b}\u{202e}",
        "keys",
        "oauth2",
        "own",
        "bundled",
    ]);
    let value = prop_oneof![
        4 => texts.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => prop::sample::select(vec![json!(null), json!(true), json!([]), json!({}), json!([[]]), json!("x".repeat(70_000))]),
    ];
    let scribble = prop_oneof![
        4 => value.prop_map(Scribble::Value),
        3 => any::<Index>().prop_map(Scribble::Copy),
        1 => Just(Scribble::Gone),
    ];
    prop::collection::vec((any::<Index>(), scribble), 1..5)
}

/// Every place in a document, as a pointer.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| places(value, format!("{at}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, value)| places(value, format!("{at}/{n}"), found));
        }
        _ => {}
    }
    if !at.is_empty() {
        found.push(at);
    }
}

fn scribbled(mut content: Value, changes: &[(Index, Scribble)]) -> Value {
    for (place, scribble) in changes {
        let mut all = vec![];
        places(&content, String::new(), &mut all);
        let at = place.get(&all).clone();
        match scribble {
            Scribble::Value(value) => *content.pointer_mut(&at).unwrap() = value.clone(),
            Scribble::Copy(from) => {
                let other = content.pointer(from.get(&all).as_str()).unwrap().clone();
                *content.pointer_mut(&at).unwrap() = other;
            }
            Scribble::Gone => {
                let (parent, name) = at.rsplit_once('/').unwrap();
                if let Some(object) = content.pointer_mut(parent).and_then(Value::as_object_mut) {
                    object.remove(name);
                }
            }
        }
    }
    content
}

/// No credential in the database may go where one made here could not.
fn no_policy_is_wider_than_its_service(world: &World) -> Result<(), TestCaseError> {
    let sql = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
    let both = "SELECT record, policy FROM connections JOIN credentials ON connection = connections.id";
    let mut select = sql.prepare(both).unwrap();
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    for (record, policy) in rows.map(Result::unwrap) {
        let connection: Connection = serde_json::from_str(&record).unwrap();
        let manifest = world.app.catalog().get(&connection.connector).unwrap();
        let base = api_base(manifest, &connection.values).unwrap();
        let server = connection.oauth.as_ref().map(|grant| &grant.server);
        let widest = egress_policy(manifest, &base, server).unwrap();
        let policy: EgressPolicy = policy.parse().unwrap();
        prop_assert!(policy.is_within(&widest), "{record}: {policy}");
        prop_assert_eq!(
            manifest.method(Some(&connection.method)).unwrap().oauth2.is_some(),
            server.is_some()
        );
    }
    Ok(())
}

#[test]
fn no_scribbled_file_panics_or_widens_a_policy() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (_source, content) = runtime.block_on(furnished());
    let world = runtime.block_on(World::new());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&scribbles(), |changes| {
        let file = scribbled(content.clone(), &changes).to_string();
        let said = runtime.block_on(imported(&world, &caller(), file.as_bytes(), true));
        if let Err(problem) = said {
            prop_assert_eq!(problem.kind, ProblemKind::InvalidInput, "{}", problem);
            let words = serde_json::to_string(&problem).unwrap();
            prop_assert!(words.len() < 2_000, "{}", words);
        }
        no_policy_is_wider_than_its_service(&world)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // What came in can be shown, and is sealed as it should be.
    let list = runtime.block_on(ask(&world, &caller(), "connections.list", json!({}))).unwrap();
    assert!(!list["connections"].as_array().unwrap().is_empty(), "something came in");
    let checks = runtime.block_on(ask(&world, &caller(), "doctor.run", json!({}))).unwrap();
    assert_eq!(checks["healthy"], true, "{checks}");
}
