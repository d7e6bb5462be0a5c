//! A file that is written under another name, and gets its own when it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// A whole file under a name that nobody asked for. Dropping it removes it.
pub(super) struct Draft<'a> {
    path: PathBuf,
    dir: &'a Path,
    content: &'a [u8],
}

/// A way to give a draft its name. None of them replaces a file that is there.
type Way = fn(&Draft<'_>, &Path) -> io::Result<()>;

/// From the best to the one that every file system has.
const WAYS: &[Way] =
    &[|draft, path| draft.rename(path), |draft, path| draft.link(path), |draft, path| draft.copy(path)];

impl<'a> Draft<'a> {
    /// Writes `content` to a new file in `dir`, for the user alone, and makes it durable.
    pub(super) fn write(dir: &'a Path, content: &'a [u8]) -> io::Result<Self> {
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(io::Error::other)?;
        let path = dir.join(format!(".hearthkey-{:016x}.part", u64::from_be_bytes(number)));
        let file = create(&path)?;
        let draft = Self { path, dir, content };
        fill(file, content)?;
        Ok(draft)
    }

    /// Gives it its name, durably. After an error there is nothing at `path` that was not there before.
    pub(super) fn publish(self, path: &Path) -> io::Result<()> {
        self.publish_by(path, WAYS)
    }

    fn publish_by(&self, path: &Path, ways: &[Way]) -> io::Result<()> {
        let mut answer = Err(io::ErrorKind::Unsupported.into());
        for way in ways {
            answer = way(self, path);
            match &answer {
                Err(error) if is_unsupported(error) => {}
                _ => break,
            }
        }
        answer?;
        sync_dir(self.dir).inspect_err(|_| {
            // It is there, and nobody knows for how long.
            let _ = fs::remove_file(path);
        })
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn rename(&self, path: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, &self.path, CWD, path, RenameFlags::NOREPLACE)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn rename(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// For a moment it has both names.
    fn link(&self, path: &Path) -> io::Result<()> {
        fs::hard_link(&self.path, path)
    }

    /// Whole unless the computer stops meanwhile.
    fn copy(&self, path: &Path) -> io::Result<()> {
        let file = create(path)?;
        fill(file, self.content).inspect_err(|_| {
            let _ = fs::remove_file(path);
        })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fill(mut file: File, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Windows makes names durable itself.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the file system does not know what was asked of it.
fn is_unsupported(error: &io::Error) -> bool {
    // A FAT file system has no links and says that it is not permitted; many answer that a flag is invalid.
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsupported(_: &Draft<'_>, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_way_gives_a_whole_file_its_name_and_replaces_none() {
        for (number, &way) in WAYS.iter().enumerate() {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("kit.txt");
            let draft = Draft::write(place.path(), b"first").unwrap();
            if cfg!(windows) && number == 0 {
                assert!(is_unsupported(&way(&draft, &path).unwrap_err()));
                continue;
            }
            // Those that the file system does not know are passed by.
            draft.publish_by(&path, &[unsupported, way]).unwrap();
            drop(draft);
            assert_eq!(fs::read(&path).unwrap(), b"first");
            assert_eq!(names(place.path()), ["kit.txt"], "way {number}");
            #[cfg(unix)]
            assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);

            let draft = Draft::write(place.path(), b"second").unwrap();
            let error = draft.publish_by(&path, &[unsupported, way]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "way {number}");
            drop(draft);
            assert_eq!(fs::read(&path).unwrap(), b"first");
            assert_eq!(names(place.path()), ["kit.txt"]);
        }
    }

    #[test]
    fn a_way_that_fails_is_the_last_one() {
        fn full(_: &Draft<'_>, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
        let place = tempfile::tempdir().unwrap();
        let draft = Draft::write(place.path(), b"content").unwrap();
        let path = place.path().join("kit.txt");
        let error = draft.publish_by(&path, &[full, |draft, path| draft.copy(path)]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let error = draft.publish_by(&path, &[unsupported]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        drop(draft);
        assert!(names(place.path()).is_empty());
    }
}
