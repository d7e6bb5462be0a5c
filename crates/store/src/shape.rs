//! Whether a file holds the database it should: its tables by name and column, and what SQLite's quick check finds.

use crate::failure::{damaged, failed, failure};
use hearthkey_domain::ports::StoreError;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// How many of the migrations a file has seen.
///
/// # Errors
/// [`StoreError::Newer`] when that is more than are known; [`StoreError::Damaged`] when it cannot be read.
pub(crate) fn seen(connection: &Connection, migrations: &[&str]) -> Result<usize, StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failure)?;
    let known = i64::try_from(migrations.len()).map_err(failed)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    usize::try_from(found).map_err(|_| damaged("it has a version below zero"))
}

/// Checks that the tables, columns and indexes which the migrations seen so far made are there.
///
/// # Errors
/// [`StoreError::Damaged`] when one is missing or cannot be told.
pub(crate) fn check(connection: &Connection, seen: &[&str]) -> Result<(), StoreError> {
    let found = names(connection).map_err(failure)?;
    if seen.is_empty() {
        return if found.is_empty() { Ok(()) } else { Err(damaged("it has tables and no version")) };
    }
    let model = Connection::open_in_memory().map_err(failure)?;
    for migration in seen {
        model.execute_batch(migration).map_err(failure)?;
    }
    match names(&model).map_err(failure)?.difference(&found).next() {
        Some(missing) => Err(damaged(format!("it has no {missing}"))),
        None => Ok(()),
    }
}

/// What SQLite's quick check finds; nothing in a sound file.
pub(crate) fn quick_check(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("PRAGMA quick_check").map_err(failure)?;
    let found = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failure)?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// `table t`, `index i` and `column t.c`.
fn names(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare(
        "SELECT type || ' ' || name FROM sqlite_schema
         UNION ALL
         SELECT 'column ' || m.name || '.' || c.name
         FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}
