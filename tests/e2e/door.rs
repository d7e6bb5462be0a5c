//! The window's door: what a page could ask for, were it not ours.

use crate::browser::{Browser, testid};
use crate::desktop::{Desk, row};
use hearthkey_tests::SandboxProcess;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::search;
use serde_json::{Value, json};

/// Calls a command as a page can; `Err` is the refusal.
fn invoke(window: &Browser, command: &str, arguments: Value) -> Result<Value, Value> {
    let script = "const [command, input, done] = arguments;
        window.__TAURI_INTERNALS__.invoke(command, input).then(
            (answer) => done({ ok: answer === undefined ? null : answer }),
            (refusal) => done({ refused: refusal instanceof Error ? String(refusal) : refusal }),
        );";
    let answer = window.run_async(script, vec![json!(command), arguments]);
    match (answer.get("ok"), answer.get("refused")) {
        (Some(answer), _) => Ok(answer.clone()),
        (_, Some(refusal)) => Err(refusal.clone()),
        _ => panic!("{command} was neither answered nor refused: {answer}"),
    }
}

fn operation(window: &Browser, access: &str, name: &str, input: Value) -> Result<Value, Value> {
    invoke(window, access, json!({ "name": name, "input": input }))
}

#[test]
fn the_page_can_ask_for_operations_and_for_nothing_else() {
    let desk = Desk::new();
    let window = desk.window();
    assert!(
        operation(&window, "read", "app.status", json!({})).is_ok(),
        "the door is open for what it is for"
    );
    for (command, arguments) in [
        (
            "plugin:event|listen",
            json!({ "event": "tauri://created", "target": { "kind": "Any" }, "handler": 1 }),
        ),
        ("plugin:event|emit", json!({ "event": "x", "payload": 1 })),
        ("plugin:event|emit_to", json!({ "target": { "kind": "Any" }, "event": "x", "payload": 1 })),
        ("plugin:shell|open", json!({ "path": "https://example.com" })),
        (
            "plugin:shell|execute",
            json!({ "program": "hearthkey-sandbox", "args": [], "onEvent": 1, "options": { "sidecar": true } }),
        ),
        (
            "plugin:shell|spawn",
            json!({ "program": "hearthkey-sandbox", "args": [], "onEvent": 1, "options": { "sidecar": true } }),
        ),
        ("plugin:window-state|save_window_state", json!({ "flags": 1 })),
        ("plugin:window-state|restore_state", json!({ "label": "main", "flags": 1 })),
        ("plugin:window|close", json!({ "label": "main" })),
        ("plugin:window|get_all_windows", json!({})),
        (
            "plugin:webview|create_webview_window",
            json!({ "options": { "label": "second", "url": "https://example.com" } }),
        ),
        ("plugin:webview|get_all_webviews", json!({})),
        ("plugin:app|version", json!({})),
        ("plugin:path|resolve_directory", json!({ "directory": 1 })),
        ("plugin:resources|close", json!({ "rid": 1 })),
        ("plugin:menu|new", json!({ "kind": "Menu", "handler": 1 })),
        ("plugin:tray|new", json!({ "handler": 1 })),
        ("plugin:image|from_path", json!({ "path": "/etc/passwd" })),
        ("profile_wish", json!({})),
    ] {
        let refusal = invoke(&window, command, arguments).expect_err(command);
        let words = refusal.to_string();
        assert!(words.contains("not allowed") || words.contains("not found"), "{command}: {words}");
    }
}

#[test]
fn looking_and_changing_are_two_doors() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Anna", ANNA);
    window.wait(&row("Anna", "active"));
    for (name, input) in [
        ("connections.disconnect", json!({ "connection": "Anna", "now": true })),
        ("connections.rename", json!({ "connection": "Anna", "label": "Eve" })),
        ("connections.request", json!({ "connection": "Anna", "path": "/api/profile" })),
        ("owner.hand_over", json!({})),
    ] {
        let refusal = operation(&window, "read", name, input).expect_err(name);
        assert!(
            refusal.to_string().contains("permission_denied") || refusal["kind"] == "not_found",
            "{name}: {refusal}"
        );
    }
    let _ = operation(&window, "write", "no.such.operation", json!({})).expect_err("an unknown operation");
    let unknown =
        operation(&window, "read", "connections.list", json!({ "more": 1 })).expect_err("an unknown field");
    assert_eq!(unknown["kind"], "invalid_input", "{unknown}");
    window.wait(&row("Anna", "active"));
}

#[test]
fn no_answer_holds_a_token() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Anna", ANNA);
    window.wait(&row("Anna", "active"));
    let needles = search::sandbox_secrets();
    let document: Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).expect("the contract");
    let operations = document["paths"].as_object().expect("operations");
    let mut answered = 0;
    for (path, item) in operations {
        let name = path.strip_prefix("/v1/").expect("a version");
        // What would end the test is left out; every other call is asked with what could make it talk.
        let ending = ["owner.hand_over", "connections.disconnect", "vault.lock"];
        if item["post"]["x-kind"] != "call" || ending.contains(&name) {
            continue;
        }
        let access = item["post"]["x-access"].as_str().expect("an access class");
        let input = match name {
            "connections.request" => json!({ "connection": "Anna", "path": "/api/echo" }),
            "connections.rename" => json!({ "connection": "Anna", "label": "Anna" }),
            "recovery.create" => json!({ "file": desk.home.path().join("kit.txt") }),
            "vault.export" => json!({ "passphrase": "ember hearth kettle slate willow" }),
            "workspaces.add" => json!({ "name": "Studio" }),
            _ if item["post"]["requestBody"].to_string().contains("\"connection\"") => {
                json!({ "connection": "Anna" })
            }
            _ => json!({}),
        };
        let answer = operation(&window, access, name, input);
        answered += usize::from(answer.is_ok());
        let text = answer.unwrap_or_else(|refusal| refusal).to_string();
        assert!(!search::holds(text.as_bytes(), &needles), "{name}: {text}");
    }
    assert!(answered >= 6, "{answered} operations answered");
    let stored = window.look("return JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])", vec![]);
    assert_eq!(stored, json!("[[],[],\"\"]"), "the page keeps nothing");
    window.wait(&testid("detail"));
}

#[test]
fn the_window_stays_at_home() {
    let desk = Desk::new();
    let sandbox = SandboxProcess::start(&[]);
    let window = desk.window();
    let home = window.address();
    // A page of another origin is neither framed, fetched nor gone to.
    let script = "const [address, done] = arguments;
        fetch(address).then(() => done('fetched'), () => done('refused'));";
    assert_eq!(
        window.run_async(script, vec![json!(format!("{}/_sandbox/health", sandbox.base()))]),
        "refused"
    );
    window.run("location.href = arguments[0]", vec![json!(sandbox.base())]);
    window.run("window.open(arguments[0])", vec![json!(sandbox.base())]);
    window.run("const link = document.createElement('a'); link.href = arguments[0]; link.target = '_blank'; document.body.append(link); link.click()", vec![json!(sandbox.base())]);
    window.wait(&testid("first-run"));
    assert_eq!(window.address(), home);
    assert_eq!(sandbox.journal().len(), 0, "nothing was asked there");
}
