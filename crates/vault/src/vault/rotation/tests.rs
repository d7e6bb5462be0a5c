use crate::error::{FormatFault, RewrapError, RotateError, UnsealError};
use crate::vault::rotation::Rotation;
use crate::vault::{Vault, WorkspaceKeys};
use crate::{KeyCheck, KeychainKey, VaultId};
use hearthkey_domain::sealed::{SealContext, Sealed};

pub(super) const PLACE: SealContext<'static> = SealContext {
    workspace: "home",
    table: "credentials",
    row: "conn_01",
    field: "secret",
    version: 7,
    issuer: "https://accounts.example",
    policy: "api.example",
};

fn keys<'a>(workspace: &'a str, generation: u32, sealed: &'a Sealed) -> WorkspaceKeys<'a> {
    WorkspaceKeys { workspace, generation, sealed, retiring: None }
}

/// A vault of generation 1 with workspaces `home` and `work`, and what its database holds.
pub(super) struct Before {
    pub(super) id: VaultId,
    pub(super) key: KeychainKey,
    pub(super) vault: Vault,
    check: KeyCheck,
    home: Sealed,
    work: Sealed,
}

impl Before {
    pub(super) fn new() -> Self {
        let (id, key) = (VaultId::generate().unwrap(), KeychainKey::generate().unwrap());
        let (vault, check) = Vault::create(id, &key);
        let [home, work] = ["home", "work"].map(|workspace| {
            let sealed = vault.new_workspace_key(workspace).unwrap();
            vault.admit_workspace(&keys(workspace, 1, &sealed)).unwrap();
            sealed
        });
        Self { id, key, vault, check, home, work }
    }

    fn rotate(&self, next: &KeychainKey) -> Result<Rotation, RotateError> {
        self.vault.rotate(next, &[keys("home", 1, &self.home), keys("work", 1, &self.work)])
    }

    pub(super) fn rotated(&self) -> (KeychainKey, Rotation) {
        let next = self.key.succeeded(1).unwrap();
        let rotation = self.rotate(&next).unwrap();
        (next, rotation)
    }
}

fn generation_of(sealed: &Sealed) -> u32 {
    u32::from_be_bytes(sealed.as_bytes()[6..10].try_into().unwrap())
}

fn refused(vault: &Vault, place: SealContext<'_>, sealed: &Sealed) -> UnsealError {
    vault.unseal(place, sealed).unwrap_err()
}

const NOT_AT_HAND: fn(u32) -> UnsealError = |generation| UnsealError::UnknownGeneration { generation };

#[test]
fn a_rotation_seals_under_new_keys_and_still_opens_what_was_sealed_before() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (next, rotation) = before.rotated();

    assert_eq!((before.vault.generation(), rotation.vault.generation()), (1, 2));
    assert_eq!((next.newest_generation(), rotation.check.generation()), (2, 2));
    let named: Vec<_> = rotation.workspaces.iter().map(|keys| (&*keys.workspace, keys.generation)).collect();
    assert_eq!(named, [("home", 2), ("work", 2)]);
    for keys in &rotation.workspaces {
        assert_eq!((generation_of(&keys.sealed), generation_of(&keys.retiring)), (2, 2));
    }
    assert_eq!(**rotation.vault.unseal(PLACE, &old).unwrap(), *b"token");
    let new = rotation.vault.seal(PLACE, b"newer").unwrap();
    assert_eq!((generation_of(&old), generation_of(&new)), (1, 2));
    assert_eq!(**rotation.vault.unseal(PLACE, &new).unwrap(), *b"newer");
    assert_eq!(refused(&before.vault, PLACE, &new), NOT_AT_HAND(2));
    // The vault before is as it was, and the workspaces are still apart.
    assert!(before.vault.unseal(PLACE, &old).is_ok());
    let work = SealContext { workspace: "work", ..PLACE };
    assert_eq!(refused(&rotation.vault, work, &old), UnsealError::Refused);
    assert_eq!(refused(&rotation.vault, work, &new), UnsealError::Refused);
}

