//! Key slots: the ways into the vault, with their sealed parts.
//!
//! `confirmed_at` has a column of its own, for it decides which slots make way for another.

use super::rows::{
    all, column, execute, from_nanoseconds, readable, record, same, to_nanoseconds, to_record, unreadable,
};
use super::{activity, vault};
use crate::failure::{failure, is_present};
use hearthkey_domain::activity::Activity;
use hearthkey_domain::ids::SlotId;
use hearthkey_domain::key_slot::{KeySlot, SlotKind, SlotRow};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::sealed::Sealed;
use jiff::Timestamp;
use rusqlite::{Connection as Sqlite, Row, params};

const KEY_SLOTS: &str = "key_slots";

/// Every slot, the oldest first.
pub(super) fn list(sqlite: &Sqlite) -> Result<Vec<SlotRow>, StoreError> {
    readable(sqlite, "SELECT * FROM key_slots ORDER BY id", [], read)
}

/// As [`list`], and refused if one of them is unreadable.
pub(super) fn list_all(sqlite: &Sqlite) -> Result<Vec<SlotRow>, StoreError> {
    all(sqlite, "SELECT * FROM key_slots ORDER BY id", [], read)
}

/// Adds a slot in place of others of its kind: of all if it is confirmed, else of those that are not. If there were any, asks
/// for a rotation: what opened them opens older copies.
pub(super) fn add(sqlite: &Sqlite, row: &SlotRow, activity: &Activity) -> Result<(), StoreError> {
    insert(sqlite, row)?;
    let sql = "DELETE FROM key_slots WHERE kind = ?1 AND id <> ?2 AND (?3 OR confirmed_at IS NULL)";
    let values = params![word(row.slot.kind), row.slot.id.to_string(), row.slot.confirmed_at.is_some()];
    if execute(sqlite, sql, values).map_err(failure)? > 0 {
        vault::ask_for_rotation(sqlite)?;
    }
    activity::insert(sqlite, activity)
}

/// Adds the row.
pub(super) fn insert(sqlite: &Sqlite, row: &SlotRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO key_slots (id, kind, confirmed_at, record, identity, key, proof_key, proof)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        row.slot.id.to_string(),
        word(row.slot.kind),
        row.slot.confirmed_at.map(to_nanoseconds),
        to_record(&row.slot)?,
        row.identity.as_ref().map(Sealed::as_bytes),
        row.key,
        row.proof_key.as_bytes(),
        row.proof,
    ];
    match execute(sqlite, sql, values) {
        Ok(_) => Ok(()),
        Err(error) if is_present(&error) => Err(StoreError::Conflict),
        Err(error) => Err(failure(error)),
    }
}

/// Notes that a slot was shown to open, and removes the others of its kind. If there were any, asks for a rotation. False if
/// it is not there.
pub(super) fn confirm(
    sqlite: &Sqlite,
    id: SlotId,
    at: Timestamp,
    activity: &Activity,
) -> Result<bool, StoreError> {
    let id = id.to_string();
    let sql = "UPDATE key_slots SET confirmed_at = ?2 WHERE id = ?1";
    if execute(sqlite, sql, params![id, to_nanoseconds(at)]).map_err(failure)? == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM key_slots
               WHERE id <> ?1 AND kind = (SELECT kind FROM key_slots WHERE id = ?1)";
    if execute(sqlite, sql, [&id]).map_err(failure)? > 0 {
        vault::ask_for_rotation(sqlite)?;
    }
    activity::insert(sqlite, activity)?;
    Ok(true)
}

/// Removes a slot, and asks for a rotation. False if it was not there.
pub(super) fn remove(sqlite: &Sqlite, id: SlotId, activity: &Activity) -> Result<bool, StoreError> {
    if execute(sqlite, "DELETE FROM key_slots WHERE id = ?1", [id.to_string()]).map_err(failure)? == 0 {
        return Ok(false);
    }
    vault::ask_for_rotation(sqlite)?;
    activity::insert(sqlite, activity)?;
    Ok(true)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<SlotRow, StoreError> {
    let mut slot: KeySlot = record(row, KEY_SLOTS)?;
    same(row, KEY_SLOTS, "id", &slot.id)?;
    if column::<String>(row, KEY_SLOTS, "kind")? != word(slot.kind) {
        return Err(unreadable(KEY_SLOTS, "its record has another kind than its row"));
    }
    slot.confirmed_at =
        column::<Option<i64>>(row, KEY_SLOTS, "confirmed_at")?.map(from_nanoseconds).transpose()?;
    Ok(SlotRow {
        slot,
        identity: column::<Option<_>>(row, KEY_SLOTS, "identity")?.map(Sealed::from_bytes),
        key: column(row, KEY_SLOTS, "key")?,
        proof_key: Sealed::from_bytes(column(row, KEY_SLOTS, "proof_key")?),
        proof: column(row, KEY_SLOTS, "proof")?,
    })
}

fn word(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase => "passphrase",
        SlotKind::Recovery => "recovery",
    }
}
