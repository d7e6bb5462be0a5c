//! Renewals: what was spent before the answer is there, the pair before the newest, and what is due.
//!
//! The envelope of a previous pair is the one it had as the newest: it is sealed for the same place.

use super::connections::{read, replace_credential};
use super::rows::{
    Seldom, column, execute, from_nanoseconds, one, readable_saying, to_nanoseconds, to_version, version,
};
use crate::failure::failure;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, RefreshState, SpentCredential, StoreError};
use hearthkey_domain::renewal::Renewal;
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;
use rusqlite::{Connection as Sqlite, Row, named_params, params};

/// When it was last said that a row that is due could not be read.
static UNREADABLE: Seldom = Seldom::new();

const SPENT: &str = "spent_credentials";
const PREVIOUS: &str = "previous_credentials";

/// Notes that a version of a credential is about to be spent. What was noted of the same version before stays.
pub(super) fn begin(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
    version: u64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM credentials JOIN connections ON connections.id = credentials.connection
               WHERE connections.workspace = ?1 AND connections.id = ?2 AND credentials.version = ?3";
    let (workspace, id, version) = (workspace.to_string(), id.to_string(), to_version(version)?);
    if one(sqlite, sql, params![workspace, id, version], |_| Ok(()))?.is_none() {
        return Err(StoreError::Conflict);
    }
    let sql = "INSERT INTO spent_credentials (connection, version, at) VALUES (?1, ?2, ?3)
               ON CONFLICT (connection) DO UPDATE SET version = excluded.version, at = excluded.at
               WHERE version <> excluded.version";
    execute(sqlite, sql, params![id, version, to_nanoseconds(at)]).map(drop).map_err(failure)
}

/// Takes back that a version was spent.
pub(super) fn cancel(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
    version: u64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM spent_credentials WHERE connection = ?2 AND version = ?3
               AND EXISTS (SELECT 1 FROM connections WHERE id = ?2 AND workspace = ?1)";
    let values = params![workspace.to_string(), id.to_string(), to_version(version)?];
    execute(sqlite, sql, values).map(drop).map_err(failure)
}