#[test]
fn what_was_stored_of_a_rotation_opens_again() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (next, rotation) = before.rotated();
    let home = &rotation.workspaces[0];
    let stored = WorkspaceKeys {
        workspace: "home",
        generation: home.generation,
        sealed: &home.sealed,
        retiring: Some(&home.retiring),
    };
    // With both generations of the keychain key, or with the newest alone.
    for key in [KeychainKey::parse(&next.encode()).unwrap(), next.only(2).unwrap()] {
        let vault = Vault::open(before.id, key, &[rotation.check]).unwrap();
        vault.admit_workspace(&stored).unwrap();
        assert_eq!(**vault.unseal(PLACE, &old).unwrap(), *b"token");
        assert_eq!(generation_of(&vault.seal(PLACE, b"newer").unwrap()), 2);
    }
}

#[test]
fn a_rotation_that_was_never_stored_leaves_the_vault_open_to_its_key() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (next, _) = before.rotated();
    let vault = Vault::open(before.id, next, &[before.check]).unwrap();
    assert_eq!(vault.generation(), 1);
    vault.admit_workspace(&keys("home", 1, &before.home)).unwrap();
    assert!(vault.unseal(PLACE, &old).is_ok());
    assert_eq!(generation_of(&vault.new_workspace_key("attic").unwrap()), 1);
}

#[test]
fn a_rewrap_changes_bytes_6_to_70_and_nothing_else() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, &[7; 700]).unwrap();
    let (_, rotation) = before.rotated();
    let rewrap = || rotation.vault.rewrap(PLACE, &old).unwrap().unwrap();
    let (new, again) = (rewrap(), rewrap());

    assert_eq!(new.as_bytes().len(), old.as_bytes().len());
    assert_eq!(new.as_bytes()[..6], old.as_bytes()[..6]);
    assert_eq!(new.as_bytes()[70..], old.as_bytes()[70..]);
    assert_eq!((generation_of(&old), generation_of(&new)), (1, 2));
    for (part, range) in [("wrap nonce", 10..22), ("data key", 22..54), ("tag", 54..70)] {
        assert_ne!(new.as_bytes()[range.clone()], old.as_bytes()[range.clone()], "{part}");
        assert_ne!(new.as_bytes()[range.clone()], again.as_bytes()[range], "{part}");
    }
    assert_eq!(**rotation.vault.unseal(PLACE, &new).unwrap(), [7; 700]);
    assert_eq!(rotation.vault.rewrap(PLACE, &new).unwrap(), None);
    assert_eq!(before.vault.rewrap(PLACE, &old).unwrap(), None);
}

#[test]
fn after_a_rotation_neither_side_opens_the_other() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (next, rotation) = before.rotated();
    let new = rotation.vault.rewrap(PLACE, &old).unwrap().unwrap();
    let home = &rotation.workspaces[0];

    // Who has the old keys, and the new database.
    assert_eq!(refused(&before.vault, PLACE, &new), NOT_AT_HAND(2));
    let mut renamed = new.as_bytes().to_vec();
    renamed[9] = 1;
    assert_eq!(refused(&before.vault, PLACE, &Sealed::from_bytes(renamed)), UnsealError::Refused);
    for sealed in [&home.sealed, &home.retiring] {
        for generation in [1, 2] {
            let admitted = before.vault.admit_workspace(&keys("home", generation, sealed));
            assert_eq!(admitted, Err(NOT_AT_HAND(2)));
        }
    }

    // Who has the new keys alone, and a copy of the old database.
    let vault = Vault::open(before.id, next.only(2).unwrap(), &[rotation.check]).unwrap();
    assert_eq!(vault.admit_workspace(&keys("home", 1, &before.home)), Err(NOT_AT_HAND(1)));
    vault.admit_workspace(&keys("home", 2, &home.sealed)).unwrap();
    assert_eq!(refused(&vault, PLACE, &old), NOT_AT_HAND(1));
    assert!(matches!(
        vault.rewrap(PLACE, &old),
        Err(RewrapError::Unseal(UnsealError::UnknownGeneration { generation: 1 }))
    ));
    assert!(vault.unseal(PLACE, &new).is_ok());
    let mut renamed = old.as_bytes().to_vec();
    renamed[9] = 2;
    assert_eq!(refused(&vault, PLACE, &Sealed::from_bytes(renamed)), UnsealError::Refused);
}

