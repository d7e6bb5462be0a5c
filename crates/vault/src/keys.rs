//! The kinds of key and how one gives the next.
//!
//! Every kind is its own type, so that a key cannot stand in for another; none can be cloned, compared, printed or
//! serialized, and each is wiped when dropped. The keychain key's text form is in `keychain`.

use crate::error::RandomSourceFailed;
use crate::locked::LockedKey;
use crate::suite::{self, HASH_LEN, KEY_LEN};
use crate::vault_id::VaultId;
use secrecy::{ExposeSecret, SecretBox};
use std::convert::Infallible;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const WRAP_INFO: &[u8] = b"hearthkey/v1/wrap";
const CHECK_INFO: &[u8] = b"hearthkey/v1/kcv";
const SEAL_INFO: &[u8] = b"hearthkey/v1/seal";

/// 32 secret bytes on the heap, filled in place.
pub(crate) struct SymmetricKey(SecretBox<[u8; KEY_LEN]>);

impl SymmetricKey {
    /// Draws a key from the kernel.
    pub(crate) fn from_kernel() -> Result<Self, RandomSourceFailed> {
        Self::try_filled(|bytes| Ok(getrandom::fill(bytes)?))
    }

    /// Lets `fill` write the key where it stays.
    pub(crate) fn try_filled<E>(fill: impl FnOnce(&mut [u8; KEY_LEN]) -> Result<(), E>) -> Result<Self, E> {
        let mut filled = Ok(());
        let key = SecretBox::init_with_mut(|bytes| filled = fill(bytes));
        filled.map(|()| Self(key))
    }

    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; KEY_LEN])) -> Self {
        let filled: Result<Self, Infallible> = Self::try_filled(|bytes| {
            fill(bytes);
            Ok(())
        });
        match filled {
            Ok(key) => key,
            Err(never) => match never {},
        }
    }

    /// Another copy of the same key, for another ring of keys.
    pub(crate) fn duplicate(&self) -> Self {
        Self::filled(|bytes| bytes.copy_from_slice(self.bytes()))
    }

    /// Whether two keys are the same, in constant time.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.bytes().ct_eq(other.bytes()).into()
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        self.0.expose_secret()
    }
}

/// A key that envelopes hang from: one generation of the keychain key or of a workspace key, or what a passphrase gives.
/// Holds only what was derived from it for wrapping, `HKDF-SHA256(ikm = parent, salt = vault id, info = "hearthkey/v1/wrap")`,
/// on memory of its own; the parent itself is not kept.
pub(crate) struct ParentKey {
    generation: u32,
    wrap: LockedKey,
}

impl ParentKey {
    /// Derives the wrapping key of one generation.
    pub(crate) fn derive(vault: VaultId, generation: u32, parent: &SymmetricKey) -> Self {
        let wrap = LockedKey::filled(|bytes| expand(parent, vault.as_bytes(), WRAP_INFO, bytes));
        Self { generation, wrap }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The key that wraps data keys.
    pub(crate) fn wrap_key(&self) -> &[u8; KEY_LEN] {
        self.wrap.bytes()
    }

    /// Whether it is derived from this key, in constant time.
    pub(crate) fn is_derived_from(&self, vault: VaultId, parent: &SymmetricKey) -> bool {
        Self::derive(vault, self.generation, parent).wrap_key().ct_eq(self.wrap_key()).into()
    }

    /// Whether its memory is locked against swapping.
    pub(crate) fn is_locked(&self) -> bool {
        self.wrap.is_locked()
    }
}

/// The key of exactly one envelope (DEK).
pub(crate) struct DataKey(SymmetricKey);

impl DataKey {
    pub(crate) fn new(key: SymmetricKey) -> Self {
        Self(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        self.0.bytes()
    }

    /// The encryption key and the commitment key:
    /// `EK ‖ CK = HKDF-SHA256(ikm = DEK, salt = ∅, info = "hearthkey/v1/seal", L = 64)`.
    pub(crate) fn split(&self) -> (SymmetricKey, SymmetricKey) {
        let mut both = Zeroizing::new([0; 2 * KEY_LEN]);
        expand(&self.0, &[], SEAL_INFO, both.as_mut_slice());
        let (encryption, commitment) = both.split_at(KEY_LEN);
        (
            SymmetricKey::filled(|bytes| bytes.copy_from_slice(encryption)),
            SymmetricKey::filled(|bytes| bytes.copy_from_slice(commitment)),
        )
    }
}

/// The check value of one generation of the keychain key (KCV):
/// `HKDF-SHA256(ikm = keychain key, salt = vault id, info = "hearthkey/v1/kcv")`, its first 16 bytes.
///
/// Stored in the clear beside the rows it vouches for, it tells a wrong key from a corrupt row. It says nothing about the key.
#[derive(Debug, Clone, Copy)]
pub struct KeyCheck {
    generation: u32,
    value: [u8; KeyCheck::LEN],
}

impl KeyCheck {
    /// Length of the value, in bytes.
    pub const LEN: usize = 16;

