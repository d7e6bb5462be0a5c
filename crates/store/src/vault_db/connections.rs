//! Connections and their sealed credentials.
//!
//! `last_used_at` has a column of its own, so that noting a use neither raises the version nor is undone by a write that
//! began before it.

use super::rows::{
    column, execute, from_nanoseconds, one, readable, readable_up_to, record, same, to_nanoseconds,
    to_record, to_version, version,
};
use super::{activity, renewals, vault};
use crate::failure::{failed, failure, is_present, is_taken};
use hearthkey_domain::activity::Activity;
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, StoreError};
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;
use rusqlite::{Connection as Sqlite, Row, named_params, params};

const CONNECTIONS: &str = "connections";
const CREDENTIALS: &str = "credentials";

/// The connections of a workspace, by label.
pub(super) fn list(sqlite: &Sqlite, workspace: WorkspaceId) -> Result<Vec<Connection>, StoreError> {
    let sql = "SELECT * FROM connections WHERE workspace = ?1 ORDER BY label, id";
    readable(sqlite, sql, [workspace.to_string()], read)
}

/// A page of them. Labels are unique without regard to case, so that one is where the next page begins.
pub(super) fn page(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Connection>, StoreError> {
    let sql = "SELECT * FROM connections WHERE workspace = ?1 AND label > ?2 ORDER BY label";
    // Every label is longer than nothing.
    let values = [workspace.to_string(), after.unwrap_or_default().to_owned()];
    readable_up_to(limit as usize, sqlite, sql, values, read)
}

/// The connection of a workspace with this label.
pub(super) fn labelled(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    label: &str,
) -> Result<Option<Connection>, StoreError> {
    let sql = "SELECT * FROM connections WHERE workspace = ?1 AND label = ?2";
    one(sqlite, sql, [workspace.to_string(), label.to_owned()], read)
}

/// How many a workspace has.
pub(super) fn count(sqlite: &Sqlite, workspace: WorkspaceId) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) FROM connections WHERE workspace = ?1";
    let count = sqlite.query_row(sql, [workspace.to_string()], |row| row.get::<_, i64>(0));
    count.map_err(failure).map(i64::unsigned_abs)
}

/// One connection of a workspace.
pub(super) fn find(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    let sql = "SELECT * FROM connections WHERE workspace = ?1 AND id = ?2";
    one(sqlite, sql, [workspace.to_string(), id.to_string()], read)
}

/// The connections of all workspaces whose removal is due.
pub(super) fn due_for_purge(sqlite: &Sqlite, now: Timestamp) -> Result<Vec<Connection>, StoreError> {
    let sql = "SELECT * FROM connections WHERE purge_after <= ?1 ORDER BY purge_after, id";
    readable(sqlite, sql, [to_nanoseconds(now)], read)
}

/// The sealed credential of a connection.
pub(super) fn credential(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<CredentialRow>, StoreError> {
    let sql =
        "SELECT credentials.* FROM credentials JOIN connections ON connections.id = credentials.connection
               WHERE connections.workspace = ?1 AND connections.id = ?2";
    one(sqlite, sql, [workspace.to_string(), id.to_string()], read_credential)
}

/// Adds a connection and its credential.
pub(super) fn add(
    sqlite: &Sqlite,
    connection: &Connection,
    credential: &CredentialRow,
    activity: &Activity,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO connections
                   (id, workspace, connector, label, status, version, purge_after, last_used_at, record,
                    refresh_at, refresh_jitter, tokens_at, held_from, held_until)
               VALUES (:id, :workspace, :connector, :label, :status, :version, :purge_after, :last_used_at, :record,
                       :refresh_at, :jitter, :tokens_at, :held_from, :held_until)";
    let (refresh_at, jitter, tokens_at, held_from, held_until) = renewals::columns(connection);
    let values = named_params! {
        ":refresh_at": refresh_at,
        ":jitter": jitter,
        ":tokens_at": tokens_at,
        ":held_from": held_from,
        ":held_until": held_until,
        ":id": connection.id.to_string(),
        ":workspace": connection.workspace.to_string(),
        ":connector": connection.connector,
        ":label": connection.label,
        ":status": connection.status.word(),
        ":version": to_version(connection.version)?,
        ":purge_after": purge_after(connection),
        ":last_used_at": connection.last_used_at.map(to_nanoseconds),
        ":record": stored(connection, connection.version)?,
    };
    execute(sqlite, sql, values).map_err(|error| refused(error, connection))?;
    let sql =
        "INSERT INTO credentials (connection, version, policy, issuer, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![
        connection.id.to_string(),
        to_version(credential.version)?,
        credential.policy,
        credential.issuer,
        credential.sealed.as_bytes(),
    ];
    execute(sqlite, sql, values).map_err(failure)?;
    activity::insert(sqlite, activity)
}

