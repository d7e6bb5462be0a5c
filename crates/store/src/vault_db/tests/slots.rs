//! Key slots: which make way for which, and what is left of them.

use super::*;
use SlotKind::{Passphrase, Recovery};
use hearthkey_domain::ports::StoreError;

/// The slots that are there, by number; those that are confirmed with a mark.
async fn present(db: &VaultDb) -> Vec<String> {
    let name = |row: SlotRow| {
        let number = (1..=9).find(|number| slot_id(*number) == row.slot.id).unwrap();
        format!("{number}{}", if row.slot.confirmed_at.is_some() { "!" } else { "" })
    };
    db.key_slots().await.unwrap().into_iter().map(name).collect()
}

async fn put(db: &VaultDb, number: u8, kind: SlotKind, is_confirmed: bool) {
    let row = slot_row(number, kind, is_confirmed.then(|| at(1)));
    db.add_slot(row, activity(HOME, None, at(0))).await.unwrap();
}

#[tokio::test]
async fn a_slot_comes_back_as_it_was_added() {
    let place = Place::new();
    let founding = [slot_row(1, Recovery, None), slot_row(2, Passphrase, Some(at(3)))];
    let db = place.open();
    db.found_vault(vault_record(), workspace_row(HOME), founding.to_vec()).await.unwrap();
    drop(db);
    let found = place.open().key_slots().await.unwrap();
    assert_eq!(found.iter().map(sides).collect::<Vec<_>>(), founding.iter().map(sides).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_new_slot_takes_the_place_of_others_of_its_kind() {
    // What is there (kind, confirmed); what is added; what is left.
    type Slots = &'static [(SlotKind, bool)];
    let cases: &[(Slots, (SlotKind, bool), &[&str])] = &[
        (&[], (Recovery, false), &["1"]),
        (&[(Recovery, false)], (Recovery, false), &["2"]),
        (&[(Recovery, true)], (Recovery, false), &["1!", "2"]),
        (&[(Recovery, true), (Recovery, false)], (Recovery, false), &["1!", "3"]),
        (&[(Recovery, true), (Recovery, false)], (Recovery, true), &["3!"]),
        (&[(Passphrase, true), (Recovery, true)], (Passphrase, true), &["2!", "3!"]),
        (&[(Passphrase, true), (Recovery, false)], (Passphrase, false), &["1!", "2", "3"]),
    ];
    for (there, (kind, is_confirmed), left) in cases {
        let place = Place::new();
        let db = place.founded().await;
        for (number, (kind, is_confirmed)) in (1..).zip(*there) {
            put(&db, number, *kind, *is_confirmed).await;
        }
        put(&db, u8::try_from(there.len()).unwrap() + 1, *kind, *is_confirmed).await;
        assert_eq!(present(&db).await, *left, "{there:?} and {kind:?} {is_confirmed}");
        let replaced = left.len() <= there.len();
        assert_eq!(is_rotation_due(&db).await, replaced, "{there:?} and {kind:?} {is_confirmed}");
    }
}

#[tokio::test]
async fn a_confirmed_slot_is_the_only_one_of_its_kind() {
    let place = Place::new();
    let db = place.founded().await;
    put(&db, 1, Recovery, true).await;
    put(&db, 2, Passphrase, true).await;
    put(&db, 3, Recovery, false).await;
    assert_eq!(present(&db).await, ["1!", "2!", "3"]);
    assert!(db.confirm_slot(slot_id(3), at(9), activity(HOME, None, at(9))).await.unwrap());
    assert_eq!(present(&db).await, ["2!", "3!"]);
    let row = db.key_slots().await.unwrap().remove(1);
    assert_eq!(sides(&row), sides(&slot_row(3, Recovery, Some(at(9)))));
    let entries = db.activity(workspace(HOME), None, 9).await.unwrap().len();
    assert!(!db.confirm_slot(slot_id(1), at(9), activity(HOME, None, at(9))).await.unwrap());
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), entries, "nothing was confirmed");
    assert!(is_rotation_due(&db).await, "what opened the first opens older copies");
}

#[tokio::test]
async fn a_removed_slot_asks_for_a_rotation() {
    let place = Place::new();
    let db = place.founded().await;
    put(&db, 1, Recovery, true).await;
    assert!(!db.remove_slot(slot_id(2), activity(HOME, None, at(0))).await.unwrap());
    assert!(!is_rotation_due(&db).await);
    assert!(db.remove_slot(slot_id(1), activity(HOME, None, at(0))).await.unwrap());
    assert!(is_rotation_due(&db).await);
    assert!(db.key_slots().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_identifier_names_one_slot() {
    let place = Place::new();
    let db = place.founded().await;
    put(&db, 1, Recovery, true).await;
    let again = db.add_slot(slot_row(1, Passphrase, Some(at(0))), activity(HOME, None, at(0))).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(present(&db).await, ["1!"]);
}

#[tokio::test]
async fn slots_that_made_way_are_in_no_file() {
    let place = Place::new();
    let db = place.founded().await;
    let marks = [b"REPLACED-MARK".as_slice(), b"UNCONFIRMED-MARK", b"REMOVED-MARK"];
    let marked = |number: u8, confirmed| SlotRow {
        key: marks[usize::from(number) - 1].repeat(40),
        ..slot_row(number, Recovery, confirmed)
    };
    db.add_slot(marked(1, Some(at(0))), activity(HOME, None, at(0))).await.unwrap();
    db.add_slot(marked(2, None), activity(HOME, None, at(0))).await.unwrap();
    assert_eq!(findable(&place, &marks), ["REPLACED-MARK", "UNCONFIRMED-MARK"]);
    db.add_slot(marked(3, None), activity(HOME, None, at(0))).await.unwrap();
    assert_eq!(findable(&place, &marks), ["REPLACED-MARK", "REMOVED-MARK"]);
    db.confirm_slot(slot_id(3), at(1), activity(HOME, None, at(1))).await.unwrap();
    assert_eq!(findable(&place, &marks), ["REMOVED-MARK"]);
    db.remove_slot(slot_id(3), activity(HOME, None, at(1))).await.unwrap();
    assert_eq!(findable(&place, &marks), [""; 0]);
}

#[tokio::test]
async fn an_unreadable_slot_is_named_and_makes_way() {
    let place = Place::new();
    let db = place.founded().await;
    put(&db, 1, Recovery, true).await;
    put(&db, 2, Passphrase, true).await;
    for fault in ["kind = 'passphrase'", "record = '{}'"] {
        place.meddle(&format!("UPDATE key_slots SET {fault} WHERE id = '{}'", slot_id(1)));
        assert_eq!(present(&db).await, ["2!"], "{fault}");
        assert_eq!(db.health().await.unwrap().damage.len(), 1, "{fault}");
        place.meddle(&format!("UPDATE key_slots SET kind = 'recovery' WHERE id = '{}'", slot_id(1)));
    }
    put(&db, 3, Recovery, true).await;
    assert_eq!(db.health().await.unwrap().damage, [""; 0]);
}
