//! Operations, asked for as a door does; and the rows of the database, as any program sees them.

use crate::harness::{World, caller};
use bytes::Bytes;
use hearthkey_api::{Caller, Problem, operations, table};
use hearthkey_core::authorize::{FlowState, OwnClient, Wish};
use hearthkey_domain::Secret;
use hearthkey_vault::{FileKey, SlotIdentity, decrypt, encrypt_to};
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What belongs to one workspace, by table.
const BELONGING: &[(&str, &str)] = &[
    ("workspaces", "id = ?1"),
    ("connections", "workspace = ?1"),
    ("credentials", "connection IN (SELECT id FROM connections WHERE workspace = ?1)"),
    ("clients", "workspace = ?1"),
    ("authorizations", "workspace = ?1"),
    ("activity", "workspace = ?1"),
];

/// Does a call.
pub(crate) async fn ask(
    world: &World,
    caller: &Caller,
    operation: &str,
    input: Value,
) -> Result<Value, Problem> {
    let (app, input) = (Arc::clone(&world.app), input.to_string());
    table::call(operation, |_| true, input.as_bytes(), app, caller.clone()).await
}

/// Somebody who acts in a workspace.
pub(crate) fn within(workspace: &str) -> Caller {
    Caller { workspace: Some(workspace.to_owned()), ..caller() }
}

/// The status of a request through a connection, or the word for why there is none.
pub(crate) async fn used(world: &World, caller: &Caller, connection: &str) -> String {
    let wanted = json!({ "connection": connection, "path": "/api/profile" });
    match ask(world, caller, "connections.request", wanted).await {
        Ok(reply) => reply["status"].to_string(),
        Err(problem) => problem.kind.word().to_owned(),
    }
}

/// The rows of a workspace, each as one text.
pub(crate) fn rows_of(database: &Path, workspace: &str) -> Vec<String> {
    let tables = BELONGING.iter();
    tables.flat_map(|(table, which)| rows(database, table, which, &[workspace])).collect()
}

/// Every row of the database, each as one text.
pub(crate) fn all_rows(database: &Path) -> Vec<String> {
    ["vault", "key_slots"]
        .into_iter()
        .chain(BELONGING.iter().map(|(table, _)| *table))
        .flat_map(|table| rows(database, table, "TRUE", &[]))
        .collect()
}

/// The rows of a table for which `which` is true.
pub(crate) fn rows(database: &Path, table: &str, which: &str, values: &[&str]) -> Vec<String> {
    let sql = rusqlite::Connection::open(database).unwrap();
    let mut select = sql.prepare(&format!("SELECT * FROM {table} WHERE {which} ORDER BY 1")).unwrap();
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let text = |row: &rusqlite::Row<'_>| {
        let columns = names.iter().enumerate().map(|(at, name)| {
            let value = match row.get_ref(at).unwrap() {
                ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
                ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            format!("{name}={value}")
        });
        Ok(format!("{table}: {}", columns.collect::<Vec<_>>().join(" ")))
    };
    let found = select.query_map(rusqlite::params_from_iter(values), text).unwrap();
    found.map(Result::unwrap).collect()
}

/// A sign-in with a client of one's own that has a secret.
pub(crate) async fn connected_with_client(world: &World, caller: &Caller, label: &str) {
    let client_secret = Some(Secret::new("sandbox-secret"));
    let client = OwnClient { client_id: "hearthkey-confidential".into(), client_secret };
    let (connector, label) = ("sandbox-own".into(), Some(label.to_owned()));
    signed_in(world, caller, Wish { connector, label, client: Some(client), ..world.wish() }).await;
}

/// A sign-in in the workspace of `caller`, to its end.
pub(crate) async fn signed_in(world: &World, caller: &Caller, wish: Wish) {
    let flow = world.app.begin_authorization(caller, Wish { second: true, ..wish }).await.unwrap();
    crate::harness::browse(flow.authorize_url.as_str()).await;
    let mut states = world.app.watch_authorization(caller, flow.id).await.unwrap();
    let mut last = FlowState::Waiting;
    while let Some(flow) = states.next().await {
        last = flow.state;
    }
    assert!(matches!(last, FlowState::Connected(_)), "{last:?}");
}

/// A connection with a key.
pub(crate) async fn connected_with_key(world: &World, caller: &Caller, label: &str, key: &str) {
    let values = json!({ "base_url": world.sandbox.base_url() });
    let input =
        json!({ "connector": "sandbox-key", "label": label, "values": values, "secrets": { "key": key } });
    ask(world, caller, "connections.add", input).await.unwrap();
}

/// What is in an export of the workspace of `caller`, and what the operation said.
pub(crate) async fn exported(world: &World, caller: &Caller, all: bool) -> (Value, Value) {
    let identity = SlotIdentity::generate().unwrap();
    let input = json!({ "recipients": [identity.recipient()], "all_workspaces": all });
    let said = ask(world, caller, "vault.export", input).await.unwrap();
    let blob = said["blob"].as_str().unwrap();
    let file = operations::blobs::read(&world.app, caller, blob).await.unwrap();
    let content = decrypt(&file.bytes, &FileKey::Identity(identity), 1 << 24).unwrap();
    (serde_json::from_slice(&content).unwrap(), said)
}

/// Imports a file with this content; only shows what would be without `apply`.
pub(crate) async fn imported(
    world: &World,
    caller: &Caller,
    content: &[u8],
    apply: bool,
) -> Result<Value, Problem> {
    let identity = SlotIdentity::generate().unwrap();
    let file = encrypt_to(&[identity.recipient()], content).unwrap();
    let kept =
        operations::blobs::write(&world.app, caller, Bytes::from(file), "application/age").await.unwrap();
    let key = identity.encode();
    let input = json!({ "blob": kept.blob, "identity": key.expose(), "apply": apply });
    ask(world, caller, "vault.import", input).await
}
