use super::workspace::{WorkspaceRing, workspace_context};
use super::{Vault, WorkspaceKeys};
use crate::error::{FormatFault, OpenError, SealError, UnsealError};
use crate::keys::{ParentKey, SymmetricKey};
use crate::locked::LockedKey;
use crate::{KeyCheck, KeychainKey, MAX_PLAINTEXT, VaultId};
use hearthkey_domain::sealed::{SealContext, Sealed};
use std::sync::{Arc, LazyLock};

const PLACE: SealContext<'static> = SealContext {
    workspace: "home",
    table: "credentials",
    row: "conn_01",
    field: "secret",
    version: 7,
    issuer: "https://accounts.example",
    policy: "api.example\n*.example",
};

const KEY_1: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const KEY_2: &str = "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

fn generation_1() -> KeychainKey {
    KeychainKey::parse(&format!("ks1;g=1:{KEY_1}")).unwrap()
}

fn generations_2_and_1() -> KeychainKey {
    KeychainKey::parse(&format!("ks1;g=2:{KEY_2};g=1:{KEY_1}")).unwrap()
}

/// One vault for the properties, with workspaces `home` and `work` admitted.
static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let (vault, _) = Vault::create(VaultId::generate().unwrap(), &KeychainKey::generate().unwrap());
    for workspace in ["home", "work"] {
        admit_new(&vault, workspace);
    }
    vault
});

fn admit(vault: &Vault, workspace: &str, sealed: &Sealed) -> Result<(), UnsealError> {
    vault.admit_workspace(&WorkspaceKeys { workspace, generation: 1, sealed, retiring: None })
}

fn admit_new(vault: &Vault, workspace: &str) -> Sealed {
    let sealed = vault.new_workspace_key(workspace).unwrap();
    admit(vault, workspace, &sealed).unwrap();
    sealed
}

fn refusal(vault: &Vault, place: SealContext<'_>, bytes: &[u8]) -> Option<UnsealError> {
    vault.unseal(place, &Sealed::from_bytes(bytes.to_vec())).err()
}

#[test]
fn what_is_sealed_is_unsealed_by_a_reopened_vault() {
    let id = VaultId::generate().unwrap();
    let (vault, check) = Vault::create(id, &generation_1());
    let workspace_key = admit_new(&vault, "home");
    let sealed = vault.seal(PLACE, b"token").unwrap();
    drop(vault);

    let check = KeyCheck::from_stored(check.generation(), *check.value());
    let vault = Vault::open(id, generation_1(), &[check]).unwrap();
    assert_eq!(vault.unseal(PLACE, &sealed), Err(UnsealError::WorkspaceUnknown));
    admit(&vault, "home", &workspace_key).unwrap();
    assert_eq!(**vault.unseal(PLACE, &sealed).unwrap(), *b"token");
}

#[test]
fn a_wrong_key_a_missing_generation_and_no_proof_are_told_apart() {
    let id = VaultId::generate().unwrap();
    let (_, check_1) = Vault::create(id, &generation_1());
    let (_, check_2) = Vault::create(id, &generations_2_and_1());
    let open = |id, key, stored: &[KeyCheck]| Vault::open(id, key, stored).err();

    assert_eq!(open(id, generation_1(), &[check_1]), None);
    assert_eq!(open(id, generations_2_and_1(), &[check_2, check_1]), None);
    assert_eq!(open(id, generation_1(), &[]), Some(OpenError::NoKeyCheck));
    let another = KeychainKey::generate().unwrap();
    assert_eq!(open(id, another, &[check_1]), Some(OpenError::WrongKey { generation: 1 }));
    let missing = Some(OpenError::MissingGeneration { generation: 2 });
    assert_eq!(open(id, generation_1(), &[check_1, check_2]), missing);
    let other_vault = VaultId::generate().unwrap();
    assert_eq!(open(other_vault, generation_1(), &[check_1]), Some(OpenError::WrongKey { generation: 1 }));
    let mut value = *check_2.value();
    value[15] ^= 1;
    let wrong = [check_1, KeyCheck::from_stored(2, value)];
    assert_eq!(open(id, generations_2_and_1(), &wrong), Some(OpenError::WrongKey { generation: 2 }));
}

#[test]
fn during_a_rotation_both_generations_open_and_the_proven_one_seals() {
    let id = VaultId::generate().unwrap();
    let (before, check_1) = Vault::create(id, &generation_1());
    let old = admit_new(&before, "old");
    let generation_of = |sealed: &Sealed| u32::from_be_bytes(sealed.as_bytes()[6..10].try_into().unwrap());

    let begun = Vault::open(id, generations_2_and_1(), &[check_1]).unwrap();
    admit(&begun, "old", &old).unwrap();
    assert_eq!(generation_of(&admit_new(&begun, "new")), 1);

    let (_, check_2) = Vault::create(id, &generations_2_and_1());
    for stored in [[check_1, check_2], [check_2, check_1]] {
        let proven = Vault::open(id, generations_2_and_1(), &stored).unwrap();
        admit(&proven, "old", &old).unwrap();
        let new = admit_new(&proven, "new");
        assert_eq!(generation_of(&new), 2);
        let unknown = Err(UnsealError::UnknownGeneration { generation: 2 });
        assert_eq!(admit(&before, "new", &new), unknown);
    }
}

