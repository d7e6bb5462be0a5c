//! Rotation: everything hangs from the next generation at once, and then row by row.
//!
//! A row's envelope names the generation of its workspace's key in bytes 6 to 9, big-endian. No more of it is known here.

use super::rows::{Read, column, execute, one, readable_up_to, to_nanoseconds, unreadable, version};
use super::{activity, authorizations, clients, slots, vault, workspaces};
use crate::failure::{failed, failure};
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::key_slot::SlotRow;
use hearthkey_domain::ports::{RotationStart, SealedPlace, SealedRow, StoreError, WorkspaceRow};
use hearthkey_domain::sealed::Sealed;
use rusqlite::{Connection as Sqlite, Row, params};

const CREDENTIALS: &str = "credentials";
const CLIENTS: &str = "clients";

/// The rows of workspace `?1` that hang from an older generation of its key than its newest, one query per table. The
/// envelope of each is called `sealed`. What is too short to name a generation hangs from none.
const RETIRING: [(&str, Read<SealedRow>); 4] = [
    (
        "SELECT credentials.* FROM credentials
         JOIN connections ON connections.id = credentials.connection
         JOIN workspaces ON workspaces.id = connections.workspace
         WHERE workspaces.id = ?1 AND length(credentials.sealed) >= 10
           AND substr(credentials.sealed, 7, 4) < unhex(printf('%08x', workspaces.generation))
         ORDER BY credentials.connection",
        credential,
    ),
    (
        "SELECT previous_credentials.* FROM previous_credentials
         JOIN connections ON connections.id = previous_credentials.connection
         JOIN workspaces ON workspaces.id = connections.workspace
         WHERE workspaces.id = ?1 AND length(previous_credentials.sealed) >= 10
           AND substr(previous_credentials.sealed, 7, 4) < unhex(printf('%08x', workspaces.generation))
         ORDER BY previous_credentials.connection",
        previous,
    ),
    (
        "SELECT clients.*, clients.secret AS sealed FROM clients
         JOIN workspaces ON workspaces.id = clients.workspace
         WHERE workspaces.id = ?1 AND length(clients.secret) >= 10
           AND substr(clients.secret, 7, 4) < unhex(printf('%08x', workspaces.generation))
         ORDER BY clients.id",
        client_secret,
    ),
    (
        "SELECT authorizations.*, authorizations.verifier AS sealed FROM authorizations
         JOIN workspaces ON workspaces.id = authorizations.workspace
         WHERE workspaces.id = ?1 AND length(authorizations.verifier) >= 10
           AND substr(authorizations.verifier, 7, 4) < unhex(printf('%08x', workspaces.generation))
         ORDER BY authorizations.id",
        verifier,
    ),
];

/// Moves the vault, its workspaces' keys and its slots to the next generation.
pub(super) fn begin(sqlite: &Sqlite, start: &RotationStart) -> Result<(), StoreError> {
    let stored = vault::record(sqlite)?.ok_or(StoreError::Conflict)?;
    if stored.generation != start.from {
        return Err(StoreError::Conflict);
    }
    renew_workspaces(sqlite, &start.workspaces)?;
    renew_slots(sqlite, &start.slots)?;
    let sql = "UPDATE vault SET generation = ?1, key_check = ?2, rotated_at = ?3, rotation_due = FALSE";
    let next = start.from.checked_add(1).ok_or_else(|| failed("a generation is out of range"))?;
    let at = to_nanoseconds(start.at);
    execute(sqlite, sql, params![next, start.key_check, at]).map_err(failure)?;
    activity::insert(sqlite, &start.activity)
}

/// Gives every workspace its new key, and refuses if one has other keys than those it was read with, or is missing.
fn renew_workspaces(sqlite: &Sqlite, renewed: &[WorkspaceRow]) -> Result<(), StoreError> {
    let mut renewed: Vec<_> = renewed.iter().collect();
    renewed.sort_by_key(|row| row.workspace.id.to_string());
    let stored = workspaces::list_all(sqlite)?;
    let follows = |(old, new): (&WorkspaceRow, &&WorkspaceRow)| {
        old.workspace.id == new.workspace.id
            && old.retiring_key.is_none()
            && old.generation.checked_add(1) == Some(new.generation)
    };
    if stored.len() != renewed.len() || !stored.iter().zip(&renewed).all(follows) {
        return Err(StoreError::Conflict);
    }
    let sql = "UPDATE workspaces SET generation = ?2, sealed_key = ?3, retiring_key = ?4 WHERE id = ?1";
    for row in renewed {
        let retiring = row.retiring_key.as_ref().map(Sealed::as_bytes);
        let values =
            params![row.workspace.id.to_string(), row.generation, row.sealed_key.as_bytes(), retiring];
        execute(sqlite, sql, values).map_err(failure)?;
        if row.retiring_key.is_none() && hangs(sqlite, row.workspace.id)? {
            return Err(StoreError::Conflict);
        }
    }
    Ok(())
}

