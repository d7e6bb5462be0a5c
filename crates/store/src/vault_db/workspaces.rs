//! The vault's own row, and the workspaces with their sealed keys.

use super::rows::{column, execute, one, readable, record, same, to_record, unreadable};
use crate::failure::failure;
use hearthkey_domain::ports::{StoreError, VaultRecord, WorkspaceRow};
use hearthkey_domain::sealed::Sealed;
use hearthkey_domain::workspace::Workspace;
use rusqlite::{Connection as Sqlite, Row, params};

const VAULT: &str = "vault";
const WORKSPACES: &str = "workspaces";

/// What the vault is known by.
pub(super) fn vault(sqlite: &Sqlite) -> Result<Option<VaultRecord>, StoreError> {
    one(sqlite, "SELECT * FROM vault", [], read_vault)
}

/// Founds the vault, unless it is there, or anything that could have been sealed under it.
pub(super) fn found(sqlite: &Sqlite, record: &VaultRecord, first: &WorkspaceRow) -> Result<(), StoreError> {
    let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM vault) OR EXISTS (SELECT 1 FROM workspaces)";
    if one(sqlite, sql, [], |_| Ok(()))?.is_some() {
        return Err(StoreError::Conflict);
    }
    let sql = "INSERT INTO vault (only_row, vault_id, generation, key_check) VALUES (1, ?1, ?2, ?3)";
    let values = params![record.vault_id, record.generation, record.key_check];
    execute(sqlite, sql, values).map_err(failure)?;
    let sql = "INSERT INTO workspaces (id, record, sealed_key) VALUES (?1, ?2, ?3)";
    let values =
        params![first.workspace.id.to_string(), to_record(&first.workspace)?, first.sealed_key.as_bytes(),];
    execute(sqlite, sql, values).map(drop).map_err(failure)
}

/// Every workspace, the oldest first.
pub(super) fn list(sqlite: &Sqlite) -> Result<Vec<WorkspaceRow>, StoreError> {
    readable(sqlite, "SELECT * FROM workspaces ORDER BY id", [], read)
}

/// Reads the vault's row.
pub(super) fn read_vault(row: &Row<'_>) -> Result<VaultRecord, StoreError> {
    let generation: i64 = column(row, VAULT, "generation")?;
    Ok(VaultRecord {
        vault_id: column(row, VAULT, "vault_id")?,
        generation: u32::try_from(generation)
            .map_err(|_| unreadable(VAULT, "its generation is out of range"))?,
        key_check: column(row, VAULT, "key_check")?,
    })
}

/// Reads a row of the workspaces.
pub(super) fn read(row: &Row<'_>) -> Result<WorkspaceRow, StoreError> {
    let workspace: Workspace = record(row, WORKSPACES)?;
    same(row, WORKSPACES, "id", &workspace.id)?;
    Ok(WorkspaceRow { workspace, sealed_key: Sealed::from_bytes(column(row, WORKSPACES, "sealed_key")?) })
}
