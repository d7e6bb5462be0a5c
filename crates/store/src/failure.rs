//! What becomes of SQLite's errors: the few that a caller acts on get a variant, the others keep SQLite's words.
//!
//! SQLite's messages name tables and columns, never values, so they may be shown and logged.

use hearthkey_domain::ports::StoreError;
use rusqlite::{Error, ErrorCode, ffi};
use std::io;
use std::path::Path;

/// The store's error for an error of SQLite.
pub(crate) fn failure(error: Error) -> StoreError {
    // What SQLite says when it finds no room for the index of the log, which it makes at every start.
    let no_room_for_index = extended_code(&error) == Some(ffi::SQLITE_IOERR_SHMSIZE);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
        Some(_) if no_room_for_index => StoreError::DiskFull,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error),
        _ => failed(error),
    }
}

/// [`StoreError::Damaged`] with the words of `reason`.
pub(crate) fn damaged(reason: impl ToString) -> StoreError {
    StoreError::Damaged { reason: reason.to_string() }
}

/// The store's error for a file that the system did not let be written or read.
pub(crate) fn file_failure(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => failed(format!("{}: {error}", path.display())),
    }
}

/// [`StoreError::Failed`] with the words of `reason`.
pub(crate) fn failed(reason: impl ToString) -> StoreError {
    StoreError::Failed { reason: reason.to_string() }
}

/// The same error once more, for another job that it also ended. Loses the variant of an error that only concerns one row.
pub(crate) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::DiskFull => StoreError::DiskFull,
        StoreError::Damaged { reason } => damaged(reason),
        StoreError::Failed { reason } => failed(reason),
        other => failed(other),
    }
}

/// Whether a row with the same primary key is there already.
pub(crate) fn is_present(error: &Error) -> bool {
    extended_code(error) == Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

/// Whether a `UNIQUE` constraint refused the row.
pub(crate) fn is_taken(error: &Error) -> bool {
    extended_code(error) == Some(ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// Whether the system reported that bytes handed to it may never reach the disk. It says so once and forgets.
pub(crate) fn is_unsynced(error: &Error) -> bool {
    matches!(extended_code(error), Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

fn extended_code(error: &Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}
