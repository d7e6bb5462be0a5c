//! Workspaces: their names, and their end.

use super::authorizations::pending;
use super::clients::client;
use super::*;
use hearthkey_domain::ports::{StoreError, VaultSettings};

const OTHER: u8 = 2;

async fn names(db: &VaultDb) -> Vec<String> {
    db.workspaces().await.unwrap().into_iter().map(|row| row.workspace.name).collect()
}

fn named(number: u8, name: &str) -> WorkspaceRow {
    let row = workspace_row(number);
    WorkspaceRow { workspace: Workspace { name: name.into(), ..row.workspace.clone() }, ..row }
}

#[tokio::test]
async fn a_workspace_comes_back_as_it_was_added() {
    let place = Place::new();
    let db = place.founded().await;
    let row = WorkspaceRow {
        generation: 3,
        retiring_key: Some(Sealed::from_bytes(vec![9; 9])),
        ..named(OTHER, "Büro")
    };
    db.add_workspace(row.clone(), activity(HOME, None, at(0))).await.unwrap();
    drop(db);
    let db = place.open();
    let found = db.workspaces().await.unwrap().remove(1);
    assert_eq!(found.workspace, row.workspace);
    assert_eq!(
        (found.generation, found.sealed_key, found.retiring_key),
        (3, row.sealed_key, row.retiring_key)
    );
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 1);
    let again = db.add_workspace(named(OTHER, "Another"), activity(HOME, None, at(0))).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert!(!is_rotation_due(&db).await);
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let place = Place::new();
    let db = place.founded().await;
    db.add_workspace(named(OTHER, "Élan"), activity(HOME, None, at(0))).await.unwrap();
    let entries = db.activity(workspace(HOME), None, 9).await.unwrap().len();
    // A name, and whether it is free for a third workspace and for the second.
    for (number, (name, for_third, for_second)) in (3..).zip([
        ("WORKSPACE 1", false, false),
        ("workspace 1", false, false),
        ("Élan", false, true),
        ("éLAN", false, true),
        ("Elan", true, true),
    ]) {
        let added = db.add_workspace(named(number, name), activity(HOME, None, at(0))).await;
        assert_eq!(added.is_ok(), for_third, "{name}: {added:?}");
        if for_third {
            db.destroy_workspace(workspace(number), activity(HOME, None, at(0))).await.unwrap();
        } else {
            assert!(matches!(&added, Err(StoreError::LabelTaken { label }) if label == name), "{added:?}");
            assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), entries, "{name}");
        }
        let renamed = db.rename_workspace(workspace(OTHER), name.into(), activity(OTHER, None, at(0))).await;
        match renamed {
            Ok(true) if for_second => assert_eq!(names(&db).await, ["Workspace 1", name]),
            Err(StoreError::LabelTaken { label }) if !for_second => assert_eq!(label, name),
            other => panic!("{name}: {other:?}"),
        }
        db.rename_workspace(workspace(OTHER), "Élan".into(), activity(OTHER, None, at(0))).await.unwrap();
    }
    let taken = db.rename_workspace(workspace(HOME), "éLAN".into(), activity(HOME, None, at(0))).await;
    assert!(matches!(&taken, Err(StoreError::LabelTaken { label }) if label == "éLAN"), "{taken:?}");
}

#[tokio::test]
async fn a_renamed_workspace_is_the_same_one() {
    let place = Place::new();
    let db = place.founded().await;
    assert!(!db.rename_workspace(workspace(9), "Work".into(), activity(HOME, None, at(0))).await.unwrap());
    assert!(db.activity(workspace(HOME), None, 9).await.unwrap().is_empty());
    assert!(db.rename_workspace(workspace(HOME), "Work".into(), activity(HOME, None, at(0))).await.unwrap());
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 1);
    drop(db);
    let row = place.open().workspaces().await.unwrap().remove(0);
    assert_eq!(row.workspace, Workspace { name: "Work".into(), ..workspace_row(HOME).workspace });
    assert_eq!(row.sealed_key, workspace_row(HOME).sealed_key);
}

/// Fills a workspace with one row of each kind, all of which hold `mark`.
async fn fill(db: &VaultDb, space: u8, number: u8, mark: &str) {
    let made = connection(space, number, mark);
    let row = credential(1, mark.repeat(400).as_bytes());
    db.add_connection(made, row, activity(space, Some(number), at(0))).await.unwrap();
    let registration = hearthkey_domain::client::Client { connector: mark.into(), ..client(space, number) };
    db.add_client(registration, Some(Sealed::from_bytes(mark.into()))).await.unwrap();
    let flow = pending(space, number, at(600));
    db.begin_authorization(flow, Sealed::from_bytes(mark.into())).await.unwrap();
    db.note_use(activity(space, Some(number), at(5)));
}

