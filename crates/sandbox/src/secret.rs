//! Opaque random values, and the form in which they may be kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of an opaque value, base64url. Enough for values with 256 bits of entropy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sha256Of(String);

impl Sha256Of {
    /// The hash of `value`; for a PKCE verifier this is its S256 challenge.
    pub(crate) fn new(value: impl AsRef<[u8]>) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(value)))
    }

    /// The hash as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// `prefix` and 256 random bits in base64url.
pub(crate) fn opaque(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// A user code of RFC 8628 section 6.1: eight consonants in two groups.
pub(crate) fn user_code() -> String {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
    let [left, right] =
        [random::<4>(), random::<4>()].map(|half| half.map(letter).iter().collect::<String>());
    format!("{left}-{right}")
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}
