//! Envelope version 1: the bytes at rest, and the way in and out of them.
//!
//! ```text
//!   0  "KSE1"            4
//!   4  suite = 1         1   AES-256-GCM, HKDF-SHA256, HMAC-SHA256
//!   5  flags = 0         1
//!   6  generation        4   of the parent key, u32 big-endian
//!  10  wrap nonce       12   random
//!  22  wrapped DEK      48   GCM(wrap key, wrap nonce, DEK, "hearthkey/v1/wrap" ‖ bytes 0..10 ‖ AAD)
//!  70  commitment       32   HMAC(CK, "hearthkey/v1/commit" ‖ bytes 0..6 ‖ nonce ‖ SHA-256(AAD))
//! 102  nonce            12   random
//! 114  ciphertext + tag      GCM(EK, nonce, padded plaintext, bytes 0..6 ‖ AAD)
//! ```
//!
//! Bytes 6..70 alone name the parent key, so that a rotation replaces them and leaves the rest. GCM does not commit to its
//! key; the commitment does, and is checked before anything is decrypted. The plaintext is padded with 0x80 and zeros
//! (ISO/IEC 7816-4) to a multiple of 256 bytes, at least one, so that an envelope's length tells little of the secret's.

use crate::context::AssociatedData;
use crate::error::{FormatFault, RandomSourceFailed, SealError, UnsealError};
use crate::keys::{DataKey, ParentKey, SymmetricKey};
use crate::suite::{self, HASH_LEN, KEY_LEN, NONCE_LEN, NotAuthentic, TAG_LEN};
use hearthkey_domain::sealed::Sealed;
use std::ops::Range;
use zeroize::Zeroizing;

/// The longest plaintext, in bytes: 1 MiB.
pub const MAX_PLAINTEXT: usize = 1024 * 1024;

const MAGIC: [u8; 4] = *b"KSE1";
const SUITE: u8 = 1;
const FLAGS: u8 = 0;
/// Bytes 0..6.
const PREAMBLE: &[u8] = b"KSE1\x01\x00";
/// What names the parent key and hangs from it.
const WRAPPING: Range<usize> = 6..70;
const HEADER_LEN: usize = 114;
const BLOCK: usize = 256;
const MAX_CIPHERTEXT: usize = MAX_PLAINTEXT + BLOCK;
const PAD_MARK: u8 = 0x80;

const WRAP_LABEL: &[u8] = b"hearthkey/v1/wrap";
const COMMIT_LABEL: &[u8] = b"hearthkey/v1/commit";

/// What one seal draws from the kernel. Consumed by it, so that no data key or nonce serves twice.
pub(crate) struct Draws {
    pub(crate) data_key: DataKey,
    pub(crate) wrap_nonce: [u8; NONCE_LEN],
    pub(crate) nonce: [u8; NONCE_LEN],
}

impl Draws {
    pub(crate) fn from_kernel() -> Result<Self, RandomSourceFailed> {
        let data_key = DataKey::new(SymmetricKey::from_kernel()?);
        let (mut wrap_nonce, mut nonce) = ([0; NONCE_LEN], [0; NONCE_LEN]);
        getrandom::fill(&mut wrap_nonce)?;
        getrandom::fill(&mut nonce)?;
        Ok(Self { data_key, wrap_nonce, nonce })
    }
}

/// Draws the nonce of one more wrap from the kernel.
pub(crate) fn new_wrap_nonce() -> Result<[u8; NONCE_LEN], RandomSourceFailed> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// Seals a plaintext of 1 to [`MAX_PLAINTEXT`] bytes under a parent key.
///
/// A parent key wraps at most 2^32 data keys (SP 800-38D section 8.3, random nonces); a data key seals once.
pub(crate) fn seal(
    parent: &ParentKey,
    aad: &AssociatedData,
    plaintext: &[u8],
    draws: Draws,
) -> Result<Sealed, SealError> {
    let mut body = pad(plaintext)?;
    let Draws { data_key, wrap_nonce, nonce } = draws;
    let wrapping = wrap(parent, aad, &wrap_nonce, &data_key);

    let (encryption_key, commitment_key) = data_key.split();
    let aad_hash = suite::sha256(aad.as_bytes());
    let commitment = suite::hmac(commitment_key.bytes(), &committed(&nonce, &aad_hash));
    let tag = suite::encrypt(encryption_key.bytes(), &nonce, &body_associated(aad), &mut body);

    let mut envelope = Vec::with_capacity(HEADER_LEN + body.len() + TAG_LEN);
    for part in [PREAMBLE, &wrapping, &commitment, &nonce, &body, &tag] {
        envelope.extend_from_slice(part);
    }
    Ok(Sealed::from_bytes(envelope))
}

