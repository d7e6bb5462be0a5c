//! Taking connections along, and reading what a stranger made of them.

use crate::asked::{
    all_rows, ask, connected_with_client, connected_with_key, exported, imported, rows, used, within,
};
use crate::harness::{World, caller};
use hearthkey_api::Problem;
use hearthkey_api::problem::ProblemKind;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A Hearthkey with a connection of every kind.
async fn furnished() -> World {
    let world = World::new().await;
    world.connected("Demo").await;
    connected_with_client(&world, &caller(), "Own").await;
    connected_with_key(&world, &caller(), "Key", "sk_sandbox_first_key_1111").await;
    world
}

fn database(world: &World) -> PathBuf {
    world.folder.path().join("vault.db")
}

async fn import(world: &World, content: &Value, apply: bool) -> Result<Value, Problem> {
    imported(world, &caller(), content.to_string().as_bytes(), apply).await
}

/// What became of each connection, as `label: outcome label_here or reason`.
fn outcomes(report: &Value) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outcome = |item: &Value| {
        let more = if item["reason"].is_null() { &item["label_here"] } else { &item["reason"] };
        format!("{}: {} {}", text(&item["label"]), text(&item["outcome"]), text(more))
    };
    items.map(outcome).collect()
}

/// The content with its only workspace's connection called `label` changed.
fn changed(content: &Value, label: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut content = content.clone();
    let connections = content["workspaces"][0]["connections"].as_array_mut().unwrap();
    change(connections.iter_mut().find(|connection| connection["label"] == label).unwrap());
    content
}

#[tokio::test]
async fn what_leaves_one_home_works_in_another() {
    let world = furnished().await;
    world.connected("Leaving").await;
    ask(&world, &caller(), "connections.disconnect", json!({ "connection": "Leaving" })).await.unwrap();
    let (content, said) = exported(&world, &caller(), false).await;
    assert_eq!((&said["connections"], &said["unreadable"]), (&json!(3), &json!([])));
    assert!(!content.to_string().contains("Leaving"), "what is on its way out is not taken along");

    let other = World::new().await;
    let report = import(&other, &content, true).await.unwrap();
    assert_eq!(outcomes(&report), ["Demo: new Demo", "Key: new Key", "Own: new Own"]);
    for label in ["Demo", "Key", "Own"] {
        let [before, after] =
            [&world, &other].map(|world| {
                let shown = json!({ "connection": label });
                async move {
                    ask(world, &caller(), "connections.show", shown).await.unwrap()["connection"].clone()
                }
            });
        let (before, after) = (before.await, after.await);
        for field in ["id", "identity", "connector", "hosts", "masked_key", "created_at"] {
            assert_eq!(before[field], after[field], "{label}: {field}");
        }
    }
    for label in ["Demo", "Own"] {
        assert_eq!(used(&other, &caller(), label).await, "200");
    }
    assert!(
        ask(&other, &caller(), "connections.test", json!({ "connection": "Key" })).await.unwrap()["ok"]
            == true
    );
    // The client's secret came along: without it the sandbox renews nothing.
    world.sandbox.expire_access_tokens();
    assert_eq!(used(&other, &caller(), "Own").await, "200");
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
    let checks = ask(&other, &caller(), "doctor.run", json!({})).await.unwrap();
    assert_eq!(checks["healthy"], true, "{checks}");
}

