//! The command line at a terminal, with a person who types.

use crate::process::Process;
use crate::{Home, Output, programs};

impl Home {
    /// Runs `hearthkey` at a terminal of its own, where a person types these lines, ahead of the questions. Everything it says
    /// comes back as standard output, with what the terminal echoed.
    #[track_caller]
    pub fn cli_at_terminal(&self, arguments: &[&str], typed: &[&str]) -> Output {
        let program = programs::hearthkey().display().to_string();
        let words = [program.as_str()].into_iter().chain(arguments.iter().copied());
        let line = words.map(quoted).collect::<Vec<_>>().join(" ");
        // `script` gives its child a terminal, and ends with its exit code.
        let mut command = self.command("script");
        command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        let mut process = Process::start(command);
        for line in typed {
            process.say(format!("{line}\r").as_bytes());
        }
        Output::of(process.finish())
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
