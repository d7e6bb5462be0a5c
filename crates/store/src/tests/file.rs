//! Opening: settings, migrations, and files that are refused.

use super::*;
use crate::database::check_linked;
use crate::failure::{failed, is_unsynced};
use rusqlite::ffi;
use std::path::Path;

#[tokio::test]
async fn dropping_takes_the_log_in() {
    let place = Place::new();
    let database = place.open();
    database.write(add(1, "a")).await.unwrap();
    assert!(log_of(&place.path()).exists());
    drop(database);
    assert!(!log_of(&place.path()).exists());
    let shell = Connection::open(place.path()).unwrap();
    assert_eq!(ids(&shell).unwrap(), [1]);
}

#[tokio::test]
async fn the_settings_are_in_force() {
    let place = Place::new();
    let database = place.open();
    let settings = |sqlite: &Connection| {
        let names = [
            "journal_mode",
            "synchronous",
            "secure_delete",
            "trusted_schema",
            "cell_size_check",
            "foreign_keys",
            "busy_timeout",
            "query_only",
            "journal_size_limit",
            "temp_store",
        ];
        let value = |name: &str| {
            sqlite.pragma_query_value(None, name, |row| {
                row.get::<_, String>(0).or_else(|_| row.get::<_, i64>(0).map(|n| n.to_string()))
            })
        };
        names.into_iter().map(value).collect::<Result<Vec<_>, _>>().map_err(failure)
    };
    assert_eq!(
        database.write(settings).await.unwrap(),
        ["wal", "2", "1", "0", "1", "1", "5000", "0", "8388608", "2"]
    );
    let read = database.read(settings).await.unwrap();
    assert_eq!([&read[3], &read[4], &read[7], &read[9]], ["0", "1", "1", "2"]);
    // Defensive: the schema cannot be edited as if it were a table, not even where that is asked for.
    let edited = database
        .write(|sqlite| {
            sqlite.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema").map_err(failure)
        })
        .await;
    assert!(edited.is_err());
}

#[tokio::test]
async fn nothing_in_the_schema_acts() {
    let place = Place::new();
    drop(place.open());
    let shell = Connection::open(place.path()).unwrap();
    let planted = "CREATE TRIGGER planted AFTER INSERT ON notes BEGIN DELETE FROM notes; END;
                   CREATE VIEW seen AS SELECT * FROM notes";
    shell.execute_batch(planted).unwrap();
    drop(shell);
    let database = place.open();
    database.write(add(1, "a")).await.unwrap();
    assert_eq!(database.read(ids).await.unwrap(), [1]);
    let viewed =
        |sqlite: &Connection| sqlite.query_row("SELECT * FROM seen", [], |_| Ok(())).map_err(failure);
    assert!(database.read(viewed).await.is_err());
    assert!(database.write(viewed).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let database = place.open();
    database.write(add(1, "a")).await.unwrap();
    for entry in std::fs::read_dir(place.0.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    const NEWER: &[&str] = &[NOTES[0], "INSERT INTO notes VALUES (7, 'from the future')"];
    let database = Database::open(&place.path(), "notes", NEWER).unwrap();
    database.write(add(8, "in the log")).await.unwrap();
    // As after a power cut: the database and a log that is not taken in.
    let cut = Place::new();
    std::fs::copy(place.path(), cut.path()).unwrap();
    std::fs::copy(log_of(&place.path()), log_of(&cut.path())).unwrap();
    let state = |path: &Path| (std::fs::read(path).unwrap(), std::fs::read(log_of(path)).unwrap());
    let before = state(&cut.path());
    assert!(!before.1.is_empty());
    let refused = Database::open(&cut.path(), "notes", NOTES).err();
    assert!(matches!(refused, Some(StoreError::Newer { found: 2, known: 1 })), "{refused:?}");
    assert!(state(&cut.path()) == before, "the refused file was changed");
    let again = Database::open(&cut.path(), "notes", NEWER).unwrap();
    assert_eq!(again.read(ids).await.unwrap(), [7, 8]);
}

#[tokio::test]
async fn a_migration_is_applied_whole_or_not_at_all_and_once() {
    let place = Place::new();
    place.open().write(add(1, "old")).await.unwrap();
    const BROKEN: &[&str] =
        &[NOTES[0], "ALTER TABLE notes ADD COLUMN more TEXT; INSERT INTO nowhere VALUES (1)"];
    let refused = Database::open(&place.path(), "notes", BROKEN).err();
    assert!(matches!(refused, Some(StoreError::Failed { .. })), "{refused:?}");
    const MENDED: &[&str] = &[NOTES[0], "ALTER TABLE notes ADD COLUMN more TEXT"];
    for _ in 0..2 {
        let database = Database::open(&place.path(), "notes", MENDED).unwrap();
        assert_eq!(database.read(ids).await.unwrap(), [1]);
    }
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let letter = "Dear reader, this is no database. ".repeat(100);
    std::fs::write(place.path(), &letter).unwrap();
    let refused = Database::open(&place.path(), "notes", NOTES).err();
    assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), letter);
}

#[test]
fn an_old_sqlite_is_refused() {
    assert!(check_linked(3_051_002).is_err());
    assert!(check_linked(3_051_003).is_ok());
    assert!(check_linked(rusqlite::version_number()).is_ok());
}

#[test]
fn errors_of_sqlite_are_told_apart_by_code() {
    let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    for full in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
        assert!(matches!(failure(error(full)), StoreError::DiskFull));
    }
    assert!(is_unsynced(&error(ffi::SQLITE_IOERR_FSYNC)));
    assert!(!is_unsynced(&error(ffi::SQLITE_IOERR_WRITE)));
    for damaged in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT_INDEX] {
        assert!(matches!(failure(error(damaged)), StoreError::Damaged { .. }));
    }
    assert!(matches!(failure(error(ffi::SQLITE_IOERR)), StoreError::Failed { .. }));
    assert_eq!(failed("words").to_string(), "the database failed: words");
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}
