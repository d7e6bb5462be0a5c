//! Copies of a database in `backups/` beside it: how they are made, found, put back and removed.
//!
//! `NAME-TIME.db` is a copy that was asked for, `before-vN-TIME.db` one that a migration to version N made first. A copy has its
//! name only once it is whole, checked and on the disk. Times are UTC.

use crate::database::{connect, distrust};
use crate::failure::{damaged, failed, failure, file_failure};
use crate::files::{
    directory_of, make_private_directory, private, remove, sync, sync_directory, with_suffix,
};
use crate::reserve::Reserve;
use crate::shape;
use hearthkey_domain::ports::StoreError;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::path::{Path, PathBuf};

/// How many of the copies that were asked for are kept.
const KEPT: usize = 7;

const TIME: &str = "%Y%m%dT%H%M%SZ";
const BEFORE: &str = "before-v";
/// At the end of a copy's name while it is made.
const UNFINISHED: &str = ".part";

/// What belongs to a database file, itself first: without it the others are not taken for a database.
const PARTS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The copies of one database.
#[derive(Clone)]
pub(crate) struct Backups {
    database: PathBuf,
    directory: PathBuf,
}

/// A copy.
pub(crate) struct Backup {
    pub(crate) path: PathBuf,
    pub(crate) made_at: Timestamp,
    was_asked_for: bool,
}

/// What was done to put a copy in the place of a damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The copy, which is still there.
    pub copy: PathBuf,
    /// The time of its state.
    pub made_at: Timestamp,
    /// Where the damaged file is now, with its log under the same name; `None` if there was none.
    pub set_aside: Option<PathBuf>,
}

impl Backups {
    /// The copies of a database, whether or not there are any.
    pub(crate) fn of(database: &Path) -> Self {
        Self { database: database.to_owned(), directory: directory_of(database).join("backups") }
    }

    /// The copies, the newest first.
    pub(crate) fn list(&self) -> Vec<Backup> {
        let mut found: Vec<_> = self.names().iter().filter_map(|name| self.parse(name)).collect();
        found.sort_by(|a, b| (b.made_at, &b.path).cmp(&(a.made_at, &a.path)));
        found
    }

    /// Makes a copy that passes `check`, and removes the oldest beyond those that are kept. Blocks.
    pub(crate) fn make(
        &self,
        now: Timestamp,
        check: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let name = format!("{}-{}.db", self.stem(), now.strftime(TIME));
        let made = self.write(&name, |part| self.vacuum_into(part).and_then(|()| examine(part, &check)))?;
        // A clock that was ahead must not cost the copy just made.
        let others = self.list().into_iter().filter(|backup| backup.was_asked_for && backup.path != made);
        for backup in others.skip(KEPT - 1) {
            if let Err(error) = remove(&backup.path) {
                let error = file_failure(&backup.path, &error);
                tracing::warn!(%error, "an old copy of the database could not be removed");
            }
        }
        Ok(())
    }

    /// Makes the copy that a migration to `version` leaves behind; byte by byte if the file is damaged. Its time is that of the
    /// last change. Blocks.
    pub(crate) fn make_before(&self, version: usize) -> Result<(), StoreError> {
        let name = format!("{BEFORE}{version}-{}.db", self.changed_at()?.strftime(TIME));
        let made = self.write(&name, |part| self.vacuum_into(part));
        match made {
            Err(StoreError::Damaged { .. }) => self.write(&name, |part| copy(&self.database, part)),
            made => made,
        }
        .map(drop)
    }

