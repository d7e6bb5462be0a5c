//! The command line as a person types it, against the real programs: a sandbox, a keychain, an owner of the profile that
//! the first command starts.

mod browser;
mod clients;
mod codes;
mod doctor;
mod far_away;
mod help;
mod journey;
mod keychain;
mod locking;
mod passphrase;
mod portable;
mod recovery;
mod refresh;
mod secrecy;
mod terminal;
mod workspaces;

use hearthkey_tests::{Home, Output};
use std::fmt::Write as _;

/// What was typed and answered, as a snapshot shows it: without what differs from run to run.
#[derive(Default)]
struct Transcript(String);

impl Transcript {
    /// Runs a command and writes it down.
    fn run(&mut self, home: &Home, arguments: &[&str]) -> Output {
        let output = home.cli(arguments);
        self.note(arguments, &output);
        output
    }

    /// Runs a command with `input` on its standard input, and writes it down without that.
    fn run_with(&mut self, home: &Home, arguments: &[&str], input: &str) -> Output {
        let output = home.cli_with_input(arguments, input.as_bytes());
        self.note(arguments, &output);
        output
    }

    /// Writes down a command that was run.
    fn note(&mut self, arguments: &[&str], output: &Output) {
        let typed = arguments.iter().map(|word| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:?".contains(c);
            if word.chars().all(plain) { (*word).to_owned() } else { format!("'{word}'") }
        });
        let _ = writeln!(self.0, "$ hearthkey {}", typed.collect::<Vec<_>>().join(" "));
        let _ = writeln!(self.0, "{}", output.transcript());
    }

    /// Compares with the snapshot `name`.
    #[track_caller]
    fn check(&self, name: &str, home: &Home) {
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.add_filter(&home.path().display().to_string(), "HOME");
        for (varying, shown) in [
            (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
            (r"127\.0\.0\.1%3A\d+", "127.0.0.1%3APORT"),
            (r"\b(state|code_challenge)=[\w-]+", "$1=RANDOM"),
            (r"\b(conn|act|auth|ws|client)_[0-9A-Za-z]{20,}", "${1}_ID"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
            (r"\bprocess \d+", "process PID"),
            (r"\b[A-Z]{4}-[A-Z]{4}\b", "USER-CODE"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
            (r"\d{4}-\d\d-\d\d\b", "DATE"),
            (r"\d{8}T\d{6}Z", "TIME"),
            (r"newest copy of TIME|no copy yet", "COPY"),
            (r"\bage1[0-9a-z]{50,}", "age1RECIPIENT"),
            (r#""(x-ratelimit-reset|x-ratelimit-remaining|date)",\n(\s+)"[^"]+""#, "\"$1\",\n$2\"VARIES\""),
            (r"(?m)^(x-ratelimit-reset|x-ratelimit-remaining|date): .*", "$1: VARIES"),
            (r"(?m)^content-length: \d+", "content-length: VARIES"),
            (r"SQLite \d[\d.]*", "SQLite VERSION"),
            (r"\b\d+ known\b", "N known"),
            // Columns are as wide as their times, and how long a test took is nobody's business.
            (r"(?m)\b(now|\d+ s ago)(  +|$)", "JUST NOW  "),
            (r"\bin \d+ (s|min|h)\b", "SOON"),
            (r"(\S) {2,}", "$1  "),
            (r"(?m) +$", ""),
        ] {
            settings.add_filter(varying, shown);
        }
        settings.bind(|| insta::assert_snapshot!(name, self.0.trim_end()));
    }
}