#[tokio::test]
async fn a_second_time_adds_nothing_and_a_look_changes_nothing() {
    let (world, other) = (furnished().await, World::new().await);
    let (content, _) = exported(&world, &caller(), false).await;
    // The vault is founded first, which is no matter of the file.
    ask(&other, &caller(), "vault.retry", json!({})).await.unwrap();
    let before = (all_rows(&database(&other)), std::fs::read(database(&other)).unwrap());
    let shown = import(&other, &content, false).await.unwrap();
    let after = (all_rows(&database(&other)), std::fs::read(database(&other)).unwrap());
    assert!(before == after, "only shown, nothing is written");

    let added = import(&other, &content, true).await.unwrap();
    assert_eq!(outcomes(&shown), outcomes(&added), "what was shown is what was done");
    let without_history = |world: &World| -> Vec<String> {
        all_rows(&database(world)).into_iter().filter(|row| !row.starts_with("activity")).collect()
    };
    let before = without_history(&other);
    let again = import(&other, &content, true).await.unwrap();
    assert_eq!(outcomes(&again), ["Demo: present Demo", "Key: present Key", "Own: present Own"]);
    assert_eq!(without_history(&other), before);
    // At home, too, where it came from: under other names by now.
    ask(&world, &caller(), "connections.rename", json!({ "connection": "Demo", "label": "Other" }))
        .await
        .unwrap();
    let home = import(&world, &content, true).await.unwrap();
    assert_eq!(outcomes(&home), ["Demo: present Other", "Key: present Key", "Own: present Own"]);
}

#[tokio::test]
async fn a_workspace_is_met_by_identifier_then_by_name_or_made() {
    let (world, other) = (furnished().await, World::new().await);
    let (content, _) = exported(&world, &caller(), false).await;
    let names = |list: Value| -> Vec<(String, u64)> {
        let rows = list["workspaces"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| (row["name"].as_str().unwrap().into(), row["connections"].as_u64().unwrap()))
            .collect()
    };
    let listed =
        async |world: &World| names(ask(world, &caller(), "workspaces.list", json!({})).await.unwrap());
    // By identifier, whatever it is called by now.
    let rename = json!({ "workspace": "Personal", "name": "Home" });
    ask(&world, &caller(), "workspaces.rename", rename).await.unwrap();
    let gone = json!({ "connection": "Key", "now": true });
    ask(&world, &caller(), "connections.disconnect", gone).await.unwrap();
    let report = import(&world, &content, true).await.unwrap();
    assert_eq!(report["items"][1]["workspace"], "Home");
    assert_eq!(listed(&world).await, [("Home".into(), 3)]);
    // By name, in any case.
    let mut called = content.clone();
    called["workspaces"][0]["name"] = json!("PERSONAL");
    let report = import(&other, &called, true).await.unwrap();
    assert_eq!(report["items"][0]["workspace"], "Personal");
    assert_eq!(listed(&other).await, [("Personal".into(), 3)]);
    // Made, with a key of its own, and not entered.
    called["workspaces"][0]["name"] = json!("Studio");
    import(&other, &called, true).await.unwrap();
    assert_eq!(listed(&other).await, [("Personal".into(), 3), ("Studio".into(), 3)]);
    assert_eq!(used(&other, &within("Studio"), "Demo").await, "200");
    let status = ask(&other, &caller(), "app.status", json!({})).await.unwrap();
    assert_eq!(status["workspace"]["name"], "Personal");
    let keys = rows(&database(&other), "workspaces", "TRUE", &[]);
    let sealed = |row: &str| row.split_once("sealed_key=").unwrap().1.to_owned();
    assert_ne!(sealed(&keys[0]), sealed(&keys[1]));
}

#[tokio::test]
async fn names_that_are_taken_are_numbered() {
    let world = furnished().await;
    let (content, _) = exported(&world, &caller(), false).await;
    let mut number = 0;
    let mut other_account = |connection: &mut Value, label: &str| {
        number += 1;
        connection["id"] = json!(format!("conn_01J0000000000000000000000{number}"));
        connection["identity"]["external_id"] = json!(format!("somebody else {number}"));
        connection["label"] = json!(label);
    };
    for (label, here) in [("Demo", "Demo 2"), ("DEMO", "DEMO 3"), ("Demo 2", "Demo 2 2"), ("Fresh", "Fresh")]
    {
        let file = changed(&content, "Demo", |connection| other_account(connection, label));
        let shown = outcomes(&import(&world, &file, false).await.unwrap());
        let added = outcomes(&import(&world, &file, true).await.unwrap());
        assert_eq!(added[0], format!("{label}: new {here}"));
        assert_eq!(shown, added);
    }
    // A name as long as names may be stays a name.
    let long = "x".repeat(80);
    for _ in 0..2 {
        let file = changed(&content, "Demo", |connection| other_account(connection, &long));
        import(&world, &file, true).await.unwrap();
    }
    let list = ask(&world, &caller(), "connections.list", json!({})).await.unwrap();
    for connection in list["connections"].as_array().unwrap() {
        let length = connection["label"].as_str().unwrap().chars().count();
        assert!((1..=80).contains(&length), "a name with {length} characters");
    }
}

