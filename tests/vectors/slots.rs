//! Slots, passphrases and exports.

use super::{Opener, bytes, hex, list, run, text};
use hearthkey_domain::Secret;
use hearthkey_domain::key_slot::PassphraseCost;
use hearthkey_domain::sealed::Sealed;
use hearthkey_vault::{
    FileKey, KeychainKey, PASSPHRASE_COST_FLOOR, SlotIdentity, SlotKey, Vault, VaultId, decrypt, encrypt_to,
    encrypt_with_passphrase, new_salt, open_identity, open_slot, seal_identity,
};
use serde_json::{Value, json};

const COMMITTED: &str = include_str!("slots-v1.json");
const SLOTS: Opener = Opener { script: "slot_open.py", needs: "cryptography.hazmat.primitives.kdf.argon2" };

/// Opens a slot as the file describes it; `None` when it is refused.
fn opened(vault: VaultId, slot: &Value) -> Option<KeychainKey> {
    let identity = SlotIdentity::parse(text(slot, "identity")).unwrap();
    let name = text(slot, "slot");
    if let Some(passphrase) = slot["passphrase"].as_object().map(|_| &slot["passphrase"]) {
        let cost: PassphraseCost = serde_json::from_value(passphrase["cost"].clone()).unwrap();
        let salt = bytes(passphrase, "salt").try_into().unwrap();
        let sealed = Sealed::from_bytes(bytes(passphrase, "sealed"));
        let secret = Secret::new(text(passphrase, "text"));
        let behind = open_identity(vault, name, &secret, cost, &salt, &sealed).ok()?;
        assert_eq!(behind.recipient(), identity.recipient(), "{name}");
    }
    let generation = slot["generation"].as_u64().unwrap().try_into().unwrap();
    open_slot(vault, name, generation, &identity, &bytes(slot, "key"), &bytes(slot, "proof")).ok()
}

#[test]
fn the_committed_slots_open_or_are_refused_as_written() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let vault = VaultId::parse(text(&document, "vault_id")).unwrap();
    let keychain = || KeychainKey::parse(text(&document, "keychain")).unwrap();
    assert!(list(&document, "slots").len() >= 3 && list(&document, "refused").len() >= 9);
    for slot in list(&document, "slots") {
        let key = opened(vault, slot).unwrap_or_else(|| panic!("{}: refused", slot["name"]));
        let expected = keychain().only(key.newest_generation()).unwrap();
        assert_eq!(*key.encode(), *expected.encode(), "{}", slot["name"]);
        assert_eq!(slot["generation"], key.newest_generation(), "{}", slot["name"]);
    }
    for slot in list(&document, "refused") {
        assert!(opened(vault, slot).is_none(), "{}", slot["name"]);
    }
}

#[test]
fn a_committed_slot_is_renewed_by_the_next_generation() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    let id = VaultId::parse(text(&document, "vault_id")).unwrap();
    let keychain = KeychainKey::parse(text(&document, "keychain")).unwrap();
    let next_key = keychain.succeeded(2).unwrap();
    let (before, _) = Vault::create(id, &keychain);
    let next = before.rotate(&next_key, &[]).unwrap().vault;
    for slot in list(&document, "slots").iter().filter(|slot| slot["generation"] == 2) {
        let proof_key = Sealed::from_bytes(bytes(slot, "proof_key"));
        let (name, recipient) = (text(slot, "slot"), text(slot, "recipient"));
        let renewed = next.renew_slot_key(&before, name, recipient, &proof_key, &next_key).unwrap();
        let identity = SlotIdentity::parse(text(slot, "identity")).unwrap();
        let key = open_slot(id, name, 3, &identity, &renewed.key, &renewed.proof).unwrap();
        assert_eq!(key.newest_generation(), 3);
    }
}

#[test]
fn the_committed_files_open() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    assert!(list(&document, "files").len() >= 3);
    for file in list(&document, "files") {
        let key = match file["passphrase"].as_str() {
            Some(passphrase) => FileKey::Passphrase(Secret::new(passphrase)),
            None => FileKey::Identity(SlotIdentity::parse(text(file, "identity")).unwrap()),
        };
        let plaintext = decrypt(&bytes(file, "file"), &key, 1 << 20).unwrap();
        assert_eq!(*plaintext, bytes(file, "plaintext"), "{}", file["name"]);
    }
}