#[test]
fn a_key_does_not_pass_as_another_generation() {
    let before = Before::new();
    let (_, rotation) = before.rotated();
    let (home, work) = (&rotation.workspaces[0], &rotation.workspaces[1]);
    let admit = |generation, sealed, retiring| {
        let keys = WorkspaceKeys { workspace: "home", generation, sealed, retiring };
        rotation.vault.admit_workspace(&keys).err()
    };
    assert_eq!(admit(2, &home.sealed, Some(&home.retiring)), None);
    for (changed, refusal) in [
        ("swapped", admit(2, &home.retiring, Some(&home.sealed))),
        ("replayed", admit(2, &home.retiring, None)),
        ("older", admit(1, &home.sealed, None)),
        ("newer", admit(3, &home.sealed, None)),
        ("none", admit(0, &home.sealed, Some(&home.retiring))),
        ("the newest twice", admit(2, &home.sealed, Some(&home.sealed))),
        ("of another workspace", admit(2, &work.sealed, None)),
        ("retiring of another workspace", admit(2, &home.sealed, Some(&work.retiring))),
    ] {
        assert_eq!(refusal, Some(UnsealError::Refused), "{changed}");
    }
    // What was admitted first is still held.
    assert!(rotation.vault.seal(PLACE, b"token").is_ok());
}

#[test]
fn a_key_in_slots_only_is_succeeded_by_a_fresh_one_alone() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let rotation = before.rotate(&KeychainKey::fresh(2).unwrap()).unwrap();
    assert!(rotation.vault.unseal(PLACE, &old).is_ok());
    assert_eq!(rotation.vault.rewrap(PLACE, &old).unwrap().map(|sealed| generation_of(&sealed)), Some(2));
}

#[test]
fn a_vault_is_rotated_again_when_the_retiring_keys_are_gone() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (next, rotation) = before.rotated();
    let home = &rotation.workspaces[0];
    let with = |retiring| WorkspaceKeys { workspace: "home", generation: 2, sealed: &home.sealed, retiring };

    let third = next.succeeded(2).unwrap();
    let unfinished = rotation.vault.rotate(&third, &[with(Some(&home.retiring))]).unwrap_err();
    assert!(matches!(&unfinished, RotateError::Unfinished { workspace } if workspace == "home"));

    let rewrapped = rotation.vault.rewrap(PLACE, &old).unwrap().unwrap();
    let again = rotation.vault.rotate(&third, &[with(None)]).unwrap();
    assert_eq!((again.vault.generation(), again.workspaces[0].generation), (3, 3));
    assert_eq!(refused(&again.vault, PLACE, &old), NOT_AT_HAND(1));
    let rewrapped = again.vault.rewrap(PLACE, &rewrapped).unwrap().unwrap();
    assert_eq!(generation_of(&rewrapped), 3);
    assert_eq!(rewrapped.as_bytes()[70..], old.as_bytes()[70..]);
    assert_eq!(**again.vault.unseal(PLACE, &rewrapped).unwrap(), *b"token");
}

#[test]
fn a_rotation_to_a_key_that_does_not_follow_is_refused() {
    let before = Before::new();
    for found in [1, 3, u32::MAX] {
        let refused = before.rotate(&KeychainKey::fresh(found).unwrap()).unwrap_err();
        assert!(matches!(refused, RotateError::NotNext { current: 1, found: number } if number == found));
    }
    let stray = KeychainKey::generate().unwrap().succeeded(1).unwrap();
    assert!(matches!(before.rotate(&stray), Err(RotateError::WrongKey { generation: 1 })));

    let last = KeychainKey::fresh(u32::MAX).unwrap();
    let (vault, _) = Vault::create(before.id, &last);
    let next = KeychainKey::fresh(1).unwrap();
    assert!(matches!(vault.rotate(&next, &[]), Err(RotateError::NotNext { current: u32::MAX, found: 1 })));
}

