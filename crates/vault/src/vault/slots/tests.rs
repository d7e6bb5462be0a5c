use super::{SlotKey, open_slot, seal_key};
use crate::age_file::{decrypt_with_identity, encrypt_to};
use crate::error::SlotError;
use crate::vault::Vault;
use crate::{KeyCheck, KeychainKey, SlotIdentity, VaultId, suite};
use hearthkey_domain::sealed::Sealed;
use proptest::prelude::*;
use std::sync::LazyLock;

/// A vault of generation 1 with one slot.
struct Slotted {
    id: VaultId,
    key: KeychainKey,
    vault: Vault,
    check: KeyCheck,
    identity: SlotIdentity,
    slot: SlotKey,
}

impl Slotted {
    fn new() -> Self {
        let (id, key) = (VaultId::generate().unwrap(), KeychainKey::generate().unwrap());
        let (vault, check) = Vault::create(id, &key);
        let identity = SlotIdentity::generate().unwrap();
        let slot = vault.slot_key("slot_1", &identity, &key).unwrap();
        Self { id, key, vault, check, identity, slot }
    }

    fn open(&self, generation: u32, slot: &SlotKey) -> Result<KeychainKey, SlotError> {
        open_slot(self.id, "slot_1", generation, &self.identity, &slot.key, &slot.proof)
    }

    fn opens(&self, key: &[u8], proof: &[u8]) -> bool {
        open_slot(self.id, "slot_1", 1, &self.identity, key, proof).is_ok()
    }
}

static SLOTTED: LazyLock<Slotted> = LazyLock::new(Slotted::new);

fn outcome<T>(result: Result<T, SlotError>) -> String {
    result.err().map_or("opened".into(), |error| format!("{error:?}"))
}

#[test]
fn a_slot_gives_the_key_that_opens_the_vault() {
    let one = Slotted::new();
    let key = one.open(1, &one.slot).unwrap();
    assert_eq!(*key.encode(), *one.key.encode());
    assert_eq!(Vault::open(one.id, key, &[one.check]).unwrap().generation(), 1);
    assert!(!one.slot.key.windows(4).any(|window| window == b"ks1;"));
}

#[test]
fn a_slot_holds_the_generation_of_its_vault_alone() {
    // In the keychain a rotation has begun; in the database it has not.
    let one = Slotted::new();
    let both = one.key.succeeded(1).unwrap();
    let slot = one.vault.slot_key("slot_1", &one.identity, &both).unwrap();
    assert_eq!(*one.open(1, &slot).unwrap().encode(), *one.key.encode());
    let text = decrypt_with_identity(&slot.key, &one.identity, 256).unwrap();
    assert_eq!(**text, *one.key.encode().as_bytes());
    let next = one.vault.rotate(&both, &[]).unwrap().vault;
    let slot = next.slot_key("slot_1", &one.identity, &both).unwrap();
    let opened = one.open(2, &slot).unwrap();
    assert!(opened.newest_generation() == 2 && !opened.holds_others_than(2));
}

#[test]
fn a_slot_opens_as_itself_only() {
    let one = Slotted::new();
    let other = SlotIdentity::generate().unwrap();
    let SlotKey { key, proof, .. } = &one.slot;
    let with =
        |id, slot, generation, identity| outcome(open_slot(id, slot, generation, identity, key, proof));
    assert_eq!(with(one.id, "slot_1", 1, &one.identity), "opened");
    assert_eq!(with(one.id, "slot_1", 1, &other), "DoesNotOpen");
    assert_eq!(with(one.id, "slot_2", 1, &one.identity), "NotProven");
    assert_eq!(with(one.id, "slot_1", 2, &one.identity), "NotProven");
    assert_eq!(with(one.id, "slot_1", 0, &one.identity), "NotProven");
    assert_eq!(with(VaultId::generate().unwrap(), "slot_1", 1, &one.identity), "NotProven");
    // Two slots of one person: neither the key nor the proof of one passes in the other.
    let two = one.vault.slot_key("slot_2", &one.identity, &one.key).unwrap();
    for (key, proof) in [(&two.key, &two.proof), (&two.key, proof), (key, &two.proof)] {
        assert_eq!(outcome(open_slot(one.id, "slot_1", 1, &one.identity, key, proof)), "NotProven");
    }
}

#[test]
fn a_key_that_somebody_else_put_into_a_slot_is_not_taken() {
    let one = Slotted::new();
    let theirs = KeychainKey::generate().unwrap();
    let key = encrypt_to(&[one.identity.recipient()], theirs.encode().as_bytes()).unwrap();
    let claim = super::claim(one.id, "slot_1", 1, &key).unwrap();
    let forged = suite::hmac(&[0; 32], &[&claim]);
    for proof in [&one.slot.proof[..], &forged, b"", &[0; 31], &[0; 33], &[0; 64]] {
        assert_eq!(outcome(open_slot(one.id, "slot_1", 1, &one.identity, &key, proof)), "NotProven");
    }
}

