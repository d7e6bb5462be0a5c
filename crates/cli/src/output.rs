//! What a person reads, and what a program does: text or JSON on standard output, problems on standard error.

use crate::failure::{Failure, INTERRUPTED};
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use hearthkey_api::views::{DeedWord, StatusWord};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Where a command's results go.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// Whether a program reads them.
    pub(crate) json: bool,
}

impl Output {
    /// Says a result: as JSON, or in words.
    pub(crate) fn result(self, value: &impl Serialize, words: impl FnOnce() -> String) {
        if self.json {
            say(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            say(&words());
        }
    }

    /// Tells a failure on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        let Failure::Problem(problem) = failure else {
            return;
        };
        let mut err = anstream::stderr().lock();
        // Nobody is left to be told that standard error is gone.
        let _ = if self.json {
            writeln!(err, "{}", serde_json::to_string(problem).unwrap_or_default())
        } else {
            let (bad, soft) =
                (Style::new().bold().fg_color(Some(AnsiColor::Red.into())), Style::new().dimmed());
            let hint =
                problem.hint.as_ref().map_or(String::new(), |hint| format!("\n{soft}hint:{soft:#} {hint}"));
            writeln!(err, "{bad}error:{bad:#} {problem}{hint}")
        };
    }

    /// Says something to a person on standard error that is no result: what is being waited for. Programs are told nothing.
    pub(crate) fn note(self, words: &str) {
        if !self.json {
            let _ = writeln!(anstream::stderr().lock(), "{words}");
        }
    }

    /// Asks a person something that is no secret, and gives the line they answer; `None` where nobody can be asked.
    pub(crate) fn ask(self, question: &str) -> Result<Option<String>, Failure> {
        if self.json || !crate::secrets::is_interactive() {
            return Ok(None);
        }
        {
            let mut err = anstream::stderr().lock();
            let _ = write!(err, "{question} ").and_then(|()| err.flush());
        }
        let mut line = String::new();
        match std::io::stdin().read_line(&mut line) {
            Ok(1..) => Ok(Some(line.trim().to_owned())),
            // Whoever ends the input does not agree to anything.
            _ => {
                self.note("\nCancelled.");
                Err(Failure::Told(INTERRUPTED))
            }
        }
    }

    /// Tells what is under way on standard error: in words, or to a program as one line of JSON.
    pub(crate) fn progress(self, value: &impl Serialize, words: &str) {
        if self.json {
            let _ = writeln!(std::io::stderr(), "{}", serde_json::to_string(value).unwrap_or_default());
        } else {
            self.note(words);
        }
    }
}

/// Prints to standard output.
pub(crate) fn say(text: &str) {
    complete(writeln!(anstream::stdout().lock(), "{text}"));
}

/// Writes bytes to standard output as they are.
pub(crate) fn write_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    complete(out.write_all(bytes).and_then(|()| out.flush()));
}

/// A reader that left early (`| head`) is no error; output that was cut is, and must not look like success.
fn complete(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = writeln!(std::io::stderr(), "error: standard output could not be written ({error})");
        std::process::exit(1);
    }
}

/// A table that fits the terminal.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    // A terminal that does not say how wide it is.
    if table.width() == Some(0) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Pairs of names and values, one a line.
pub(crate) fn facts(rows: &[(&str, Option<String>)]) -> String {
    let shown: Vec<_> = rows.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    let width = shown.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = shown.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect();
    lines.join("\n")
}

/// A status in words.
pub(crate) fn status_words(status: StatusWord) -> &'static str {
    match status {
        StatusWord::Active => "active",
        StatusWord::Expiring => "expires soon",
        StatusWord::NeedsReconnect => "reconnect needed",
        StatusWord::Error => "error",
        StatusWord::Paused => "paused",
        StatusWord::Deleting => "disconnected",
    }
}

/// A deed in words.
pub(crate) fn deed_words(deed: DeedWord) -> &'static str {
    match deed {
        DeedWord::Connected => "Connected",
        DeedWord::Reconnected => "Reconnected",
        DeedWord::ConnectFailed => "Could not connect",
        DeedWord::Refreshed => "Access token renewed",
        DeedWord::RefreshFailed => "Could not renew",
        DeedWord::Tested => "Tested",
        DeedWord::Used => "Used",
        DeedWord::Disconnected => "Disconnected",
        DeedWord::Restored => "Brought back",
        DeedWord::Revoked => "Ended at the service",
        DeedWord::Locked => "Locked",
        DeedWord::Unlocked => "Unlocked",
        DeedWord::KeysRotated => "Keys replaced",
        DeedWord::PassphraseSet => "Passphrase set",
        DeedWord::PassphraseRemoved => "Passphrase removed",
        DeedWord::RecoveryKitMade => "Recovery kit written",
        DeedWord::RecoveryKitTested => "Recovery kit tested",
        DeedWord::ClientAdded => "OAuth client kept",
        DeedWord::ClientChanged => "OAuth client got a new secret",
        DeedWord::ClientRemoved => "OAuth client removed",
        DeedWord::WorkspaceAdded => "Workspace made",
        DeedWord::WorkspaceRenamed => "Workspace renamed",
        DeedWord::WorkspaceDestroyed => "Workspace destroyed",
        DeedWord::Exported => "Exported",
        DeedWord::Imported => "Imported",
        DeedWord::RevokeFailed => "Could not end at the service",
    }
}

/// A sign before a sentence: whether it is good news.
pub(crate) fn mark(good: bool) -> impl Display {
    if good { sign(AnsiColor::Green, "✓") } else { sign(AnsiColor::Red, "✗") }
}

/// A sign before a sentence that is advice.
pub(crate) fn advice_mark() -> impl Display {
    sign(AnsiColor::Yellow, "!")
}

fn sign(colour: AnsiColor, sign: &str) -> String {
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{sign}{style:#}")
}

/// A number of things, as `1 connection` or `3 connections`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// How long ago, or how far ahead, in one word or two.
pub(crate) fn relative(when: Timestamp, now: Timestamp) -> String {
    let distance = when.duration_until(now);
    let words = span_words(distance.abs());
    match (distance.is_negative(), words) {
        (_, None) => "now".to_owned(),
        (true, Some(words)) => format!("in {words}"),
        (false, Some(words)) => format!("{words} ago"),
    }
}

fn span_words(span: SignedDuration) -> Option<String> {
    let (minutes, hours) = (span.as_mins(), span.as_hours());
    match span.as_secs() {
        0..=4 => None,
        seconds @ 5..=59 => Some(format!("{seconds} s")),
        _ if minutes < 60 => Some(format!("{minutes} min")),
        _ if hours < 48 => Some(format!("{hours} h")),
        _ => Some(format!("{} days", hours / 24)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_from_now() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, words) in [
            (0, "now"),
            (-3, "now"),
            (-59, "59 s ago"),
            (-60, "1 min ago"),
            (-7200, "2 h ago"),
            (-200_000, "2 days ago"),
            (300, "in 5 min"),
        ] {
            assert_eq!(relative(now + SignedDuration::from_secs(seconds), now), words);
        }
    }
}
