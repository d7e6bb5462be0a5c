//! Envelope version 1 from outside: committed vectors through the public API, and fresh envelopes through an opener
//! written in another language.
//!
//! How the committed file is made, byte for byte, is a test of `hearthkey-vault` itself.

#![allow(clippy::unwrap_used, reason = "every function here serves a test")]

use hearthkey_domain::sealed::{SealContext, Sealed};
use hearthkey_vault::{KeyCheck, KeychainKey, Vault, VaultId};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const COMMITTED: &str = include_str!("envelope-v1.json");
const OPENER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/envelope_open.py");

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
        vault.admit_workspace(context(vector).workspace, &sealed(vector)).unwrap();
    }
    vault
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
        vault.admit_workspace(workspace, &key).unwrap();
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
    document
}

/// Runs the Python opener over a document; `None` where python3 or its `cryptography` is missing.
fn run_opener(document: &str) -> Option<(bool, String)> {
    let probe = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut opener = Command::new("python3")
        .args([OPENER, "-"])
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
        match run_opener(&document) {
            Some((agrees, said)) => assert!(agrees, "{name}: {said}"),
            None => println!("skipped: python3 with `cryptography` is not here"),
        }
    }
}

#[test]
fn the_independent_opener_does_say_no() {
    let mut document: Value = serde_json::from_str(COMMITTED).unwrap();
    document["sealed"][0]["context"]["row"] = json!("conn_02");
    match run_opener(&document.to_string()) {
        Some((agrees, said)) => assert!(!agrees && said.contains("refused"), "{said}"),
        None => println!("skipped: python3 with `cryptography` is not here"),
    }
}
