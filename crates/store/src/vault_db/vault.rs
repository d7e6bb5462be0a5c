//! The vault's own row: what it is known by, what was set, and whether a rotation is due.

use super::rows::{
    column, execute, from_nanoseconds, generation, one, to_nanoseconds, to_record, unreadable,
};
use super::{slots, workspaces};
use crate::failure::failure;
use hearthkey_domain::key_slot::SlotRow;
use hearthkey_domain::ports::{StoreError, VaultRecord, VaultSettings, WorkspaceRow};
use rusqlite::{Connection as Sqlite, Row, params};

const VAULT: &str = "vault";

/// What the vault is known by.
pub(super) fn record(sqlite: &Sqlite) -> Result<Option<VaultRecord>, StoreError> {
    one(sqlite, "SELECT * FROM vault", [], read)
}

/// Founds the vault, unless it is there, or anything that could have been sealed under it.
pub(super) fn found(
    sqlite: &Sqlite,
    record: &VaultRecord,
    first: &WorkspaceRow,
    slots: &[SlotRow],
) -> Result<(), StoreError> {
    let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM vault) OR EXISTS (SELECT 1 FROM workspaces)
                   OR EXISTS (SELECT 1 FROM key_slots)";
    if one(sqlite, sql, [], |_| Ok(()))?.is_some() {
        return Err(StoreError::Conflict);
    }
    let sql = "INSERT INTO vault
                   (only_row, vault_id, generation, key_check, in_keychain, rotated_at, rotation_due)
               VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![
        record.vault_id,
        record.generation,
        record.key_check,
        record.in_keychain,
        to_nanoseconds(record.rotated_at),
        record.rotation_due,
    ];
    execute(sqlite, sql, values).map_err(failure)?;
    workspaces::insert(sqlite, first)?;
    slots.iter().try_for_each(|slot| slots::insert(sqlite, slot))
}

/// Notes whether the keychain is to hold the key.
pub(super) fn place_key(sqlite: &Sqlite, in_keychain: bool) -> Result<(), StoreError> {
    // An older copy of the keychain opens older copies of this until the keys are others.
    let sql = "UPDATE vault SET rotation_due = rotation_due OR (in_keychain AND NOT ?1), in_keychain = ?1";
    only_row(execute(sqlite, sql, [in_keychain]))
}

/// What was set.
pub(super) fn settings(sqlite: &Sqlite) -> Result<VaultSettings, StoreError> {
    Ok(one(sqlite, "SELECT settings FROM vault", [], read_settings)?.unwrap_or_default())
}

/// Replaces what was set.
pub(super) fn change_settings(sqlite: &Sqlite, settings: &VaultSettings) -> Result<(), StoreError> {
    only_row(execute(sqlite, "UPDATE vault SET settings = ?1", [to_record(settings)?]))
}

/// Asks for a rotation.
pub(super) fn ask_for_rotation(sqlite: &Sqlite) -> Result<(), StoreError> {
    execute(sqlite, "UPDATE vault SET rotation_due = TRUE", []).map(drop).map_err(failure)
}

/// Reads the vault's row.
pub(super) fn read(row: &Row<'_>) -> Result<VaultRecord, StoreError> {
    Ok(VaultRecord {
        vault_id: column(row, VAULT, "vault_id")?,
        generation: generation(row, VAULT)?,
        key_check: column(row, VAULT, "key_check")?,
        in_keychain: column(row, VAULT, "in_keychain")?,
        rotated_at: from_nanoseconds(column(row, VAULT, "rotated_at")?)?,
        rotation_due: column(row, VAULT, "rotation_due")?,
    })
}

/// Reads what was set from the vault's row. Unreadable settings do not keep the vault from being known.
pub(super) fn read_settings(row: &Row<'_>) -> Result<VaultSettings, StoreError> {
    let text: String = column(row, VAULT, "settings")?;
    serde_json::from_str(&text).map_err(|_| unreadable(VAULT, "its settings are not of the expected shape"))
}

fn only_row(changed: rusqlite::Result<usize>) -> Result<(), StoreError> {
    match changed.map_err(failure)? {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}
