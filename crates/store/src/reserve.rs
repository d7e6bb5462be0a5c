//! The reserve: room kept aside for a full disk, as a file beside the database that is given up when a write finds no room.
//!
//! On a full disk not even a row can be deleted, for the log has to grow first.

use crate::failure::file_failure;
use crate::files::{length, private, remove, with_suffix};
use hearthkey_domain::ports::StoreError;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is kept, in bytes: room for some hundred writes, or for the log to be taken in.
pub(crate) const SIZE: usize = 1024 * 1024;

/// The reserve of one database. Once that is open it is the writer's: setting it aside takes room, for a moment, that a write
/// beside it would miss.
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The reserve of a database, whether or not it is there.
    pub(crate) fn beside(database: &Path) -> Self {
        Self { path: with_suffix(database, ".reserve") }
    }

    /// Whether it is there; sets it aside if it is not. Blocks.
    pub(crate) fn ensure(&self) -> bool {
        if let Ok(Some(found)) = length(&self.path)
            && found == SIZE as u64
        {
            return true;
        }
        match self.set_aside() {
            Ok(()) => true,
            Err(error) => {
                let error = file_failure(&self.path, &error);
                tracing::warn!(%error, "no room could be kept for a full disk");
                self.release();
                false
            }
        }
    }

    /// Gives it up. True if there was one. Blocks.
    pub(crate) fn release(&self) -> bool {
        // Emptied first: while another program has it open, removing it alone would free nothing.
        let emptied = OpenOptions::new().write(true).open(&self.path).and_then(|file| file.set_len(0));
        if let Err(error) = emptied
            && error.kind() != io::ErrorKind::NotFound
        {
            let error = file_failure(&self.path, &error);
            tracing::warn!(%error, "the room kept for a full disk could not be emptied");
        }
        remove(&self.path).unwrap_or_else(|error| {
            let error = file_failure(&self.path, &error);
            tracing::warn!(%error, "the room kept for a full disk could not be given up");
            false
        })
    }

    /// What `work` returns; if that is [`StoreError::DiskFull`], what it returns with the reserve's room.
    pub(crate) fn lend<T>(&self, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match work() {
            Err(StoreError::DiskFull) if self.release() => work(),
            done => done,
        }
    }

    fn set_aside(&self) -> io::Result<()> {
        let mut file = private().truncate(true).open(&self.path)?;
        file.write_all(&noise())?;
        file.sync_all()
    }
}

/// Bytes that no file system stores in less room than they have (xorshift64).
fn noise() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(SIZE / size_of::<u64>()).flatten().collect()
}
