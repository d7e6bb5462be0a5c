//! Writing a file whole or not at all, for its owner alone.

use crate::failure::Failure;
use hearthkey_api::Problem;
use hearthkey_api::problem::ProblemKind;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is to be written.
pub(crate) struct NewFile {
    path: PathBuf,
    dir: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Looks whether it can be, before anything costs time. With `replace`, one that is there goes.
    pub(crate) fn at(path: &Path, replace: bool) -> Result<Self, Failure> {
        let path = absolute(path)?;
        let dir = path.parent().map(Path::to_owned).filter(|dir| dir.is_dir());
        let (Some(dir), Some(_)) = (dir, path.file_name()) else {
            return Err(failed(&path, "there is no such directory"));
        };
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => return Err(failed(&path, "it is a directory")),
            Ok(_) if !replace => return Err(exists(&path)),
            _ => {}
        }
        Ok(Self { path, dir, replace })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it. It is on the disk after.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(), Failure> {
        self.try_write(content).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => failed(&self.path, &error.to_string()),
        })
    }

    fn try_write(&self, content: &[u8]) -> io::Result<()> {
        // Its mode is 0600, and dropping it removes it.
        let mut draft = NamedTempFile::with_prefix_in(".hearthkey-", &self.dir)?;
        draft.write_all(content)?;
        draft.as_file().sync_all()?;
        if self.replace {
            draft.persist(&self.path)?;
        } else {
            draft.persist_noclobber(&self.path)?;
        }
        if cfg!(unix) {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }
}

/// A path that means the same in another process.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| failed(path, &error.to_string()))
}

fn exists(path: &Path) -> Failure {
    let detail = format!("{} is there already", path.display());
    Failure::with_hint(ProblemKind::Conflict, detail, "Choose another name; or --force replaces it.")
}

fn failed(path: &Path, reason: &str) -> Failure {
    let detail = format!("{} could not be written: {reason}", path.display());
    Problem::new(ProblemKind::InvalidInput, Some(detail), None).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn one_that_is_there_stays_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export.age");
        let file = NewFile::at(&path, false).unwrap();
        file.write(b"first").unwrap();
        // It came between the look and the writing.
        let late = file.write(b"second").unwrap_err();
        assert_eq!((late.exit_code(), fs::read(&path).unwrap()), (4, b"first".to_vec()));
        assert_eq!(NewFile::at(&path, false).err().map(|failure| failure.exit_code()), Some(4));
        NewFile::at(&path, true).unwrap().write(b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(dir.path()), ["export.age"], "nothing else is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn where_no_file_can_be_is_said_first() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("missing/export.age"), PathBuf::new()] {
            assert_eq!(
                NewFile::at(&path, true).err().map(|failure| failure.exit_code()),
                Some(2),
                "{path:?}"
            );
        }
    }
}