/// [`seal`] for keys and their text forms, which are never empty and never long.
pub(crate) fn seal_key(
    parent: &ParentKey,
    aad: &AssociatedData,
    key: &[u8],
) -> Result<Sealed, RandomSourceFailed> {
    Ok(seal(parent, aad, key, Draws::from_kernel()?).expect("a key has a length that is sealed"))
}

/// Bytes 6..70: the data key under a parent key.
fn wrap(parent: &ParentKey, aad: &AssociatedData, nonce: &[u8; NONCE_LEN], data_key: &DataKey) -> Vec<u8> {
    let mut wrapped = Zeroizing::new(*data_key.bytes());
    let associated = wrap_associated(parent.generation(), aad);
    let tag = suite::encrypt(parent.wrap_key(), nonce, &associated, wrapped.as_mut_slice());
    [&parent.generation().to_be_bytes(), nonce.as_slice(), wrapped.as_slice(), &tag].concat()
}

/// An envelope whose shape was checked; nothing of it is authenticated yet.
pub(crate) struct Envelope<'a> {
    bytes: &'a [u8],
    generation: u32,
    wrap_nonce: &'a [u8; NONCE_LEN],
    wrapped: &'a [u8; KEY_LEN],
    wrap_tag: &'a [u8; TAG_LEN],
    commitment: &'a [u8; HASH_LEN],
    nonce: &'a [u8; NONCE_LEN],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Envelope<'a> {
    /// Checks the shape, without any cryptography.
    pub(crate) fn parse(sealed: &'a Sealed) -> Result<Self, FormatFault> {
        let mut rest = sealed.as_bytes();
        if rest.len() < HEADER_LEN + BLOCK + TAG_LEN {
            return Err(FormatFault::TooShort);
        }
        if rest.len() > HEADER_LEN + MAX_CIPHERTEXT + TAG_LEN {
            return Err(FormatFault::TooLong);
        }
        if *take(&mut rest)? != MAGIC {
            return Err(FormatFault::Magic);
        }
        match *take(&mut rest)? {
            [SUITE, FLAGS] => {}
            [SUITE, flags] => return Err(FormatFault::UnknownFlags(flags)),
            [suite, _] => return Err(FormatFault::UnknownSuite(suite)),
        }
        let generation = u32::from_be_bytes(*take(&mut rest)?);
        let wrap_nonce = take(&mut rest)?;
        let wrapped = take(&mut rest)?;
        let wrap_tag = take(&mut rest)?;
        let commitment = take(&mut rest)?;
        let nonce = take(&mut rest)?;
        let (ciphertext, tag) = rest.split_last_chunk().ok_or(FormatFault::TooShort)?;
        if !ciphertext.len().is_multiple_of(BLOCK) {
            return Err(FormatFault::PartialBlock);
        }
        let bytes = sealed.as_bytes();
        Ok(Self { bytes, generation, wrap_nonce, wrapped, wrap_tag, commitment, nonce, ciphertext, tag })
    }

    /// The generation of the parent key it names.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Opens it under the parent key it names. Every failure is the same [`UnsealError::Refused`].
    pub(crate) fn open(
        &self,
        parent: &ParentKey,
        aad: &AssociatedData,
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        self.authenticated(parent, aad).map_err(|NotAuthentic| UnsealError::Refused)
    }

    /// Checks that its data key is wrapped by this parent key, in this place. Says nothing about the body.
    pub(crate) fn check_wrap(&self, parent: &ParentKey, aad: &AssociatedData) -> Result<(), UnsealError> {
        self.data_key(parent, aad).map(|_| ()).map_err(|NotAuthentic| UnsealError::Refused)
    }

    /// The same envelope hanging from another parent key: bytes 6..70 are new, all others as they were. The body is not
    /// looked at, so that a damaged one stays as damaged as it was.
    pub(crate) fn rewrapped(
        &self,
        from: &ParentKey,
        to: &ParentKey,
        aad: &AssociatedData,
        wrap_nonce: [u8; NONCE_LEN],
    ) -> Result<Sealed, UnsealError> {
        let data_key = self.data_key(from, aad).map_err(|NotAuthentic| UnsealError::Refused)?;
        let mut bytes = self.bytes.to_vec();
        bytes.splice(WRAPPING, wrap(to, aad, &wrap_nonce, &data_key));
        Ok(Sealed::from_bytes(bytes))
    }

    fn data_key(&self, parent: &ParentKey, aad: &AssociatedData) -> Result<DataKey, NotAuthentic> {
        let key = SymmetricKey::try_filled(|bytes| {
            *bytes = *self.wrapped;
            let wrap_aad = wrap_associated(self.generation, aad);
            suite::decrypt(parent.wrap_key(), self.wrap_nonce, &wrap_aad, bytes, self.wrap_tag)
        })?;
        Ok(DataKey::new(key))
    }

    fn authenticated(
        &self,
        parent: &ParentKey,
        aad: &AssociatedData,
    ) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        let (encryption_key, commitment_key) = self.data_key(parent, aad)?.split();

        let aad_hash = suite::sha256(aad.as_bytes());
        suite::hmac_verify(commitment_key.bytes(), &committed(self.nonce, &aad_hash), self.commitment)?;

        let mut body = Zeroizing::new(self.ciphertext.to_vec());
        suite::decrypt(encryption_key.bytes(), self.nonce, &body_associated(aad), &mut body, self.tag)?;
        let length = unpadded_len(&body).ok_or(NotAuthentic)?;
        body.truncate(length);
        Ok(body)
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], FormatFault> {
    let (taken, left) = rest.split_first_chunk().ok_or(FormatFault::TooShort)?;
    *rest = left;
    Ok(taken)
}

