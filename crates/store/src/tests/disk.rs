//! A small disk of a test's own, to be filled to the last byte.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A file system in memory, unmounted when dropped.
pub(crate) struct Disk(TempDir);

impl Disk {
    /// A disk of `kib` KiB; `None`, said aloud, where this user may not mount one.
    pub(crate) fn new(kib: usize) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let size = format!("size={kib}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(place.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        println!("skipped: a disk that can be filled is mounted by root on Linux only");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all room but `kib` KiB.
    pub(crate) fn fill(&self, kib: usize) {
        let spare = self.path().join("spare");
        std::fs::write(&spare, vec![0; kib * 1024]).unwrap();
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [64 * 1024, 4096] {
            loop {
                match filler.write(&vec![0; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        give_back(&spare);
    }

    /// Gives back what was taken.
    pub(crate) fn clear(&self) {
        give_back(&self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

/// Emptied first, for a process that is being started beside it has it open for a moment.
fn give_back(path: &Path) {
    File::options().write(true).truncate(true).open(path).unwrap();
    std::fs::remove_file(path).unwrap();
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, for a failed test may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
