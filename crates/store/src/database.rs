//! One database file: how it is opened, set up and brought up to date, and the threads that then own its connections.
//!
//! Deliberately not here: any table. The caller brings its migrations, an append-only list kept beside its queries.

use crate::failure::{failed, failure, is_unsynced};
use crate::readers::Readers;
use crate::writer::Writer;
use hearthkey_domain::ports::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The oldest SQLite that is safe: before it, two connections that checkpoint at once could lose committed writes.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long SQLite waits for a lock that a program outside (a backup, a shell) holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the write-ahead log is cut back to after a checkpoint, in bytes.
const LOG_LIMIT: i64 = 8 * 1024 * 1024;

/// A database with one writer and several readers.
pub(crate) struct Database {
    // Dropped first, so that the writer's connection is the last one and can take the log in.
    readers: Readers,
    writer: Writer,
    path: PathBuf,
}

impl Database {
    /// Opens the file, readable to nobody else, creates it if absent, and brings its schema up to date. `name` is what its
    /// threads are called by.
    ///
    /// # Errors
    /// [`StoreError::Newer`] with the file untouched when it has seen more migrations than are known.
    pub(crate) fn open(path: &Path, name: &str, migrations: &[&str]) -> Result<Self, StoreError> {
        check_linked(rusqlite::version_number())?;
        create_private(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        refuse_newer(&connection, migrations.len())?;
        prepare_writer(&connection).map_err(failure)?;
        migrate(&mut connection, migrations)?;
        take_log_in(&connection)?;
        // While the writer's connection is open, so that the readers find the log in place.
        let readers = Readers::start(name, || open_reader(path))?;
        let writer = Writer::start(name, connection)?;
        Ok(Self { readers, writer, path: path.to_owned() })
    }

    /// The writer.
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `job` on one of the readers, on one consistent state that includes every write acknowledged before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(job).await
    }

    /// Runs `job` on the writer; returns once it is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(job).await
    }
}

/// Moves the log into the database and cuts it to nothing. False when a reader was in the way.
pub(crate) fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// What a purge before a crash could not do: lets the deleted bytes leave the log. On a full disk that has to wait, for the
/// database can still be read.
fn take_log_in(connection: &Connection) -> Result<(), StoreError> {
    match checkpoint(connection) {
        Ok(_) => Ok(()),
        Err(error) if is_unsynced(&error) => Err(failure(error)),
        Err(error) => {
            tracing::warn!(%error, "the log could not be taken in");
            Ok(())
        }
    }
}

/// Refuses a SQLite with a known fault, whichever way it was linked.
pub(crate) fn check_linked(version: i32) -> Result<(), StoreError> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(failed(format!(
        "the SQLite that is linked ({version}) is older than {OLDEST_SQLITE} and can lose committed writes"
    )))
}

/// Creates the file if absent, before SQLite does, for SQLite would make it readable to others. The log inherits its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
        .open(path)
        .map(drop)
        .map_err(|error| failed(format!("{} could not be opened: {error}", path.display())))
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failure)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failure)?;
    Ok(connection)
}

/// Before anything is changed: not even the log of a newer program is taken in.
fn refuse_newer(connection: &Connection, known: usize) -> Result<(), StoreError> {
    let keep_log = |keep| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
    keep_log(true).map_err(failure)?;
    let found = user_version(connection)?;
    let known = i64::try_from(known).map_err(failed)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    keep_log(false).map_err(failure)?;
    Ok(())
}

fn user_version(connection: &Connection) -> Result<i64, StoreError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failure)
}

/// Runs the migrations the file has not seen, each in a transaction of its own.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let seen = usize::try_from(user_version(connection)?)
        .map_err(|_| failed("the database has a version below zero"))?;
    for (sql, version) in migrations.iter().zip(1_i64..).skip(seen) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
        transaction
            .execute_batch(sql)
            .and_then(|()| transaction.pragma_update(None, "user_version", version))
            .map_err(failure)?;
        transaction.commit().map_err(failure)?;
        tracing::info!(version, "the database was brought up to date");
    }
    Ok(())
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    distrust(connection)?;
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        // SQLite keeps another mode where memory cannot be shared: on network file systems.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some("this file system cannot hold a write-ahead log; a local disk is needed".into()),
        ));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    distrust(&connection)
        .and_then(|()| connection.pragma_update(None, "query_only", true))
        .map_err(failure)?;
    Ok(connection)
}

/// The file may have been edited by somebody else: nothing in its schema may act, and its pages are checked when read.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}
