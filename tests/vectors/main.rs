//! Envelopes, slots and exports, version 1, from outside: committed vectors through the public API, and fresh ones through
//! openers written in another language.
//!
//! How the committed envelopes are made, byte for byte, is a test of `hearthkey-vault` itself. `age-testkit.json` is read
//! there.

#![allow(clippy::unwrap_used, reason = "every function here serves a test")]
#![allow(clippy::print_stdout, reason = "an opener that is not here is named")]

use hearthkey_domain::sealed::{SealContext, Sealed};
use hearthkey_vault::{KeyCheck, KeychainKey, Vault, VaultId, WorkspaceKeys};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

mod slots;

const COMMITTED: &str = include_str!("envelope-v1.json");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}`"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list `{name}`"))
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    let hex = text(value, name);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sealed(vector: &Value) -> Sealed {
    Sealed::from_bytes(bytes(vector, "sealed"))
}

fn context(vector: &Value) -> SealContext<'_> {
    let context = &vector["context"];
    SealContext {
        workspace: text(context, "workspace"),
        table: text(context, "table"),
        row: text(context, "row"),
        field: text(context, "field"),
        version: context["version"].as_u64().unwrap(),
        issuer: text(context, "issuer"),
        policy: text(context, "policy"),
    }
}

fn view(context: &SealContext<'_>) -> Value {
    json!({
        "workspace": context.workspace, "table": context.table, "row": context.row, "field": context.field,
        "version": context.version, "issuer": context.issuer, "policy": context.policy,
    })
}

fn open(document: &Value) -> Vault {
    let id = VaultId::parse(text(document, "vault_id")).unwrap();
    let key = KeychainKey::parse(text(document, "keychain")).unwrap();
    let checks = list(document, "key_checks").iter().map(|check| {
        let generation = check["generation"].as_u64().unwrap().try_into().unwrap();
        KeyCheck::from_stored(generation, bytes(check, "value").try_into().unwrap())
    });
    let vault = Vault::open(id, key, &checks.collect::<Vec<_>>()).unwrap();
    for vector in list(document, "workspaces") {
        admit(&vault, context(vector).workspace, 1, &sealed(vector), None);
    }
    vault
}

fn admit(vault: &Vault, workspace: &str, generation: u32, sealed: &Sealed, retiring: Option<&Sealed>) {
    vault.admit_workspace(&WorkspaceKeys { workspace, generation, sealed, retiring }).unwrap();
}

#[test]
fn the_committed_vectors_open_or_are_refused_as_written() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let vault = open(&document);
    assert!(list(&document, "sealed").len() >= 10 && list(&document, "refused").len() >= 11);
    for vector in list(&document, "sealed") {
        let plaintext = vault.unseal(context(vector), &sealed(vector));
        let plaintext = plaintext.unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert_eq!(*plaintext, bytes(vector, "plaintext"), "{}", vector["name"]);
    }
    for vector in list(&document, "refused") {
        assert!(vault.unseal(context(vector), &sealed(vector)).is_err(), "{}", vector["name"]);
    }
}

#[test]
fn the_committed_rotation_opens_under_its_own_generation_only() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let vault = open(&document);
    let rewrapped = list(&document, "rewrapped");
    assert!(rewrapped.len() >= 2);
    for vector in rewrapped {
        assert!(vault.unseal(context(vector), &sealed(vector)).is_err(), "{}", vector["name"]);
    }
    let (newest, retiring) = (&document["rotated"]["newest"], &document["rotated"]["retiring"]);
    let workspace = context(newest).workspace;
    admit(&vault, workspace, 2, &sealed(newest), Some(&sealed(retiring)));
    for vector in rewrapped {
        let plaintext = vault.unseal(context(vector), &sealed(vector)).unwrap();
        assert_eq!(*plaintext, bytes(vector, "plaintext"), "{}", vector["name"]);
        assert!(vault.rewrap(context(vector), &sealed(vector)).unwrap().is_none());
    }
    for vector in list(&document, "sealed").iter().filter(|vector| context(vector).workspace == workspace) {
        assert!(vault.unseal(context(vector), &sealed(vector)).is_ok(), "{}", vector["name"]);
        assert!(vault.rewrap(context(vector), &sealed(vector)).unwrap().is_some());
    }
}

/// Seals under fresh keys and describes the result in the form of the vector file.
fn fresh() -> Value {
    let id = VaultId::generate().unwrap();
    let key = KeychainKey::generate().unwrap();
    let (vault, check) = Vault::create(id, &key);
    let mut document = json!({
        "format": "hearthkey envelope v1", "vault_id": id.to_string(), "keychain": *key.encode(),
        "key_checks": [{ "generation": check.generation(), "value": hex(check.value()) }],
        "workspaces": [], "sealed": [], "refused": [],
    });
    let mut add = |name: &str, vector: Value| document[name].as_array_mut().unwrap().push(vector);
    for workspace in ["ws_home", "ws_arbeit_ü"] {
        let key = vault.new_workspace_key(workspace).unwrap();
        admit(&vault, workspace, 1, &key, None);
        let place = SealContext {
            workspace,
            table: "workspaces",
            row: workspace,
            field: "key",
            version: 1,
            issuer: "",
            policy: "",
        };
        add(
            "workspaces",
            json!({ "name": workspace, "context": view(&place), "sealed": hex(key.as_bytes()) }),
        );
        for length in [1, 2, 31, 255, 256, 257, 4096, hearthkey_vault::MAX_PLAINTEXT] {
            let name = format!("{workspace}, {length} bytes");
            let version = length as u64;
            let place = SealContext {
                table: "credentials",
                version,
                issuer: "https://issuer.example",
                policy: &name,
                ..place
            };
            let plaintext = vec![0x80; length];
            let sealed = hex(vault.seal(place, &plaintext).unwrap().as_bytes());
            let moved = SealContext { version: version + 1, ..place };
            add("refused", json!({ "name": name, "context": view(&moved), "sealed": sealed }));
            let plaintext = hex(&plaintext);
            add(
                "sealed",
                json!({ "name": name, "context": view(&place), "plaintext": plaintext, "sealed": sealed }),
            );
        }
    }
    rotate(&mut document, &vault, &key);
    document
}

/// Rotates the first workspace of a fresh document and re-wraps its envelopes.
fn rotate(document: &mut Value, vault: &Vault, key: &KeychainKey) {
    let before = document["workspaces"][0].clone();
    let (workspace, present) = (context(&before).workspace, sealed(&before));
    let next = key.succeeded(1).unwrap();
    let keys = WorkspaceKeys { workspace, generation: 1, sealed: &present, retiring: None };
    let rotation = vault.rotate(&next, &[keys]).unwrap();
    let rotated = &rotation.workspaces[0];
    let place = SealContext { version: 2, ..context(&before) };
    let check = json!({ "generation": 2, "value": hex(rotation.check.value()) });
    let of_workspace = |vector: &&Value| vector["context"]["workspace"] == workspace;
    let rewrapped: Vec<Value> = list(document, "sealed")
        .iter()
        .filter(of_workspace)
        .map(|vector| {
            let sealed = rotation.vault.rewrap(context(vector), &sealed(vector)).unwrap().unwrap();
            let mut rewrapped = vector.clone();
            rewrapped["of"] = vector["name"].clone();
            rewrapped["sealed"] = json!(hex(sealed.as_bytes()));
            rewrapped
        })
        .collect();
    document["rewrapped"] = json!(rewrapped);
    document["rotated"] = json!({
        "newest": { "name": "newest", "context": view(&place), "sealed": hex(rotated.sealed.as_bytes()) },
        "retiring": { "name": "retiring", "context": before["context"], "sealed": hex(rotated.retiring.as_bytes()) },
    });
    document["keychain"] = json!(*next.encode());
    document["key_checks"].as_array_mut().unwrap().push(check);
}

/// An opener in another language, and the Python module it cannot do without.
struct Opener {
    script: &'static str,
    needs: &'static str,
}

const ENVELOPES: Opener = Opener { script: "envelope_open.py", needs: "cryptography" };

/// Runs an opener over a document; `None`, and a word about it, where python3 or what the opener needs is missing.
fn run(opener: &Opener, document: &str) -> Option<(bool, String)> {
    let Opener { script, needs } = opener;
    let probe =
        Command::new("python3").args(["-c", &format!("import {needs}")]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: python3 with `{needs}` is not here");
        return None;
    }
    let mut opener = Command::new("python3")
        .args(["-B", &format!("{FOLDER}/{script}"), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    opener.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = opener.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn an_independent_opener_agrees_on_committed_and_fresh_envelopes() {
    for (name, document) in [("committed", COMMITTED.to_owned()), ("fresh", fresh().to_string())] {
        if let Some((agrees, said)) = run(&ENVELOPES, &document) {
            assert!(agrees, "{name}: {said}");
        }
    }
}

#[test]
fn the_independent_opener_does_say_no() {
    let mut document: Value = serde_json::from_str(COMMITTED).unwrap();
    document["sealed"][0]["context"]["row"] = json!("conn_02");
    if let Some((agrees, said)) = run(&ENVELOPES, &document.to_string()) {
        assert!(!agrees && said.contains("refused"), "{said}");
    }
    let mut document: Value = serde_json::from_str(COMMITTED).unwrap();
    document["rewrapped"][0]["sealed"] = document["sealed"][0]["sealed"].clone();
    if let Some((agrees, said)) = run(&ENVELOPES, &document.to_string()) {
        assert!(!agrees && said.contains("refused (generation)"), "{said}");
    }
}
