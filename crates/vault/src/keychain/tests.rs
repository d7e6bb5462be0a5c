use super::KeychainKey;
use crate::error::KeychainTextError::{self, *};
use crate::error::SuccessionError;
use proptest::prelude::*;

const A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const B: &str = "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

#[track_caller]
fn check(text: &str, expected: Result<u32, KeychainTextError>) {
    let parsed = KeychainKey::parse(text);
    assert_eq!(parsed.as_ref().map(KeychainKey::newest_generation), expected.as_ref().copied(), "{text}");
    if let Ok(key) = parsed {
        assert_eq!(*key.encode(), text);
    }
}

#[test]
fn both_shapes_are_read_and_written_alike() {
    check(&format!("ks1;g=1:{A}"), Ok(1));
    check(&format!("ks1;g=2:{B};g=1:{A}"), Ok(2));
    check(&format!("ks1;g=4294967295:{B};g=4294967294:{A}"), Ok(u32::MAX));
}

#[test]
fn each_fault_has_its_own_name() {
    check("", Err(UnknownForm));
    check(&format!("ks2;g=1:{A}"), Err(UnknownForm));
    check(&format!(" ks1;g=1:{A}"), Err(UnknownForm));
    check("ks1;", Err(PartMalformed));
    check(&format!("ks1;1:{A}"), Err(PartMalformed));
    check(&format!("ks1;g=1={A}"), Err(PartMalformed));
    check(&format!("ks1;g=1:{A};"), Err(PartMalformed));
    for number in ["", "0", "01", "+1", "-1", "1 ", "x", "4294967296", "١"] {
        check(&format!("ks1;g={number}:{A}"), Err(GenerationMalformed));
    }
    check("ks1;g=1:", Err(KeyLength { length: 0 }));
    check(&format!("ks1;g=1:{A}="), Err(KeyLength { length: 44 }));
    check(&format!("ks1;g=1:{A}\n"), Err(KeyLength { length: 44 }));
    check(&format!("ks1;g=1:+{}", &A[1..]), Err(KeyEncoding));
    check(&format!("ks1;g=1:{}=", &A[1..]), Err(KeyEncoding));
    // The last character carries two bits beyond the 32 bytes; they must be zero.
    check(&format!("ks1;g=1:{}9", &A[..42]), Err(KeyEncoding));
    for (newest, previous) in [(1, 2), (3, 1), (1, 1), (1, u32::MAX)] {
        check(&format!("ks1;g={newest}:{B};g={previous}:{A}"), Err(GenerationOrder));
    }
    check(&format!("ks1;g=2:{A};g=1:{A}"), Err(KeyRepeated));
    check(&format!("ks1;g=3:{A};g=2:{B};g=1:{A}"), Err(TooManyGenerations));
}

#[test]
fn a_generated_key_is_generation_one_and_new() {
    let (one, two) = (KeychainKey::generate().unwrap(), KeychainKey::generate().unwrap());
    check(&one.encode(), Ok(1));
    assert_ne!(*one.encode(), *two.encode());
}

#[test]
fn a_successor_holds_a_fresh_key_and_the_current_one() {
    let key = KeychainKey::parse(&format!("ks1;g=7:{A}")).unwrap();
    let next = key.succeeded(7).unwrap();
    let text = next.encode();
    assert!(text.starts_with("ks1;g=8:") && text.ends_with(&format!(";g=7:{A}")));
    assert!(!text[..60].contains(A));
    assert_ne!(*key.succeeded(7).unwrap().encode(), *text);
    check(&text, Ok(8));
    assert_eq!(*key.encode(), format!("ks1;g=7:{A}"));
}

#[test]
fn a_successor_drops_what_is_newer_or_older_than_the_current_key() {
    let key = KeychainKey::parse(&format!("ks1;g=8:{B};g=7:{A}")).unwrap();
    // Generation 8 was never used: it is drawn anew.
    let next = key.succeeded(7).unwrap().encode();
    assert!(next.starts_with("ks1;g=8:") && next.ends_with(&format!(";g=7:{A}")) && !next.contains(B));
    let next = key.succeeded(8).unwrap().encode();
    assert!(next.starts_with("ks1;g=9:") && next.ends_with(&format!(";g=8:{B}")) && !next.contains(A));
}