#[test]
fn a_workspace_key_that_cannot_be_rotated_is_named() {
    let before = Before::new();
    let next = before.key.succeeded(1).unwrap();
    let rotate = |keys| before.vault.rotate(&next, &[keys]).unwrap_err();

    let refused = rotate(keys("work", 1, &before.home));
    assert!(matches!(
        &refused,
        RotateError::Workspace { workspace, fault: UnsealError::Refused } if workspace == "work"
    ));
    let refused = rotate(keys("home", 2, &before.home));
    assert!(matches!(refused, RotateError::Workspace { fault: UnsealError::Refused, .. }));
    let refused = rotate(keys("home", u32::MAX, &before.home));
    assert!(matches!(refused, RotateError::Exhausted { workspace } if workspace == "home"));
    let cut = Sealed::from_bytes(before.home.as_bytes()[..100].to_vec());
    let refused = rotate(keys("home", 1, &cut));
    let expected = UnsealError::Format(FormatFault::TooShort);
    assert!(matches!(refused, RotateError::Workspace { fault, .. } if fault == expected));
    // Its wrap is whole and its body is not: it would be carried along, and open nothing.
    let mut damaged = before.home.as_bytes().to_vec();
    damaged[200] ^= 1;
    let refused = rotate(keys("home", 1, &Sealed::from_bytes(damaged)));
    assert!(matches!(refused, RotateError::Workspace { fault: UnsealError::Refused, .. }));
}

#[test]
fn what_cannot_be_rewrapped_is_told_apart_and_stays() {
    let before = Before::new();
    let old = before.vault.seal(PLACE, b"token").unwrap();
    let (_, Rotation { vault, .. }) = before.rotated();
    let new = vault.seal(PLACE, b"newer").unwrap();
    let fault = |place, sealed: &Sealed| match vault.rewrap(place, sealed) {
        Err(RewrapError::Unseal(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let cut = Sealed::from_bytes(old.as_bytes()[..300].to_vec());
    assert_eq!(fault(PLACE, &cut), UnsealError::Format(FormatFault::TooShort));
    let nowhere = SealContext { workspace: "nowhere", ..PLACE };
    assert_eq!(fault(nowhere, &old), UnsealError::WorkspaceUnknown);
    let row = "r".repeat(crate::MAX_CONTEXT_FIELD + 1);
    let overlong = SealContext { row: &row, ..PLACE };
    assert!(matches!(fault(overlong, &old), UnsealError::ContextTooLong(_)));
    for sealed in [&old, &new] {
        // Moved, replayed, or with a wrap of another making: neither re-wrapped, nor called done.
        assert_eq!(fault(SealContext { row: "conn_02", ..PLACE }, sealed), UnsealError::Refused);
        assert_eq!(fault(SealContext { version: 6, ..PLACE }, sealed), UnsealError::Refused);
        assert_eq!(fault(SealContext { workspace: "work", ..PLACE }, sealed), UnsealError::Refused);
        for at in [10, 22, 54, 69] {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert_eq!(fault(PLACE, &Sealed::from_bytes(bytes)), UnsealError::Refused, "byte {at}");
        }
    }
    // A damaged body is not looked at, and not mended.
    let mut bytes = old.as_bytes().to_vec();
    bytes[200] ^= 1;
    let rewrapped = vault.rewrap(PLACE, &Sealed::from_bytes(bytes)).unwrap().unwrap();
    assert_eq!(refused(&vault, PLACE, &rewrapped), UnsealError::Refused);
}

#[test]
fn debug_of_a_rotation_shows_no_key() {
    let (_, rotation) = Before::new().rotated();
    let shown = format!("{rotation:?}");
    assert!(shown.contains("sealed: Sealed(386 bytes)") && shown.contains("generation: 2"), "{shown}");
}

mod properties;
