//! The audit log: rows are added and read, newest first, and outlive what they speak of.

use super::rows::{execute, readable, record, same, to_nanoseconds, to_record};
use crate::failure::{failure, is_present};
use hearthkey_domain::activity::Activity;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use rusqlite::{Connection as Sqlite, Row, params};

const ACTIVITY: &str = "activity";

/// Adds an entry. Refused once its workspace is destroyed, for then nothing of it may remain.
pub(super) fn insert(sqlite: &Sqlite, activity: &Activity) -> Result<(), StoreError> {
    let sql = "INSERT INTO activity (id, workspace, connection, at, record)
               SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM workspaces WHERE id = ?2)";
    let values = params![
        activity.id.to_string(),
        activity.workspace.to_string(),
        activity.connection.map(|id| id.to_string()),
        to_nanoseconds(activity.at),
        to_record(activity)?,
    ];
    match execute(sqlite, sql, values) {
        Ok(0) => Err(StoreError::Conflict),
        Ok(_) => Ok(()),
        Err(error) if is_present(&error) => Err(StoreError::Conflict),
        Err(error) => Err(failure(error)),
    }
}

/// The newest entries of a workspace, or of one connection in it.
pub(super) fn newest(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    connection: Option<ConnectionId>,
    limit: u32,
) -> Result<Vec<Activity>, StoreError> {
    let workspace = workspace.to_string();
    match connection {
        None => {
            let sql = "SELECT * FROM activity WHERE workspace = ?1 ORDER BY at DESC, id DESC LIMIT ?2";
            readable(sqlite, sql, params![workspace, limit], read)
        }
        Some(id) => {
            let sql = "SELECT * FROM activity WHERE workspace = ?1 AND connection = ?2
                       ORDER BY at DESC, id DESC LIMIT ?3";
            readable(sqlite, sql, params![workspace, id.to_string(), limit], read)
        }
    }
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<Activity, StoreError> {
    let activity: Activity = record(row, ACTIVITY)?;
    same(row, ACTIVITY, "id", &activity.id)?;
    same(row, ACTIVITY, "workspace", &activity.workspace)?;
    Ok(activity)
}
