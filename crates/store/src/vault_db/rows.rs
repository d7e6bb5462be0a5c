//! Reading and writing single rows: JSON records, times, versions, and what an unreadable row comes to.
//!
//! No message holds content of a row: serde's own would quote it.

use crate::failure::{failed, failure};
use hearthkey_domain::ports::StoreError;
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Error, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Mutex, PoisonError};

/// Makes one value of a row.
pub(super) type Read<T> = fn(&Row<'_>) -> Result<T, StoreError>;

/// The row that `sql` selects, if there is one.
pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: Read<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut rows = statement.query(params).map_err(failure)?;
    rows.next().map_err(failure)?.map(read).transpose()
}

/// The rows that `sql` selects, without the unreadable ones: one of them must not keep the others from view.
pub(super) fn readable<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    readable_up_to(usize::MAX, connection, sql, params, read)
}

/// Lets one through in a minute: for what would be logged at every look.
pub(super) struct Seldom(Mutex<Option<Timestamp>>);

impl Seldom {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(super) fn lets(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = last.map(|last| last.duration_until(now));
        let lets = age.is_none_or(|age| age.is_negative() || age >= SignedDuration::from_mins(1));
        if lets {
            *last = Some(now);
        }
        lets
    }
}

/// As [`readable`], and no more than `limit`, which unreadable rows do not use up.
pub(super) fn readable_up_to<T>(
    limit: usize,
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    readable_saying(|| true, limit, connection, sql, params, read)
}

/// As [`readable_up_to`]; what is left out is logged if `says` has it.
pub(super) fn readable_saying<T>(
    says: impl Fn() -> bool,
    limit: usize,
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut rows = statement.query(params).map_err(failure)?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next().map_err(failure)?
    {
        match read(row) {
            Ok(item) => found.push(item),
            Err(StoreError::Unreadable { table, reason }) => {
                if says() {
                    tracing::warn!(table, reason, "an unreadable row was left out");
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The rows that `sql` selects, every one of them: for what may not be done to some.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut rows = statement.query(params).map_err(failure)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Runs one statement and counts the rows it changed. The caller names what a broken constraint means.
pub(super) fn execute(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

/// One column of a row of `table`.
pub(super) fn column<T: FromSql>(row: &Row<'_>, table: &'static str, name: &str) -> Result<T, StoreError> {
    row.get(name).map_err(|error| match error {
        Error::InvalidColumnType(..)
        | Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => unreadable(table, format!("its {name} is not of the expected kind")),
        error => failure(error),
    })
}

/// The domain type in the `record` of a row of `table`.
pub(super) fn record<T: DeserializeOwned>(row: &Row<'_>, table: &'static str) -> Result<T, StoreError> {
    let text: String = column(row, table, "record")?;
    serde_json::from_str(&text).map_err(|error| {
        let fault = if error.is_data() { "is not of the expected shape" } else { "is not JSON" };
        unreadable(table, format!("its record {fault} (column {})", error.column()))
    })
}

/// The `record` of a domain type.
pub(super) fn to_record(value: &impl Serialize) -> Result<String, StoreError> {
    // The types of `domain` have string keys and no fallible serializers; the reason is dropped, for it may quote.
    serde_json::to_string(value).map_err(|_| failed("a record could not be written as JSON"))
}

/// Checks that a record belongs to the row it is in: a record moved by hand must not cross into another workspace.
pub(super) fn same<T: PartialEq + ToString>(
    row: &Row<'_>,
    table: &'static str,
    name: &str,
    value: &T,
) -> Result<(), StoreError> {
    if column::<String>(row, table, name)? == value.to_string() {
        Ok(())
    } else {
        Err(unreadable(table, format!("its record has another {name} than its row")))
    }
}

/// [`StoreError::Unreadable`].
pub(super) fn unreadable(table: &'static str, reason: impl Into<String>) -> StoreError {
    StoreError::Unreadable { table, reason: reason.into() }
}

/// The `version` of a row of `table`.
pub(super) fn version(row: &Row<'_>, table: &'static str) -> Result<u64, StoreError> {
    u64::try_from(column::<i64>(row, table, "version")?)
        .map_err(|_| unreadable(table, "its version is below zero"))
}

/// The `generation` of a row of `table`.
pub(super) fn generation(row: &Row<'_>, table: &'static str) -> Result<u32, StoreError> {
    u32::try_from(column::<i64>(row, table, "generation")?)
        .map_err(|_| unreadable(table, "its generation is out of range"))
}

/// A version as SQLite stores it.
pub(super) fn to_version(version: u64) -> Result<i64, StoreError> {
    i64::try_from(version).map_err(|_| failed("a version is out of range"))
}

/// A time as SQLite stores it; the ends of its range stand for what is beyond them (the years 1677 and 2262).
pub(super) fn to_nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// A stored time.
pub(super) fn from_nanoseconds(nanoseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_at_every_look_is_let_through_once_a_minute() {
        let (seldom, begin) = (Seldom::new(), Timestamp::UNIX_EPOCH);
        let lets = |second: &i64| seldom.lets(begin + SignedDuration::from_secs(*second));
        assert_eq!((0..180).filter(lets).collect::<Vec<_>>(), [0, 60, 120]);
        assert!(lets(&-400), "a clock that was set back silences nothing");
    }
}
