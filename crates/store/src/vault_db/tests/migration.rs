//! Files of earlier versions: every row comes along, and a copy of what was is left behind.

use super::backups::copies;
use super::*;
use crate::tests::disk::Disk;
use hearthkey_domain::ports::{StoreError, VaultSettings};

/// A database as the code with one migration left it. Frozen.
pub(super) const VERSION_1: &str = include_str!("fixtures/version-1.sql");

/// Writes a file of version 1, with a log, as that code had it.
pub(super) fn write_version_1(path: &Path) {
    let shell = rusqlite::Connection::open(path).unwrap();
    shell.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    shell.execute_batch(VERSION_1).unwrap();
}

/// Checks that everything the fixture holds is there.
pub(super) async fn assert_all_there(db: &VaultDb) {
    let home = workspace(HOME);
    let labels: Vec<_> = db.connections(home).await.unwrap().into_iter().map(|found| found.label).collect();
    assert_eq!(labels, ["Gone", "Home", "Work"]);
    for number in 1..=3 {
        let row = db.credential(home, connection_id(number)).await.unwrap().unwrap();
        assert_eq!(row.sealed, envelope(1, &format!("credential {number}")));
    }
    assert_eq!(db.due_for_purge(at(30)).await.unwrap().len(), 1);
    assert_eq!(db.activity(home, None, 9).await.unwrap().len(), 4);
    let clients = db.clients(home).await.unwrap();
    let seen: Vec<_> = clients
        .iter()
        .map(|(client, secret)| (client.client_id.as_str(), client.proven, secret.is_some()))
        .collect();
    assert_eq!(seen, [("client 1", true, true), ("client 2", false, false)]);
    assert!(clients.iter().all(|(client, _)| client.server.is_empty() && client.policy.is_empty()));
    assert_eq!(db.open_authorizations(at(0)).await.unwrap().len(), 1);
    let rows = db.workspaces().await.unwrap();
    assert_eq!(rows[0].workspace, workspace_row(HOME).workspace);
    assert_eq!((rows.len(), rows[0].generation, &rows[0].retiring_key), (1, 1, &None));
    assert_eq!(rows[0].sealed_key, envelope(1, "key of the workspace"));
    let expected = VaultRecord { rotated_at: Timestamp::UNIX_EPOCH, ..vault_record() };
    assert_eq!(db.vault_record().await.unwrap(), Some(expected));
    assert_eq!(db.settings().await.unwrap(), VaultSettings::default());
    assert!(db.key_slots().await.unwrap().is_empty());
    assert_eq!(db.health().await.unwrap().damage, [""; 0]);
}

#[tokio::test]
async fn every_row_of_version_1_is_there_after_the_migration() {
    let place = Place::new();
    write_version_1(&place.path());
    for _ in 0..2 {
        assert_all_there(&place.open()).await;
    }
    // And is as good as a new one.
    let db = place.open();
    let same_name = WorkspaceRow {
        workspace: Workspace { name: "WORKSPACE 1".into(), ..workspace_row(2).workspace },
        ..workspace_row(2)
    };
    let taken = db.add_workspace(same_name, activity(HOME, None, at(99))).await;
    assert!(matches!(taken, Err(StoreError::LabelTaken { .. })), "{taken:?}");
    let by_hand = rusqlite::Connection::open(place.path()).unwrap();
    let sql = "INSERT INTO workspaces (id, name, record, sealed_key) VALUES ('x', 'WORKSPACE 1', '', x'')";
    let refused = by_hand.execute(sql, []).unwrap_err().to_string();
    assert!(refused.contains("UNIQUE"), "a name is unique by itself: {refused}");
    let taken = db.take_authorization("digest-1").await.unwrap().unwrap();
    assert_eq!(taken.1, envelope(1, "verifier 1"));
}

#[tokio::test]
async fn the_migrated_schema_is_that_of_a_new_file() {
    let schema = |place: &Place| {
        let shell = rusqlite::Connection::open(place.path()).unwrap();
        let mut rows = shell.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<Vec<(String, Option<String>)>, _>>().unwrap()
    };
    let (old, new) = (Place::new(), Place::new());
    write_version_1(&old.path());
    drop((old.open(), new.open()));
    assert_eq!(schema(&old), schema(&new));
}

