//! The profile: a directory of the user alone, and the lock that says which process owns it.
//!
//! What is in its files is the business of those who write them; here are only their places.

mod lock;

pub use lock::{OwnerKind, OwnerNote, ProfileLock};

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A profile directory that exists and is the user's alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    dir: PathBuf,
}

/// Why a directory cannot be a profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Other users can enter it.
    #[error("{} is open to other users of this computer; to close it: chmod 700 {}", dir.display(), quoted(dir))]
    Exposed {
        /// The directory.
        dir: PathBuf,
    },
    /// Another user owns it.
    #[error("{} belongs to another user", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
    },
    /// It is a symbolic link or a file.
    #[error("{} is not a directory (links are not followed)", dir.display())]
    NotADirectory {
        /// The path.
        dir: PathBuf,
    },
    /// The system said no.
    #[error("{} cannot be used: {cause}", path.display())]
    Failed {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

impl Profile {
    /// The default directory: `$XDG_DATA_HOME/hearthkey` (`~/.local/share/hearthkey`) on Linux, `~/Library/Application
    /// Support/app.hearthkey` on macOS, `%LOCALAPPDATA%\Hearthkey` on Windows. `None` for a user without a home.
    #[must_use]
    pub fn default_dir() -> Option<PathBuf> {
        let name = if cfg!(target_os = "macos") {
            "app.hearthkey"
        } else if cfg!(windows) {
            "Hearthkey"
        } else {
            "hearthkey"
        };
        dirs::data_local_dir().map(|base| base.join(name))
    }

    /// Opens the profile in `dir`, making the directory (mode 0700) when there is none.
    ///
    /// # Errors
    /// [`ProfileError`] when the directory is not the user's alone, or cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, ProfileError> {
        // A slash or a dot at its end would have the system follow a link.
        let dir: PathBuf = dir.into().components().collect();
        make(&dir).map_err(|cause| failed(&dir, cause))?;
        let found = fs::symlink_metadata(&dir).map_err(|cause| failed(&dir, cause))?;
        if !found.is_dir() {
            return Err(ProfileError::NotADirectory { dir });
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if found.uid() != rustix::process::geteuid().as_raw() {
                return Err(ProfileError::Foreign { dir });
            }
            if found.mode() & 0o077 != 0 {
                return Err(ProfileError::Exposed { dir });
            }
        }
        Ok(Self { dir })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The database.
    #[must_use]
    pub fn vault_db(&self) -> PathBuf {
        self.dir.join("vault.db")
    }

    /// The path that names the socket, for [`LocalListener::bind`](crate::socket::LocalListener::bind) and
    /// [`connect`](crate::socket::connect).
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// The state of the bundled sandbox.
    #[must_use]
    pub fn sandbox_state(&self) -> PathBuf {
        self.dir.join("sandbox.json")
    }

    /// Who said last that it owns the profile. Only the lock knows whether it still does.
    #[must_use]
    pub fn owner(&self) -> Option<OwnerNote> {
        OwnerNote::read(&self.dir)
    }
}

fn make(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        // What is there instead is judged by the caller.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn failed(path: &Path, cause: io::Error) -> ProfileError {
    ProfileError::Failed { path: path.to_owned(), cause }
}

/// The path as a word of a shell command.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
