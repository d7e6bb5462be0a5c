//! The workspaces with their sealed keys.
//!
//! The name has a column of its own, for it is unique; the column is the name, and the record follows it.

use super::rows::{all, column, execute, generation, one, readable, record, same, to_record};
use super::{activity, vault};
use crate::failure::{failure, is_present, is_taken};
use hearthkey_domain::activity::Activity;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::ports::{StoreError, WorkspaceRow};
use hearthkey_domain::sealed::Sealed;
use hearthkey_domain::workspace::Workspace;
use rusqlite::{Connection as Sqlite, Row, params};

const WORKSPACES: &str = "workspaces";

/// What goes with a workspace, the rows that name others first.
const BELONGINGS: &[&str] = &["connections", "clients", "authorizations", "activity"];

/// Every workspace, the oldest first.
pub(super) fn list(sqlite: &Sqlite) -> Result<Vec<WorkspaceRow>, StoreError> {
    readable(sqlite, "SELECT * FROM workspaces ORDER BY id", [], read)
}

/// As [`list`], and refused if one of them is unreadable.
pub(super) fn list_all(sqlite: &Sqlite) -> Result<Vec<WorkspaceRow>, StoreError> {
    all(sqlite, "SELECT * FROM workspaces ORDER BY id", [], read)
}

/// Adds a workspace to a vault that was founded.
pub(super) fn add(sqlite: &Sqlite, row: &WorkspaceRow, activity: &Activity) -> Result<(), StoreError> {
    if vault::record(sqlite)?.is_none() {
        return Err(StoreError::Conflict);
    }
    refuse_taken(sqlite, row.workspace.id, &row.workspace.name)?;
    insert(sqlite, row)?;
    activity::insert(sqlite, activity)
}

/// Adds the row.
pub(super) fn insert(sqlite: &Sqlite, row: &WorkspaceRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO workspaces (id, name, generation, record, sealed_key, retiring_key)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![
        row.workspace.id.to_string(),
        row.workspace.name,
        row.generation,
        to_record(&row.workspace)?,
        row.sealed_key.as_bytes(),
        row.retiring_key.as_ref().map(Sealed::as_bytes),
    ];
    execute(sqlite, sql, values).map(drop).map_err(|error| refused(error, &row.workspace.name))
}

/// Gives a workspace another name. False if there is none.
pub(super) fn rename(
    sqlite: &Sqlite,
    id: WorkspaceId,
    name: &str,
    activity: &Activity,
) -> Result<bool, StoreError> {
    let Some(row) = one(sqlite, "SELECT * FROM workspaces WHERE id = ?1", [id.to_string()], read)? else {
        return Ok(false);
    };
    refuse_taken(sqlite, id, name)?;
    let renamed = to_record(&Workspace { name: name.to_owned(), ..row.workspace })?;
    let sql = "UPDATE workspaces SET name = ?2, record = ?3 WHERE id = ?1";
    execute(sqlite, sql, params![id.to_string(), name, renamed]).map_err(|error| refused(error, name))?;
    activity::insert(sqlite, activity)?;
    Ok(true)
}

/// Destroys a workspace that is not the last one. False if there is none.
pub(super) fn destroy(sqlite: &Sqlite, id: WorkspaceId, activity: &Activity) -> Result<bool, StoreError> {
    let id = id.to_string();
    if one(sqlite, "SELECT 1 FROM workspaces WHERE id = ?1", [&id], |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    if one(sqlite, "SELECT 1 FROM workspaces WHERE id <> ?1", [&id], |_| Ok(()))?.is_none() {
        return Err(StoreError::Conflict);
    }
    // A credential goes with its connection.
    for table in BELONGINGS {
        execute(sqlite, &format!("DELETE FROM {table} WHERE workspace = ?1"), [&id]).map_err(failure)?;
    }
    execute(sqlite, "DELETE FROM workspaces WHERE id = ?1", [&id]).map_err(failure)?;
    let sql = "UPDATE vault SET settings = json_set(settings, '$.current_workspace', NULL)
               WHERE json_valid(settings) AND json_extract(settings, '$.current_workspace') = ?1";
    execute(sqlite, sql, [&id]).map_err(failure)?;
    vault::ask_for_rotation(sqlite)?;
    activity::insert(sqlite, activity)?;
    Ok(true)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<WorkspaceRow, StoreError> {
    let mut workspace: Workspace = record(row, WORKSPACES)?;
    same(row, WORKSPACES, "id", &workspace.id)?;
    if let Some(name) = column(row, WORKSPACES, "name")? {
        workspace.name = name;
    }
    Ok(WorkspaceRow {
        workspace,
        generation: generation(row, WORKSPACES)?,
        sealed_key: Sealed::from_bytes(column(row, WORKSPACES, "sealed_key")?),
        retiring_key: column::<Option<_>>(row, WORKSPACES, "retiring_key")?.map(Sealed::from_bytes),
    })
}

/// The index knows the case of ASCII only.
fn refuse_taken(sqlite: &Sqlite, id: WorkspaceId, name: &str) -> Result<(), StoreError> {
    let sql = "SELECT name FROM workspaces WHERE id <> ?1 AND name IS NOT NULL";
    let others: Vec<String> = all(sqlite, sql, [id.to_string()], |row| column(row, WORKSPACES, "name"))?;
    match others.iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
        true => Err(StoreError::LabelTaken { label: name.to_owned() }),
        false => Ok(()),
    }
}

fn refused(error: rusqlite::Error, name: &str) -> StoreError {
    if is_taken(&error) {
        StoreError::LabelTaken { label: name.to_owned() }
    } else if is_present(&error) {
        StoreError::Conflict
    } else {
        failure(error)
    }
}
