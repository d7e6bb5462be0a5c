//! Workspaces: made, named, entered and destroyed, and what is left of a destroyed one.

use crate::asked::{
    all_rows, ask, connected_with_client, connected_with_key, rows, rows_of, signed_in, used, within,
};
use crate::harness::{World, browse, caller};
use hearthkey_api::problem::ProblemKind;
use hearthkey_core::authorize::{FlowState, Wish};
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than anything here takes, and far shorter than a sign-in waits by itself.
const SOON: Duration = Duration::from_secs(20);

fn database(world: &World) -> PathBuf {
    world.folder.path().join("vault.db")
}

async fn add(world: &World, name: &str) -> Result<Value, ProblemKind> {
    let added = ask(world, &caller(), "workspaces.add", json!({ "name": name })).await;
    added.map_err(|problem| problem.kind)
}

async fn destroy(world: &World, workspace: &str, confirm: &str) -> Result<Value, ProblemKind> {
    let input = json!({ "workspace": workspace, "confirm": confirm });
    ask(world, &caller(), "workspaces.destroy", input).await.map_err(|problem| problem.kind)
}

/// The names, the current one first.
async fn names(world: &World) -> Vec<String> {
    let list = ask(world, &caller(), "workspaces.list", json!({})).await.unwrap();
    let mut rows = list["workspaces"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["current"] != true);
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn names_are_names_and_unique_in_every_case() {
    let world = World::new().await;
    for name in ["", "   ", "a\nb", "\u{1b}[2J", "ws_01J00000000000000000000000", &"x".repeat(61)] {
        assert_eq!(add(&world, name).await, Err(ProblemKind::InvalidInput), "{name:?}");
    }
    for name in ["  Work  ", "Élan", "Straße", &"x".repeat(60)] {
        assert_eq!(add(&world, name).await.unwrap()["name"], name.trim());
    }
    for taken in ["Work", "wORK ", "PERSONAL", "éLAN", "STRAßE", &"X".repeat(60)] {
        assert_eq!(add(&world, taken).await, Err(ProblemKind::Conflict), "{taken}");
        let rename = json!({ "workspace": "Personal", "name": taken });
        let renamed = ask(&world, &caller(), "workspaces.rename", rename).await;
        // Its own name in another case is a name it can have.
        match taken.to_lowercase().as_str() {
            "personal" => assert_eq!(renamed.unwrap()["name"], "PERSONAL"),
            _ => assert_eq!(renamed.unwrap_err().kind, ProblemKind::Conflict, "{taken}"),
        }
    }
    assert_eq!(names(&world).await.len(), 5);
    let unknown = json!({ "workspace": "Nowhere", "name": "Somewhere" });
    let refused = ask(&world, &caller(), "workspaces.rename", unknown).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn callers_act_where_they_say_else_in_the_current_one() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    let made = add(&world, "Work").await.unwrap();
    let empty = json!({ "connections": [] });
    let listed = async |world: &World, workspace: Option<&str>| {
        let caller = workspace.map_or_else(caller, within);
        ask(world, &caller, "connections.list", json!({})).await
    };
    for (workspace, has_it) in [
        (None, true),
        (Some("work"), false),
        (Some(" WORK "), false),
        (made["id"].as_str(), false),
        (Some("personal"), true),
    ] {
        let list = listed(&world, workspace).await.unwrap();
        assert_eq!(list["connections"] != empty["connections"], has_it, "{workspace:?}");
    }
    assert_eq!(listed(&world, Some("Nowhere")).await.unwrap_err().kind, ProblemKind::NotFound);
    for name in ["Work", made["id"].as_str().unwrap()] {
        let entered = json!({ "workspace": name });
        assert_eq!(ask(&world, &caller(), "workspaces.switch", entered).await.unwrap()["name"], "Work");
    }
    assert_eq!(listed(&world, None).await.unwrap()["connections"], empty["connections"]);
    // One label in both, and each is its own.
    signed_in(&world, &caller(), Wish { label: Some("Demo".into()), ..world.wish() }).await;
    let here = listed(&world, None).await.unwrap()["connections"][0]["id"].clone();
    let there = listed(&world, Some("Personal")).await.unwrap()["connections"][0]["id"].clone();
    assert!(here.is_string() && there.is_string() && here != there);
    world.restart().await;
    assert_eq!(names(&world).await, ["Work", "Personal"], "the next process begins there");
}

#[tokio::test]
async fn one_is_destroyed_only_by_its_typed_name_and_never_the_last() {
    let world = World::new().await;
    world.connected("Demo").await;
    assert_eq!(destroy(&world, "Personal", "Personal").await, Err(ProblemKind::InvalidInput), "the last one");
    let made = add(&world, "Work").await.unwrap();
    let id = made["id"].as_str().unwrap();
    let before = all_rows(&database(&world));
    for confirm in ["", "work", "WORK", "Personal", id, "Work2", "yes"] {
        assert_eq!(destroy(&world, "Work", confirm).await, Err(ProblemKind::InvalidInput), "{confirm}");
    }
    assert_eq!(destroy(&world, "Nowhere", "Nowhere").await, Err(ProblemKind::NotFound));
    assert_eq!(all_rows(&database(&world)), before);
    ask(&world, &caller(), "workspaces.switch", json!({ "workspace": "Work" })).await.unwrap();
    destroy(&world, id, " Work ").await.unwrap();
    assert_eq!(names(&world).await, ["Personal"]);
    assert_eq!(
        used(&world, &caller(), "Demo").await,
        "200",
        "whoever names none acts in the one that is left"
    );
    let gone = ask(&world, &within("Work"), "connections.list", json!({})).await.unwrap_err();
    assert_eq!(gone.kind, ProblemKind::NotFound);
    assert_eq!(destroy(&world, id, "Work").await, Err(ProblemKind::NotFound));
    // The oldest of those that are left is the current one.
    for name in ["Second", "Third"] {
        add(&world, name).await.unwrap();
    }
    destroy(&world, "Personal", "Personal").await.unwrap();
    assert_eq!(names(&world).await, ["Second", "Third"]);
}

/// A workspace with something of every kind in it, all of which has this word in its name.
async fn filled(world: &World, name: &str, word: &str) {
    add(world, name).await.unwrap();
    let caller = within(name);
    signed_in(world, &caller, Wish { label: Some(format!("{word} signed in")), ..world.wish() }).await;
    connected_with_client(world, &caller, &format!("{word} own")).await;
    connected_with_key(world, &caller, &format!("{word} key"), "sk_sandbox_first_key_1111").await;
    let used = json!({ "connection": format!("{word} key"), "path": format!("/api/echo/{word}") });
    ask(world, &caller, "connections.request", used).await.unwrap();
    let pending = Wish { label: Some(format!("{word} pending")), ..world.wish() };
    world.app.begin_authorization(&caller, pending).await.unwrap();
}

/// Whether a file of the profile has this word in it.
fn files_with(folder: &Path, word: &str) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, word));
        } else if fs::read(&path).unwrap().windows(word.len()).any(|window| window == word.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn nothing_of_a_destroyed_one_is_left_and_its_old_rows_open_no_more() {
    const WORD: &str = "zaunkoenig";
    let mut world = World::new().await;
    world.connected("Kept").await;
    filled(&world, "Doomed", WORD).await;
    let id = within("Doomed");
    let id = world.app.workspace(&id).await.unwrap().id.to_string();
    world.app.tick().await;
    let folder = world.folder.path().to_owned();
    let image = tempfile::NamedTempFile::new().unwrap();
    let sql = rusqlite::Connection::open(database(&world)).unwrap();
    sql.execute("VACUUM INTO ?1", [image.path().with_extension("db").display().to_string()]).unwrap();
    drop(sql);
    let image = image.path().with_extension("db");
    assert!(!files_with(&folder, WORD).is_empty(), "the search finds it while it is there");
    let before = rows_of(&database(&world), &id);
    let held = world.keychain.items.lock().unwrap().clone();

    destroy(&world, "Doomed", "Doomed").await.unwrap();
    assert_eq!(rows_of(&database(&world), &id), [""; 0]);
    assert_eq!(files_with(&folder, WORD), [""; 0], "not in the database, its log, nor a copy");
    let safety = ask(&world, &caller(), "vault.show", json!({})).await.unwrap();
    assert_eq!((&safety["generation"], &safety["rotation_pending"]), (&json!(2), &json!(false)));
    let holds = world.keychain.items.lock().unwrap().clone();
    let old = held.values().next().unwrap().rsplit(':').next().unwrap();
    assert!(holds.values().all(|item| !item.contains(old)), "the old key is nowhere");
    assert_eq!(used(&world, &caller(), "Kept").await, "200");

    // Whoever kept a copy puts everything of it back, key and all.
    assert!(before.len() > 8, "{before:#?}");
    world
        .change_database(|file| {
            let sql = rusqlite::Connection::open(file).unwrap();
            sql.execute("ATTACH ?1 AS image", [image.display().to_string()]).unwrap();
            for (table, which) in [
                ("workspaces", "id = ?1"),
                ("connections", "workspace = ?1"),
                ("credentials", "connection IN (SELECT id FROM image.connections WHERE workspace = ?1)"),
                ("clients", "workspace = ?1"),
                ("authorizations", "workspace = ?1"),
            ] {
                let back = format!("INSERT INTO {table} SELECT * FROM image.{table} WHERE {which}");
                assert!(sql.execute(&back, [&id]).unwrap() > 0, "{table}");
            }
        })
        .await;
    // A key that does not open is damage to the vault, and is named; without that one row everything else is as before.
    let status = ask(&world, &caller(), "vault.retry", json!({})).await.unwrap();
    assert_eq!(status["state"], "unreadable");
    let own_key =
        "UPDATE workspaces SET sealed_key = (SELECT sealed_key FROM workspaces WHERE name = 'Personal'),
                   generation = (SELECT generation FROM workspaces WHERE name = 'Personal') WHERE id = ?1";
    world
        .change_database(|file| {
            let sql = rusqlite::Connection::open(file).unwrap();
            assert_eq!(sql.execute(own_key, [&id]).unwrap(), 1);
        })
        .await;
    let status = ask(&world, &caller(), "vault.retry", json!({})).await.unwrap();
    assert_eq!(status["state"], "unreadable", "another workspace's key is not taken for its own");
}

/// Lets every answer of a route take its time.
fn slow(world: &World, route: &str) {
    let kind = FaultKind::Delay { ms: 700 };
    world.sandbox.set_faults(vec![Fault { route: route.into(), method: None, nth: Nth::Every, kind }]);
}

/// Waits until the sandbox was asked for this.
async fn asked_for(world: &World, path: &str) {
    while !world.sandbox.journal().iter().any(|entry| entry.path == path) {
        tokio::task::yield_now().await;
    }
}

/// The vault after a workspace was destroyed while something went on in it.
async fn is_in_order(world: &World, id: &str) {
    world.app.tick().await;
    assert_eq!(rows_of(&database(world), id), [""; 0]);
    assert_eq!(used(world, &caller(), "Kept").await, "200");
    assert!(!world.app.is_busy().await, "nothing of it goes on");
    let checks = ask(world, &caller(), "doctor.run", json!({})).await.unwrap();
    assert_eq!(checks["healthy"], true, "{checks}");
    let safety = ask(world, &caller(), "vault.show", json!({})).await.unwrap();
    assert_eq!(safety["rotation_pending"], false, "{safety}");
    assert_eq!(rows(&database(world), "authorizations", "TRUE", &[]), [""; 0]);
}

async fn doomed(world: &World) -> String {
    world.connected("Kept").await;
    add(world, "Doomed").await.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_under_way_ends_with_its_workspace() {
    let world = World::new().await;
    let id = doomed(&world).await;
    signed_in(&world, &within("Doomed"), Wish { label: Some("Going".into()), ..world.wish() }).await;
    world.sandbox.expire_access_tokens();
    world.sandbox.clear_journal();
    slow(&world, "/token");
    let me = within("Doomed");
    let (used, destroyed) = tokio::join!(used(&world, &me, "Going"), async {
        asked_for(&world, "/token").await;
        destroy(&world, "Doomed", "Doomed").await
    });
    destroyed.unwrap();
    assert!(["conflict", "not_found"].contains(&used.as_str()), "{used}");
    world.sandbox.set_faults(vec![]);
    is_in_order(&world, &id).await;
}

#[tokio::test]
async fn a_sign_in_that_waits_ends_with_its_workspace() {
    let world = World::new().await;
    let id = doomed(&world).await;
    let me = within("Doomed");
    let flow = world.app.begin_authorization(&me, world.wish()).await.unwrap();
    let mut states = world.app.watch_authorization(&me, flow.id).await.unwrap();
    assert_eq!(states.next().await.unwrap().state, FlowState::Waiting);
    destroy(&world, "Doomed", "Doomed").await.unwrap();
    // Whoever waits for it hears of it at once, not when its ten minutes are over.
    let last = tokio::time::timeout(SOON, states.next()).await.expect("the sign-in has ended").unwrap();
    assert!(last.state.is_final(), "{last:?}");
    // The browser comes back to nobody, or to a page that says so.
    let returned = reqwest::get(flow.authorize_url.as_str()).await;
    assert!(returned.is_err() || returned.unwrap().status().as_u16() >= 400);
    assert_eq!(world.token_requests("authorization_code").len(), 1, "the one of the workspace that is left");
    is_in_order(&world, &id).await;
}

#[tokio::test]
async fn a_code_that_is_being_exchanged_leaves_no_row_and_ends_nothing_of_another_workspace() {
    let world = World::new().await;
    let id = doomed(&world).await;
    let me = within("Doomed");
    let flow = world.app.begin_authorization(&me, world.wish()).await.unwrap();
    world.sandbox.clear_journal();
    slow(&world, "/token");
    let (page, destroyed) = tokio::join!(browse(flow.authorize_url.as_str()), async {
        asked_for(&world, "/token").await;
        destroy(&world, "Doomed", "Doomed").await
    });
    destroyed.unwrap();
    assert_eq!(page.0, 400, "{}", page.1);
    world.sandbox.set_faults(vec![]);
    is_in_order(&world, &id).await;
    let told = world.sandbox.journal().iter().filter(|entry| entry.path == "/revoke").count();
    assert_eq!(told, 0, "the same account's connection in the workspace that is left lives by that sign-in");
}

#[tokio::test]
async fn a_request_under_way_ends_with_its_workspace() {
    let world = World::new().await;
    let id = doomed(&world).await;
    signed_in(&world, &within("Doomed"), Wish { label: Some("Going".into()), ..world.wish() }).await;
    world.sandbox.clear_journal();
    slow(&world, "/api/profile");
    let me = within("Doomed");
    let (_, destroyed) = tokio::join!(used(&world, &me, "Going"), async {
        asked_for(&world, "/api/profile").await;
        destroy(&world, "Doomed", "Doomed").await
    });
    destroyed.unwrap();
    world.sandbox.set_faults(vec![]);
    is_in_order(&world, &id).await;
}