#[test]
fn a_workspace_key_opens_only_as_its_own() {
    let vault = &*VAULT;
    let sealed = vault.new_workspace_key("attic").unwrap();
    assert_eq!(admit(vault, "cellar", &sealed), Err(UnsealError::Refused));
    // Nor does a secret pass as a workspace key, or the other way round.
    let secret = vault.seal(workspace_context("home", 1), &[7; 32]).unwrap();
    assert_eq!(admit(vault, "home", &secret), Err(UnsealError::Refused));
    let home = vault.new_workspace_key("home").unwrap();
    assert_eq!(vault.unseal(workspace_context("home", 1), &home).err(), Some(UnsealError::Refused));
}

#[test]
fn a_dismissed_workspace_neither_seals_nor_unseals() {
    let (vault, _) = Vault::create(VaultId::generate().unwrap(), &generation_1());
    let key = admit_new(&vault, "home");
    let sealed = vault.seal(PLACE, b"token").unwrap();
    assert!(vault.dismiss_workspace("home"));
    assert!(!vault.dismiss_workspace("home"));
    assert!(matches!(vault.seal(PLACE, b"token"), Err(SealError::WorkspaceUnknown)));
    assert_eq!(vault.unseal(PLACE, &sealed).err(), Some(UnsealError::WorkspaceUnknown));
    admit(&vault, "home", &key).unwrap();
    assert!(vault.unseal(PLACE, &sealed).is_ok());
}

#[test]
fn lengths_outside_one_byte_to_one_mebibyte_are_refused() {
    let vault = &*VAULT;
    assert!(matches!(vault.seal(PLACE, b""), Err(SealError::EmptyPlaintext)));
    let longest = vec![1; MAX_PLAINTEXT + 1];
    assert!(matches!(
        vault.seal(PLACE, &longest),
        Err(SealError::PlaintextTooLong { length }) if length == MAX_PLAINTEXT + 1
    ));
    let sealed = vault.seal(PLACE, &longest[1..]).unwrap();
    assert_eq!(**vault.unseal(PLACE, &sealed).unwrap(), longest[1..]);
    let longer = [sealed.as_bytes(), &[0; 256]].concat();
    assert_eq!(refusal(vault, PLACE, &longer), Some(UnsealError::Format(FormatFault::TooLong)));
}

#[test]
fn the_length_of_an_envelope_shows_blocks_only_and_no_two_are_alike() {
    let vault = &*VAULT;
    let seal = |length| vault.seal(PLACE, &vec![1; length]).unwrap();
    assert_eq!(seal(1).as_bytes().len(), 114 + 256 + 16);
    assert_eq!(seal(255).as_bytes().len(), seal(1).as_bytes().len());
    assert_eq!(seal(256).as_bytes().len(), 114 + 512 + 16);
    let (one, two) = (seal(40), seal(40));
    for (part, range) in
        [("wrap nonce", 10..22), ("data key", 22..70), ("nonce", 102..114), ("body", 114..386)]
    {
        assert_ne!(one.as_bytes()[range.clone()], two.as_bytes()[range], "{part}");
    }
}

#[test]
fn each_fault_of_shape_is_found_before_any_key_is_asked_for() {
    let vault = &*VAULT;
    let sealed = vault.seal(PLACE, &[1; 300]).unwrap();
    let nowhere = SealContext { workspace: "nowhere", ..PLACE };
    let changed = |at: usize, byte: u8| {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] = byte;
        refusal(vault, nowhere, &bytes)
    };
    assert_eq!(changed(0, b'k'), Some(UnsealError::Format(FormatFault::Magic)));
    assert_eq!(changed(4, 2), Some(UnsealError::Format(FormatFault::UnknownSuite(2))));
    assert_eq!(changed(5, 0x80), Some(UnsealError::Format(FormatFault::UnknownFlags(0x80))));
    assert_eq!(changed(4, 1), Some(UnsealError::WorkspaceUnknown));
    // One byte less than the envelope of the shortest plaintext.
    for length in [0, 5, 130, 354, 385] {
        let cut = refusal(vault, nowhere, &sealed.as_bytes()[..length]);
        assert_eq!(cut, Some(UnsealError::Format(FormatFault::TooShort)), "length {length}");
    }
    let partial = &sealed.as_bytes()[..600];
    assert_eq!(refusal(vault, nowhere, partial), Some(UnsealError::Format(FormatFault::PartialBlock)));
}

#[test]
fn every_flipped_bit_is_refused() {
    let vault = &*VAULT;
    let sealed = vault.seal(PLACE, &[0x5a; 200]).unwrap();
    for bit in 0..sealed.as_bytes().len() * 8 {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refusal = refusal(vault, PLACE, &bytes);
        let expected = match bit / 8 {
            0..6 => matches!(refusal, Some(UnsealError::Format(_))),
            6..10 => matches!(refusal, Some(UnsealError::UnknownGeneration { .. })),
            _ => refusal == Some(UnsealError::Refused),
        };
        assert!(expected, "bit {bit}: {refusal:?}");
    }
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let vault = &*VAULT;
    let sealed = vault.seal(PLACE, &[0x5a; 600]).unwrap();
    let longer = [sealed.as_bytes(), &[0; 600]].concat();
    for length in (0..longer.len()).filter(|length| *length != sealed.as_bytes().len()) {
        assert!(refusal(vault, PLACE, &longer[..length]).is_some(), "length {length}");
    }
}