#[test]
fn a_proof_is_about_the_vault_the_slot_the_generation_and_the_key() {
    let vault = VaultId::generate().unwrap();
    let expected = [
        b"hearthkey/v1/slot\0\0\0\x10".as_slice(),
        vault.as_bytes(),
        b"\0\0\0\x06slot_1",
        &7_u32.to_be_bytes(),
        &suite::sha256(b"an age file"),
    ];
    assert_eq!(super::claim(vault, "slot_1", 7, b"an age file"), Ok(expected.concat()));
}

#[test]
fn a_sealed_proof_key_is_bound_to_slot_recipient_and_generation() {
    let key = KeychainKey::fresh(2).unwrap();
    let id = VaultId::generate().unwrap();
    let [one, two] = [KeychainKey::generate().unwrap(), key].map(|key| Vault::create(id, &key).0);
    let place =
        |vault: &Vault, slot, recipient| vault.proof_key_place(slot, recipient).unwrap().as_bytes().to_vec();
    let bound = place(&one, "slot_1", "age1a");
    assert_eq!(place(&one, "slot_1", "age1a"), bound);
    assert_ne!(place(&two, "slot_1", "age1a"), bound);
    assert_ne!(place(&one, "slot_2", "age1a"), bound);
    assert_ne!(place(&one, "slot_1", "age1b"), bound);
}

#[test]
fn what_is_no_key_of_a_slot_is_malformed_even_if_proven() {
    let one = Slotted::new();
    let to_it = |text: &[u8]| encrypt_to(&[one.identity.recipient()], text).unwrap();
    let with_proof = |key: &[u8], generation| {
        let claim = super::claim(one.id, "slot_1", generation, key).unwrap();
        let proof = suite::hmac(one.identity.proof_key(one.id).bytes(), &[&claim]);
        outcome(open_slot(one.id, "slot_1", generation, &one.identity, key, &proof))
    };
    let malformed = "Malformed { part: \"key\" }";
    let passphrase = hearthkey_domain::Secret::new("correct horse battery staple");
    let for_passphrase = crate::age_file::encrypt_with_passphrase(&passphrase, b"ks1;").unwrap();
    for key in [
        to_it(b"ks1;"),
        to_it(b"\xff"),
        to_it(b""),
        to_it(&[b'k'; 257]),
        for_passphrase,
        vec![],
        vec![7; 300],
    ] {
        assert_eq!(with_proof(&key, 1), malformed);
    }
    let key = to_it(one.key.encode().as_bytes());
    assert_eq!(with_proof(&key, 1), "opened");
    assert_eq!(with_proof(&key, 2), "WrongGeneration { generation: 2 }");
}

#[test]
fn a_slot_is_not_made_with_a_key_that_is_not_the_vaults() {
    let one = Slotted::new();
    let stray = KeychainKey::generate().unwrap();
    let made = |key| outcome(one.vault.slot_key("slot_1", &one.identity, key));
    assert_eq!(made(&stray), "WrongKey { generation: 1 }");
    assert_eq!(made(&KeychainKey::fresh(2).unwrap()), "WrongGeneration { generation: 1 }");
    let slot = "s".repeat(crate::MAX_CONTEXT_FIELD + 1);
    let overlong = one.vault.slot_key(&slot, &one.identity, &one.key);
    assert!(matches!(overlong, Err(SlotError::ContextTooLong(_))));
    let overlong = open_slot(one.id, &slot, 1, &one.identity, &one.slot.key, &one.slot.proof);
    assert!(matches!(overlong, Err(SlotError::ContextTooLong(_))));
}

#[test]
fn a_slot_is_renewed_without_its_identity() {
    let one = Slotted::new();
    let next_key = one.key.succeeded(1).unwrap();
    let next = one.vault.rotate(&next_key, &[]).unwrap();
    let recipient = one.identity.recipient();
    let renew = |from: &Vault, slot, recipient, proof_key| {
        next.vault.renew_slot_key(from, slot, recipient, proof_key, &next_key)
    };
    let renewed = renew(&one.vault, "slot_1", &recipient, &one.slot.proof_key).unwrap();
    let key = one.open(2, &renewed).unwrap();
    assert!(key.newest_generation() == 2 && !key.holds_others_than(2));
    assert!(Vault::open(one.id, key, &[next.check]).is_ok());
    // The parts of the two generations do not mix, and the old ones are not replayed.
    assert_eq!(outcome(one.open(1, &renewed)), "NotProven");
    assert_eq!(outcome(one.open(2, &one.slot)), "NotProven");
    let mixed = SlotKey { proof: one.slot.proof.clone(), ..renewed.clone() };
    assert_eq!(outcome(one.open(2, &mixed)), "NotProven");
    // And once more.
    let third_key = next_key.succeeded(2).unwrap();
    let third = next.vault.rotate(&third_key, &[]).unwrap().vault;
    let renewed = third.renew_slot_key(&next.vault, "slot_1", &recipient, &renewed.proof_key, &third_key);
    assert_eq!(one.open(3, &renewed.unwrap()).unwrap().newest_generation(), 3);
}

