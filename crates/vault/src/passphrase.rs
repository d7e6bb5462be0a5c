//! A slot's identity behind a passphrase.

use crate::context::AssociatedData;
use crate::envelope::{Envelope, seal_key};
use crate::error::{RandomSourceFailed, SlotError, UnsealError};
use crate::keys::{ParentKey, SymmetricKey};
use crate::slot_identity::SlotIdentity;
use crate::suite;
use crate::vault_id::VaultId;
use hearthkey_domain::Secret;
use hearthkey_domain::key_slot::PassphraseCost;
use hearthkey_domain::sealed::{SealContext, Sealed};

/// The cost of new passphrases: 3 passes over 256 MiB in 4 lanes, about a second of a laptop. A person pays it when they
/// unlock, which is seldom; a guesser pays it, with the memory, for every guess.
pub const PASSPHRASE_COST: PassphraseCost = PassphraseCost { memory_kib: 256 * 1024, passes: 3, lanes: 4 };

/// The least a passphrase is sealed with, for machines that are short of memory: the second recommended option of RFC 9106
/// section 4, 3 passes over 64 MiB in 4 lanes. It binds sealing only. A stored cost that was lowered opens nothing, for it
/// gives another key, and is authenticated with what it seals.
pub const PASSPHRASE_COST_FLOOR: PassphraseCost =
    PassphraseCost { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

/// The most that is paid, to seal or to open: 10 passes over 1 GiB in 16 lanes. A stored cost is anybody's who can write
/// the database, and has to be paid before anything can be authenticated.
const CEILING: PassphraseCost = PassphraseCost { memory_kib: 1024 * 1024, passes: 10, lanes: 16 };

/// A passphrase's key has no generations: another passphrase comes with another salt.
const GENERATION: u32 = 1;

/// Draws the salt of a new passphrase (RFC 9106 section 3.1). Not secret, never used again.
///
/// # Errors
/// [`RandomSourceFailed`].
pub fn new_salt() -> Result<[u8; 16], RandomSourceFailed> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(salt)
}

/// Seals a slot's identity with a passphrase: Argon2id, version 1.3 (RFC 9106), gives the parent key of an envelope in
/// table `key_slots`, row `slot`, field `identity`, with cost and salt as its policy.
///
/// The passphrase is taken as its UTF-8 bytes, without normalization: typed with another composition of the same letters
/// (Unicode Standard Annex 15) it is another one. How long it must be is decided by the caller.
///
/// # Errors
/// [`SlotError::Cost`] for less than [`PASSPHRASE_COST_FLOOR`] or more than is paid; [`SlotError::ContextTooLong`];
/// [`SlotError::RandomSourceFailed`].
pub fn seal_identity(
    vault: VaultId,
    slot: &str,
    passphrase: &Secret,
    cost: PassphraseCost,
    salt: &[u8; 16],
    identity: &SlotIdentity,
) -> Result<Sealed, SlotError> {
    if !covers(cost, PASSPHRASE_COST_FLOOR) {
        return Err(refused(cost));
    }
    seal_at_any_cost(vault, slot, passphrase, cost, salt, identity)
}

/// [`seal_identity`] without a floor, for tests that have no second to spend.
pub(crate) fn seal_at_any_cost(
    vault: VaultId,
    slot: &str,
    passphrase: &Secret,
    cost: PassphraseCost,
    salt: &[u8; 16],
    identity: &SlotIdentity,
) -> Result<Sealed, SlotError> {
    let aad = associated_data(vault, slot, cost, salt)?;
    let parent = parent_key(vault, passphrase, cost, salt)?;
    Ok(seal_key(&parent, &aad, identity.encode().expose().as_bytes())?)
}

/// Opens a slot's identity with its passphrase.
///
/// # Errors
/// [`SlotError::DoesNotOpen`] for another passphrase, another place or changed bytes; [`SlotError::Cost`] for a stored cost
/// that is not paid; [`SlotError::Malformed`] for bytes that are no envelope; [`SlotError::ContextTooLong`].
pub fn open_identity(
    vault: VaultId,
    slot: &str,
    passphrase: &Secret,
    cost: PassphraseCost,
    salt: &[u8; 16],
    sealed: &Sealed,
) -> Result<SlotIdentity, SlotError> {
    let malformed = SlotError::Malformed { part: "identity" };
    let Ok(envelope) = Envelope::parse(sealed) else { return Err(malformed) };
    let aad = associated_data(vault, slot, cost, salt)?;
    let opened = envelope.open(&parent_key(vault, passphrase, cost, salt)?, &aad);
    let opened = opened.map_err(|_: UnsealError| SlotError::DoesNotOpen)?;
    let text = std::str::from_utf8(&opened).ok();
    text.and_then(|text| SlotIdentity::parse(text).ok()).ok_or(malformed)
}

fn parent_key(
    vault: VaultId,
    passphrase: &Secret,
    cost: PassphraseCost,
    salt: &[u8; 16],
) -> Result<ParentKey, SlotError> {
    if !covers(CEILING, cost) {
        return Err(refused(cost));
    }
    let key = SymmetricKey::try_filled(|bytes| {
        suite::argon2id(cost, passphrase.expose().as_bytes(), salt, bytes).ok_or(refused(cost))
    })?;
    Ok(ParentKey::derive(vault, GENERATION, &key))
}

/// Whether a cost is at least another in every part.
fn covers(cost: PassphraseCost, other: PassphraseCost) -> bool {
    cost.memory_kib >= other.memory_kib && cost.passes >= other.passes && cost.lanes >= other.lanes
}

fn refused(cost: PassphraseCost) -> SlotError {
    let PassphraseCost { memory_kib, passes, lanes } = cost;
    SlotError::Cost { memory_kib, passes, lanes }
}

/// The place of a sealed identity. Its policy is what has to be known to open it, so that none of that can be replaced:
/// `argon2id v=19 m=<KiB> t=<passes> p=<lanes> salt=<hexadecimal>`.
fn associated_data(
    vault: VaultId,
    slot: &str,
    cost: PassphraseCost,
    salt: &[u8; 16],
) -> Result<AssociatedData, SlotError> {
    let PassphraseCost { memory_kib, passes, lanes } = cost;
    let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    let policy = format!("argon2id v=19 m={memory_kib} t={passes} p={lanes} salt={salt}");
    let context = SealContext {
        workspace: "",
        table: "key_slots",
        row: slot,
        field: "identity",
        version: u64::from(GENERATION),
        issuer: "",
        policy: &policy,
    };
    Ok(AssociatedData::of(vault, &context)?)
}

#[cfg(test)]
mod tests;