#[tokio::test]
async fn a_destroyed_workspace_leaves_nothing_behind() {
    let place = Place::new();
    let db = place.founded().await;
    let doomed =
        WorkspaceRow { sealed_key: Sealed::from_bytes(b"DOOMED-KEY".into()), ..named(OTHER, "Doomed") };
    db.add_workspace(doomed, activity(HOME, None, at(0))).await.unwrap();
    fill(&db, HOME, 1, "KEPT-MARK").await;
    fill(&db, OTHER, 2, "DOOMED-MARK").await;
    db.flush().await.unwrap();
    let marks = [b"KEPT-MARK".as_slice(), b"DOOMED-MARK", b"DOOMED-KEY"];
    assert_eq!(findable(&place, &marks), ["KEPT-MARK", "DOOMED-MARK", "DOOMED-KEY"]);

    let other = workspace(OTHER);
    assert!(db.destroy_workspace(other, activity(HOME, None, at(7))).await.unwrap());
    assert_eq!(findable(&place, &marks), ["KEPT-MARK"]);
    assert!(is_rotation_due(&db).await);
    assert_eq!(names(&db).await, ["Workspace 1"]);
    assert!(db.connection(other, connection_id(2)).await.unwrap().is_none());
    assert!(db.credential(other, connection_id(2)).await.unwrap().is_none());
    assert!(db.clients(other).await.unwrap().is_empty());
    assert!(db.activity(other, None, 9).await.unwrap().is_empty());
    assert!(db.take_authorization("digest-2").await.unwrap().is_none());

    // What belongs to the other workspace is there, and so is the activity.
    assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 1);
    assert!(db.credential(workspace(HOME), connection_id(1)).await.unwrap().is_some());
    assert_eq!(db.clients(workspace(HOME)).await.unwrap().len(), 1);
    assert!(db.take_authorization("digest-1").await.unwrap().is_some());
    let entries = db.activity(workspace(HOME), None, 9).await.unwrap();
    assert_eq!((entries.len(), entries[0].at), (4, at(7)));
    assert_eq!(db.health().await.unwrap().damage, [""; 0]);
    assert!(!db.destroy_workspace(other, activity(HOME, None, at(8))).await.unwrap(), "it is gone");
    assert_eq!(db.activity(workspace(HOME), None, 9).await.unwrap().len(), 4);

    // Nor does what was on its way come back.
    db.note_use(activity(OTHER, Some(2), at(9)));
    db.flush().await.unwrap();
    let late = db.record(activity(OTHER, None, at(9))).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert!(db.activity(other, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_last_workspace_stays() {
    let place = Place::new();
    let db = place.founded().await;
    add(&db, HOME, 1, "Work").await;
    let refused = db.destroy_workspace(workspace(HOME), activity(HOME, None, at(0))).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 1);
    assert!(!is_rotation_due(&db).await);
    assert!(!db.destroy_workspace(workspace(9), activity(HOME, None, at(0))).await.unwrap());
}

#[tokio::test]
async fn the_current_workspace_is_none_once_it_is_destroyed() {
    for (current, left) in [(OTHER, None), (HOME, Some(workspace(HOME)))] {
        let place = Place::new();
        let db = place.founded().await;
        add_workspace(&db, OTHER).await;
        let set = VaultSettings {
            current_workspace: Some(workspace(current)),
            lock_after_minutes: Some(7),
            ..VaultSettings::default()
        };
        db.change_settings(set.clone()).await.unwrap();
        db.destroy_workspace(workspace(OTHER), activity(HOME, None, at(0))).await.unwrap();
        assert_eq!(db.settings().await.unwrap(), VaultSettings { current_workspace: left, ..set });
    }
}

#[tokio::test]
async fn unreadable_rows_and_settings_do_not_keep_a_workspace() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, OTHER).await;
    fill(&db, OTHER, 2, "Work").await;
    db.flush().await.unwrap();
    place.meddle(
        "UPDATE vault SET settings = 'hunter2'; UPDATE clients SET record = ''; UPDATE connections SET record = '';
         UPDATE workspaces SET record = 'x' WHERE name = 'Workspace 2'",
    );
    assert!(db.destroy_workspace(workspace(OTHER), activity(HOME, None, at(0))).await.unwrap());
    let damage = db.health().await.unwrap().damage;
    assert_eq!(damage, ["vault row 1: its settings are not of the expected shape"]);
}