#[test]
fn an_envelope_does_not_open_under_another_generation_at_hand() {
    let id = VaultId::generate().unwrap();
    let (vault, _) = Vault::create(id, &generations_2_and_1());
    let mut bytes = vault.new_workspace_key("home").unwrap().as_bytes().to_vec();
    bytes[9] = 1;
    assert_eq!(admit(&vault, "home", &Sealed::from_bytes(bytes)), Err(UnsealError::Refused));
}

#[test]
fn an_envelope_opens_in_its_own_place_only() {
    let vault = &*VAULT;
    let sealed = vault.seal(PLACE, b"token").unwrap();
    assert!(vault.unseal(PLACE, &sealed).is_ok());
    for (changed, place) in [
        ("workspace", SealContext { workspace: "work", ..PLACE }),
        ("table", SealContext { table: "clients", ..PLACE }),
        ("row", SealContext { row: "conn_02", ..PLACE }),
        ("field", SealContext { field: "previous", ..PLACE }),
        ("replayed version", SealContext { version: 6, ..PLACE }),
        ("later version", SealContext { version: 8, ..PLACE }),
        ("issuer", SealContext { issuer: "https://accounts.example.evil", ..PLACE }),
        ("policy", SealContext { policy: "api.example\n*.example\nevil.example", ..PLACE }),
        ("no policy", SealContext { policy: "", ..PLACE }),
    ] {
        assert_eq!(vault.unseal(place, &sealed).err(), Some(UnsealError::Refused), "{changed}");
    }
}

#[test]
fn the_workspace_is_bound_by_more_than_its_key() {
    // Two workspaces that, by damage or design, were given one key: the envelope still knows its own.
    let (vault, _) = Vault::create(VaultId::generate().unwrap(), &generation_1());
    admit_new(&vault, "home");
    let shared = vault.workspace("home").unwrap();
    vault.workspaces.write().unwrap().insert("work".to_owned(), shared);
    let sealed = vault.seal(PLACE, b"token").unwrap();
    let moved = SealContext { workspace: "work", ..PLACE };
    assert_eq!(vault.unseal(moved, &sealed).err(), Some(UnsealError::Refused));
}

#[test]
fn another_vault_with_the_same_keys_refuses() {
    let (one, _) = Vault::create(VaultId::generate().unwrap(), &generation_1());
    let (two, _) = Vault::create(VaultId::generate().unwrap(), &generation_1());
    let key = admit_new(&one, "home");
    assert_eq!(admit(&two, "home", &key), Err(UnsealError::Refused));
    let sealed = one.seal(PLACE, b"token").unwrap();
    let shared = one.workspace("home").unwrap();
    two.workspaces.write().unwrap().insert("home".to_owned(), shared);
    assert_eq!(two.unseal(PLACE, &sealed).err(), Some(UnsealError::Refused));
}

#[test]
fn one_key_that_is_not_locked_is_told() {
    let ring = || WorkspaceRing {
        newest: ParentKey::derive(VaultId::generate().unwrap(), 2, &SymmetricKey::from_kernel().unwrap()),
        retiring: Some(ParentKey::derive(
            VaultId::generate().unwrap(),
            1,
            &SymmetricKey::from_kernel().unwrap(),
        )),
    };
    let (mut vault, _) = Vault::create(VaultId::generate().unwrap(), &generations_2_and_1());
    let as_the_system_has_it = LockedKey::filled(|_| ()).is_locked();
    assert_eq!(vault.is_locked_in_memory(), as_the_system_has_it);
    vault.workspaces.write().unwrap().insert("home".to_owned(), Arc::new(ring()));
    assert_eq!(vault.is_locked_in_memory(), as_the_system_has_it);

    let mut unlocked = [ring(), ring()];
    unlocked[0].newest.unlock();
    unlocked[1].retiring.as_mut().unwrap().unlock();
    for ring in unlocked {
        vault.workspaces.write().unwrap().insert("home".to_owned(), Arc::new(ring));
        assert!(!vault.is_locked_in_memory());
        assert!(vault.dismiss_workspace("home"));
        assert_eq!(vault.is_locked_in_memory(), as_the_system_has_it);
    }
    vault.others[0].unlock();
    assert!(!vault.is_locked_in_memory());
    vault.others.clear();
    vault.sealing.unlock();
    assert!(!vault.is_locked_in_memory());
}

#[test]
fn debug_shows_the_id_only() {
    let id = VaultId::generate().unwrap();
    let (vault, _) = Vault::create(id, &generation_1());
    admit_new(&vault, "home");
    assert_eq!(format!("{vault:?}"), format!("Vault {{ id: {id:?}, .. }}"));
}

mod properties;
