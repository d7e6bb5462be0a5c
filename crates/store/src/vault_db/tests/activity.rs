//! The audit log and the uses that are noted lazily.

use super::*;
use hearthkey_domain::ports::StoreError;

#[tokio::test]
async fn activity_is_listed_newest_first_by_connection_or_workspace() {
    let place = Place::new();
    let db = place.founded().await;
    for (connection, second) in [(Some(1), 3), (None, 1), (Some(2), 4), (Some(1), 2)] {
        db.record(activity(HOME, connection, at(second))).await.unwrap();
    }
    let seconds = |connection: Option<u8>, limit| {
        let db = &db;
        async move {
            let listed = db.activity(workspace(HOME), connection.map(connection_id), limit).await.unwrap();
            listed.iter().map(|entry| entry.at.duration_since(at(0)).as_secs()).collect::<Vec<_>>()
        }
    };
    assert_eq!(seconds(None, 9).await, [4, 3, 2, 1]);
    assert_eq!(seconds(None, 2).await, [4, 3]);
    assert_eq!(seconds(Some(1), 9).await, [3, 2]);
    assert!(seconds(Some(9), 9).await.is_empty());
    let entry = activity(HOME, None, at(5));
    db.record(entry.clone()).await.unwrap();
    assert_eq!(db.activity(workspace(HOME), None, 1).await.unwrap(), std::slice::from_ref(&entry));
    assert!(matches!(db.record(entry).await, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn a_noted_use_is_seen_at_once_and_disturbs_no_version() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    db.note_use(activity(HOME, Some(1), at(10)));
    assert_eq!(last_used(&db).await, Some(at(10)));
    assert_eq!(db.activity(workspace(HOME), Some(made.id), 1).await.unwrap()[0].at, at(10));
    // Neither in memory nor, as the next start sees it, in the file: an earlier one does not turn the time back, and neither
    // does a write that was prepared before.
    db.note_use(activity(HOME, Some(1), at(9)));
    db.update_connection(made.clone(), None).await.unwrap();
    assert_eq!(last_used(&db).await, Some(at(10)));
    drop(db);
    let db = place.open();
    assert_eq!(last_used(&db).await, Some(at(10)));
    let stale = Connection { version: 2, last_used_at: Some(at(8)), ..made.clone() };
    db.update_connection(stale, None).await.unwrap();
    assert_eq!(last_used(&db).await, Some(at(10)));
    let later = Connection { version: 3, last_used_at: Some(at(12)), ..made };
    db.update_connection(later, None).await.unwrap();
    assert_eq!(last_used(&db).await, Some(at(12)));
}

async fn last_used(db: &VaultDb) -> Option<Timestamp> {
    let found = db.connection(workspace(HOME), connection_id(1)).await.unwrap().unwrap();
    let listed = db.connections(workspace(HOME)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&found));
    found.last_used_at
}

#[tokio::test]
async fn activity_waits_for_the_uses_noted_before_and_nothing_else_does() {
    let place = Place::new();
    let db = std::sync::Arc::new(place.founded().await);
    let made = add(&db, HOME, 1, "Work").await;
    let (open, gate) = std::sync::mpsc::channel::<()>();
    db.database.writer().post(move |_| {
        let _ = gate.recv();
        Ok(())
    });
    db.note_use(activity(HOME, Some(1), at(10)));
    let listing = tokio::spawn({
        let db = db.clone();
        async move { db.activity(workspace(HOME), Some(made.id), 9).await.unwrap() }
    });
    // With the writer held, reads of connections go on, and show the use.
    assert_eq!(last_used(&db).await, Some(at(10)));
    assert!(!listing.is_finished());
    drop(open);
    assert_eq!(listing.await.unwrap()[0].at, at(10));
}

#[tokio::test]
async fn a_use_noted_elsewhere_touches_nothing_here() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, 2).await;
    let made = add(&db, HOME, 1, "Work").await;
    db.note_use(activity(2, Some(1), at(10)));
    db.flush().await.unwrap();
    let found = db.connection(workspace(HOME), made.id).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, None);
    drop(db);
    let found = place.open().connection(workspace(HOME), made.id).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, None);
}

#[tokio::test]
async fn noted_uses_are_written_by_a_flush_and_by_the_end() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    db.note_use(activity(HOME, Some(1), at(10)));
    db.flush().await.unwrap();
    let beside = rusqlite::Connection::open(place.path()).unwrap();
    let written: i64 =
        beside.query_row("SELECT last_used_at FROM connections", [], |row| row.get(0)).unwrap();
    assert_eq!(i128::from(written), at(10).as_nanosecond());
    drop(beside);
    for second in 11..111 {
        db.note_use(activity(HOME, Some(1), at(second)));
    }
    drop(db);
    let db = place.open();
    let found = db.connection(workspace(HOME), made.id).await.unwrap().unwrap();
    assert_eq!((found.last_used_at, found.version), (Some(at(110)), 1));
    assert_eq!(db.activity(workspace(HOME), Some(made.id), 999).await.unwrap().len(), 102);
}
