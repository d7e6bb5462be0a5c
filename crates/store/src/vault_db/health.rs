//! What is wrong with the file, as far as can be told without its keys.

use super::{activity, authorizations, clients, connections, renewals, slots, vault, workspaces};
use crate::failure::failure;
use crate::shape::quick_check;
use hearthkey_domain::ports::StoreError;
use rusqlite::{Connection as Sqlite, Row};

/// Findings of one kind that are named one by one; the others are counted.
const NAMED_MAX: usize = 100;

/// The longest row name that is shown; that of an intact row is shorter.
const NAME_MAX: usize = 40;

type Check = fn(&Row<'_>) -> Result<(), StoreError>;

/// Every table, the column that names its rows, and how a row of it is read.
const TABLES: &[(&str, &str, Check)] = &[
    ("vault", "only_row", |row| vault::read(row).and_then(|_| vault::read_settings(row)).map(drop)),
    ("key_slots", "id", |row| slots::read(row).map(drop)),
    ("workspaces", "id", |row| workspaces::read(row).map(drop)),
    ("connections", "id", |row| connections::read(row).map(drop)),
    ("credentials", "connection", |row| connections::read_credential(row).map(drop)),
    ("spent_credentials", "connection", |row| renewals::read_spent(row).map(drop)),
    ("previous_credentials", "connection", |row| renewals::read_previous(row).map(drop)),
    ("clients", "id", |row| clients::read(row).map(drop)),
    ("authorizations", "id", |row| authorizations::read(row).map(drop)),
    ("activity", "id", |row| activity::read(row).map(drop)),
];

/// What SQLite's quick check finds, and the rows that do not read as what they should be, by table and name. A table that
/// cannot be read at all is a finding, not an error.
pub(super) fn damage(sqlite: &Sqlite) -> Vec<String> {
    let mut damage = quick_check(sqlite).unwrap_or_else(|error| vec![format!("quick check: {error}")]);
    for (table, name, check) in TABLES {
        match unreadable_rows(sqlite, table, name, *check) {
            Ok(rows) => damage.extend(rows),
            Err(error) => damage.push(format!("{table}: {error}")),
        }
    }
    damage
}

fn unreadable_rows(
    sqlite: &Sqlite,
    table: &str,
    name: &str,
    check: Check,
) -> Result<Vec<String>, StoreError> {
    let mut statement =
        sqlite.prepare(&format!("SELECT rowid AS row_number, * FROM {table}")).map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    let (mut named, mut more) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next().map_err(failure)? {
        match check(row) {
            Ok(()) => {}
            Err(_) if named.len() == NAMED_MAX => more += 1,
            Err(StoreError::Unreadable { reason, .. }) => {
                named.push(format!("{table} {}: {reason}", row_name(row, name)));
            }
            Err(error) => named.push(format!("{table} {}: {error}", row_name(row, name))),
        }
    }
    if more > 0 {
        named.push(format!("{table}: {more} more unreadable rows"));
    }
    Ok(named)
}

/// The identifier of a row, or its number where the identifier is damaged too.
fn row_name(row: &Row<'_>, name: &str) -> String {
    let is_intact = |id: &String| {
        id.len() <= NAME_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match row.get::<_, String>(name).ok().filter(is_intact) {
        Some(id) => id,
        None => row
            .get::<_, i64>("row_number")
            .map_or_else(|_| "row".to_owned(), |number| format!("row {number}")),
    }
}
