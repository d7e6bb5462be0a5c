//! The examples of the documents that define the primitives.

use crate::suite::{argon2id, hkdf, hmac, hmac_verify, sha256};
use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use hearthkey_domain::key_slot::PassphraseCost;

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The examples NIST publishes with FIPS 180-4 (SHA256.pdf: one block, two blocks), and the million letters of FIPS 180-2
/// appendix B.3.
#[test]
fn sha_256_agrees_with_fips_180() {
    let million = vec![b'a'; 1_000_000];
    for (message, digest) in [
        (b"abc".as_slice(), "ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61 d20638b8 e5c02693 0c3e6039 a33ce459 64ff2167 f6ecedd4 19db06c1",
        ),
        (b"", "e3b0c442 98fc1c14 9afbf4c8 996fb924 27ae41e4 649b934c a495991b 7852b855"),
        (&million, "cdc76e5c 9914fb92 81a1c7e2 84d73e67 f1809a48 a497200e 046d39cc c7112cd0"),
    ] {
        assert_eq!(sha256(message).as_slice(), bytes(digest));
    }
}

/// RFC 4231 section 4: all test cases but the fifth, which is about a truncated code.
#[test]
fn hmac_sha_256_agrees_with_rfc_4231() {
    let long_key = [0xaa; 131];
    let counting: Vec<u8> = (1..=25).collect();
    for (key, data, code) in [
        (
            &[0x0b; 20][..],
            b"Hi There".as_slice(),
            "b0344c61d8db38535ca8afceaf0bf12b 881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c7 5a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a7 2959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a 85f0faa3e578f8077a2e3ff46729665b"),
        (
            &long_key,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f 8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &long_key,
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944 bfdc63644f0713938a7f51535c3a35e2",
        ),
    ] {
        let code = bytes(code).try_into().unwrap();
        assert_eq!(hmac(key, &[data]), code);
        assert!(hmac_verify(key, &[data], &code).is_ok());
        assert!(hmac_verify(key, &[data, b"x"], &code).is_err());
    }
}

/// RFC 5869 appendix A.1 to A.3, the test cases with SHA-256.
#[test]
fn hkdf_sha_256_agrees_with_rfc_5869() {
    let range = |bounds: std::ops::RangeInclusive<u8>| bounds.collect::<Vec<u8>>();
    for (ikm, salt, info, okm) in [
        (
            vec![0x0b; 22],
            range(0x00..=0x0c),
            range(0xf0..=0xf9),
            "3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf 34007208d5b887185865",
        ),
        (
            range(0x00..=0x4f),
            range(0x60..=0xaf),
            range(0xb0..=0xff),
            "b11e398dc80327a1c8e7f78c596a4934 4f012eda2d4efad8a050cc4c19afa97c 59045a99cac7827271cb41c65e590e09
             da3275600c2f09b8367793a9aca3db71 cc30c58179ec3e87c14c01d5c1f3434f 1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "8da4e775a563c18f715f802a063c5a31 b8a11f5c5ee1879ec3454e5f3c738d2d 9d201395faa4b61a96c8",
        ),
    ] {
        let expected = bytes(okm);
        let mut derived = vec![0; expected.len()];
        hkdf(&ikm, &salt, &info, &mut derived).unwrap();
        assert_eq!(derived, expected);
    }
}

/// RFC 9106 section 5.3. It has a secret and associated data, which this program does not use, so that it goes past our own
/// function to the library with the same algorithm and version.
#[test]
fn argon2id_agrees_with_rfc_9106() {
    let data = AssociatedData::new(&[4; 12]).unwrap();
    let params =
        ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(data).output_len(32).build().unwrap();
    let argon2 = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    let expected =
        "0d 64 0d f5 8d 78 76 6c 08 c0 37 a3 4a 8b 53 c9 d0 1e f0 45 2d 75 b6 5e b5 25 20 e9 6b 01 e6 59";
    assert_eq!(tag.as_slice(), bytes(expected));
}

/// Without secret and data, as this program calls it; the tags are OpenSSL's (`cryptography` 48, `Argon2id`).
#[test]
fn argon2id_agrees_with_openssl() {
    let salt: [u8; 16] = std::array::from_fn(|at| at as u8);
    for (memory_kib, passes, lanes, expected) in [
        (32, 3, 4, "8a15f4233cd408afe031bb3afd28af35a4805f205e516215fb6b9f99313245ec"),
        (64, 1, 1, "92dc5d67019623868bde079275e522f4b7e8213d3414ed85cbc2ac8a41117288"),
        (4096, 2, 3, "232a353e0867c7f567edcdd74c09496ec3a2c9facc8df74fab9db91f8510105d"),
        (1000, 4, 2, "717327737357d288a28ff55dba8a18c3f041ff30197dc98d6b19ae15dd6afa76"),
    ] {
        let mut tag = [0; 32];
        let cost = PassphraseCost { memory_kib, passes, lanes };
        argon2id(cost, b"correct horse battery staple", &salt, &mut tag).unwrap();
        assert_eq!(tag.as_slice(), bytes(expected));
    }
}

#[test]
fn a_cost_that_is_none_gives_nothing() {
    for (memory_kib, passes, lanes) in [(0, 1, 1), (7, 1, 1), (31, 1, 4), (64, 0, 1), (64, 1, 0)] {
        let cost = PassphraseCost { memory_kib, passes, lanes };
        assert_eq!(argon2id(cost, b"passphrase", &[7; 16], &mut [0; 32]), None, "{cost:?}");
    }
    let least = PassphraseCost { memory_kib: 8, passes: 1, lanes: 1 };
    assert_eq!(argon2id(least, b"passphrase", &[7; 16], &mut [0; 32]), Some(()));
}
