//! Key slots: the keychain key, encrypted to whoever may open the vault without the keychain.
//!
//! The key of a slot is an age file to a public recipient, so that a rotation writes it anew without asking anybody. But
//! anybody can encrypt to a recipient: who can write the database could put a keychain key of their own making into a slot,
//! and a person who recovers would go on under a key that others know. So each slot carries a proof, by a key that only the
//! vault and the holder of the identity have. The vault keeps that key sealed, bound to the recipient it was made for: a
//! recipient that was exchanged in the row is not given the next key.

use crate::age_file;
use crate::context::{AssociatedData, append_prefixed};
use crate::envelope::{Envelope, seal_key};
use crate::error::{AgeError, ContextTooLong, SlotError, UnsealError};
use crate::keychain::KeychainKey;
use crate::keys::SymmetricKey;
use crate::slot_identity::SlotIdentity;
use crate::suite::{self, KEY_LEN, NotAuthentic};
use crate::vault::Vault;
use crate::vault_id::VaultId;
use hearthkey_domain::sealed::{SealContext, Sealed};

const PROOF_LABEL: &[u8] = b"hearthkey/v1/slot";
/// More than the text form of one generation of the keychain key.
const MAX_KEY_TEXT: usize = 256;

/// The parts of a slot that change with every generation of the keychain key.
#[derive(Debug, Clone)]
pub struct SlotKey {
    /// The text form of the keychain key, that generation alone, encrypted to the slot's recipient (an age file).
    pub key: Vec<u8>,
    /// The slot's proof key, sealed under the keychain key in table `key_slots`, row of the slot, field `proof_key`, with
    /// the generation as version and the recipient as policy.
    pub proof_key: Sealed,
    /// `HMAC-SHA256(proof key, "hearthkey/v1/slot" ‖ LP(vault id) ‖ LP(slot) ‖ u32 generation ‖ SHA-256(key))`, where
    /// `LP(x)` is the length of x as u32, then x; all numbers big-endian.
    pub proof: Vec<u8>,
}

impl Vault {
    /// Makes the key of a new slot: this vault's generation of the keychain key, for whoever holds the identity.
    ///
    /// # Errors
    /// [`SlotError::WrongGeneration`], [`SlotError::WrongKey`] where `key` is not what this vault is open with;
    /// [`SlotError::ContextTooLong`]; [`SlotError::RandomSourceFailed`].
    pub fn slot_key(
        &self,
        slot: &str,
        identity: &SlotIdentity,
        key: &KeychainKey,
    ) -> Result<SlotKey, SlotError> {
        self.write_slot(slot, &identity.recipient(), &identity.proof_key(self.id), key)
    }

    /// Makes the key of the same slot for this vault's generation, `before` being the vault of the generation left. Asks
    /// nobody.
    ///
    /// Only a rotation makes the removal of a slot final: before it, who can write the database can put the row back, and
    /// after it the row opens the generation left and nothing else.
    ///
    /// # Errors
    /// [`SlotError::DoesNotOpen`] where the proof key is not one that `before` sealed for this slot and this recipient;
    /// else as for [`Vault::slot_key`].
    pub fn renew_slot_key(
        &self,
        before: &Self,
        slot: &str,
        recipient: &str,
        proof_key: &Sealed,
        key: &KeychainKey,
    ) -> Result<SlotKey, SlotError> {
        let malformed = |_| SlotError::Malformed { part: "proof key" };
        let envelope = Envelope::parse(proof_key).map_err(malformed)?;
        let aad = before.proof_key_place(slot, recipient)?;
        let opened = envelope.open(&before.sealing, &aad);
        let opened = opened.map_err(|_: UnsealError| SlotError::DoesNotOpen)?;
        if opened.len() != KEY_LEN {
            return Err(SlotError::DoesNotOpen);
        }
        let proof_key = SymmetricKey::filled(|bytes| bytes.copy_from_slice(&opened));
        self.write_slot(slot, recipient, &proof_key, key)
    }

    fn write_slot(
        &self,
        slot: &str,
        recipient: &str,
        proof_key: &SymmetricKey,
        key: &KeychainKey,
    ) -> Result<SlotKey, SlotError> {
        let generation = self.generation();
        let held = key.generation(generation).ok_or(SlotError::WrongGeneration { generation })?;
        if !self.sealing.is_derived_from(self.id, held) {
            return Err(SlotError::WrongKey { generation });
        }
        let aad = self.proof_key_place(slot, recipient)?;
        let text = key.encode_only(generation).ok_or(SlotError::WrongGeneration { generation })?;
        let key = age_file::encrypt_to(&[recipient.to_owned()], text.as_bytes());
        let key = key.map_err(|error| match error {
            AgeError::RandomSourceFailed(failed) => failed.into(),
            _ => SlotError::Malformed { part: "recipient" },
        })?;
        let proof = suite::hmac(proof_key.bytes(), &[&claim(self.id, slot, generation, &key)?]).to_vec();
        let proof_key = seal_key(&self.sealing, &aad, proof_key.bytes())?;
        Ok(SlotKey { key, proof_key, proof })
    }

    fn proof_key_place(&self, slot: &str, recipient: &str) -> Result<AssociatedData, SlotError> {
        let context = SealContext {
            workspace: "",
            table: "key_slots",
            row: slot,
            field: "proof_key",
            version: u64::from(self.generation()),
            issuer: "",
            policy: recipient,
        };
        Ok(AssociatedData::of(self.id, &context)?)
    }
}

/// Opens a slot with its identity and gives the keychain key, that generation alone. The proof is checked before anything
/// of the key is read.
///
/// # Errors
/// [`SlotError::DoesNotOpen`] for another identity or changed bytes; [`SlotError::NotProven`] for a key this vault did not
/// put there for this slot and generation; [`SlotError::Malformed`] for bytes that are no age file to a key;
/// [`SlotError::ContextTooLong`].
pub fn open_slot(
    vault: VaultId,
    slot: &str,
    generation: u32,
    identity: &SlotIdentity,
    key: &[u8],
    proof: &[u8],
) -> Result<KeychainKey, SlotError> {
    let text = age_file::decrypt_with_identity(key, identity, MAX_KEY_TEXT).map_err(|error| match error {
        AgeError::DoesNotOpen | AgeError::Damaged => SlotError::DoesNotOpen,
        _ => SlotError::Malformed { part: "key" },
    })?;
    let proof = proof.try_into().map_err(|_| SlotError::NotProven)?;
    let claim = claim(vault, slot, generation, key)?;
    let proven = suite::hmac_verify(identity.proof_key(vault).bytes(), &[&claim], proof);
    proven.map_err(|NotAuthentic| SlotError::NotProven)?;
    let text = std::str::from_utf8(&text).ok();
    let key = text.and_then(|text| KeychainKey::parse(text).ok());
    let key = key.ok_or(SlotError::Malformed { part: "key" })?;
    key.only(generation).ok_or(SlotError::WrongGeneration { generation })
}

/// What a proof is about, as bytes.
fn claim(vault: VaultId, slot: &str, generation: u32, key: &[u8]) -> Result<Vec<u8>, ContextTooLong> {
    let mut claim = PROOF_LABEL.to_vec();
    append_prefixed(&mut claim, "vault", vault.as_bytes())?;
    append_prefixed(&mut claim, "row", slot.as_bytes())?;
    claim.extend_from_slice(&generation.to_be_bytes());
    claim.extend_from_slice(&suite::sha256(key));
    Ok(claim)
}

#[cfg(test)]
mod tests;
