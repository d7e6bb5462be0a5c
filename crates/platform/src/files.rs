//! Files that a person asks for, outside the profile: written whole, or not at all.
//!
//! A disk that hangs never answers, so every write has its own thread and a deadline. What is in the files is the business
//! of those who ask for them.

mod draft;

use crate::threads::{Done, NoAnswer, Threads};
use async_trait::async_trait;
use draft::Draft;
use hearthkey_domain::{
    ports::{FileError, Files},
    secret::Secret,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long one file may take.
pub const FILE_DEADLINE: Duration = Duration::from_secs(30);

/// How many threads may be stuck in a disk before no more is written.
const MOST_STUCK: usize = 3;

/// The files of this computer.
///
/// A file has mode 0600, where its file system keeps modes; on Windows it has the access list of its directory.
#[derive(Debug)]
pub struct DiskFiles {
    deadline: Duration,
    threads: Threads,
}

impl Default for DiskFiles {
    fn default() -> Self {
        Self::new(FILE_DEADLINE)
    }
}

impl DiskFiles {
    /// Files that are given up after `deadline`. One that comes to pass later is removed again.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self { deadline, threads: Threads::new("files", MOST_STUCK) }
    }
}

#[async_trait]
impl Files for DiskFiles {
    async fn write_new(&self, path: &str, content: Secret) -> Result<(), FileError> {
        let file = PathBuf::from(path);
        let answer = self.threads.run((), move |gone| write_new(file, &content, gone));
        let failed = |reason: &str| FileError::Failed { path: path.to_owned(), reason: reason.to_owned() };
        match timeout(self.deadline, answer).await {
            Ok(Ok(answer)) => answer.map_err(|error| match error {
                Refusal::Exists => FileError::Exists { path: path.to_owned() },
                Refusal::Reason(reason) => failed(&reason),
            }),
            Err(_) | Ok(Err(NoAnswer::Crowded)) => Err(failed("the disk does not answer")),
            Ok(Err(NoAnswer::Unstarted(_) | NoAnswer::Died)) => {
                Err(failed("there was no thread to write it"))
            }
        }
    }
}

/// Why there is no new file.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Exists,
    Reason(String),
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            kind => Self::Reason(kind.to_string()),
        }
    }
}

fn write_new(path: PathBuf, content: &Secret, gone: &CancellationToken) -> Done<Result<(), Refusal>> {
    match try_write(&path, content, gone) {
        Ok(()) => Done {
            answer: Ok(()),
            take_back: Some(Box::new(move || {
                if let Err(error) = fs::remove_file(path) {
                    tracing::warn!(kind = %error.kind(), "a file that came too late could not be removed");
                }
            })),
        },
        Err(error) => Err(error).into(),
    }
}

fn try_write(path: &Path, content: &Secret, gone: &CancellationToken) -> Result<(), Refusal> {
    if !path.is_absolute() {
        return Err("the path does not begin at the root".into());
    }
    let (Some(dir), Some(_)) = (path.parent(), path.file_name()) else {
        return Err("the path names no file".into());
    };
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err("its directory is a file".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no such directory".into());
        }
        Err(error) => return Err(error.into()),
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(Refusal::Exists);
    }
    let draft = Draft::write(dir, content.expose().as_bytes())?;
    if gone.is_cancelled() {
        return Err("it took too long".into());
    }
    draft.publish(path)?;
    Ok(())
}
