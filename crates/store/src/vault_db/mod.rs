//! `vault.db`: the file, and what waits to be written to it. The port is in [`port`], the statements are in the modules beside
//! it.
//!
//! Deliberately not here: opening what is sealed, and any rule about what may be written.

mod activity;
mod authorizations;
mod clients;
mod connections;
mod health;
mod port;
mod renewals;
mod rotation;
mod rows;
mod schema;
mod slots;
mod vault;
mod workspaces;

#[cfg(test)]
mod tests;

use crate::backups::{Backups, Restored};
use crate::database::{Database, check_shape};
use crate::failure::{damaged, failure};
use hearthkey_domain::activity::Activity;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use jiff::Timestamp;
use rusqlite::Connection as Sqlite;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The database of connections and sealed secrets. Dropping it writes what waits and closes the file.
///
/// A write that was handed over runs to its end even if its caller stops waiting for it.
pub struct VaultDb {
    database: Database,
    /// The uses noted by this process, for they are written lazily and read at once.
    uses: Mutex<BTreeMap<(WorkspaceId, ConnectionId), Timestamp>>,
}

impl VaultDb {
    /// Opens the file, creates it (readable to its owner only) if absent, and brings its tables up to date. Blocks. The
    /// caller owns the profile: two processes that open the same file work, but do not see each other's lazy writes.
    ///
    /// Before an older file is brought up to date, a copy is made of it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer Hearthkey wrote it and [`StoreError::Damaged`] when it is no database or not this
    /// one, which leave it untouched; [`StoreError::DiskFull`]; [`StoreError::Failed`] when it cannot be opened, or the SQLite
    /// that is linked is too old.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path, "vault.db", schema::MIGRATIONS)?, uses: Mutex::default() })
    }

    /// Puts the newest sound copy in the place of a damaged file, which is set aside and never deleted. Blocks. The caller owns
    /// the profile, and nothing has the file open.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when there is no sound copy of a vault that was founded, and [`StoreError::DiskFull`], which
    /// leave everything as it was; [`StoreError::Failed`].
    pub fn restore_backup(path: &Path, now: Timestamp) -> Result<Restored, StoreError> {
        Backups::of(path).restore(now, |copy| {
            check_shape(copy, schema::MIGRATIONS)?;
            let founded = copy.query_row("SELECT EXISTS (SELECT 1 FROM vault)", [], |row| row.get(0));
            if founded.map_err(failure)? { Ok(()) } else { Err(damaged("it holds no vault")) }
        })
    }

    /// Waits until every use noted so far is written.
    ///
    /// # Errors
    /// [`StoreError`] when nothing can be written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.database.write(|_| Ok(())).await
    }

    /// Adds to a connection read from the file what waits to be written.
    fn with_uses(&self, mut connection: Connection) -> Connection {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.get(&(connection.workspace, connection.id)).copied();
        connection.last_used_at = connection.last_used_at.max(noted);
        connection
    }

    /// Writes with a job after which nothing it deleted stays in the log.
    async fn cut<T: Send + 'static>(
        &self,
        job: impl FnMut(&Sqlite) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.database.writer().run_and_cut_log(job).await
    }

    /// Keeps a use in mind until it is written.
    fn note(&self, activity: &Activity) {
        let Some(id) = activity.connection else { return };
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = uses.entry((activity.workspace, id)).or_insert(activity.at);
        *noted = activity.at.max(*noted);
    }

    fn forget_uses(&self, of: impl Fn(&(WorkspaceId, ConnectionId)) -> bool) {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).retain(|noted, _| !of(noted));
    }
}
