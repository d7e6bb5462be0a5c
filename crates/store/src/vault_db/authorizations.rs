//! Sign-ins on their way, with their sealed verifiers. Whether one is still in time is `domain`'s rule.

use super::rows::{column, execute, one, readable, record, same, to_nanoseconds, to_record};
use crate::failure::{failure, is_present, is_taken};
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;
use rusqlite::{Connection as Sqlite, Row, params};

const AUTHORIZATIONS: &str = "authorizations";

/// Remembers a flow.
pub(super) fn begin(
    sqlite: &Sqlite,
    pending: &PendingAuthorization,
    verifier: &Sealed,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO authorizations (id, workspace, state_digest, expires_at, record, verifier)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![
        pending.id.to_string(),
        pending.workspace.to_string(),
        pending.state_digest,
        to_nanoseconds(pending.expires_at),
        to_record(pending)?,
        verifier.as_bytes(),
    ];
    match execute(sqlite, sql, values) {
        Ok(_) => Ok(()),
        Err(error) if is_present(&error) || is_taken(&error) => Err(StoreError::Conflict),
        Err(error) => Err(failure(error)),
    }
}

/// A flow of a workspace that waits.
pub(super) fn find(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: AuthorizationId,
) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
    let sql = "SELECT * FROM authorizations WHERE workspace = ?1 AND id = ?2 AND NOT taken";
    one(sqlite, sql, [workspace.to_string(), id.to_string()], read)
}

/// The flow that waits for this `state` digest.
pub(super) fn with_state(
    sqlite: &Sqlite,
    state_digest: &str,
) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
    let sql = "SELECT * FROM authorizations WHERE state_digest = ?1 AND NOT taken";
    one(sqlite, sql, [state_digest], read)
}

/// Replaces the record of a flow that waits. True if it was there.
pub(super) fn update(sqlite: &Sqlite, pending: &PendingAuthorization) -> Result<bool, StoreError> {
    let sql = "UPDATE authorizations SET record = ?3 WHERE workspace = ?1 AND id = ?2 AND NOT taken";
    let values = params![pending.workspace.to_string(), pending.id.to_string(), to_record(pending)?];
    execute(sqlite, sql, values).map(|changed| changed > 0).map_err(failure)
}

/// Marks the flow with this `state` digest as taken and returns it, in one statement.
pub(super) fn take(
    sqlite: &Sqlite,
    state_digest: &str,
) -> Result<Option<(PendingAuthorization, Sealed)>, StoreError> {
    let sql = "UPDATE authorizations SET taken = 1 WHERE state_digest = ?1 AND NOT taken RETURNING *";
    one(sqlite, sql, [state_digest], read)
}

/// Deletes a flow that has ended.
pub(super) fn end(sqlite: &Sqlite, id: AuthorizationId) -> Result<(), StoreError> {
    let sql = "DELETE FROM authorizations WHERE id = ?1";
    execute(sqlite, sql, [id.to_string()]).map(drop).map_err(failure)
}

/// The flows that were taken and never ended.
pub(super) fn taken(sqlite: &Sqlite) -> Result<Vec<PendingAuthorization>, StoreError> {
    let sql = "SELECT * FROM authorizations WHERE taken ORDER BY id";
    readable(sqlite, sql, [], |row| read(row).map(|(pending, _)| pending))
}

/// Deletes a flow of a workspace that waits. True if it was there.
pub(super) fn cancel(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: AuthorizationId,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM authorizations WHERE workspace = ?1 AND id = ?2 AND NOT taken";
    execute(sqlite, sql, [workspace.to_string(), id.to_string()]).map(|deleted| deleted > 0).map_err(failure)
}

/// The flows still open, the oldest first, and whether there are others.
pub(super) fn open(sqlite: &Sqlite, now: Timestamp) -> Result<(Vec<PendingAuthorization>, bool), StoreError> {
    let now = to_nanoseconds(now);
    let sql = "SELECT * FROM authorizations WHERE expires_at > ?1 AND NOT taken ORDER BY id";
    let open = readable(sqlite, sql, [now], |row| read(row).map(|(pending, _)| pending))?;
    let sql = "SELECT 1 FROM authorizations WHERE expires_at <= ?1 AND NOT taken LIMIT 1";
    let others = one(sqlite, sql, [now], |_| Ok(()))?.is_some();
    Ok((open, others))
}

/// Forgets the flows that are no longer open.
pub(super) fn forget_expired(sqlite: &Sqlite, now: Timestamp) -> Result<(), StoreError> {
    let sql = "DELETE FROM authorizations WHERE expires_at <= ?1 AND NOT taken";
    execute(sqlite, sql, [to_nanoseconds(now)]).map(drop).map_err(failure)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<(PendingAuthorization, Sealed), StoreError> {
    let pending: PendingAuthorization = record(row, AUTHORIZATIONS)?;
    same(row, AUTHORIZATIONS, "id", &pending.id)?;
    same(row, AUTHORIZATIONS, "workspace", &pending.workspace)?;
    same(row, AUTHORIZATIONS, "state_digest", &pending.state_digest)?;
    Ok((pending, Sealed::from_bytes(column(row, AUTHORIZATIONS, "verifier")?)))
}