    /// Takes what was stored.
    #[must_use]
    pub fn from_stored(generation: u32, value: [u8; Self::LEN]) -> Self {
        Self { generation, value }
    }

    /// The generation of the keychain key it vouches for.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The value to store.
    #[must_use]
    pub fn value(&self) -> &[u8; Self::LEN] {
        &self.value
    }

    pub(crate) fn derive(vault: VaultId, generation: u32, key: &SymmetricKey) -> Self {
        let mut value = [0; Self::LEN];
        expand(key, vault.as_bytes(), CHECK_INFO, &mut value);
        Self { generation, value }
    }

    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.generation == other.generation && self.value.ct_eq(&other.value).into()
    }
}

fn expand(key: &SymmetricKey, salt: &[u8], info: &[u8], okm: &mut [u8]) {
    debug_assert!(okm.len() <= 2 * HASH_LEN);
    suite::hkdf(key.bytes(), salt, info, okm).expect("64 bytes at most, and HKDF gives 255 × 32");
}

#[cfg(test)]
mod tests {
    use super::{DataKey, ParentKey, SymmetricKey};
    use crate::{KeychainKey, Vault};
    use static_assertions::{assert_impl_all, assert_not_impl_any};
    use std::fmt::{Debug, Display};

    impl ParentKey {
        /// Leaves it as it is where the system took no lock.
        pub(crate) fn unlock(&mut self) {
            self.wrap.unlock();
        }
    }

    assert_not_impl_any!(SymmetricKey: Clone, Debug, Display, PartialEq, serde::Serialize, AsRef<[u8]>);
    assert_not_impl_any!(ParentKey: Clone, Debug, Display, PartialEq, serde::Serialize);
    assert_not_impl_any!(DataKey: Clone, Debug, Display, PartialEq, serde::Serialize);
    assert_not_impl_any!(KeychainKey: Clone, Display, PartialEq, serde::Serialize, AsRef<[u8]>, AsRef<str>);
    assert_not_impl_any!(Vault: Clone, Display, PartialEq, serde::Serialize);
    assert_impl_all!(Vault: Send, Sync);
    assert_impl_all!(secrecy::SecretBox<[u8; 32]>: zeroize::ZeroizeOnDrop);

    #[test]
    fn keys_from_the_kernel_differ_and_are_not_zero() {
        let (one, two) = (SymmetricKey::from_kernel().unwrap(), SymmetricKey::from_kernel().unwrap());
        assert!(one.same_as(&one));
        assert!(!one.same_as(&two));
        assert!(!one.same_as(&SymmetricKey::filled(|_| ())));
    }

    #[test]
    fn a_duplicate_is_the_same_key() {
        let key = SymmetricKey::from_kernel().unwrap();
        assert!(key.duplicate().same_as(&key));
    }

    #[test]
    fn a_parent_key_knows_what_it_is_derived_from() {
        let [vault, other] = [(); 2].map(|()| crate::VaultId::generate().unwrap());
        let key = SymmetricKey::from_kernel().unwrap();
        let parent = ParentKey::derive(vault, 3, &key);
        assert_eq!(parent.generation(), 3);
        assert!(parent.is_derived_from(vault, &key));
        assert!(!parent.is_derived_from(other, &key));
        assert!(!parent.is_derived_from(vault, &SymmetricKey::from_kernel().unwrap()));
    }

    #[test]
    fn the_two_halves_of_a_data_key_differ() {
        let (encryption, commitment) = DataKey::new(SymmetricKey::from_kernel().unwrap()).split();
        assert!(!encryption.same_as(&commitment));
    }
}