    /// Removes every copy. Blocks.
    pub(crate) fn drop_all(&self) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for name in self.names() {
            let path = self.directory.join(name);
            if let Err(error) = remove(&path) {
                outcome = Err(file_failure(&path, &error));
            }
        }
        outcome.and_then(|()| match sync_directory(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file_failure(&self.directory, &error))
            }
            _ => Ok(()),
        })
    }

    /// Puts the newest copy that passes `check` in the database's place, which is set aside with its log and never deleted.
    /// Nothing may have it open. Blocks.
    pub(crate) fn restore(
        &self,
        now: Timestamp,
        check: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<Restored, StoreError> {
        let incoming = with_suffix(&self.database, ".restoring");
        let restored = self.bring(&incoming, check).and_then(|backup| {
            let set_aside = self.set_aside(now)?;
            let directory = directory_of(&self.database);
            std::fs::rename(&incoming, &self.database)
                .and_then(|()| sync_directory(directory))
                .map_err(|error| file_failure(&self.database, &error))?;
            Ok(Restored { copy: backup.path, made_at: backup.made_at, set_aside })
        });
        discard(&incoming);
        restored
    }

    /// Copies the newest copy that passes `check` to `incoming`.
    fn bring(
        &self,
        incoming: &Path,
        check: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<Backup, StoreError> {
        let reserve = Reserve::beside(&self.database);
        for backup in self.list() {
            discard(incoming);
            match reserve.lend(|| copy(&backup.path, incoming)).and_then(|()| examine(incoming, &check)) {
                Ok(()) => return Ok(backup),
                Err(StoreError::DiskFull) => return Err(StoreError::DiskFull),
                Err(error) => {
                    tracing::warn!(copy = %backup.path.display(), %error, "a copy of the database was passed over");
                }
            }
        }
        Err(damaged("no copy of it is there that could take its place"))
    }

    /// Moves the database and what belongs to it out of the way, under a name that was free.
    fn set_aside(&self, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
        let base = with_suffix(&self.database, &format!(".damaged-{}", now.strftime(TIME)));
        let is_free = |path: &PathBuf| !PARTS.iter().any(|part| with_suffix(path, part).exists());
        let place = std::iter::once(base.clone())
            .chain((2..).map(|number| with_suffix(&base, &format!("-{number}"))))
            .find(is_free)
            .ok_or_else(|| failed("no free name was found"))?;
        let mut moved = false;
        for part in PARTS {
            let from = with_suffix(&self.database, part);
            match std::fs::rename(&from, with_suffix(&place, part)) {
                Ok(()) => moved = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_failure(&from, &error)),
            }
        }
        // Before another file takes the name: a log that came back would be taken for that one's.
        sync_directory(directory_of(&self.database)).map_err(|error| file_failure(&self.database, &error))?;
        Ok(moved.then_some(place))
    }

    /// Lets `fill` write a new file, and gives it `name` once it is on the disk. Nothing is left of one that failed.
    fn write(
        &self,
        name: &str,
        fill: impl Fn(&Path) -> Result<(), StoreError>,
    ) -> Result<PathBuf, StoreError> {
        make_private_directory(&self.directory).map_err(|error| file_failure(&self.directory, &error))?;
        for unfinished in self.names().iter().filter(|name| name.contains(UNFINISHED)) {
            discard(&self.directory.join(unfinished));
        }
        let (part, path) = (self.directory.join(format!("{name}{UNFINISHED}")), self.directory.join(name));
        let written = fill(&part).and_then(|()| {
            sync(&part)
                .and_then(|()| std::fs::rename(&part, &path))
                .and_then(|()| sync_directory(&self.directory))
                .map_err(|error| file_failure(&path, &error))
        });
        if written.is_err() {
            discard(&part);
        }
        written.map(|()| path)
    }

    fn vacuum_into(&self, path: &Path) -> Result<(), StoreError> {
        // An empty file of our own, for SQLite would make one that others can read.
        private().truncate(true).open(path).map_err(|error| file_failure(path, &error))?;
        let target = path.to_str().ok_or_else(|| failed("the path is not Unicode"))?;
        let source = open_to_read(&self.database)?;
        source.execute("VACUUM INTO ?1", [target]).map(drop).map_err(failure)
    }

    /// When the database was last changed, as its files say.
    fn changed_at(&self) -> Result<Timestamp, StoreError> {
        let times = ["", "-wal"].iter().filter_map(|part| {
            let changed = std::fs::metadata(with_suffix(&self.database, part)).ok()?.modified().ok()?;
            let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
            Timestamp::from_second(i64::try_from(since.as_secs()).ok()?).ok()
        });
        Ok(times.max().unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// The names in the directory that are copies, or what was begun as one.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let is_ours = |name: &String| {
            let end = name.find(".db").map_or(0, |at| at + ".db".len());
            self.parse(&name[..end]).is_some()
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(is_ours).collect()
    }

    fn parse(&self, name: &str) -> Option<Backup> {
        let whole = name.strip_suffix(".db")?;
        let asked_for = whole.strip_prefix(self.stem()).and_then(|rest| rest.strip_prefix('-'));
        let time = match asked_for {
            Some(time) => time,
            None => whole.strip_prefix(BEFORE)?.split_once('-')?.1,
        };
        let made_at = DateTime::strptime(TIME, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Backup { path: self.directory.join(name), made_at, was_asked_for: asked_for.is_some() })
    }

    fn stem(&self) -> &str {
        self.database.file_stem().and_then(|stem| stem.to_str()).unwrap_or("database")
    }
}

/// Checks that a file which nobody else has open is a sound database.
fn examine(path: &Path, check: &impl Fn(&Connection) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let sqlite = open_to_read(path)?;
    check(&sqlite)?;
    match shape::quick_check(&sqlite)?.into_iter().next() {
        Some(finding) => Err(damaged(finding)),
        None => Ok(()),
    }
}

fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let sqlite = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    distrust(&sqlite).map_err(failure)?;
    Ok(sqlite)
}

/// Writes the bytes of a file to a new one that nobody else can read, and brings them to the disk.
fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let copied = std::fs::File::open(from).and_then(|mut source| {
        let mut target = private().truncate(true).open(to)?;
        io::copy(&mut source, &mut target)?;
        target.sync_all()
    });
    copied.map_err(|error| file_failure(to, &error))
}

/// Removes a file that was begun, and what SQLite put beside it.
fn discard(path: &Path) {
    for part in PARTS {
        let path = with_suffix(path, part);
        if let Err(error) = remove(&path) {
            let error = file_failure(&path, &error);
            tracing::warn!(%error, "an unfinished copy of the database could not be removed");
        }
    }
}