/// Makes slots, a passphrase at the least cost, and exports, and describes them in the form of the vector file.
fn fresh() -> Value {
    let (id, key) = (VaultId::generate().unwrap(), KeychainKey::generate().unwrap());
    let (before, _) = Vault::create(id, &key);
    let next_key = key.succeeded(1).unwrap();
    let next = before.rotate(&next_key, &[]).unwrap().vault;
    let identity = SlotIdentity::generate().unwrap();
    let describe = |name: &str, slot: &str, generation: u32, parts: &SlotKey| {
        json!({
            "name": name, "slot": slot, "generation": generation, "passphrase": null,
            "identity": identity.encode().expose(), "recipient": identity.recipient(),
            "key": hex(&parts.key), "proof_key": hex(parts.proof_key.as_bytes()), "proof": hex(&parts.proof),
        })
    };
    let old = before.slot_key("slot_ü", &identity, &key).unwrap();
    let recipient = identity.recipient();
    let new = next.renew_slot_key(&before, "slot_ü", &recipient, &old.proof_key, &next_key).unwrap();
    let mut behind = describe("behind a passphrase", "slot_ü", 1, &old);
    let (passphrase, salt) = ("pass phrase ✓", new_salt().unwrap());
    let secret = Secret::new(passphrase);
    let sealed = seal_identity(id, "slot_ü", &secret, PASSPHRASE_COST_FLOOR, &salt, &identity).unwrap();
    behind["passphrase"] = json!({
        "text": passphrase, "cost": PASSPHRASE_COST_FLOOR, "salt": hex(&salt), "sealed": hex(sealed.as_bytes()),
    });
    let renewed = describe("renewed", "slot_ü", 2, &new);
    let mut mixed = renewed.clone();
    mixed["proof"] = behind["proof"].clone();
    // Nothing, a whole chunk of age, a byte more.
    let files = [0, 65536, 65537].map(|length| {
        let plaintext = vec![0x5a; length];
        let file =
            encrypt_to(&[SlotIdentity::generate().unwrap().recipient(), recipient.clone()], &plaintext);
        json!({
            "name": format!("{length} bytes"), "identity": identity.encode().expose(),
            "plaintext": hex(&plaintext), "file": hex(&file.unwrap()),
        })
    });
    let with_passphrase = encrypt_with_passphrase(&secret, b"{}").unwrap();
    let with_passphrase = json!({
        "name": "with a passphrase", "passphrase": passphrase, "plaintext": hex(b"{}"), "file": hex(&with_passphrase),
    });
    json!({
        "format": "hearthkey slots v1", "vault_id": id.to_string(), "keychain": *next_key.encode(),
        "slots": [behind, renewed], "refused": [mixed],
        "files": files.into_iter().chain([with_passphrase]).collect::<Vec<_>>(),
    })
}

#[test]
fn an_independent_opener_agrees_on_committed_and_fresh_slots_and_exports() {
    for (name, document) in [("committed", COMMITTED.to_owned()), ("fresh", fresh().to_string())] {
        if let Some((agrees, said)) = run(&SLOTS, &document) {
            assert!(agrees, "{name}: {said}");
        }
    }
}

#[test]
fn the_independent_opener_does_say_no() {
    let document: Value = serde_json::from_str(COMMITTED).unwrap();
    for (list, field, with) in [
        ("slots", "slot", json!("slot_09OTHER")),
        ("slots", "proof_key", document["slots"][1]["proof_key"].clone()),
        ("slots", "identity", document["slots"][2]["identity"].clone()),
        ("files", "plaintext", json!("00")),
        ("refused", "slot", document["slots"][0]["slot"].clone()),
    ] {
        let mut changed = document.clone();
        changed[list][0][field] = with;
        if let Some((agrees, said)) = run(&SLOTS, &changed.to_string()) {
            assert!(!agrees && said.contains("FAILED"), "{list}, {field}: {said}");
        }
    }
}
