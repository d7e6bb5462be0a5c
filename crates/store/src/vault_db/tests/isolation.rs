//! No row of one workspace is reachable from another.

use super::authorizations::pending;
use super::clients::client;
use super::*;
use hearthkey_domain::ports::StoreError;

const OTHER: u8 = 2;

#[tokio::test]
async fn nothing_of_a_workspace_is_reachable_from_another() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, OTHER).await;
    let (home, other) = (workspace(HOME), workspace(OTHER));
    let made = add(&db, HOME, 1, "Work").await;
    let registration = client(HOME, 1);
    db.add_client(registration.clone(), Some(Sealed::from_bytes(vec![1]))).await.unwrap();
    db.begin_authorization(pending(HOME, 1, at(600)), Sealed::from_bytes(vec![1])).await.unwrap();

    // Reads
    assert!(db.connections(other).await.unwrap().is_empty());
    assert!(db.connection(other, made.id).await.unwrap().is_none());
    assert!(db.credential(other, made.id).await.unwrap().is_none());
    assert!(db.activity(other, None, 9).await.unwrap().is_empty());
    assert!(db.activity(other, Some(made.id), 9).await.unwrap().is_empty());
    assert!(db.client(other, registration.id).await.unwrap().is_none());
    assert!(db.clients(other).await.unwrap().is_empty());
    assert!(db.retiring_rows(other, 9).await.unwrap().is_empty());
    let found = db.client_for(other, &registration.connector, &registration.issuer).await;
    assert!(found.unwrap().is_none());

    // Writes
    let mut stolen = Connection { workspace: other, ..made.clone() };
    assert!(matches!(db.update_connection(stolen.clone(), None).await, Err(StoreError::Conflict)));
    let taken_over =
        db.replace_credential(stolen.clone(), credential(2, b"other"), activity(OTHER, Some(1), at(1))).await;
    assert!(matches!(taken_over, Err(StoreError::Conflict)), "{taken_over:?}");
    db.update_connection(deleting(&made, at(30)), None).await.unwrap();
    db.purge_connection(other, made.id).await.unwrap();
    stolen.label = "Elsewhere".into();
    let added = db.add_connection(stolen, credential(1, b"other"), activity(OTHER, Some(1), at(1))).await;
    assert!(matches!(added, Err(StoreError::Conflict)), "{added:?}");
    assert!(matches!(db.add_client(client(OTHER, 1), None).await, Err(StoreError::Conflict)));
    assert!(!db.cancel_authorization(other, pending(HOME, 1, at(600)).id).await.unwrap());

    // And it is all still there.
    assert_eq!(db.connections(home).await.unwrap().len(), 1);
    let row = db.credential(home, made.id).await.unwrap().unwrap();
    assert_eq!((row.version, row.sealed.as_bytes()), (1, &[1_u8; 64][..]));
    let (kept, secret) = db.client(home, registration.id).await.unwrap().unwrap();
    assert_eq!((kept, secret), (registration, Some(Sealed::from_bytes(vec![1]))));
    let open = db.open_authorizations(at(0)).await.unwrap();
    assert_eq!(open[0].workspace, home);
}

#[tokio::test]
async fn a_row_moved_by_hand_into_another_workspace_is_unreadable() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, OTHER).await;
    let made = add(&db, HOME, 1, "Work").await;
    place.meddle(&format!("UPDATE connections SET workspace = '{}'", workspace(OTHER)));
    let moved = db.connection(workspace(OTHER), made.id).await;
    assert!(matches!(moved, Err(StoreError::Unreadable { table: "connections", .. })), "{moved:?}");
    assert!(db.connections(workspace(OTHER)).await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_sealed_in_a_workspace_that_has_no_key() {
    let place = Place::new();
    let db = place.founded().await;
    let orphan =
        db.add_connection(connection(9, 1, "Work"), credential(1, b""), activity(9, Some(1), at(0))).await;
    assert!(matches!(orphan, Err(StoreError::Failed { .. })), "{orphan:?}");
    assert!(db.add_client(client(9, 1), None).await.is_err());
    let flow = db.begin_authorization(pending(9, 1, at(600)), Sealed::from_bytes(vec![1])).await;
    assert!(flow.is_err());
}
