//! What was acknowledged is there, and what is damaged is said and harms nothing else.

use super::*;
use hearthkey_domain::ports::StoreError;

#[tokio::test]
async fn a_vault_is_founded_once() {
    let place = Place::new();
    let db = place.open();
    assert_eq!(db.vault_record().await.unwrap(), None);
    assert!(db.workspaces().await.unwrap().is_empty());
    db.found_vault(vault_record(), workspace_row(HOME), Vec::new()).await.unwrap();
    let again = VaultRecord { vault_id: "another".into(), ..vault_record() };
    let refused = db.found_vault(again.clone(), workspace_row(2), Vec::new()).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    // Sealed keys without the vault's own row: a new vault would shut them away for good.
    place.meddle("DELETE FROM vault");
    let refused = db.found_vault(again, workspace_row(2), Vec::new()).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(db.vault_record().await.unwrap(), None);

    // Nor is a way into a vault made one into another.
    let place = Place::new();
    let db = place.open();
    let slot = vec![slot_row(1, SlotKind::Recovery, None)];
    db.found_vault(vault_record(), workspace_row(HOME), slot).await.unwrap();
    place.meddle("DELETE FROM vault; DELETE FROM workspaces");
    let refused = db.found_vault(vault_record(), workspace_row(2), Vec::new()).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
}

#[tokio::test]
async fn everything_is_there_after_the_next_start() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    drop(db);
    let db = place.open();
    assert_eq!(db.vault_record().await.unwrap(), Some(vault_record()));
    let rows = db.workspaces().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].workspace, workspace_row(HOME).workspace);
    assert_eq!(rows[0].sealed_key, workspace_row(HOME).sealed_key);
    assert_eq!(db.connections(workspace(HOME)).await.unwrap(), std::slice::from_ref(&made));
    assert!(db.credential(workspace(HOME), made.id).await.unwrap().is_some());
    let health = db.health().await.unwrap();
    assert_eq!(health.damage, [""; 0]);
    assert_eq!(health.file, place.path().display().to_string());
    assert_eq!(health.sqlite_version, rusqlite::version());
}

#[tokio::test]
async fn every_acknowledged_write_is_in_the_files() {
    let place = Place::new();
    let db = place.founded().await;
    for number in 1..=20 {
        let made = add(&db, HOME, number, &format!("Connection {number}")).await;
        if number % 7 == 0 {
            let version = credential(2, b"replaced");
            let entry = activity(HOME, Some(number), at(1));
            db.replace_credential(made, version, entry).await.unwrap();
        }
        // As a kill at this instant would leave them.
        let cut = Place::new();
        std::fs::copy(place.path(), cut.path()).unwrap();
        std::fs::copy(log_of(&place.path()), log_of(&cut.path())).unwrap();
        let found = cut.open();
        let listed = found.connections(workspace(HOME)).await.unwrap();
        assert_eq!(listed.len(), usize::from(number));
        let row = found.credential(workspace(HOME), connection_id(number)).await.unwrap();
        assert_eq!(row.unwrap().version, if number % 7 == 0 { 2 } else { 1 });
    }
}

#[tokio::test]
async fn an_unreadable_row_is_named_and_hides_no_other() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    let kept = add(&db, HOME, 2, "Kept").await;
    add(&db, HOME, 3, "Odd").await;
    place.meddle(&format!(
        "UPDATE connections SET record = '{{\"label\": \"hunter2' WHERE id = '{}';
         UPDATE connections SET record = '{{\"label\": \"hunter2\"}}' WHERE id = '{}';
         UPDATE activity SET record = '\"hunter2\"', id = 'hunter2 <b>' WHERE connection = '{}'",
        made.id,
        connection_id(3),
        made.id,
    ));
    assert_eq!(db.connections(workspace(HOME)).await.unwrap(), [kept]);
    let single = db.connection(workspace(HOME), made.id).await;
    let Err(error @ StoreError::Unreadable { table: "connections", .. }) = single else {
        panic!("{single:?}")
    };
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(db.credential(workspace(HOME), made.id).await.unwrap().is_some());
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 2);
    let damage = db.health().await.unwrap().damage;
    assert_eq!(
        damage,
        [
            format!("connections {}: its record is not JSON (column 18)", made.id),
            format!("connections {}: its record is not of the expected shape (column 20)", connection_id(3)),
            "activity row 1: its record is not of the expected shape (column 9)".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_damaged_page_is_a_finding_and_not_the_end() {
    let place = Place::new();
    let db = place.founded().await;
    for number in 1..50 {
        add(&db, HOME, number, &format!("Connection {number}")).await;
    }
    drop(db);
    place.damage("connections");
    let db = place.open();
    let damage = db.health().await.unwrap().damage;
    assert!(damage.iter().any(|finding| finding.starts_with("connections: ")), "{damage:?}");
    let listed = db.connections(workspace(HOME)).await;
    assert!(matches!(listed, Err(StoreError::Damaged { .. })), "{listed:?}");
    assert_eq!(db.workspaces().await.unwrap().len(), 1);
    assert_eq!(db.activity(workspace(HOME), None, 99).await.unwrap().len(), 49);
}
