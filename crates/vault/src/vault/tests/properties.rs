//! What holds for any plaintext, any place and any change of bytes.

use super::{PLACE, VAULT, refusal};
use hearthkey_domain::sealed::SealContext;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Place {
    texts: [String; 5],
    version: u64,
}

impl Place {
    fn context<'a>(&'a self, workspace: &'a str) -> SealContext<'a> {
        let [table, row, field, issuer, policy] = &self.texts;
        SealContext { workspace, table, row, field, version: self.version, issuer, policy }
    }
}

fn place() -> impl Strategy<Value = Place> {
    // Few letters, so that neighbouring fields often join to the same text.
    (prop::array::uniform5("[ab]{0,2}"), 0..3_u64).prop_map(|(texts, version)| Place { texts, version })
}

proptest! {
    #[test]
    fn any_plaintext_comes_back(plaintext in prop::collection::vec(any::<u8>(), 1..=4096)) {
        let sealed = VAULT.seal(PLACE, &plaintext).unwrap();
        prop_assert_eq!(&**VAULT.unseal(PLACE, &sealed).unwrap(), &*plaintext);
    }

    #[test]
    fn no_two_places_share_an_envelope(one in place(), two in place()) {
        let sealed = VAULT.seal(one.context("home"), b"token").unwrap();
        prop_assert_eq!(VAULT.unseal(two.context("home"), &sealed).is_ok(), one == two);
        prop_assert!(VAULT.unseal(one.context("work"), &sealed).is_err());
    }

    #[test]
    fn any_bytes_behind_a_right_preamble_are_refused(tail in prop::collection::vec(any::<u8>(), 0..1200)) {
        let bytes = [b"KSE1\x01\x00\x00\x00\x00\x01", &*tail].concat();
        prop_assert!(refusal(&VAULT, PLACE, &bytes).is_some());
    }

    #[test]
    fn any_change_of_bytes_is_refused(
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let sealed = VAULT.seal(PLACE, &[0x5a; 700]).unwrap();
        let mut bytes = sealed.as_bytes().to_vec();
        let start = at.index(bytes.len());
        for (byte, new) in bytes[start..].iter_mut().zip(&with) {
            *byte = *new;
        }
        prop_assert_eq!(refusal(&VAULT, PLACE, &bytes).is_none(), bytes == sealed.as_bytes());
    }
}