#[test]
fn there_is_no_successor_of_a_key_that_is_not_held_or_is_the_last() {
    let key = KeychainKey::parse(&format!("ks1;g=4294967295:{B};g=4294967294:{A}")).unwrap();
    assert!(matches!(key.succeeded(3), Err(SuccessionError::MissingGeneration { generation: 3 })));
    assert!(matches!(key.succeeded(u32::MAX), Err(SuccessionError::Exhausted)));
    assert_eq!(key.succeeded(u32::MAX - 1).unwrap().newest_generation(), u32::MAX);
}

#[test]
fn one_generation_is_kept_if_it_is_held() {
    let both = || KeychainKey::parse(&format!("ks1;g=2:{B};g=1:{A}")).unwrap();
    for (generation, kept) in [(2, Some(B)), (1, Some(A)), (3, None), (0, None)] {
        let kept = kept.map(|key| format!("ks1;g={generation}:{key}"));
        assert_eq!(both().only(generation).map(|key| key.encode().to_string()), kept);
        assert_eq!(both().encode_only(generation).map(|text| text.to_string()), kept);
    }
    assert!(both().holds_others_than(2) && both().holds_others_than(1) && both().holds_others_than(3));
    let one = both().only(2).unwrap();
    assert!(one.holds_others_than(1) && !one.holds_others_than(2));
}

#[test]
fn a_fresh_key_is_one_generation_alone_and_new() {
    let (one, two) = (KeychainKey::fresh(9).unwrap(), KeychainKey::fresh(9).unwrap());
    check(&one.encode(), Ok(9));
    assert!(!one.holds_others_than(9));
    assert_ne!(*one.encode(), *two.encode());
}

#[test]
#[should_panic(expected = "generations count from 1")]
fn there_is_no_generation_zero() {
    let _ = KeychainKey::fresh(0);
}

#[test]
fn the_longest_text_form_is_written_into_one_allocation() {
    let text = KeychainKey::parse(&format!("ks1;g=4294967295:{B};g=4294967294:{A}")).unwrap().encode();
    assert_eq!(text.len(), 117);
    assert!((117..=120).contains(&text.capacity()), "{} bytes", text.capacity());
}

#[test]
fn debug_and_errors_show_no_key() {
    let key = KeychainKey::parse(&format!("ks1;g=2:{B};g=1:{A}")).unwrap();
    assert_eq!(format!("{key:?}"), "KeychainKey { generations: [2, 1], .. }");
    let error = KeychainKey::parse(&format!("ks1;g=1:{A}{B}")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("AAECAw"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = KeychainKey::parse(&text);
    }

    #[test]
    fn any_text_of_the_right_build_is_read_back_as_it_was_or_refused(
        text in "ks1;(g=[0-9+]{0,11}:[A-Za-z0-9_+=-]{42,44};?){0,3}",
    ) {
        if let Ok(key) = KeychainKey::parse(&text) {
            prop_assert_eq!(&*key.encode(), &text);
        }
    }

    #[test]
    fn any_key_is_written_and_read_back(number in 1..=u32::MAX, key in any::<[u8; 32]>()) {
        use base64::Engine;
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key);
        check(&format!("ks1;g={number}:{key}"), Ok(number));
    }

    #[test]
    fn a_chain_of_successors_is_written_and_read_back(first in 1..=u32::MAX - 3, lag in 0..2_u32) {
        let mut key = KeychainKey::fresh(first).unwrap();
        for generation in first..first + 3 {
            let next = key.succeeded(generation).unwrap();
            prop_assert_eq!(next.newest_generation(), generation + 1);
            let read = KeychainKey::parse(&next.encode()).unwrap();
            prop_assert_eq!(&*read.encode(), &*next.encode());
            let kept = read.only(generation + 1 - lag).unwrap();
            prop_assert_eq!(kept.encode(), next.encode_only(generation + 1 - lag).unwrap());
            key = next;
        }
    }
}
