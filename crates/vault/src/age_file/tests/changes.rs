//! No change of bytes goes unnoticed.

use super::{CHEAP, decrypt, encrypt_at, secret, to_identity, with_identity, with_passphrase};
use proptest::prelude::*;
use std::sync::LazyLock;

static PASSPHRASE_FILE: LazyLock<Vec<u8>> =
    LazyLock::new(|| encrypt_at(CHEAP, &secret("correct horse"), b"{}").unwrap());

#[test]
fn every_flipped_bit_and_every_truncation_of_an_export_is_refused() {
    let (file, key) = (to_identity(b"{}"), with_identity());
    assert!(decrypt(&file, &key, 100).is_ok());
    for length in 0..file.len() {
        assert!(decrypt(&file[..length], &key, 100).is_err(), "length {length}");
    }
    for bit in 0..file.len() * 8 {
        let mut bytes = file.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decrypt(&bytes, &key, 100).is_err(), "bit {bit}");
    }
    assert!(decrypt(&[&file[..], b"x"].concat(), &key, 100).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_changed_byte_of_a_file_with_a_passphrase_is_refused(
        at in any::<prop::sample::Index>(),
        with in 1..=255_u8,
    ) {
        let mut bytes = PASSPHRASE_FILE.clone();
        bytes[at.index(PASSPHRASE_FILE.len())] ^= with;
        let key = with_passphrase("correct horse");
        prop_assert!(decrypt(&bytes, &key, 100).is_err());
        prop_assert!(decrypt(&PASSPHRASE_FILE[..at.index(PASSPHRASE_FILE.len())], &key, 100).is_err());
    }
}
