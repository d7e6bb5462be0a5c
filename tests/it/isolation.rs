//! Two workspaces, and no way from one into the other: not through any operation, by any identifier, in any case.

use crate::asked::{
    ask, connected_with_client, connected_with_key, exported, imported, rows_of, signed_in, used, within,
};
use crate::harness::{World, caller};
use futures::StreamExt;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::{Caller, table};
use hearthkey_core::authorize::Wish;
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// The workspace that nobody may see into.
const CLOSED: &str = "Nordlicht";
/// The workspace that everybody here acts in.
const HERE: &str = "B";
const LABELS: [&str; 3] = ["Falke eins", "Falke zwei", "Falke eigen"];
const PENDING: &str = "Falke pending";
const KEY: &str = "sk_sandbox_first_key_1111";

/// What an operation is asked.
enum Asked {
    /// With an identifier or label: answered as if there were nothing of that name.
    Naming(Vec<Value>),
    /// For what there is: nothing of another workspace is in the answer.
    Showing(Vec<Value>),
    /// Not about one workspace, for this reason.
    Whole(&'static str),
}

/// What each operation is asked when it is about `it`, at a service at `base`. Without an entry here, no new operation.
fn asked(operation: &str, it: &str, base: &str) -> Option<Asked> {
    use Asked::{Naming, Showing, Whole};
    let values = json!({ "base_url": base });
    let keys = json!({ "key": KEY });
    Some(match operation {
        "connections.show" | "connections.test" | "connections.refresh" | "connections.restore" => {
            Naming(vec![json!({ "connection": it })])
        }
        "connections.rename" => Naming(vec![json!({ "connection": it, "label": "Taken away" })]),
        "connections.request" => Naming(vec![
            json!({ "connection": it, "path": "/api/profile" }),
            json!({ "connection": it, "path": "/api/echo", "method": "POST", "text": "{}" }),
        ]),
        "connections.disconnect" => Naming(vec![
            json!({ "connection": it }),
            json!({ "connection": it, "now": true }),
            json!({ "connection": it, "now": true, "keep_sign_in": true }),
        ]),
        "connections.add" => Naming(vec![
            json!({ "connector": "sandbox-key", "connection": it, "values": values, "secrets": keys }),
        ]),
        "clients.update" => Naming(vec![json!({ "client": it, "client_secret": "sandbox-secret" })]),
        "clients.check" => Naming(vec![json!({ "client": it, "values": values })]),
        "clients.remove" => Naming(vec![json!({ "client": it }), json!({ "client": it, "force": true })]),
        "clients.add" => Showing(vec![
            json!({ "connector": "sandbox-own", "values": values, "client_id": "kept-here", "client_secret": "s" }),
        ]),
        "authorizations.begin" => Naming(vec![
            json!({ "connector": "sandbox", "connection": it, "values": values }),
            json!({ "connector": "sandbox-own", "connection": it, "values": values }),
            json!({ "connector": "sandbox", "instead_of": it, "values": values }),
        ]),
        "authorizations.paste" => Naming(vec![
            json!({ "authorization": it, "address": "http://127.0.0.1:1/oauth/callback?state=s&code=c" }),
        ]),
        "authorizations.reopen" | "authorizations.cancel" | "authorizations.watch" => {
            Naming(vec![json!({ "authorization": it })])
        }
        "connections.list" => Showing(vec![
            json!({}),
            json!({ "limit": 1000 }),
            json!({ "limit": 1, "after": it }),
            json!({ "limit": 1000, "after": "" }),
        ]),
        "connectors.list" | "clients.list" | "doctor.run" | "vault.show" | "vault.retry"
        | "changes.watch" | "app.status" => Showing(vec![json!({})]),
        "credentials.check" => {
            Showing(vec![json!({ "connector": "sandbox-key", "values": values, "secrets": keys })])
        }
        "vault.export" => Whole("done below: the file holds what is in the workspace of whoever asks"),
        "vault.import" => Whole("done below: nothing that is here is changed"),
        "blobs.read" | "blobs.write" => {
            Whole("bytes of the process, under an identifier that cannot be guessed")
        }
        "links.open" => Whole("opens the services' own links, which are the same everywhere"),
        "links.deliver" => {
            Whole("an address finds its flow by its state alone, and the answer names nothing")
        }
        "owner.hand_over" | "window.show" => Whole("about the process"),
        "vault.lock" | "vault.unlock" | "vault.touch" => Whole("the doors are the whole vault's"),
        "vault.rotate" | "vault.settings" => Whole("the keys and settings are the whole vault's"),
        "passphrase.set" | "passphrase.remove" => Whole("the passphrase is the whole vault's"),
        "recovery.create" | "recovery.test" => Whole("the recovery kit is the whole vault's"),
        "workspaces.list" | "workspaces.add" | "workspaces.rename" | "workspaces.switch"
        | "workspaces.destroy" => Whole("about workspaces themselves, which are named in every one of them"),
        _ => return None,
    })
}

/// Two workspaces, one of them full.
struct Two {
    world: World,
    id: String,
    /// Identifiers and labels of what is in it.
    names: Vec<String>,
    /// What no answer may have in it.
    secrets: Vec<String>,
}

impl Two {
    async fn new() -> Self {
        let world = World::new().await;
        for name in [CLOSED, HERE] {
            world.app.add_workspace(&caller(), name).await.unwrap();
        }
        let inside = within(CLOSED);
        for label in &LABELS[..2] {
            signed_in(&world, &inside, Wish { label: Some((*label).to_owned()), ..world.wish() }).await;
            assert_eq!(used(&world, &inside, label).await, "200");
        }
        connected_with_client(&world, &inside, LABELS[2]).await;
        let pending = Wish { label: Some(PENDING.to_owned()), ..world.wish() };
        world.app.begin_authorization(&inside, pending).await.unwrap();
        connected_with_key(&world, &within(HERE), "Own", KEY).await;
        let id = world.app.workspace(&inside).await.unwrap().id.to_string();
        let mut two = Self { world, id, names: vec![], secrets: vec![] };
        two.learn();
        two
    }

