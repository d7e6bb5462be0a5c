//! Suite 1: AES-256-GCM, HKDF-SHA256, HMAC-SHA256; and Argon2id. The only calls into the cryptographic libraries but for
//! age files.
//!
//! Nothing here knows envelopes or keys by name. States of the libraries are wiped by their own `zeroize` features; the
//! blocks HKDF holds while it expands are not, and no claim is made about copies the compiler spills.

use crate::error::RandomSourceFailed;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hearthkey_domain::key_slot::PassphraseCost;
use hkdf::{Hkdf, InvalidLength};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// Length of every symmetric key, in bytes.
pub(crate) const KEY_LEN: usize = 32;
/// Length of a GCM nonce, in bytes (SP 800-38D section 5.2.1.1, the 96-bit case).
pub(crate) const NONCE_LEN: usize = 12;
/// Length of a GCM tag, in bytes.
pub(crate) const TAG_LEN: usize = 16;
/// Length of a SHA-256 hash and an HMAC-SHA256 code, in bytes.
pub(crate) const HASH_LEN: usize = 32;

/// A tag or code is not the one these bytes and this key give.
#[derive(Debug)]
pub(crate) struct NotAuthentic;

/// AES-256-GCM authenticated encryption in place (SP 800-38D section 7.1). A key must never meet the same nonce twice.
pub(crate) fn encrypt(
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut [u8],
) -> [u8; TAG_LEN] {
    Aes256Gcm::new(key.into())
        .encrypt_inout_detached(nonce.into(), associated, buffer.into())
        .expect("both inputs are far under the limits of SP 800-38D, 64 GiB and 2^61 bytes")
        .into()
}

/// AES-256-GCM authenticated decryption in place (SP 800-38D section 7.2). The buffer is untouched when it fails.
pub(crate) fn decrypt(
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), NotAuthentic> {
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(nonce.into(), associated, buffer.into(), tag.into())
        .map_err(|_| NotAuthentic)
}

/// HKDF-SHA256 (RFC 5869): fills `okm`. Fails only over 255 × 32 bytes. An empty salt is the RFC's absent salt.
pub(crate) fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8], okm: &mut [u8]) -> Result<(), InvalidLength> {
    let (mut prk, expander) = Hkdf::<Sha256>::extract(Some(salt), ikm);
    prk.as_mut_slice().zeroize();
    expander.expand(info, okm)
}

/// HMAC-SHA256 (RFC 2104) over the parts in sequence.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; HASH_LEN] {
    keyed(key, parts).finalize().into_bytes().into()
}

/// Compares an HMAC-SHA256 in constant time.
pub(crate) fn hmac_verify(key: &[u8], parts: &[&[u8]], code: &[u8; HASH_LEN]) -> Result<(), NotAuthentic> {
    keyed(key, parts).verify(code.into()).map_err(|_| NotAuthentic)
}

/// SHA-256 (FIPS 180-4).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; HASH_LEN] {
    Sha256::digest(bytes).into()
}

/// Argon2id, version 1.3 (RFC 9106), without secret and associated data: fills `tag`. `None` where the cost is not one of
/// the algorithm, or the memory is not to be had. The memory is wiped.
pub(crate) fn argon2id(cost: PassphraseCost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Option<()> {
    let PassphraseCost { memory_kib, passes, lanes } = cost;
    let params = Params::new(memory_kib, passes, lanes, Some(tag.len())).ok()?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).ok()?;
    memory.resize(params.block_count(), Block::new());
    let mut memory = Zeroizing::new(memory.into_boxed_slice());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password, salt, tag, &mut **memory).ok()
}

/// Draws a byte from the kernel and forgets it: the `age` crate draws by itself, and panics where that fails.
pub(crate) fn ask_random_source() -> Result<(), RandomSourceFailed> {
    Ok(getrandom::fill(&mut [0])?)
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests;
