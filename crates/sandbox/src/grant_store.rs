//! Grants behind a lock and, where a state file is named, on disk: a change is written before it is used.

use crate::error::Error;
use crate::grants::Grants;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shape of the state file; another number is another shape.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StateFile<'a> {
    format: u32,
    #[serde(flatten)]
    grants: Cow<'a, Grants>,
}

struct Kept {
    grants: Grants,
    written: Vec<u8>,
}

/// The grants of one sandbox.
pub(crate) struct GrantStore {
    kept: Mutex<Kept>,
    file: Option<PathBuf>,
}

impl GrantStore {
    /// Loads the state file, or starts empty where there is none. Writes once, so that an unwritable place shows now.
    pub(crate) fn open(file: Option<PathBuf>) -> Result<Self, Error> {
        let grants = match &file {
            Some(path) => load(path)?,
            None => Grants::default(),
        };
        let store = Self { kept: Mutex::new(Kept { grants, written: Vec::new() }), file };
        if let Some(path) = &store.file {
            store.change(|_| ()).map_err(|source| Error::StateFile { path: path.clone(), source })?;
        }
        Ok(store)
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&Grants) -> R) -> R {
        read(&self.lock().grants)
    }

    /// Applies a change to memory and file, or to neither.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Grants) -> R) -> io::Result<R> {
        let mut kept = self.lock();
        let mut grants = kept.grants.clone();
        let result = change(&mut grants);
        if let Some(path) = &self.file {
            let bytes = serde_json::to_vec(&StateFile { format: FORMAT, grants: Cow::Borrowed(&grants) })?;
            if bytes != kept.written {
                replace(path, &bytes)?;
                kept.written = bytes;
            }
        }
        kept.grants = grants;
        Ok(result)
    }

    /// Like `change`, forgetting first what no longer matters.
    pub(crate) fn change_at<R>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Grants) -> R,
    ) -> io::Result<R> {
        self.change(|grants| {
            grants.prune(now);
            change(grants)
        })
    }

    // A change works on a copy, so a panic under the lock leaves the grants whole.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(path: &Path) -> Result<Grants, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Grants::default()),
        Err(source) => {
            return Err(Error::StateFile { path: path.to_owned(), source });
        }
    };
    let wrong = |source| Error::StateFormat { path: path.to_owned(), source };
    let state: StateFile<'_> = serde_json::from_slice(&bytes).map_err(wrong)?;
    if state.format != FORMAT {
        return Err(wrong(serde::de::Error::custom(format_args!("format {} is not {FORMAT}", state.format))));
    }
    Ok(state.grants.into_owned())
}

/// Replaces the file as a whole: a reader, and a crash, see the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary, path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
