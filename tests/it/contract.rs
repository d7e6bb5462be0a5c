//! What is generated is what is committed, and the window may do no more than it is known to.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn committed(file: &str) -> Value {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Names the first place where two documents differ.
fn difference(path: &str, old: &Value, new: &Value) -> Option<String> {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a.keys().chain(b.keys());
            let null = Value::Null;
            names.into_iter().find_map(|name| {
                let (old, new) = (a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null));
                difference(&format!("{path}/{name}"), old, new)
            })
        }
        _ => (old != new).then(|| format!("{path}: {old} became {new}")),
    }
}

fn check(file: &str, fresh: &Value) {
    if let Some(place) = difference("", &committed(file), fresh) {
        panic!("{file} is not what the code generates; run `cargo xtask generate`.\n{place}");
    }
}

#[test]
fn the_openapi_document_is_up_to_date() {
    check("docs/openapi.json", &hearthkey_api::openapi::document());
}

#[test]
fn the_schema_of_manifests_is_up_to_date() {
    let schema = serde_json::to_value(hearthkey_connectors::Manifest::json_schema()).unwrap();
    check("docs/connector.schema.json", &schema);
}

#[test]
fn a_changed_type_is_noticed() {
    let fresh = hearthkey_api::openapi::document();
    let mut changed = fresh.clone();
    changed["components"]["schemas"]["ConnectionView"]["properties"]["label"]["type"] = "integer".into();
    let place = difference("", &changed, &fresh).unwrap();
    assert!(place.starts_with("/components/schemas/ConnectionView/properties/label/type: "), "{place}");
    assert_eq!(difference("", &fresh, &fresh), None);
}

#[test]
fn every_operation_is_described_and_none_answers_with_a_secret() {
    let document = hearthkey_api::openapi::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let words = operation["description"].as_str().unwrap_or_default();
            assert!(words.len() > 10, "{path} has no description");
            let answers = operation["responses"].to_string();
            assert!(!answers.contains("SecretInput"), "{path} answers with a secret");
        }
    }
    // Views are what answers are made of; none of them holds one either.
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let is_input = name.ends_with("Input");
        assert!(is_input || !schema.to_string().contains("SecretInput"), "{name} holds a secret");
    }
}

#[test]
fn the_window_may_call_operations_and_nothing_else() {
    let folder = root().join("src-tauri/capabilities");
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let capability: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(capability["windows"], serde_json::json!(["main"]), "one window, by its name");
        assert!(capability.get("remote").is_none(), "no page from elsewhere");
        found.extend(
            capability["permissions"].as_array().unwrap().iter().map(|p| p.as_str().unwrap().to_owned()),
        );
    }
    found.sort();
    assert_eq!(found, ["allow-blob", "allow-read", "allow-unwatch", "allow-watch", "allow-write"]);
    let config = committed("tauri.conf.json");
    let security = &config["app"]["security"];
    let policy = serde_json::json!({
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "ipc: http://ipc.localhost",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    });
    assert_eq!(security["csp"], policy);
    assert_eq!(security["freezePrototype"], true);
    assert_eq!(config["app"]["withGlobalTauri"], false);
}