/// Gives every slot what the new generation's key is reached by; who holds its identity is not asked, so that stays.
fn renew_slots(sqlite: &Sqlite, renewed: &[SlotRow]) -> Result<(), StoreError> {
    let mut renewed: Vec<_> = renewed.iter().collect();
    renewed.sort_by_key(|row| row.slot.id.to_string());
    let stored = slots::list_all(sqlite)?;
    let same = |(old, new): (&SlotRow, &&SlotRow)| old.slot.id == new.slot.id;
    if stored.len() != renewed.len() || !stored.iter().zip(&renewed).all(same) {
        return Err(StoreError::Conflict);
    }
    let sql = "UPDATE key_slots SET key = ?2, proof_key = ?3, proof = ?4 WHERE id = ?1";
    for row in renewed {
        let values = params![row.slot.id.to_string(), row.key, row.proof_key.as_bytes(), row.proof];
        execute(sqlite, sql, values).map_err(failure)?;
    }
    Ok(())
}

/// Up to `limit` rows that hang from an older generation.
pub(super) fn retiring(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    limit: u32,
) -> Result<Vec<SealedRow>, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for (sql, read) in RETIRING {
        let room = limit - found.len();
        found.extend(readable_up_to(room, sqlite, sql, [workspace.to_string()], read)?);
    }
    Ok(found)
}

/// Replaces envelopes, each where the one before is still there.
pub(super) fn rewrap(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    rows: &[(SealedRow, Sealed)],
) -> Result<(), StoreError> {
    let workspace = workspace.to_string();
    for (row, renewed) in rows {
        let (sql, id) = match &row.place {
            SealedPlace::Credential { connection, .. } => (
                "UPDATE credentials SET sealed = ?4 WHERE connection = ?2 AND sealed = ?3
                 AND EXISTS (SELECT 1 FROM connections WHERE id = ?2 AND workspace = ?1)",
                connection.to_string(),
            ),
            SealedPlace::PreviousCredential { connection, .. } => (
                "UPDATE previous_credentials SET sealed = ?4 WHERE connection = ?2 AND sealed = ?3
                 AND EXISTS (SELECT 1 FROM connections WHERE id = ?2 AND workspace = ?1)",
                connection.to_string(),
            ),
            SealedPlace::ClientSecret { client, .. } => (
                "UPDATE clients SET secret = ?4 WHERE workspace = ?1 AND id = ?2 AND secret = ?3",
                client.to_string(),
            ),
            SealedPlace::Verifier(pending) => (
                "UPDATE authorizations SET verifier = ?4 WHERE workspace = ?1 AND id = ?2 AND verifier = ?3",
                pending.id.to_string(),
            ),
        };
        let values = params![workspace, id, row.sealed.as_bytes(), renewed.as_bytes()];
        execute(sqlite, sql, values).map_err(failure)?;
    }
    Ok(())
}

/// Lets the retiring key go. False while rows hang from it.
pub(super) fn finish(sqlite: &Sqlite, workspace: WorkspaceId) -> Result<bool, StoreError> {
    if hangs(sqlite, workspace)? {
        return Ok(false);
    }
    let sql = "UPDATE workspaces SET retiring_key = NULL WHERE id = ?1";
    execute(sqlite, sql, [workspace.to_string()]).map(|_| true).map_err(failure)
}

/// Whether any row hangs from an older generation, readable or not.
fn hangs(sqlite: &Sqlite, workspace: WorkspaceId) -> Result<bool, StoreError> {
    for (sql, _) in RETIRING {
        if one(sqlite, sql, [workspace.to_string()], |_| Ok(()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn credential(row: &Row<'_>) -> Result<SealedRow, StoreError> {
    let connection: String = column(row, CREDENTIALS, "connection")?;
    let place = SealedPlace::Credential {
        connection: connection
            .parse()
            .map_err(|_| unreadable(CREDENTIALS, "its connection is no identifier"))?,
        version: version(row, CREDENTIALS)?,
        issuer: column(row, CREDENTIALS, "issuer")?,
        policy: column(row, CREDENTIALS, "policy")?,
    };
    Ok(SealedRow { place, sealed: sealed(row, CREDENTIALS)? })
}

fn previous(row: &Row<'_>) -> Result<SealedRow, StoreError> {
    let SealedRow { place, sealed } = credential(row)?;
    let place = match place {
        SealedPlace::Credential { connection, version, issuer, policy } => {
            SealedPlace::PreviousCredential { connection, version, issuer, policy }
        }
        other => other,
    };
    Ok(SealedRow { place, sealed })
}

fn client_secret(row: &Row<'_>) -> Result<SealedRow, StoreError> {
    let client = clients::read(row)?;
    let place = SealedPlace::ClientSecret { client: client.id, issuer: client.server, policy: client.policy };
    Ok(SealedRow { place, sealed: sealed(row, CLIENTS)? })
}

fn verifier(row: &Row<'_>) -> Result<SealedRow, StoreError> {
    let (pending, sealed) = authorizations::read(row)?;
    Ok(SealedRow { place: SealedPlace::Verifier(Box::new(pending)), sealed })
}

fn sealed(row: &Row<'_>, table: &'static str) -> Result<Sealed, StoreError> {
    column(row, table, "sealed").map(Sealed::from_bytes)
}
