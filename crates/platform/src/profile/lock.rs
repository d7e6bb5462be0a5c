//! Exactly one process owns a profile: the one that holds the lock of its `lock` file.
//!
//! The operating system drops the lock with its process, so none is ever stale. The note beside it (`owner.json`) is for
//! people, and in a file of its own because Windows lets nobody read a locked one.

use super::{Profile, ProfileError, failed};
use crate::clock::{SystemClock, pause};
use hearthkey_domain::ports::Clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a lock that is waited for is tried.
const RETRY: Duration = Duration::from_millis(100);

/// The kind of program that owns a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerKind {
    /// The desktop app.
    Desktop,
    /// `hearthkey serve`, in the background.
    Serve,
}

/// What the owner of a profile says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerNote {
    /// Its process.
    pub pid: u32,
    /// What it is.
    pub kind: OwnerKind,
    /// Since when it owns the profile.
    pub since: Timestamp,
    /// Its version.
    pub version: String,
}

impl OwnerNote {
    pub(super) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(note_path(dir)).ok()?).ok()
    }

    /// Writes the note in one step, so that no reader sees half of it.
    fn write(&self, dir: &Path) -> io::Result<()> {
        let draft = dir.join("owner.json.new");
        let mut file = private_file(OpenOptions::new().write(true).create(true).truncate(true), &draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        drop(file);
        fs::rename(draft, note_path(dir))
    }
}

/// The ownership of a profile, from its making to its drop.
#[derive(Debug)]
pub struct ProfileLock {
    dir: PathBuf,
    _file: File,
}

impl ProfileLock {
    /// Takes the ownership of `profile`; `None` when another process, or another part of this one, has it.
    ///
    /// # Errors
    /// [`ProfileError::Failed`] when the lock file cannot be used.
    pub fn try_acquire(profile: &Profile, kind: OwnerKind) -> Result<Option<Self>, ProfileError> {
        let path = profile.dir().join("lock");
        let file =
            private_file(OpenOptions::new().read(true).write(true).create(true).truncate(false), &path)
                .map_err(|cause| failed(&path, cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(failed(&path, cause)),
        }
        let note = OwnerNote {
            pid: std::process::id(),
            kind,
            since: SystemClock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if let Err(error) = note.write(profile.dir()) {
            // A full disk must not keep the app from starting.
            tracing::warn!(kind = %error.kind(), "the owner of the profile could not be noted");
        }
        Ok(Some(Self { dir: profile.dir().to_owned(), _file: file }))
    }

    /// As [`ProfileLock::try_acquire`], tried again for about `patience`.
    ///
    /// # Errors
    /// [`ProfileError::Failed`] when the lock file cannot be used.
    pub async fn acquire_within(
        profile: &Profile,
        kind: OwnerKind,
        patience: Duration,
    ) -> Result<Option<Self>, ProfileError> {
        let mut waited = Duration::ZERO;
        loop {
            let lock = Self::try_acquire(profile, kind)?;
            if lock.is_some() || waited >= patience {
                return Ok(lock);
            }
            let step = RETRY.min(patience - waited);
            pause(step).await;
            waited += step;
        }
    }
}

impl Drop for ProfileLock {
    /// The note goes before the lock does, so that it is never the next owner's.
    fn drop(&mut self) {
        // A note that stays behind says who owned the profile last.
        let _ = fs::remove_file(note_path(&self.dir));
    }
}

fn note_path(dir: &Path) -> PathBuf {
    dir.join("owner.json")
}

/// Opens a file that is made, if it is, for the user alone.
fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}
