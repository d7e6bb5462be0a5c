//! Copies of the database: what is in them, how many are kept, and their end.

use super::*;
use crate::tests::disk::Disk;
use hearthkey_domain::ports::StoreError;

/// The names in the directory of the copies.
pub(super) fn copies(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory.join("backups")) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_holds_what_was_acknowledged_and_is_named_by_its_time() {
    let place = Place::new();
    let db = place.founded().await;
    assert_eq!(db.health().await.unwrap().backup, None);
    let made = add(&db, HOME, 1, "Work").await;
    db.back_up(at(0)).await.unwrap();
    add(&db, HOME, 2, "Later").await;
    let copy = place.0.path().join("backups/vault-20260921T141320Z.db");
    assert_eq!(db.health().await.unwrap().backup, Some((copy.display().to_string(), at(0))));
    assert_eq!(copies(place.0.path()), ["vault-20260921T141320Z.db"]);

    let elsewhere = Place::new();
    std::fs::copy(copy, elsewhere.path()).unwrap();
    let found = elsewhere.open();
    assert_eq!(found.vault_record().await.unwrap(), Some(vault_record()));
    assert_eq!(found.connections(workspace(HOME)).await.unwrap(), [made]);
    assert_eq!(found.credential(workspace(HOME), connection_id(1)).await.unwrap().unwrap().version, 1);
    assert_eq!(found.health().await.unwrap().damage, [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_copies() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let db = place.founded().await;
    db.back_up(at(0)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = place.0.path().join("backups");
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join(&copies(place.0.path())[0])), 0o600);
}

#[tokio::test]
async fn the_newest_seven_are_kept_and_the_one_just_made() {
    let place = Place::new();
    let db = place.founded().await;
    for second in 0..9 {
        db.back_up(at(second)).await.unwrap();
    }
    let name = |second: i64| format!("vault-20260921T1413{}Z.db", 20 + second);
    assert_eq!(copies(place.0.path()), (2..9).map(name).collect::<Vec<_>>());
    // The clock was ahead: seven copies are newer than the one that is made now.
    db.back_up(at(-20)).await.unwrap();
    let earlier = std::iter::once("vault-20260921T141300Z.db".to_owned());
    assert_eq!(copies(place.0.path()), earlier.chain((3..9).map(name)).collect::<Vec<_>>());
    // Twice in one second is one copy, and one that a migration made is not counted.
    let before = "before-v2-20990101T000000Z.db";
    std::fs::write(place.0.path().join("backups").join(before), "x").unwrap();
    for second in [8, 8, 9, 10] {
        db.back_up(at(second)).await.unwrap();
    }
    let kept: Vec<_> = std::iter::once(before.to_owned()).chain((4..11).map(name)).collect();
    assert_eq!(copies(place.0.path()), kept);
}

#[tokio::test]
async fn dropped_copies_are_gone_with_what_was_begun_and_nothing_else() {
    let place = Place::new();
    let db = place.founded().await;
    db.drop_backups().await.unwrap();
    db.back_up(at(0)).await.unwrap();
    db.back_up(at(1)).await.unwrap();
    let directory = place.0.path().join("backups");
    for name in
        ["before-v2-20260101T000000Z.db", "vault-20260101T000000Z.db.part", "letter.txt", "vault-old.db"]
    {
        std::fs::write(directory.join(name), "x").unwrap();
    }
    db.drop_backups().await.unwrap();
    assert_eq!(copies(place.0.path()), ["letter.txt", "vault-old.db"]);
    assert_eq!(db.health().await.unwrap().backup, None);
    db.back_up(at(2)).await.unwrap();
    assert_eq!(copies(place.0.path()).len(), 3);
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_no_copy_and_is_cleared_away() {
    let place = Place::new();
    let db = place.founded().await;
    db.back_up(at(0)).await.unwrap();
    std::fs::write(place.0.path().join("backups/vault-20270101T000000Z.db.part"), "half").unwrap();
    assert_eq!(db.health().await.unwrap().backup.unwrap().1, at(0));
    db.back_up(at(1)).await.unwrap();
    assert_eq!(copies(place.0.path()).len(), 2);
}

#[tokio::test]
async fn a_damaged_database_costs_no_copy() {
    let place = Place::new();
    let db = place.founded().await;
    db.back_up(at(0)).await.unwrap();
    let sound = copies(place.0.path());
    for number in 1..100 {
        add(&db, HOME, number, &format!("Connection {number}")).await;
    }
    drop(db);
    place.damage("connections");
    let db = place.open();
    for second in 1..9 {
        let refused = db.back_up(at(second)).await;
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    }
    assert_eq!(copies(place.0.path()), sound);
}

#[tokio::test]
async fn what_is_not_this_database_is_not_kept_as_a_copy() {
    let place = Place::new();
    let db = place.founded().await;
    place.meddle("DROP TABLE key_slots");
    let refused = db.back_up(at(0)).await;
    assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
    assert_eq!(copies(place.0.path()), [""; 0]);
}

#[tokio::test]
async fn no_room_for_a_copy_is_said_and_leaves_nothing_of_it() {
    let Some(disk) = Disk::new(4096) else { return };
    let db = VaultDb::open(&disk.path().join("vault.db")).unwrap();
    db.found_vault(vault_record(), workspace_row(HOME), Vec::new()).await.unwrap();
    db.back_up(at(0)).await.unwrap();
    disk.fill(16);
    let refused = db.back_up(at(1)).await;
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    assert_eq!(copies(disk.path()), ["vault-20260921T141320Z.db"]);
    assert!(db.has_reserve().await, "a copy is not worth the room for what must be written");
    disk.clear();
    db.back_up(at(1)).await.unwrap();
}

#[tokio::test]
async fn writes_and_reads_go_on_while_a_copy_is_made() {
    let place = Place::new();
    let db = std::sync::Arc::new(place.founded().await);
    let mut tasks = tokio::task::JoinSet::new();
    for second in 0..5 {
        let db = db.clone();
        tasks.spawn(async move { db.back_up(at(second)).await.unwrap() });
    }
    for number in 1..50 {
        add(&db, HOME, number, &format!("Connection {number}")).await;
        assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), usize::from(number));
    }
    tasks.join_all().await;
    for name in copies(place.0.path()) {
        let copy = rusqlite::Connection::open(place.0.path().join("backups").join(name)).unwrap();
        let count = |table: &str| -> i64 {
            copy.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count("connections"), count("credentials"), "one state");
    }
}
