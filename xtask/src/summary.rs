//! How each step ended, as a table and as one line a program can read.

use std::fmt;
use std::time::Duration;

/// How one step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

/// The steps so far, in order. Shown, it ends with `N passed, N failed` alone on its line.
#[derive(Default)]
pub(crate) struct Summary {
    lines: Vec<(&'static str, Outcome, Duration)>,
}

impl Summary {
    pub(crate) fn add(&mut self, title: &'static str, outcome: Outcome, took: Duration) {
        self.lines.push((title, outcome, took));
    }

    pub(crate) fn failed(&self) -> bool {
        self.count(Outcome::Failed) > 0
    }

    fn count(&self, wanted: Outcome) -> usize {
        self.lines.iter().filter(|(_, outcome, _)| *outcome == wanted).count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|(title, ..)| title.len()).max().unwrap_or_default();
        for (title, outcome, took) in &self.lines {
            write!(out, "  {title:width$}  {outcome:7}")?;
            if *outcome != Outcome::Skipped {
                write!(out, "  {}", Clock(*took))?;
            }
            writeln!(out)?;
        }
        write!(out, "{} passed, {} failed", self.count(Outcome::Passed), self.count(Outcome::Failed))?;
        match self.count(Outcome::Skipped) {
            0 => Ok(()),
            skipped => write!(out, ", {skipped} skipped"),
        }
    }
}

/// A duration for a person: `0.4 s`, `12.0 s`, `3 min 05 s`.
pub(crate) struct Clock(pub(crate) Duration);

impl fmt::Display for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..60 => write!(out, "{:.1} s", self.0.as_secs_f64()),
            seconds => write!(out, "{} min {:02} s", seconds / 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Outcome, Summary};

    #[test]
    fn ends_with_the_counts_alone_on_their_line() {
        let mut summary = Summary::default();
        summary.add("formatting", Outcome::Passed, Duration::from_millis(400));
        summary.add("lints", Outcome::Failed, Duration::from_secs(185));
        summary.add("documentation", Outcome::Skipped, Duration::ZERO);
        assert_eq!(
            summary.to_string(),
            "  formatting     passed   0.4 s\n  \
             lints          FAILED   3 min 05 s\n  \
             documentation  skipped\n\
             1 passed, 1 failed, 1 skipped"
        );
        assert!(summary.failed());
    }

    #[test]
    fn skipped_is_said_only_when_something_was() {
        let mut summary = Summary::default();
        summary.add("formatting", Outcome::Passed, Duration::ZERO);
        assert!(summary.to_string().ends_with("\n1 passed, 0 failed"));
        assert!(!summary.failed());
    }
}