/// Writes a connection over the version it was read at, and raises that.
pub(super) fn update(sqlite: &Sqlite, connection: &Connection) -> Result<(), StoreError> {
    let raised = connection.version.checked_add(1).ok_or_else(|| failed("a version is out of range"))?;
    let sql = "UPDATE connections
               SET connector = :connector, label = :label, status = :status, version = :raised,
                   purge_after = :purge_after, record = :record,
                   refresh_at = :refresh_at, refresh_jitter = :jitter, tokens_at = :tokens_at,
                   held_from = :held_from, held_until = :held_until,
                   last_used_at = CASE WHEN :last_used_at IS NULL OR last_used_at >= :last_used_at
                                       THEN last_used_at ELSE :last_used_at END
               WHERE workspace = :workspace AND id = :id AND version = :version";
    let (refresh_at, jitter, tokens_at, held_from, held_until) = renewals::columns(connection);
    let values = named_params! {
        ":refresh_at": refresh_at,
        ":jitter": jitter,
        ":tokens_at": tokens_at,
        ":held_from": held_from,
        ":held_until": held_until,
        ":id": connection.id.to_string(),
        ":workspace": connection.workspace.to_string(),
        ":connector": connection.connector,
        ":label": connection.label,
        ":status": connection.status.word(),
        ":version": to_version(connection.version)?,
        ":raised": to_version(raised)?,
        ":purge_after": purge_after(connection),
        ":last_used_at": connection.last_used_at.map(to_nanoseconds),
        ":record": stored(connection, raised)?,
    };
    match execute(sqlite, sql, values) {
        Ok(0) => Err(StoreError::Conflict),
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error, connection)),
    }
}

/// Writes a credential over the version below its own, with its connection, and forgets what was kept of that for its renewal.
pub(super) fn replace_credential(
    sqlite: &Sqlite,
    connection: &Connection,
    credential: &CredentialRow,
) -> Result<(), StoreError> {
    update(sqlite, connection)?;
    let sql =
        "UPDATE credentials SET version = :version, policy = :policy, issuer = :issuer, sealed = :sealed
               WHERE connection = :connection AND version = :version - 1";
    let values = named_params! {
        ":connection": connection.id.to_string(),
        ":version": to_version(credential.version)?,
        ":policy": credential.policy,
        ":issuer": credential.issuer,
        ":sealed": credential.sealed.as_bytes(),
    };
    match execute(sqlite, sql, values).map_err(failure)? {
        0 => Err(StoreError::Conflict),
        _ => renewals::forget(sqlite, connection.id),
    }
}

/// Notes when a connection was last used; an earlier time changes nothing.
pub(super) fn touch(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE connections SET last_used_at = ?3
               WHERE workspace = ?1 AND id = ?2 AND (last_used_at IS NULL OR last_used_at < ?3)";
    let values = params![workspace.to_string(), id.to_string(), to_nanoseconds(at)];
    execute(sqlite, sql, values).map(drop).map_err(failure)
}

/// Removes a connection that is being removed, and its credential with it, for which it asks for a rotation. One that was
/// restored meanwhile stays.
pub(super) fn purge(sqlite: &Sqlite, workspace: WorkspaceId, id: ConnectionId) -> Result<(), StoreError> {
    let (workspace, id) = (workspace.to_string(), id.to_string());
    let sql = "SELECT 1 FROM credentials WHERE connection = ?1";
    let had_credential = one(sqlite, sql, [&id], |_| Ok(()))?.is_some();
    let sql = "DELETE FROM connections WHERE workspace = ?1 AND id = ?2 AND purge_after IS NOT NULL";
    if execute(sqlite, sql, [&workspace, &id]).map_err(failure)? > 0 {
        return if had_credential { vault::ask_for_rotation(sqlite) } else { Ok(()) };
    }
    let sql = "SELECT 1 FROM connections WHERE workspace = ?1 AND id = ?2";
    match one(sqlite, sql, [&workspace, &id], |_| Ok(()))? {
        Some(()) => Err(StoreError::Conflict),
        None => Ok(()),
    }
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<Connection, StoreError> {
    let mut connection: Connection = record(row, CONNECTIONS)?;
    same(row, CONNECTIONS, "id", &connection.id)?;
    same(row, CONNECTIONS, "workspace", &connection.workspace)?;
    connection.version = version(row, CONNECTIONS)?;
    connection.last_used_at =
        column::<Option<i64>>(row, CONNECTIONS, "last_used_at")?.map(from_nanoseconds).transpose()?;
    Ok(connection)
}

/// Reads a row of the credentials.
pub(super) fn read_credential(row: &Row<'_>) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow {
        version: version(row, CREDENTIALS)?,
        policy: column(row, CREDENTIALS, "policy")?,
        issuer: column(row, CREDENTIALS, "issuer")?,
        sealed: Sealed::from_bytes(column(row, CREDENTIALS, "sealed")?),
    })
}

/// The record of a row, without what its columns alone hold.
fn stored(connection: &Connection, version: u64) -> Result<String, StoreError> {
    to_record(&Connection { version, last_used_at: None, ..connection.clone() })
}

fn purge_after(connection: &Connection) -> Option<i64> {
    match connection.status {
        Status::Deleting { purge_after, .. } => Some(to_nanoseconds(purge_after)),
        _ => None,
    }
}

fn refused(error: rusqlite::Error, connection: &Connection) -> StoreError {
    if is_taken(&error) {
        StoreError::LabelTaken { label: connection.label.clone() }
    } else if is_present(&error) {
        StoreError::Conflict
    } else {
        failure(error)
    }
}
