//! Where secrets may be exposed: a list of places, each with its reason. A new place needs a second reader.

use std::fs;
use std::path::{Path, PathBuf};

const MAY_EXPOSE: &[(&str, &str)] = &[
    ("crates/domain/src/secret.rs", "the type itself, and its mask"),
    ("crates/vault/src/passphrase.rs", "a passphrase into Argon2id, and the identity it seals"),
    ("crates/vault/src/age_file.rs", "a file's passphrase into scrypt"),
    ("crates/core/src/codec.rs", "a credential on its way to be sealed"),
    (
        "crates/core/src/tokens.rs",
        "into a request's header, and out of its reply; a secret on its way to be sealed",
    ),
    ("crates/core/src/oauth.rs", "token requests: codes, verifiers, tokens and client secrets"),
    ("crates/core/src/oauth/forms.rs", "revocations and polls: tokens, device codes and client secrets"),
    (
        "crates/core/src/oauth/signature.rs",
        "the client secret is the key of a return's signature over its parameters",
    ),
    ("crates/core/src/authorize/links.rs", "an address that a browser ended on is read"),
    ("crates/core/src/credentials.rs", "a typed key is checked against its field's pattern"),
    ("crates/core/src/vault_gate.rs", "the vault key, from the keychain into the vault"),
    ("crates/core/src/lock.rs", "a recovery kit is read; the vault key, back into the keychain"),
    (
        "crates/core/src/passphrase.rs",
        "a new passphrase is measured; the vault key, from the keychain into a slot",
    ),
    ("crates/core/src/recovery.rs", "the kit's key, onto its sheet"),
    ("crates/core/src/rotation.rs", "the vault key, from the keychain to its successor"),
    ("crates/core/src/portable.rs", "the length of a file's passphrase"),
    ("crates/core/src/portable/format.rs", "a client secret, into the content of an encrypted file"),
    ("crates/core/src/portable/import.rs", "an age identity is read"),
    ("crates/platform/src/keychain.rs", "the vault key, into the keychain"),
    ("crates/platform/src/files.rs", "a recovery kit, into the file a person named"),
    ("crates/api/src/secret_input.rs", "the client's side of the socket"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("examples") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn secrets_are_exposed_only_where_it_is_known_why() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![];
    for folder in ["crates", "src-tauri"] {
        sources(&root.join(folder), &mut files);
    }
    let mut exposing: Vec<String> = files
        .iter()
        .filter(|file| !file.to_string_lossy().contains("/sandbox/"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            shipped.contains(".expose()")
        })
        .map(|file| file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"))
        .collect();
    exposing.sort();
    let mut known: Vec<&str> = MAY_EXPOSE.iter().map(|(file, _)| *file).collect();
    known.sort_unstable();
    assert_eq!(exposing, known, "a place that exposes a secret is new, or one of the list no longer does");
}
