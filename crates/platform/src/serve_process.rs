//! Starting `hearthkey serve` for callers who find no owner: a process of its own that outlives them.

use crate::environment;
use crate::profile::Profile;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How long the started process stays when nobody needs it.
const IDLE_EXIT: &str = "60s";
/// The longest complaint that is read back, in bytes.
const MAX_COMPLAINT: usize = 2048;

/// A `hearthkey serve` that was started. Dropping this leaves it running.
#[derive(Debug)]
pub struct ServeProcess {
    child: Child,
    log: PathBuf,
}

impl ServeProcess {
    /// Starts `hearthkey serve` for `profile`, with the program that runs now or the `hearthkey` beside it. What it has to
    /// say goes to `serve.log` in the profile.
    ///
    /// # Errors
    /// A sentence when the program is missing or does not start.
    pub fn start(profile: &Profile) -> Result<Self, String> {
        let program = environment::current_program_dir()
            .map(|dir| dir.join("hearthkey").with_extension(std::env::consts::EXE_EXTENSION))
            .filter(|program| program.is_file())
            .ok_or("the program hearthkey is not where this program is")?;
        let log = profile.dir().join("serve.log");
        let words = private(&log)
            .map_err(|error| format!("{} cannot be written ({})", log.display(), error.kind()))?;
        let mut command = Command::new(program);
        command
            .arg("--profile")
            .arg(profile.dir())
            .args(["--json", "serve", "--idle-exit", IDLE_EXIT])
            .current_dir(profile.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words);
        // A process group of its own: ending the caller from the keyboard does not end it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(windows)]
        std::os::windows::process::CommandExt::creation_flags(&mut command, DETACHED);
        let child = command.spawn().map_err(|error| format!("it could not be run ({})", error.kind()))?;
        Ok(Self { child, log })
    }

    /// Its last words, if it has ended.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(last_words(&self.log).unwrap_or_else(|| format!("it ended at once ({status})")))
    }
}

/// `CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS`.
#[cfg(windows)]
const DETACHED: u32 = 0x0000_0200 | 0x0000_0008;

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn last_words(log: &Path) -> Option<String> {
    let bytes = std::fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(MAX_COMPLAINT)..]).into_owned();
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}
