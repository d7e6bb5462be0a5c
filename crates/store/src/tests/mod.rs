//! The file and its threads, with a table of their own instead of `vault.db`'s.

mod file;
mod threads;

use crate::database::Database;
use crate::failure::failure;
use hearthkey_domain::ports::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

const NOTES: &[&str] = &["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"];

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("notes.db")
    }

    fn open(&self) -> Database {
        Database::open(&self.path(), "notes", NOTES).unwrap()
    }
}

fn add(id: i64, text: &str) -> impl FnOnce(&Connection) -> Result<i64, StoreError> + Send + 'static {
    let text = text.to_owned();
    move |sqlite| sqlite.execute("INSERT INTO notes VALUES (?1, ?2)", (id, text)).map(|_| id).map_err(failure)
}

fn ids(sqlite: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut statement = sqlite.prepare("SELECT id FROM notes ORDER BY id").map_err(failure)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(failure)?;
    rows.collect::<Result<_, _>>().map_err(failure)
}
