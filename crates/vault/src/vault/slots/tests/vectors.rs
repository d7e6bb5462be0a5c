//! The committed slots and exports. Nobody can make them again, for age draws by itself: they are written once, and open
//! ever after, which `tests/vectors` shows through the public API and in another language.

use crate::passphrase::seal_at_any_cost;
use crate::vault::slots::SlotKey;
use crate::vectors::{VAULT, draw, hex};
use crate::{KeychainKey, SlotIdentity, Vault, VaultId, encrypt_to, encrypt_with_passphrase};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearthkey_domain::Secret;
use hearthkey_domain::key_slot::PassphraseCost;
use serde_json::{Value, json};

const PASSPHRASE: &str = "korrekt Pferd Batterie Heftklammer ü";

fn view(name: &str, slot: &str, generation: u32, identity: &SlotIdentity, parts: &SlotKey) -> Value {
    json!({
        "name": name, "slot": slot, "generation": generation, "passphrase": null,
        "identity": identity.encode().expose(), "recipient": identity.recipient(),
        "key": hex(&parts.key), "proof_key": hex(parts.proof_key.as_bytes()), "proof": hex(&parts.proof),
    })
}

fn changed(of: &Value, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut slot = of.clone();
    slot["name"] = json!(name);
    change(&mut slot);
    slot
}

fn document() -> Value {
    let vault = VaultId::parse(VAULT).unwrap();
    let [first, second] =
        ["keychain key 1", "keychain key 2"].map(|label| URL_SAFE_NO_PAD.encode(draw(label)));
    let keychain = KeychainKey::parse(&format!("ks1;g=2:{second};g=1:{first}")).unwrap();
    let (before, _) = Vault::create(vault, &KeychainKey::parse(&format!("ks1;g=1:{first}")).unwrap());
    let (next, _) = Vault::create(vault, &keychain);

    let [kit, behind] = [(); 2].map(|()| SlotIdentity::generate().unwrap());
    let old = before.slot_key("slot_01KIT", &kit, &keychain).unwrap();
    let renewed =
        next.renew_slot_key(&before, "slot_01KIT", &kit.recipient(), &old.proof_key, &keychain).unwrap();
    let new = next.slot_key("slot_02PASS", &behind, &keychain).unwrap();
    let mut passphrase = view("behind a passphrase", "slot_02PASS", 2, &behind, &new);
    let cost = PassphraseCost { memory_kib: 64, passes: 3, lanes: 4 };
    let salt = *draw("salt").first_chunk().unwrap();
    let sealed =
        seal_at_any_cost(vault, "slot_02PASS", &Secret::new(PASSPHRASE), cost, &salt, &behind).unwrap();
    passphrase["passphrase"] = json!({
        "text": PASSPHRASE, "cost": cost, "salt": hex(&salt), "sealed": hex(sealed.as_bytes()),
    });

    let slots = [
        view("a recovery kit", "slot_01KIT", 1, &kit, &old),
        view("the same after a rotation", "slot_01KIT", 2, &kit, &renewed),
        passphrase,
    ];
    let theirs = encrypt_to(&[kit.recipient()], format!("ks1;g=1:{second}").as_bytes()).unwrap();
    let refused = [
        changed(&slots[0], "another slot", |slot| slot["slot"] = json!("slot_02PASS")),
        changed(&slots[0], "a later generation", |slot| slot["generation"] = json!(2)),
        changed(&slots[1], "the proof before", |slot| slot["proof"] = slots[0]["proof"].clone()),
        changed(&slots[1], "the key before", |slot| slot["key"] = slots[0]["key"].clone()),
        changed(&slots[0], "a key of somebody else", |slot| slot["key"] = json!(hex(&theirs))),
        changed(&slots[0], "another identity", |slot| slot["identity"] = slots[2]["identity"].clone()),
        changed(&slots[2], "another passphrase", |slot| slot["passphrase"]["text"] = json!("else")),
        changed(&slots[2], "another salt", |slot| slot["passphrase"]["salt"] = json!("00".repeat(16))),
        changed(&slots[2], "a lower cost", |slot| slot["passphrase"]["cost"]["passes"] = json!(2)),
    ];
    let export = br#"{"format":"an export"}"#;
    let long = [0x5a; 700];
    let to_both = encrypt_to(&[kit.recipient(), behind.recipient()], &long).unwrap();
    let with_passphrase = encrypt_with_passphrase(&Secret::new(PASSPHRASE), export).unwrap();
    json!({
        "format": "hearthkey slots v1",
        "vault_id": VAULT,
        "keychain": *keychain.encode(),
        "slots": slots,
        "refused": refused,
        "files": [
            { "name": "for two keys", "identity": behind.encode().expose(), "plaintext": hex(&long), "file": hex(&to_both) },
            { "name": "for one key, empty", "identity": kit.encode().expose(), "plaintext": "",
              "file": hex(&encrypt_to(&[kit.recipient()], b"").unwrap()) },
            { "name": "with a passphrase", "passphrase": PASSPHRASE, "plaintext": hex(export),
              "file": hex(&with_passphrase) },
        ],
    })
}

#[test]
#[ignore = "writes tests/vectors/slots-v1.json anew; what is committed must go on opening"]
fn write_the_slots() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/slots-v1.json");
    let text = serde_json::to_string_pretty(&document()).unwrap();
    std::fs::write(path, text + "\n").unwrap();
}