    /// Reads every identifier, label and account of the closed workspace from the database.
    fn learn(&mut self) {
        let sql = rusqlite::Connection::open(self.database()).unwrap();
        let texts = |select: &str| -> Vec<String> {
            let mut select = sql.prepare(select).unwrap();
            select.query_map([&self.id], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let mut names = texts("SELECT id FROM connections WHERE workspace = ?1");
        names.extend(texts("SELECT id FROM authorizations WHERE workspace = ?1"));
        names.extend(texts("SELECT id FROM clients WHERE workspace = ?1"));
        assert_eq!(names.len(), 5, "{names:?}");
        names.extend(texts("SELECT label FROM connections WHERE workspace = ?1"));
        let mut secrets = names.clone();
        secrets.extend(texts("SELECT id FROM activity WHERE workspace = ?1"));
        for field in ["external_id", "email", "name"] {
            let select =
                format!("SELECT record ->> '$.identity.{field}' FROM connections WHERE workspace = ?1");
            secrets.extend(texts(&select));
        }
        secrets.extend([PENDING, CLOSED, "hearthkey-confidential", &self.id].map(str::to_owned));
        names.extend([self.id.clone(), PENDING.to_owned()]);
        secrets.sort();
        secrets.dedup();
        (self.names, self.secrets) = (names, secrets);
    }

    fn database(&self) -> PathBuf {
        self.world.folder.path().join("vault.db")
    }

    fn rows(&self) -> Vec<String> {
        rows_of(&self.database(), &self.id)
    }

    /// Does an operation as `who`, a watch until its first answer.
    async fn ask(
        &self,
        who: &Caller,
        operation: &str,
        input: &Value,
    ) -> Result<Value, (ProblemKind, String)> {
        let answer = if table::is_watch(operation) {
            let (app, input) = (Arc::clone(&self.world.app), input.to_string());
            match table::watch(operation, |_| true, input.as_bytes(), app, who.clone()).await {
                Ok(mut items) => Ok(items.next().await.unwrap()),
                Err(problem) => Err(problem),
            }
        } else {
            ask(&self.world, who, operation, input.clone()).await
        };
        answer.map_err(|problem| (problem.kind, serde_json::to_string(&problem).unwrap()))
    }

    /// What of the closed workspace is in a text, but for what whoever asked has said.
    fn found_in(&self, text: &str, said: &str) -> Vec<&String> {
        let (text, said) = (text.to_lowercase(), said.to_lowercase());
        let here = |secret: &&String| {
            let secret = secret.to_lowercase();
            text.contains(&secret) && !said.contains(&secret)
        };
        self.secrets.iter().filter(here).collect()
    }
}

/// A name as it is, and in other cases.
fn cases(name: &str) -> [String; 4] {
    let mixed = |(at, letter): (usize, char)| {
        if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    let mixed = name.chars().enumerate().map(mixed).collect();
    [name.to_owned(), name.to_lowercase(), name.to_uppercase(), mixed]
}

/// Another name of the same form and case, which nothing has.
fn made_up(name: &str) -> String {
    format!("{}0000", &name[..name.len() - 4])
}

#[tokio::test]
async fn no_operation_reaches_into_another_workspace() {
    let two = Two::new().await;
    let base = two.world.sandbox.base_url();
    // What is looked for is there for those who are inside.
    let inside = within(CLOSED);
    for name in two.names.iter().filter(|name| name.starts_with("conn_") || LABELS.contains(&name.as_str())) {
        let shown = two.ask(&inside, "connections.show", &json!({ "connection": name })).await.unwrap();
        assert!(!two.found_in(&shown.to_string(), name).is_empty(), "{shown}");
    }
    let pending = two.names.iter().find(|name| name.starts_with("auth_")).unwrap();
    two.ask(&inside, "authorizations.watch", &json!({ "authorization": pending })).await.unwrap();

    let (before, here) = (two.rows(), within(HERE));
    two.world.sandbox.clear_journal();
    let mut refused = 0;
    for entry in table::catalogue(&mut SchemaGenerator::default()) {
        for name in &two.names {
            for it in cases(name) {
                let operation = entry.name;
                match asked(operation, &it, &base).unwrap_or_else(|| panic!("{operation} has no entry")) {
                    Asked::Naming(inputs) => {
                        let other = made_up(&it);
                        let Some(Asked::Naming(others)) = asked(operation, &other, &base) else { panic!() };
                        for (input, control) in inputs.iter().zip(&others) {
                            let answer = two.ask(&here, operation, input).await;
                            let (kind, said) = answer.expect_err(&format!("{operation} {input}"));
                            let (_, nothing) = two.ask(&here, operation, control).await.unwrap_err();
                            // An identifier is said as it is written, whatever the case it was asked in.
                            let without =
                                |said: &str, it: &str| said.to_lowercase().replace(&it.to_lowercase(), "IT");
                            assert_eq!(without(&said, &it), without(&nothing, &other), "{operation}");
                            // A text that is no identifier at all is refused as that.
                            let is_form = kind == ProblemKind::InvalidInput
                                && (said.contains("authorization") || said.contains("instead_of"));
                            assert!(kind == ProblemKind::NotFound || is_form, "{operation} {input}: {said}");
                            assert_eq!(two.found_in(&said, &it), [""; 0], "{operation} {input}");
                            refused += 1;
                        }
                    }
                    // Their answers do not depend on the identifier, but for a page's beginning.
                    Asked::Showing(inputs) if it == two.names[0] || operation == "connections.list" => {
                        for input in inputs {
                            let answer = two.ask(&here, operation, &input).await.unwrap().to_string();
                            assert_eq!(two.found_in(&answer, &it), [""; 0], "{operation} {input}: {answer}");
                        }
                    }
                    Asked::Showing(_) => {}
                    Asked::Whole(why) => assert!(!why.is_empty()),
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
    assert_eq!(two.rows(), before);
    let told: Vec<_> = two.world.sandbox.journal().into_iter().map(|entry| entry.path).collect();
    assert!(!told.iter().any(|path| path == "/token" || path == "/revoke"), "{told:?}");
    for label in LABELS {
        assert_eq!(used(&two.world, &inside, label).await, "200");
    }
}

#[tokio::test]
async fn a_client_of_ones_own_serves_its_workspace_alone() {
    let two = Two::new().await;
    let before = two.rows();
    let values = json!({ "base_url": two.world.sandbox.base_url() });
    let wanted = json!({ "connector": "sandbox-own", "values": values });
    let (_, said) = two.ask(&within(HERE), "authorizations.begin", &wanted).await.unwrap_err();
    assert_eq!(two.found_in(&said, ""), [""; 0], "{said}");
    assert_eq!(two.rows(), before);
    let begun = two.ask(&within(CLOSED), "authorizations.begin", &wanted).await.unwrap();
    assert!(begun["authorize_url"].as_str().unwrap().contains("hearthkey-confidential"), "{begun}");
}

#[tokio::test]
async fn the_same_labels_are_other_connections() {
    let two = Two::new().await;
    let (before, here) = (two.rows(), within(HERE));
    for label in LABELS.into_iter().flat_map(cases) {
        let renamed = json!({ "connection": "Own", "label": label });
        let id = two.ask(&here, "connections.rename", &renamed).await.unwrap()["id"].clone();
        for (operation, status) in [("connections.show", None), ("connections.request", Some(200))] {
            let mut input = json!({ "connection": label });
            if status.is_some() {
                input["path"] = json!("/api/key-profile");
            }
            let mut answer = two.ask(&here, operation, &input).await.unwrap();
            // What the service says of its own accord: all of the sandbox's keys are one account's.
            answer["text"].take();
            assert_eq!(two.found_in(&answer.to_string(), &label), [""; 0], "{operation} {label}");
            assert_eq!(answer["status"].as_u64(), status, "{answer}");
        }
        two.ask(&here, "connections.disconnect", &json!({ "connection": label })).await.unwrap();
        two.ask(&here, "connections.restore", &json!({ "connection": label })).await.unwrap();
        let back = json!({ "connection": id, "label": "Own" });
        two.ask(&here, "connections.rename", &back).await.unwrap();
        connected_with_key(&two.world, &here, &label, KEY).await;
        let gone = json!({ "connection": label, "now": true });
        two.ask(&here, "connections.disconnect", &gone).await.unwrap();
    }
    assert_eq!(two.rows(), before);
}

#[tokio::test]
async fn an_export_is_of_its_workspace_alone_and_an_import_changes_nothing_elsewhere() {
    let two = Two::new().await;
    let (before, here) = (two.rows(), within(HERE));
    let (content, said) = exported(&two.world, &here, false).await;
    for text in [content.to_string(), said.to_string()] {
        assert_eq!(two.found_in(&text, ""), [""; 0], "{text}");
    }
    assert_eq!(content["workspaces"][0]["connections"].as_array().unwrap().len(), 1);
    assert_eq!(two.rows(), before);

    // The other's file, taken in here.
    let (content, _) = exported(&two.world, &within(CLOSED), false).await;
    assert!(!two.found_in(&content.to_string(), "").is_empty(), "the search finds it where it is");
    // An export is noted in the history of what it took.
    let before = two.rows();
    for apply in [false, true] {
        imported(&two.world, &here, content.to_string().as_bytes(), apply).await.unwrap();
        assert_eq!(two.rows(), before, "apply: {apply}");
    }
}
