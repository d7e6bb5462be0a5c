//! One outside command: shown before it runs, and named in the error when it fails.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A command about to run, and the line a person would type for it.
pub(crate) struct Invocation {
    command: Command,
    shown: String,
}

impl Invocation {
    /// `line` is split at spaces; an argument that holds spaces is added by [`Invocation::argument`].
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(executable(program));
        command.args(words);
        Self { command, shown: line.to_owned() }
    }

    /// A program given by its path, which may hold spaces.
    pub(crate) fn program(path: &Path) -> Self {
        Self { command: Command::new(path), shown: path.display().to_string() }
    }

    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        let text = argument.as_ref().to_string_lossy();
        let quote = if text.is_empty() || text.contains(' ') { "\"" } else { "" };
        self.shown = format!("{} {quote}{text}{quote}", self.shown);
        self.command.arg(argument);
        self
    }

    pub(crate) fn arguments<T: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = T>) -> Self {
        arguments.into_iter().fold(self, Self::argument)
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_variable(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Shows the command, runs it on this terminal, and fails unless it succeeds.
    pub(crate) fn run(self) -> Result<()> {
        let shown = self.shown.clone();
        let status = self.status()?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Shows the command, runs it on this terminal, and answers how it ended.
    pub(crate) fn status(mut self) -> Result<ExitStatus> {
        println!("  $ {}", self.shown);
        self.command.status().with_context(|| cannot_start(&self.shown))
    }

    /// Runs quietly and answers what it printed, whatever its exit status; `None` when it cannot start.
    pub(crate) fn output(mut self) -> Option<String> {
        let output = self.command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs quietly and answers whether it started and succeeded.
    pub(crate) fn succeeds(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }
}

fn cannot_start(shown: &str) -> String {
    let program = shown.split(' ').next().unwrap_or_default();
    format!("`{shown}` could not start: install {program} or put it on PATH")
}

/// Node's tools are batch files on Windows, which are only found by their full name.
fn executable(program: &str) -> String {
    if cfg!(windows) && program == "npm" { "npm.cmd".to_owned() } else { program.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Invocation;

    #[test]
    fn shows_arguments_as_a_person_would_type_them() {
        let invocation = Invocation::new("xvfb-run -a -s").argument("-screen 0 1x1x24").argument("true");
        assert_eq!(invocation.shown, "xvfb-run -a -s \"-screen 0 1x1x24\" true");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Invocation::new("hearthkey-no-such-program --flag").run().unwrap_err();
        assert!(format!("{error:#}").contains("install hearthkey-no-such-program"), "{error:#}");
    }
}
