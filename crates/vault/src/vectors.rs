//! The committed vectors, made from fixed draws: version 1 of the format stays what it is.
//!
//! `tests/vectors` opens the same file through the public API, and with an opener written in another language.

use crate::context::AssociatedData;
use crate::envelope::{Draws, Envelope, seal};
use crate::keys::{DataKey, KeyCheck, ParentKey, SymmetricKey};
use crate::vault::workspace::workspace_context;
use crate::{KeychainKey, VaultId, suite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearthkey_domain::sealed::{SealContext, Sealed};
use serde_json::{Value, json};

const COMMITTED: &str = include_str!("../../../tests/vectors/envelope-v1.json");
pub(crate) const VAULT: &str = "0f6d2f3e-5a41-4c8e-9b1d-7e2a90c4d315";
const HOME: &str = "ws_01HOME";

/// A draw that everyone can repeat: SHA-256 of a label.
pub(crate) fn draw(label: &str) -> [u8; 32] {
    suite::sha256(format!("hearthkey vectors: {label}").as_bytes())
}

fn draw_key(label: &str) -> SymmetricKey {
    SymmetricKey::filled(|bytes| *bytes = draw(label))
}

fn nonce(label: &str) -> [u8; 12] {
    *draw(label).first_chunk().unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn view(context: &SealContext<'_>) -> Value {
    json!({
        "workspace": context.workspace, "table": context.table, "row": context.row, "field": context.field,
        "version": context.version, "issuer": context.issuer, "policy": context.policy,
    })
}

fn vector(name: &str, parent: &ParentKey, context: &SealContext<'_>, plaintext: &[u8]) -> Value {
    let label = |part: &str| format!("{name}, {part}");
    let draws = Draws {
        data_key: DataKey::new(draw_key(&label("data key"))),
        wrap_nonce: nonce(&label("wrap nonce")),
        nonce: nonce(&label("nonce")),
    };
    let drawn = json!({
        "data_key": hex(draws.data_key.bytes()), "wrap_nonce": hex(&draws.wrap_nonce), "nonce": hex(&draws.nonce),
    });
    let aad = AssociatedData::of(VaultId::parse(VAULT).unwrap(), context).unwrap();
    let sealed = seal(parent, &aad, plaintext, draws).unwrap();
    json!({
        "name": name, "context": view(context), "plaintext": hex(plaintext), "draws": drawn,
        "sealed": hex(sealed.as_bytes()),
    })
}

/// A vector whose envelope was moved from one parent key to another.
fn rewrapped(name: &str, from: &ParentKey, to: &ParentKey, context: &SealContext<'_>, of: &Value) -> Value {
    let wrap_nonce = nonce(&format!("{name}, wrap nonce"));
    let aad = AssociatedData::of(VaultId::parse(VAULT).unwrap(), context).unwrap();
    let before = Sealed::from_bytes(bytes(of["sealed"].as_str().unwrap()));
    let sealed = Envelope::parse(&before).unwrap().rewrapped(from, to, &aad, wrap_nonce).unwrap();
    json!({
        "name": name, "of": of["name"], "context": view(context), "plaintext": of["plaintext"],
        "draws": { "data_key": of["draws"]["data_key"], "wrap_nonce": hex(&wrap_nonce) },
        "sealed": hex(sealed.as_bytes()),
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn refused(name: &str, context: &SealContext<'_>, of: &Value, change: impl FnOnce(&mut String)) -> Value {
    let mut sealed = of["sealed"].as_str().unwrap().to_owned();
    change(&mut sealed);
    json!({ "name": name, "context": view(context), "sealed": sealed })
}

fn document() -> Value {
    let vault = VaultId::parse(VAULT).unwrap();
    let [first, second] =
        ["keychain key 1", "keychain key 2"].map(|label| URL_SAFE_NO_PAD.encode(draw(label)));
    let keychain = KeychainKey::parse(&format!("ks1;g=2:{second};g=1:{first}")).unwrap();
    let checks = keychain.generations().map(|(generation, key)| KeyCheck::derive(vault, generation, key));
    let checks = checks.map(|check| json!({ "generation": check.generation(), "value": hex(check.value()) }));

    let mut sealed = Vec::new();
    let mut workspaces = Vec::new();
    for (workspace, generation) in [(HOME, 1), ("ws_02WORK", 2)] {
        let parent = ParentKey::derive(vault, generation, keychain.generation(generation).unwrap());
        let name = format!("workspace key of {workspace}");
        workspaces.push(vector(&name, &parent, &workspace_context(workspace, 1), &draw(workspace)));
        let parent = ParentKey::derive(vault, 1, &draw_key(workspace));
        let place = SealContext { workspace, ..PLACE };
        for length in [1, 255, 256, 700] {
            let plaintext: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
            sealed.push(vector(&format!("{workspace}, {length} bytes"), &parent, &place, &plaintext));
        }
        let bare = SealContext { issuer: "", policy: "", version: u64::MAX, row: "Zürich ✓", ..place };
        sealed.push(vector(&format!("{workspace}, no issuer, no policy"), &parent, &bare, b"\x80\0\0"));
    }

    // The first workspace after a rotation: its new key, the key before under the next keychain key, its first secrets.
    let [first, second] = [1, 2]
        .map(|generation| ParentKey::derive(vault, generation, keychain.generation(generation).unwrap()));
    let newest = format!("{HOME}, generation 2");
    let rotated = json!({
        "newest": vector(&newest, &second, &workspace_context(HOME, 2), &draw(&newest)),
        "retiring": rewrapped(
            &format!("{HOME}, retiring"), &first, &second, &workspace_context(HOME, 1), &workspaces[0],
        ),
    });
    let [old, new] = [(1, HOME), (2, &newest)]
        .map(|(generation, label)| ParentKey::derive(vault, generation, &draw_key(label)));
    let moved = [(0, PLACE), (3, PLACE)]
        .map(|(at, place)| rewrapped(&format!("{HOME}, re-wrapped {at}"), &old, &new, &place, &sealed[at]));

    let of = &sealed[0];
    let keep = |_: &mut String| ();
    let refused = [
        refused("another row", &SealContext { row: "conn_02", ..PLACE }, of, keep),
        refused("another workspace", &SealContext { workspace: "ws_02WORK", ..PLACE }, of, keep),
        refused("another version", &SealContext { version: 2, ..PLACE }, of, keep),
        refused("another issuer", &SealContext { issuer: "https://evil.example", ..PLACE }, of, keep),
        refused("a wider policy", &SealContext { policy: "api.example\nevil.example", ..PLACE }, of, keep),
        refused("another magic", &PLACE, of, |hex| hex.replace_range(6..8, "32")),
        refused("another suite", &PLACE, of, |hex| hex.replace_range(8..10, "02")),
        refused("a flag", &PLACE, of, |hex| hex.replace_range(10..12, "01")),
        refused("another generation", &PLACE, of, |hex| hex.replace_range(12..20, "00000002")),
        refused("another commitment", &PLACE, of, |hex| hex.replace_range(140..204, &"00".repeat(32))),
        refused("no tag", &PLACE, of, |hex| hex.truncate(hex.len() - 32)),
    ];
    json!({
        "format": "hearthkey envelope v1",
        "vault_id": VAULT,
        "keychain": *keychain.encode(),
        "key_checks": checks.collect::<Vec<_>>(),
        "workspaces": workspaces,
        "sealed": sealed,
        "refused": refused,
        "rotated": rotated,
        "rewrapped": moved,
    })
}

const PLACE: SealContext<'static> = SealContext {
    workspace: HOME,
    table: "credentials",
    row: "conn_01",
    field: "secret",
    version: 3,
    issuer: "https://accounts.example",
    policy: "api.example",
};

#[test]
fn sealing_with_the_same_draws_gives_the_committed_bytes() {
    let committed: Value = serde_json::from_str(COMMITTED).unwrap();
    assert_eq!(document(), committed);
}

#[test]
#[ignore = "writes tests/vectors/envelope-v1.json; only for a vector added, never for one changed"]
fn write_the_vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope-v1.json");
    let text = serde_json::to_string_pretty(&document()).unwrap();
    std::fs::write(path, text + "\n").unwrap();
}
