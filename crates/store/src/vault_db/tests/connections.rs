//! Connections and credentials: versions, labels, removal.

use super::*;
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::renewal::FailureClass;

async fn stored(db: &VaultDb, number: u8) -> Connection {
    db.connection(workspace(HOME), connection_id(number)).await.unwrap().unwrap()
}

async fn stored_credential(db: &VaultDb, number: u8) -> CredentialRow {
    db.credential(workspace(HOME), connection_id(number)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_connection_comes_back_as_it_was_added() {
    let place = Place::new();
    let db = place.founded().await;
    let mut made = connection(HOME, 1, "Work");
    // Finer than a microsecond, for times must survive to the last digit.
    made.last_used_at = Some(at(5) + jiff::SignedDuration::from_nanos(123_456_789));
    made.status =
        Status::NeedsReconnect { reason: "the grant was revoked".into(), class: FailureClass::GrantEnded };
    db.add_connection(made.clone(), credential(1, b"sealed"), activity(HOME, Some(1), at(0))).await.unwrap();
    assert_eq!(stored(&db, 1).await, made);
    let row = stored_credential(&db, 1).await;
    assert_eq!((row.version, row.sealed.as_bytes()), (1, &b"sealed"[..]));
    assert_eq!((row.policy.as_str(), row.issuer.as_str()), ("api.github.com", "https://github.com"));
    let twice = db
        .add_connection(connection(HOME, 1, "Other"), credential(1, b""), activity(HOME, None, at(0)))
        .await;
    assert!(matches!(twice, Err(StoreError::Conflict)), "{twice:?}");
}

#[tokio::test]
async fn connections_are_listed_by_label() {
    let place = Place::new();
    let db = place.founded().await;
    for (number, label) in [(1, "beta"), (2, "Alpha"), (3, "Gamma")] {
        add(&db, HOME, number, label).await;
    }
    let listed = db.connections(workspace(HOME)).await.unwrap();
    let labels: Vec<_> = listed.iter().map(|connection| connection.label.as_str()).collect();
    assert_eq!(labels, ["Alpha", "beta", "Gamma"]);
}

#[tokio::test]
async fn an_update_needs_the_version_it_was_read_at_and_raises_it() {
    let place = Place::new();
    let db = place.founded().await;
    let mut made = add(&db, HOME, 1, "Work").await;
    made.status = Status::Paused;
    db.update_connection(made.clone(), None).await.unwrap();
    assert_eq!(stored(&db, 1).await, Connection { version: 2, ..made.clone() });
    made.status = Status::Active;
    let stale = db.update_connection(made, Some(activity(HOME, Some(1), at(1)))).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert_eq!(stored(&db, 1).await.status, Status::Paused);
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 1);
    let nowhere = db.update_connection(connection(HOME, 9, "Nowhere"), None).await;
    assert!(matches!(nowhere, Err(StoreError::Conflict)), "{nowhere:?}");
}

#[tokio::test]
async fn of_many_writers_at_one_version_one_wins() {
    let place = Place::new();
    let db = std::sync::Arc::new(place.founded().await);
    let made = add(&db, HOME, 1, "Work").await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (db, mut mine) = (db.clone(), made.clone());
        mine.masked_key = Some(number.to_string());
        writers.spawn(async move { db.update_connection(mine, None).await });
    }
    let outcomes = writers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(stored(&db, 1).await.version, 2);
}

#[tokio::test]
async fn a_credential_is_replaced_over_the_version_below_with_its_connection() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    let replace = |connection: Connection, version| {
        let row = credential(version, format!("version {version}").as_bytes());
        db.replace_credential(connection, row, activity(HOME, Some(1), at(version as i64)))
    };
    for wrong in [1, 3] {
        let refused = replace(made.clone(), wrong).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{wrong}: {refused:?}");
    }
    // Nothing of a refused replacement stays, the raised version of the connection least of all.
    assert_eq!(stored(&db, 1).await.version, 1);
    replace(made.clone(), 2).await.unwrap();
    assert_eq!(stored(&db, 1).await.version, 2);
    assert_eq!(stored_credential(&db, 1).await.sealed.as_bytes(), b"version 2");
    let stale = replace(made, 3).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert_eq!(stored_credential(&db, 1).await.version, 2);
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn pages_follow_each_other_and_one_unreadable_row_ends_none() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, 2).await;
    for (number, label) in [(1, "anna"), (2, "Berta"), (3, "carl"), (4, "Dora"), (5, "Émile")] {
        add(&db, HOME, number, label).await;
    }
    let labels = async |after: Option<&str>, limit| {
        let page = db.connections_page(workspace(HOME), after.map(str::to_owned), limit).await.unwrap();
        page.into_iter().map(|connection| connection.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(None, 2).await, ["anna", "Berta"]);
    assert_eq!(labels(Some("berta"), 2).await, ["carl", "Dora"]);
    assert_eq!(labels(Some("Dora"), 2).await, ["Émile"]);
    assert_eq!(labels(Some("Émile"), 2).await, [""; 0]);
    assert_eq!(db.count_connections(workspace(HOME)).await.unwrap(), 5);
    let named = async |label: &str| {
        let found = db.connection_labelled(workspace(HOME), label.to_owned()).await.unwrap();
        found.map(|connection| connection.label)
    };
    assert_eq!(named("BERTA").await.as_deref(), Some("Berta"));
    assert_eq!(named("émile").await, None, "letters beyond ASCII are compared as they are");
    place.meddle("UPDATE connections SET record = 'x' WHERE label = 'Berta'");
    assert_eq!(labels(None, 2).await, ["anna", "carl"]);
}