#[tokio::test]
async fn a_row_that_does_not_open_is_named_and_left_out() {
    let mut world = furnished().await;
    world
        .change_database(|file| {
            let sql = rusqlite::Connection::open(file).unwrap();
            let damage = "UPDATE credentials SET sealed = zeroblob(300)
                          WHERE connection = (SELECT id FROM connections WHERE label = 'Key')";
            assert_eq!(sql.execute(damage, []).unwrap(), 1);
            assert_eq!(sql.execute("UPDATE clients SET secret = zeroblob(300)", []).unwrap(), 1);
        })
        .await;
    let (content, said) = exported(&world, &caller(), false).await;
    assert_eq!(said["unreadable"], json!(["client hearthkey-confidential", "Key"]));
    assert_eq!(said["connections"], 2);
    let other = World::new().await;
    let shown = outcomes(&import(&other, &content, false).await.unwrap());
    let added = outcomes(&import(&other, &content, true).await.unwrap());
    assert_eq!(added, ["Demo: new Demo", "Own: left_out the client it was made with is not in the file"]);
    assert_eq!(shown, added, "what was shown is what was done");
    assert_eq!(used(&other, &caller(), "Demo").await, "200");
}

#[tokio::test]
async fn a_client_that_came_along_stays_as_long_as_it_is_needed() {
    let (world, other) = (furnished().await, World::new().await);
    let (content, _) = exported(&world, &caller(), false).await;
    import(&other, &content, true).await.unwrap();
    // A quarter of an hour later somebody types a client for another place.
    other.clock.advance(SignedDuration::from_mins(15));
    connected_with_client(&other, &caller(), "Another").await;
    world.sandbox.expire_access_tokens();
    assert_eq!(used(&other, &caller(), "Own").await, "200", "its client is still there");
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_whole_changes_nothing() {
    let (world, other) = (furnished().await, World::new().await);
    let (mut content, _) = exported(&world, &caller(), false).await;
    let mut second = content["workspaces"][0].clone();
    second["id"] = json!("ws_01J00000000000000000000000");
    second["name"] = json!("line\nbreak");
    content["workspaces"].as_array_mut().unwrap().push(second);
    ask(&other, &caller(), "vault.retry", json!({})).await.unwrap();
    let before = all_rows(&database(&other));
    let refused = import(&other, &content, true).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::InvalidInput);
    assert_eq!(all_rows(&database(&other)), before, "an error means that nothing was done");
}

#[tokio::test]
async fn every_field_is_documented() {
    let world = furnished().await;
    world.connected("Again").await;
    world.sandbox.revoke_grants();
    world.sandbox.expire_access_tokens();
    let _ = used(&world, &caller(), "Again").await;
    let (content, _) = exported(&world, &caller(), false).await;
    let document = include_str!("../../docs/EXPORT.md");
    let documented: Vec<&str> = document.split('`').skip(1).step_by(2).collect();
    let mut missing = vec![];
    fields(&content, "", &mut |path, name| {
        // The answers of a form, and the keys of a service, have names of the service's own.
        let is_free = path.ends_with(".values") || path.ends_with(".keys");
        if !is_free
            && !documented.iter().any(|word| word.split('.').any(|part| part.trim_end_matches("[]") == name))
        {
            missing.push(format!("{path}.{name}"));
        }
    });
    missing.sort();
    missing.dedup();
    assert_eq!(missing, [""; 0], "fields that docs/EXPORT.md does not name");
}

fn fields(value: &Value, path: &str, tell: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                tell(path, name);
                fields(value, &format!("{path}.{name}"), tell);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| fields(value, path, tell)),
        _ => {}
    }
}
