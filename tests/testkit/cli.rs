//! The command line, run in a home.

use crate::process::Process;
use crate::{Home, programs};
use serde_json::Value;
use std::ffi::OsStr;
use std::process::ExitStatus;

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
}

impl Output {
    /// The output of a process that has ended.
    #[must_use]
    pub fn of((status, out, err): (ExitStatus, Vec<u8>, Vec<u8>)) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { stdout: text(&out), stderr: text(&err), code: status.code().unwrap_or(-1) }
    }

    /// The same, if the command succeeded.
    #[track_caller]
    #[must_use]
    pub fn ok(self) -> Self {
        self.with_code(0)
    }

    /// The same, if the command ended with `code`.
    #[track_caller]
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        read.unwrap_or_else(|error| panic!("not JSON ({error}):\n{}\n{}", self.stdout, self.stderr))
    }

    /// Everything it said, as a transcript for a snapshot.
    #[must_use]
    pub fn transcript(&self) -> String {
        let mut text = self.stdout.clone();
        if !self.stderr.is_empty() {
            text.push_str("--- standard error\n");
            text.push_str(&self.stderr);
        }
        format!("{text}--- exit code {}\n", self.code)
    }
}

impl Home {
    /// Runs `hearthkey` with nothing on its standard input.
    #[track_caller]
    pub fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.cli_with_input(arguments, b"")
    }

    /// Runs `hearthkey` with `input` on its standard input.
    #[track_caller]
    pub fn cli_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Output {
        let mut process = self.spawn_cli(arguments);
        process.say(input);
        process.close_input();
        Output::of(process.finish())
    }

    /// Starts `hearthkey` and leaves it running; its standard input stays open.
    pub fn spawn_cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Process {
        let mut command = self.command(programs::hearthkey());
        command.args(arguments);
        Process::start(command)
    }
}
