//! The published files of the age specification (C2SP CCTV), through the very function an import uses. They stand in for
//! vectors of X25519, ChaCha20-Poly1305 and scrypt, which only the `age` crate calls: what it makes of them is under test
//! here.

use super::{decrypt, outcome, secret};
use crate::SlotIdentity;
use crate::age_file::FileKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

const TESTKIT: &str = include_str!("../../../../../tests/vectors/age-testkit.json");

#[test]
fn every_file_opens_or_is_refused_for_the_reason_it_names() {
    let document: Value = serde_json::from_str(TESTKIT).unwrap();
    let mut counts = [0; 5];
    for vector in document["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let file = URL_SAFE_NO_PAD.decode(vector["file"].as_str().unwrap()).unwrap();
        let key = match (&vector["passphrase"][0], &vector["identity"][0]) {
            (Value::String(text), _) => FileKey::Passphrase(secret(text)),
            (_, Value::String(text)) => FileKey::Identity(SlotIdentity::parse(text).unwrap()),
            _ => FileKey::Identity(SlotIdentity::generate().unwrap()),
        };
        let opened = decrypt(&file, &key, 1 << 20);
        if ["stanza_missing_body", "stanza_missing_final_line"].contains(&name) {
            // The crate reads these as its own beta versions wrote them; the header's code vouches for them all the same.
            assert!(opened.is_ok());
            continue;
        }
        if let Ok(plaintext) = &opened {
            let hash = crate::suite::sha256(plaintext);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(vector["payload"], hash, "{name}");
        }
        let outcome = outcome(opened);
        let (at, expected): (_, &[&str]) = match vector["expect"].as_str().unwrap() {
            "success" => (0, &["opened"]),
            "no match" => (1, &["DoesNotOpen", "NeedsIdentity"]),
            "HMAC failure" => (2, &["Damaged"]),
            // A body of the wrong length is found where the payload begins.
            "payload failure" => (3, &["Damaged", "NotAnAgeFile"]),
            "header failure" => (4, &["NotAnAgeFile", "WorkFactor { log_n: 23 }", "NeedsIdentity"]),
            other => panic!("{name}: {other}"),
        };
        assert!(expected.contains(&outcome.as_str()), "{name}: {outcome}");
        counts[at] += 1;
    }
    assert_eq!(counts, [8, 7, 1, 6, 49]);
}
