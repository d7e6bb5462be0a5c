//! What holds for any secret, any place and any change of bytes, during a rotation and after it.

use super::{Before, PLACE, generation_of};
use crate::vault::rotation::Rotation;
use crate::vault::{Vault, WorkspaceKeys};
use hearthkey_domain::sealed::{SealContext, Sealed};
use proptest::prelude::*;
use std::sync::LazyLock;

static BEFORE: LazyLock<Before> = LazyLock::new(Before::new);
static ROTATION: LazyLock<Rotation> = LazyLock::new(|| BEFORE.rotated().1);

fn rewrapped(place: SealContext<'_>, plaintext: &[u8]) -> (Sealed, Sealed) {
    let old = BEFORE.vault.seal(place, plaintext).unwrap();
    let new = ROTATION.vault.rewrap(place, &old).unwrap().unwrap();
    (old, new)
}

fn opens(vault: &Vault, bytes: &[u8]) -> bool {
    vault.unseal(PLACE, &Sealed::from_bytes(bytes.to_vec())).is_ok()
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_rewrapped_envelope_is_refused() {
    let (_, new) = rewrapped(PLACE, &[0x5a; 200]);
    assert!(opens(&ROTATION.vault, new.as_bytes()));
    for bit in 0..new.as_bytes().len() * 8 {
        let mut bytes = new.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&ROTATION.vault, &bytes), "bit {bit}");
    }
    for length in 0..new.as_bytes().len() {
        assert!(!opens(&ROTATION.vault, &new.as_bytes()[..length]), "length {length}");
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_workspace_key_is_refused() {
    let home = &ROTATION.workspaces[0];
    let admit = |sealed: &[u8], retiring: &[u8]| {
        let [sealed, retiring] = [sealed, retiring].map(|bytes| Sealed::from_bytes(bytes.to_vec()));
        let retiring = Some(&retiring);
        let keys = WorkspaceKeys { workspace: "home", generation: 2, sealed: &sealed, retiring };
        ROTATION.vault.admit_workspace(&keys).is_ok()
    };
    let (sealed, retiring) = (home.sealed.as_bytes(), home.retiring.as_bytes());
    assert!(admit(sealed, retiring));
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in 0..sealed.len() * 8 {
        assert!(!admit(&flipped(sealed, bit), retiring), "bit {bit} of the newest");
        assert!(!admit(sealed, &flipped(retiring, bit)), "bit {bit} of the retiring");
    }
    for length in 0..sealed.len() {
        assert!(
            !admit(&sealed[..length], retiring) && !admit(sealed, &retiring[..length]),
            "length {length}"
        );
    }
}

proptest! {
    #[test]
    fn a_rewrap_keeps_any_plaintext_in_any_place(
        plaintext in prop::collection::vec(any::<u8>(), 1..=1500),
        row in "\\PC{0,12}",
        policy in "[a-z.\n]{0,20}",
        version in any::<u64>(),
    ) {
        let place = SealContext { row: &row, policy: &policy, version, ..PLACE };
        let (old, new) = rewrapped(place, &plaintext);
        prop_assert_eq!(&**ROTATION.vault.unseal(place, &new).unwrap(), &*plaintext);
        prop_assert_eq!(&**ROTATION.vault.unseal(place, &old).unwrap(), &*plaintext);
        prop_assert_eq!(&new.as_bytes()[..6], &old.as_bytes()[..6]);
        prop_assert_eq!(&new.as_bytes()[70..], &old.as_bytes()[70..]);
        prop_assert_eq!(generation_of(&new), 2);
        prop_assert!(BEFORE.vault.unseal(place, &new).is_err());
    }

    #[test]
    fn parts_of_two_envelopes_do_not_make_a_third(at in 1..386_usize, length in 1..386_usize) {
        // Of the same secret in the same place, and of another: whatever is taken over, the whole is refused.
        let (old, new) = rewrapped(PLACE, &[0x5a; 200]);
        let (_, other) = rewrapped(SealContext { row: "conn_02", ..PLACE }, &[0x5a; 200]);
        for donor in [&old, &other] {
            let mut bytes = new.as_bytes().to_vec();
            let end = (at + length).min(bytes.len());
            bytes[at..end].copy_from_slice(&donor.as_bytes()[at..end]);
            let same = bytes == new.as_bytes() || bytes == old.as_bytes();
            prop_assert!(same || !opens(&ROTATION.vault, &bytes), "bytes {}..{}", at, end);
        }
    }
}