#[test]
fn the_next_key_is_not_given_to_an_exchanged_recipient() {
    let one = Slotted::new();
    let next_key = one.key.succeeded(1).unwrap();
    let next = one.vault.rotate(&next_key, &[]).unwrap().vault;
    let (recipient, thief) = (one.identity.recipient(), SlotIdentity::generate().unwrap().recipient());
    let renew = |from: &Vault, slot, recipient: &str, proof_key| {
        outcome(next.renew_slot_key(from, slot, recipient, proof_key, &next_key))
    };
    let proof_key = &one.slot.proof_key;
    assert_eq!(renew(&one.vault, "slot_1", &recipient, proof_key), "opened");
    assert_eq!(renew(&one.vault, "slot_1", &thief, proof_key), "DoesNotOpen");
    assert_eq!(renew(&one.vault, "slot_1", &recipient.to_uppercase(), proof_key), "DoesNotOpen");
    assert_eq!(renew(&one.vault, "slot_2", &recipient, proof_key), "DoesNotOpen");
    assert_eq!(renew(&next, "slot_1", &recipient, proof_key), "DoesNotOpen");
    let other = Slotted::new();
    assert_eq!(renew(&other.vault, "slot_1", &recipient, proof_key), "DoesNotOpen");
    assert_eq!(renew(&one.vault, "slot_1", &recipient, &other.slot.proof_key), "DoesNotOpen");
    let cut = Sealed::from_bytes(proof_key.as_bytes()[..200].to_vec());
    assert_eq!(renew(&one.vault, "slot_1", &recipient, &cut), "Malformed { part: \"proof key\" }");
    let slot = "s".repeat(crate::MAX_CONTEXT_FIELD + 1);
    assert!(renew(&one.vault, &slot, &recipient, proof_key).starts_with("ContextTooLong"));
    // What no vault writes: a proof key of another length, a recipient that is none.
    let place = one.vault.proof_key_place("slot_1", &recipient).unwrap();
    let short = seal_key(&one.vault.sealing, &place, &[7; 31]).unwrap();
    assert_eq!(renew(&one.vault, "slot_1", &recipient, &short), "DoesNotOpen");
    let place = one.vault.proof_key_place("slot_1", "nobody").unwrap();
    let nobody = seal_key(&one.vault.sealing, &place, &[7; 32]).unwrap();
    assert_eq!(renew(&one.vault, "slot_1", "nobody", &nobody), "Malformed { part: \"recipient\" }");
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_sealed_proof_key_is_refused() {
    let one = Slotted::new();
    let next_key = one.key.succeeded(1).unwrap();
    let next = one.vault.rotate(&next_key, &[]).unwrap().vault;
    let recipient = one.identity.recipient();
    let renews = |bytes: &[u8]| {
        let sealed = Sealed::from_bytes(bytes.to_vec());
        next.renew_slot_key(&one.vault, "slot_1", &recipient, &sealed, &next_key).is_ok()
    };
    let sealed = one.slot.proof_key.as_bytes();
    assert!(renews(sealed));
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!renews(&bytes), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(!renews(&sealed[..length]), "length {length}");
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_of_a_slot_is_refused() {
    let SlotKey { key, proof, .. } = &SLOTTED.slot;
    assert!(SLOTTED.opens(key, proof));
    let flipped = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in 0..proof.len() * 8 {
        assert!(!SLOTTED.opens(key, &flipped(proof, bit)), "bit {bit} of the proof");
    }
    for bit in 0..key.len() * 8 {
        assert!(!SLOTTED.opens(&flipped(key, bit), proof), "bit {bit} of the key");
    }
    for length in 0..key.len() {
        assert!(!SLOTTED.opens(&key[..length], proof), "length {length} of the key");
    }
    for length in 0..proof.len() {
        assert!(!SLOTTED.opens(key, &proof[..length]), "length {length} of the proof");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_other_bytes_are_refused(
        key in prop::collection::vec(any::<u8>(), 0..400),
        proof in prop::collection::vec(any::<u8>(), 30..34),
    ) {
        prop_assert!(!SLOTTED.opens(&key, &proof));
        prop_assert!(!SLOTTED.opens(&SLOTTED.slot.key, &proof));
        prop_assert!(!SLOTTED.opens(&[&SLOTTED.slot.key, &*key, b"x"].concat(), &SLOTTED.slot.proof));
    }
}

mod vectors;
