use super::SlotIdentity;
use crate::VaultId;
use crate::error::IdentityTextError::{self, *};
use proptest::prelude::*;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::fmt::Display;

assert_not_impl_any!(SlotIdentity: Clone, Display, PartialEq, serde::Serialize, AsRef<[u8]>, AsRef<str>);
assert_impl_all!(SlotIdentity: Send, Sync);

/// The test pair of the age crate itself.
const TEXT: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

#[track_caller]
fn check(text: &str, expected: Result<&str, IdentityTextError>) {
    let parsed = SlotIdentity::parse(text);
    let found = parsed.as_ref().map(SlotIdentity::recipient).map_err(|error| *error);
    assert_eq!(found, expected.map(str::to_owned), "{text:?}");
    if let Ok(identity) = parsed {
        assert_eq!(identity.encode().expose(), TEXT);
    }
}

#[test]
fn the_text_is_read_alone_and_in_a_recovery_kit() {
    check(TEXT, Ok(RECIPIENT));
    check(&format!("  {TEXT}\r\n"), Ok(RECIPIENT));
    check(&format!("\u{feff}{TEXT}"), Ok(RECIPIENT));
    check(&TEXT.to_lowercase(), Ok(RECIPIENT));
    check(&TEXT.replace("KEY", "Key"), Ok(RECIPIENT));
    check(&format!("# created: 2026-01-01\n# public key: {RECIPIENT}\n{TEXT}\n"), Ok(RECIPIENT));
    let kit = format!(
        "Hearthkey recovery kit\r\n\r\nKeep this safe.\r\n\t{TEXT} \r\n# {TEXT}\r\nÜber age: age-encryption.org\r\n"
    );
    check(&kit, Ok(RECIPIENT));
}

#[test]
fn each_fault_has_its_own_name() {
    for text in ["", "\n", RECIPIENT, &format!("# {TEXT}"), "AGE-SECRET-KEY-", &format!("key: {TEXT}")] {
        check(text, Err(Missing));
    }
    check("AGE-SECRET-KEY-PQ-1QQQQ", Err(Missing));
    check(&format!("{TEXT}\n{TEXT}"), Err(Several));
    check(&format!("{TEXT}\nAGE-SECRET-KEY-1TYPO"), Err(Several));
    check("AGE-SECRET-KEY-1", Err(Mistyped));
    check(&format!("{TEXT}Q"), Err(Mistyped));
    check(&TEXT[..TEXT.len() - 1], Err(Mistyped));
    check(&format!("{TEXT} # mine"), Err(Mistyped));
    // Cut inside a letter of two bytes.
    check("AGE-SECRET-KEY-ß", Err(Missing));
}

#[test]
fn every_mistyped_letter_is_found() {
    for at in "AGE-SECRET-KEY-1".len()..TEXT.len() {
        for with in ["Q", "P", "B", "1", "9"] {
            let mut text = TEXT.to_owned();
            text.replace_range(at..=at, with);
            check(&text, if text == TEXT { Ok(RECIPIENT) } else { Err(Mistyped) });
        }
    }
}

#[test]
fn a_generated_identity_is_new_and_is_read_back() {
    let (one, two) = (SlotIdentity::generate().unwrap(), SlotIdentity::generate().unwrap());
    assert_ne!(one.recipient(), two.recipient());
    assert!(crate::is_recipient(&one.recipient()));
    let read = SlotIdentity::parse(one.encode().expose()).unwrap();
    assert_eq!(read.recipient(), one.recipient());
}

#[test]
fn a_proof_key_is_of_one_identity_and_one_vault() {
    let [vault, other] = [(); 2].map(|()| VaultId::generate().unwrap());
    let [one, two] = [(); 2].map(|()| SlotIdentity::generate().unwrap());
    let same = SlotIdentity::parse(one.encode().expose()).unwrap();
    assert!(one.proof_key(vault).same_as(&same.proof_key(vault)));
    assert!(!one.proof_key(vault).same_as(&two.proof_key(vault)));
    assert!(!one.proof_key(vault).same_as(&one.proof_key(other)));
}

#[test]
fn debug_and_errors_show_no_identity() {
    let identity = SlotIdentity::parse(TEXT).unwrap();
    assert_eq!(format!("{identity:?}"), format!("SlotIdentity {{ recipient: {RECIPIENT:?}, .. }}"));
    let error = SlotIdentity::parse(&format!("{TEXT}Q")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("GQ97"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(#|AGE-SECRET-KEY-1|age-secret-key-1|[QPZRY9]{1,60}|\n|\\PC){0,12}") {
        prop_assert!(SlotIdentity::parse(&text).is_err());
    }
}