#[tokio::test]
async fn a_label_is_taken_in_any_case_and_while_its_connection_is_being_removed() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, 2).await;
    let made = add(&db, HOME, 1, "Work").await;
    let other = add(&db, HOME, 2, "Other").await;
    let attempt = |label: &'static str| {
        let made = connection(HOME, 3, label);
        db.add_connection(made, credential(1, b""), activity(HOME, Some(3), at(0)))
    };
    let taken = attempt("wORK").await;
    assert!(matches!(&taken, Err(StoreError::LabelTaken { label }) if label == "wORK"), "{taken:?}");
    let renamed = Connection { label: "WORK".into(), ..other };
    let taken = db.update_connection(renamed, None).await;
    assert!(matches!(taken, Err(StoreError::LabelTaken { .. })), "{taken:?}");
    db.update_connection(deleting(&made, at(30)), None).await.unwrap();
    let taken = attempt("work").await;
    assert!(matches!(taken, Err(StoreError::LabelTaken { .. })), "{taken:?}");
    add(&db, 2, 4, "Work").await;
    db.purge_connection(workspace(HOME), made.id).await.unwrap();
    attempt("work").await.unwrap();
}

#[tokio::test]
async fn a_removal_is_due_at_its_time_and_final() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, 2).await;
    let made = add(&db, HOME, 1, "Work").await;
    let elsewhere = add(&db, 2, 2, "Work").await;
    add(&db, HOME, 3, "Kept").await;
    db.update_connection(deleting(&made, at(30)), None).await.unwrap();
    db.update_connection(deleting(&elsewhere, at(20)), None).await.unwrap();
    let due = |second| {
        let db = &db;
        async move {
            let due = db.due_for_purge(at(second)).await.unwrap();
            due.into_iter().map(|connection| connection.id).collect::<Vec<_>>()
        }
    };
    assert!(due(19).await.is_empty());
    assert_eq!(due(20).await, [elsewhere.id]);
    assert_eq!(due(30).await, [elsewhere.id, made.id]);
    // Twice, for a removal that was cut short is done again.
    for _ in 0..2 {
        db.purge_connection(workspace(HOME), made.id).await.unwrap();
    }
    assert_eq!(due(30).await, [elsewhere.id]);
    assert!(db.connection(workspace(HOME), made.id).await.unwrap().is_none());
    assert!(db.credential(workspace(HOME), made.id).await.unwrap().is_none());
    assert_eq!(db.activity(workspace(HOME), Some(made.id), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_purged_credential_asks_for_a_rotation() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    let early = db.purge_connection(workspace(HOME), made.id).await;
    assert!(matches!(early, Err(StoreError::Conflict)), "{early:?}");
    assert!(!is_rotation_due(&db).await);
    let bare = add(&db, HOME, 2, "Bare").await;
    place.meddle(&format!("DELETE FROM credentials WHERE connection = '{}'", bare.id));
    for (connection, is_due) in [(bare, false), (made, true)] {
        db.update_connection(deleting(&connection, at(30)), None).await.unwrap();
        db.purge_connection(workspace(HOME), connection.id).await.unwrap();
        assert_eq!(is_rotation_due(&db).await, is_due, "{}", connection.label);
    }
}

#[tokio::test]
async fn a_connection_that_was_restored_is_not_purged() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add(&db, HOME, 1, "Work").await;
    db.update_connection(deleting(&made, at(30)), None).await.unwrap();
    let restored = Connection { version: 2, ..made.clone() };
    db.update_connection(restored, None).await.unwrap();
    let late = db.purge_connection(workspace(HOME), made.id).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(stored_credential(&db, 1).await.version, 1);
}

#[tokio::test]
async fn purged_bytes_are_in_no_file() {
    let place = Place::new();
    let db = place.founded().await;
    // Small, over several pages, and twice, so that the log and the freed pages have held it.
    let marks = [b"FIRST-SEALED-MARK".as_slice(), b"SECOND-SEALED-MARK", b"LABEL-MARK"];
    let made = connection(HOME, 1, "LABEL-MARK");
    let first = credential(1, &marks[0].repeat(3));
    db.add_connection(made.clone(), first, activity(HOME, Some(1), at(0))).await.unwrap();
    for number in 2..20 {
        add(&db, HOME, number, &format!("Neighbour {number}")).await;
    }
    let second = credential(2, &marks[1].repeat(1_000));
    db.replace_credential(made.clone(), second, activity(HOME, Some(1), at(1))).await.unwrap();
    let gone = Connection { version: 2, ..deleting(&made, at(30)) };
    db.update_connection(gone, None).await.unwrap();
    assert_eq!(findable(&place, &marks), ["FIRST-SEALED-MARK", "SECOND-SEALED-MARK", "LABEL-MARK"]);
    db.purge_connection(workspace(HOME), made.id).await.unwrap();
    assert_eq!(findable(&place, &marks), [""; 0]);
    drop(db);
    assert_eq!(findable(&place, &marks), [""; 0]);
}