/// What is known beside the newest credential.
pub(super) fn state(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<RefreshState, StoreError> {
    let of = |table: &str| {
        format!(
            "SELECT {table}.* FROM {table} JOIN connections ON connections.id = {table}.connection
             WHERE connections.workspace = ?1 AND connections.id = ?2"
        )
    };
    let ids = || [workspace.to_string(), id.to_string()];
    Ok(RefreshState {
        spent: one(sqlite, &of(SPENT), ids(), read_spent)?,
        // It is a second chance: that it cannot be read is no reason not to use the first.
        previous: match one(sqlite, &of(PREVIOUS), ids(), read_previous) {
            Err(StoreError::Unreadable { .. }) => None,
            other => other?,
        },
    })
}

/// Writes the answer to a renewal over the pair that was spent on it, and keeps that.
pub(super) fn finish(
    sqlite: &Sqlite,
    connection: &Connection,
    credential: &CredentialRow,
) -> Result<(), StoreError> {
    let id = connection.id.to_string();
    let sql =
        "SELECT version, policy, issuer, sealed FROM credentials WHERE connection = ?1 AND version = ?2 - 1";
    let spent = one(sqlite, sql, params![id, to_version(credential.version)?], read_previous)?;
    replace_credential(sqlite, connection, credential)?;
    let Some(spent) = spent else { return Err(StoreError::Conflict) };
    let sql = "INSERT INTO previous_credentials (connection, version, policy, issuer, sealed)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![id, to_version(spent.version)?, spent.policy, spent.issuer, spent.sealed.as_bytes()];
    execute(sqlite, sql, values).map(drop).map_err(failure)
}

/// Forgets the pair before `version`, if that is still the newest.
pub(super) fn forget_previous(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ConnectionId,
    version: u64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM previous_credentials WHERE connection = ?2 AND EXISTS (
                   SELECT 1 FROM credentials JOIN connections ON connections.id = credentials.connection
                   WHERE connections.id = ?2 AND connections.workspace = ?1 AND credentials.version = ?3)";
    let values = params![workspace.to_string(), id.to_string(), to_version(version)?];
    execute(sqlite, sql, values).map(drop).map_err(failure)
}

/// Forgets what belongs to the credential before: another one took its place.
pub(super) fn forget(sqlite: &Sqlite, id: ConnectionId) -> Result<(), StoreError> {
    for table in [SPENT, PREVIOUS] {
        let sql = format!("DELETE FROM {table} WHERE connection = ?1");
        execute(sqlite, &sql, [id.to_string()]).map_err(failure)?;
    }
    Ok(())
}

/// The connections of all workspaces whose tokens are to be renewed, those first whose time came first. Of those that were due
/// before `woke`, each comes when its share of the time over which they are spread has passed.
pub(super) fn due(
    sqlite: &Sqlite,
    now: Timestamp,
    woke: Timestamp,
    limit: u32,
) -> Result<Vec<Connection>, StoreError> {
    const SELECT: &str = "SELECT * FROM connections WHERE refresh_at IS NOT NULL
         AND (held_until IS NULL OR held_until <= :now OR held_from > :soon)";
    let slack = |by| now.checked_add(by).unwrap_or(Timestamp::MAX);
    let awake = i64::try_from(woke.duration_until(now).as_millis()).unwrap_or(i64::MAX);
    let values = named_params! {
        ":now": to_nanoseconds(now),
        ":soon": to_nanoseconds(slack(Renewal::CLOCK_SLACK)),
        ":woke": to_nanoseconds(woke),
        ":awake": if awake >= Renewal::SPREAD.as_millis() as i64 { i64::MAX } else { awake },
    };
    let (limit, mut found) = (limit as usize, vec![]);
    for which in [
        // What came due.
        "refresh_at <= :now AND (refresh_at > :woke OR refresh_jitter <= :awake) ORDER BY refresh_at, id",
        // What was obtained at a time that is yet to come: due since the clock was set back.
        "tokens_at > :soon AND refresh_at > :now AND :woke <= :now AND refresh_jitter <= :awake ORDER BY id",
    ] {
        let room = limit - found.len();
        // This is looked at every second.
        let says = || UNREADABLE.lets(now);
        found.extend(readable_saying(says, room, sqlite, &format!("{SELECT} AND {which}"), values, read)?);
    }
    Ok(found)
}

/// The columns by which a connection's renewal is found: when, this connection's share of a spread, when its tokens were
/// obtained if they can be renewed, and from when until when it rests.
pub(super) type Columns = (Option<i64>, u32, Option<i64>, Option<i64>, Option<i64>);

pub(super) fn columns(connection: &Connection) -> Columns {
    let renewal = connection.oauth.as_ref().map(|grant| &grant.renewal);
    let held = renewal.and_then(|renewal| renewal.cool_down.as_ref());
    let obtained_at = renewal.and_then(|renewal| renewal.obtained_at);
    (
        connection.refresh_at().map(to_nanoseconds),
        renewal.map_or(0, |renewal| renewal.jitter),
        connection.oauth.as_ref().filter(|grant| grant.renewable).and(obtained_at).map(to_nanoseconds),
        held.map(|held| to_nanoseconds(held.since)),
        held.map(|held| to_nanoseconds(held.not_before)),
    )
}

/// Reads a row of what was spent.
pub(super) fn read_spent(row: &Row<'_>) -> Result<SpentCredential, StoreError> {
    Ok(SpentCredential { version: version(row, SPENT)?, at: from_nanoseconds(column(row, SPENT, "at")?)? })
}

/// Reads a row of the previous pairs.
pub(super) fn read_previous(row: &Row<'_>) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow {
        version: version(row, PREVIOUS)?,
        policy: column(row, PREVIOUS, "policy")?,
        issuer: column(row, PREVIOUS, "issuer")?,
        sealed: Sealed::from_bytes(column(row, PREVIOUS, "sealed")?),
    })
}
