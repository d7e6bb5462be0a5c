//! The vault's own row: where its key is, and what a person set.

use super::*;
use hearthkey_domain::ports::{StoreError, VaultRecord, VaultSettings};

#[tokio::test]
async fn what_was_set_is_there_after_the_next_start() {
    let place = Place::new();
    let db = place.founded().await;
    assert_eq!(db.settings().await.unwrap(), VaultSettings::default());
    let set = VaultSettings {
        current_workspace: Some(workspace(HOME)),
        lock_after_minutes: Some(0),
        ..VaultSettings::default()
    };
    db.change_settings(set.clone()).await.unwrap();
    db.place_key(false).await.unwrap();
    drop(db);
    let db = place.open();
    assert_eq!(db.settings().await.unwrap(), set);
    assert!(!db.vault_record().await.unwrap().unwrap().in_keychain);
    db.place_key(true).await.unwrap();
    let expected = VaultRecord { rotation_due: true, ..vault_record() };
    assert_eq!(db.vault_record().await.unwrap(), Some(expected), "an older keychain opens older copies");
}

#[tokio::test]
async fn before_the_vault_is_founded_nothing_can_be_set() {
    let place = Place::new();
    let db = place.open();
    assert_eq!(db.settings().await.unwrap(), VaultSettings::default());
    assert!(matches!(db.change_settings(VaultSettings::default()).await, Err(StoreError::Conflict)));
    assert!(matches!(db.place_key(false).await, Err(StoreError::Conflict)));
    let slot = slot_row(1, SlotKind::Recovery, None);
    assert!(matches!(db.add_slot(slot, activity(HOME, None, at(0))).await, Err(StoreError::Conflict)));
    let added = db.add_workspace(workspace_row(HOME), activity(HOME, None, at(0))).await;
    assert!(matches!(added, Err(StoreError::Conflict)), "{added:?}");
}

#[tokio::test]
async fn settings_of_an_earlier_or_later_hearthkey_are_read() {
    let place = Place::new();
    let db = place.founded().await;
    place.meddle(r#"UPDATE vault SET settings = '{"lock_after_minutes": 5, "unheard_of": true}'"#);
    let expected = VaultSettings { lock_after_minutes: Some(5), ..VaultSettings::default() };
    assert_eq!(db.settings().await.unwrap(), expected);
}

#[tokio::test]
async fn unreadable_settings_are_said_and_keep_nothing_else_back() {
    let place = Place::new();
    let db = place.founded().await;
    place.meddle("UPDATE vault SET settings = '{\"lock_after_minutes\": \"hunter2\"}'");
    let read = db.settings().await;
    assert!(matches!(read, Err(StoreError::Unreadable { table: "vault", .. })), "{read:?}");
    assert_eq!(db.vault_record().await.unwrap(), Some(vault_record()));
    assert_eq!(
        db.health().await.unwrap().damage,
        ["vault row 1: its settings are not of the expected shape"]
    );
    db.change_settings(VaultSettings::default()).await.unwrap();
    assert_eq!(db.health().await.unwrap().damage, [""; 0]);
}