#[tokio::test]
async fn a_copy_is_made_before_a_migration_and_only_then() {
    let place = Place::new();
    drop(place.open());
    drop(place.open());
    assert_eq!(copies(place.0.path()), [""; 0], "a new file and a current one");

    let place = Place::new();
    write_version_1(&place.path());
    let db = place.open();
    let found = copies(place.0.path());
    assert!(
        matches!(&found[..], [name] if name.starts_with("before-v4-") && name.ends_with("Z.db")),
        "{found:?}"
    );
    let copy = place.0.path().join("backups").join(&found[0]);
    let shell = rusqlite::Connection::open(&copy).unwrap();
    assert_eq!(shell.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    drop(shell);
    let (newest, made_at) = db.health().await.unwrap().backup.unwrap();
    assert_eq!(newest, copy.display().to_string());
    assert!(made_at > at(-366 * 86_400), "of the file's own time: {made_at}");
    drop(db);

    // It can take the place of what became of it, and is brought up to date then.
    std::fs::write(place.path(), "damaged").unwrap();
    let restored = VaultDb::restore_backup(&place.path(), at(0)).unwrap();
    assert_eq!(restored.copy, copy);
    let db = place.open();
    assert_all_there(&db).await;
    db.drop_backups().await.unwrap();
    assert_eq!(copies(place.0.path()), [""; 0]);
}

#[tokio::test]
async fn unreadable_rows_and_damaged_pages_come_along() {
    let place = Place::new();
    write_version_1(&place.path());
    let mut entries = String::new();
    for number in 0..200 {
        entries +=
            &format!("INSERT INTO activity VALUES ('{number}', 'w', NULL, {number}, '{}');", "x".repeat(99));
    }
    place.meddle(&format!(
        "UPDATE clients SET record = 'hunter2' WHERE proven; UPDATE workspaces SET record = ''; {entries}"
    ));
    place.damage("activity");
    let db = place.open();
    assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 3);
    let damage = db.health().await.unwrap().damage;
    let of = |table: &str| damage.iter().filter(|finding| finding.starts_with(table)).count();
    assert_eq!((of("clients "), of("workspaces "), of("activity: ")), (1, 1, 1), "{damage:?}");
    assert_eq!(copies(place.0.path()).len(), 1, "as it was, for it could not be read to be copied");
}

#[tokio::test]
async fn without_room_for_the_copy_the_file_stays_as_it_is() {
    let Some(disk) = Disk::new(8192) else { return };
    let path = disk.path().join("vault.db");
    write_version_1(&path);
    let shell = rusqlite::Connection::open(&path).unwrap();
    // Larger than the reserve.
    shell.execute("INSERT INTO activity VALUES ('x', 'w', NULL, 0, ?1)", ["x".repeat(2_000_000)]).unwrap();
    drop(shell);
    disk.fill(256);
    let before = std::fs::read(&path).unwrap();
    let refused = VaultDb::open(&path).err();
    assert!(matches!(refused, Some(StoreError::DiskFull)), "{refused:?}");
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(copies(disk.path()), [""; 0]);
    disk.clear();
    let db = VaultDb::open(&path).unwrap();
    assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 3);
}

#[test]
fn a_version_that_the_tables_do_not_bear_out_is_damage() {
    // The version claimed, and what was done to a sound file of version 1.
    for (version, change) in [
        (0, ""),
        (-1, ""),
        (1, "DROP TABLE credentials"),
        (1, "DROP INDEX activity_of_workspace"),
        (1, "ALTER TABLE clients DROP COLUMN secret"),
        (2, ""),
    ] {
        let place = Place::new();
        write_version_1(&place.path());
        place.meddle(&format!("PRAGMA user_version = {version}; {change}"));
        let before = std::fs::read(place.path()).unwrap();
        let refused = VaultDb::open(&place.path()).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{version} {change}: {refused:?}");
        assert!(std::fs::read(place.path()).unwrap() == before, "{version} {change}");
    }
}
