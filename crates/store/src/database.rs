//! One database file: how it is opened, set up and brought up to date, and the threads that then own its connections.
//!
//! Deliberately not here: any table. The caller brings its migrations, an append-only list kept beside its queries.

use crate::backups::Backups;
use crate::failure::{damaged, failed, failure, file_failure, is_unsynced};
use crate::files::{length, private, with_suffix};
use crate::keeper::Keeper;
use crate::readers::Readers;
use crate::reserve::Reserve;
use crate::shape;
use crate::writer::Writer;
use hearthkey_domain::ports::StoreError;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The oldest SQLite that is safe: before it, two connections that checkpoint at once could lose committed writes.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long SQLite waits for a lock that a program outside (a backup, a shell) holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the write-ahead log is cut back to after a checkpoint, in bytes.
const LOG_LIMIT: i64 = 8 * 1024 * 1024;

/// A database with one writer, several readers, its copies and its reserve.
pub(crate) struct Database {
    // Dropped first, so that the writer's connection is the last one and can take the log in.
    readers: Readers,
    keeper: Keeper,
    writer: Writer,
    path: PathBuf,
    reserve: Arc<Reserve>,
    migrations: &'static [&'static str],
}

impl Database {
    /// Opens the file, readable to nobody else, creates it if absent, and brings its schema up to date. `name` is what its
    /// threads are called by. On a full disk the reserve is given up for it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Damaged`] with the file untouched, when it has seen more migrations than are
    /// known or cannot be told to be this database; [`StoreError::DiskFull`] when a copy before a migration finds no room.
    pub(crate) fn open(
        path: &Path,
        name: &str,
        migrations: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        check_linked(rusqlite::version_number())?;
        let reserve = Arc::new(Reserve::beside(path));
        let connection = reserve.lend(|| open_writer(path, migrations))?;
        // While the writer's connection is open, so that the readers find the log in place.
        let readers = Readers::start(name, || open_reader(path))?;
        let keeper = Keeper::start(name)?;
        reserve.ensure();
        let writer = Writer::start(name, connection, Arc::clone(&reserve))?;
        readers.post(name_damage);
        Ok(Self { readers, keeper, writer, path: path.to_owned(), reserve, migrations })
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
        job: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(job).await
    }

    /// Whether the room for a full disk is there; sets it aside if it is not. Asked of the writer, so that it is also not there
    /// where nothing can be written at all.
    pub(crate) async fn has_reserve(&self) -> bool {
        let reserve = Arc::clone(&self.reserve);
        self.writer.run(move |_| Ok(reserve.ensure())).await.unwrap_or(false)
    }

    /// Makes a copy, checks it, and keeps the newest. Neither reads nor writes wait for it.
    pub(crate) async fn back_up(&self, now: Timestamp) -> Result<(), StoreError> {
        let (backups, migrations) = (self.backups(), self.migrations);
        self.keeper.run(move || backups.make(now, |copy| check_shape(copy, migrations))).await
    }

    /// Removes every copy.
    pub(crate) async fn drop_backups(&self) -> Result<(), StoreError> {
        let backups = self.backups();
        self.keeper.run(move || backups.drop_all()).await
    }

    /// The newest copy, by its file and time.
    pub(crate) async fn newest_backup(&self) -> Result<Option<(PathBuf, Timestamp)>, StoreError> {
        let backups = self.backups();
        let newest = move || Ok(backups.list().into_iter().next().map(|copy| (copy.path, copy.made_at)));
        self.keeper.run(newest).await
    }

    fn backups(&self) -> Backups {
        Backups::of(&self.path)
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

/// Checks that a file is this database, of a version that is known.
pub(crate) fn check_shape(connection: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let seen = shape::seen(connection, migrations)?;
    shape::check(connection, &migrations[..seen])
}

/// The writer's connection to a file that was brought up to date.
fn open_writer(path: &Path, migrations: &[&str]) -> Result<Connection, StoreError> {
    refuse_vanished(path)?;
    create_private(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let seen = refuse_others(&connection, migrations)?;
    if seen > 0 && seen < migrations.len() {
        Backups::of(path).make_before(migrations.len())?;
    }
    prepare_writer(&connection).map_err(failure)?;
    migrate(&mut connection, migrations, seen)?;
    take_log_in(&connection)?;
    Ok(connection)
}

/// Refuses to begin anew where a database has been: SQLite would, and delete the log. A file of one byte is empty to it too.
fn refuse_vanished(path: &Path) -> Result<(), StoreError> {
    let length = |path: &Path| length(path).map_err(|error| file_failure(path, &error));
    if length(path)?.is_some_and(|bytes| bytes > 1) {
        return Ok(());
    }
    if length(&with_suffix(path, "-wal"))?.is_some_and(|bytes| bytes > 0) {
        return Err(damaged("the file is empty and its log is not"));
    }
    if !Backups::of(path).list().is_empty() {
        return Err(damaged("the file is empty, and there are copies of it"));
    }
    Ok(())
}

/// Creates the file if absent, before SQLite does, for SQLite would make it readable to others. The log inherits its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    private().truncate(false).open(path).map(drop).map_err(|error| file_failure(path, &error))
}

/// A connection that waits for the locks of others.
pub(crate) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failure)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failure)?;
    Ok(connection)
}

/// Before anything is changed: not even the log of a newer program, or of a damaged file, is taken in. How many migrations
/// the file has seen.
fn refuse_others(connection: &Connection, migrations: &[&str]) -> Result<usize, StoreError> {
    let keep_log = |keep| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
    keep_log(true).map_err(failure)?;
    let seen = shape::seen(connection, migrations)?;
    shape::check(connection, &migrations[..seen])?;
    keep_log(false).map_err(failure)?;
    Ok(seen)
}

/// Runs the migrations the file has not seen, each in a transaction of its own.
fn migrate(connection: &mut Connection, migrations: &[&str], seen: usize) -> Result<(), StoreError> {
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
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)
}

/// Names what a quick check finds, while everything else goes on.
fn name_damage(connection: &Connection) {
    match shape::quick_check(connection) {
        Ok(found) => found.iter().for_each(|finding| tracing::warn!(finding, "the database is damaged")),
        Err(error) => tracing::warn!(%error, "the database could not be checked"),
    }
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    distrust(&connection)
        .and_then(|()| connection.pragma_update(None, "query_only", true))
        .and_then(|()| connection.pragma_update(None, "temp_store", "MEMORY"))
        .map_err(failure)?;
    Ok(connection)
}

/// The file may have been edited by somebody else: nothing in its schema may act, and its pages are checked when read.
pub(crate) fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}