fn wrap_associated(generation: u32, aad: &AssociatedData) -> Vec<u8> {
    [WRAP_LABEL, PREAMBLE, &generation.to_be_bytes(), aad.as_bytes()].concat()
}

fn body_associated(aad: &AssociatedData) -> Vec<u8> {
    [PREAMBLE, aad.as_bytes()].concat()
}

fn committed<'a>(nonce: &'a [u8; NONCE_LEN], aad_hash: &'a [u8; HASH_LEN]) -> [&'a [u8]; 4] {
    [COMMIT_LABEL, PREAMBLE, nonce, aad_hash]
}

/// Appends 0x80 and zeros up to the next multiple of [`BLOCK`], in one allocation.
fn pad(plaintext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let length = plaintext.len();
    if length == 0 {
        return Err(SealError::EmptyPlaintext);
    }
    if length > MAX_PLAINTEXT {
        return Err(SealError::PlaintextTooLong { length });
    }
    let padded = (length / BLOCK + 1) * BLOCK;
    let mut body = Zeroizing::new(Vec::with_capacity(padded));
    body.extend_from_slice(plaintext);
    body.push(PAD_MARK);
    body.resize(padded, 0);
    Ok(body)
}

/// The length of the plaintext in an authenticated body, where it is padded exactly as [`pad`] does.
fn unpadded_len(body: &[u8]) -> Option<usize> {
    let mark = body.iter().rposition(|byte| *byte != 0)?;
    let exact = body.get(mark) == Some(&PAD_MARK) && body.len() - mark <= BLOCK && mark > 0;
    exact.then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Draws, pad, unpadded_len};

    #[test]
    fn no_two_draws_share_a_part() {
        let (one, two) = (Draws::from_kernel().unwrap(), Draws::from_kernel().unwrap());
        assert_ne!(one.data_key.bytes(), two.data_key.bytes());
        assert_ne!(one.wrap_nonce, two.wrap_nonce);
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.wrap_nonce, one.nonce);
    }

    #[test]
    fn padding_is_whole_blocks_and_is_taken_off_again() {
        for (length, padded) in [(1, 256), (254, 256), (255, 256), (256, 512), (511, 512), (512, 768)] {
            // A plaintext that itself ends like padding.
            let mut plaintext = vec![0; length];
            plaintext[0] = 0x80;
            let body = pad(&plaintext).unwrap();
            assert_eq!(body.len(), padded);
            assert_eq!(unpadded_len(&body), Some(length));
        }
    }

    #[test]
    fn padding_of_any_other_build_is_refused() {
        let tail = |last: &[u8]| [&vec![7; 2 * BLOCK - last.len()], last].concat();
        let mut marked_too_early = [[7; BLOCK], [0; BLOCK]].concat();
        marked_too_early[BLOCK - 1] = 0x80;
        let mut empty = vec![0; BLOCK];
        empty[0] = 0x80;
        for body in
            [vec![], vec![0; BLOCK], tail(&[]), tail(&[1, 0]), tail(&[0x80, 1]), marked_too_early, empty]
        {
            assert_eq!(unpadded_len(&body), None, "{body:?}");
        }
    }
}
