//! `cargo xtask test`: the steps in order, their times, and a summary whose last line a program can read.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::checkout::Checkout;
use crate::steps::Step;
use crate::summary::{Clock, Outcome, Summary};

/// What `test` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the end-to-end tests
    #[arg(long)]
    skip_e2e: bool,
    /// Run only this step; may be given more than once
    #[arg(long, value_name = "STEP", value_enum)]
    only: Vec<Step>,
    /// Run the remaining steps even after a failure
    #[arg(long)]
    keep_going: bool,
    /// Name the steps and stop
    #[arg(long)]
    list: bool,
}

impl Options {
    fn wants(&self, step: Step) -> bool {
        (self.only.is_empty() || self.only.contains(&step)) && !(self.skip_e2e && step == Step::E2e)
    }
}

/// Runs the wanted steps; fails when one of them did.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<ExitCode> {
    if options.list {
        print_list();
        return Ok(ExitCode::SUCCESS);
    }
    let summary = perform(options, |step| step.perform(checkout));
    println!("\n{summary}");
    Ok(if summary.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn perform(options: &Options, step_result: impl Fn(Step) -> Result<()>) -> Summary {
    let mut summary = Summary::default();
    let total = Step::all().len();
    for (index, step) in Step::all().iter().copied().enumerate() {
        let title = step.title();
        if !options.wants(step) || (summary.failed() && !options.keep_going) {
            summary.add(title, Outcome::Skipped, Duration::ZERO);
            continue;
        }
        println!("\n{}/{total} {title}", index + 1);
        let start = Instant::now();
        let outcome = match step_result(step) {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("  {title} failed: {error:#}");
                Outcome::Failed
            }
        };
        println!("  {title} {outcome} in {}", Clock(start.elapsed()));
        summary.add(title, outcome, start.elapsed());
    }
    summary
}

fn print_list() {
    for step in Step::all() {
        if let Some(value) = step.to_possible_value() {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            println!("{:8} {help}", value.get_name());
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::{Options, perform};
    use crate::steps::Step;

    const ALL: Options = Options { skip_e2e: false, only: Vec::new(), keep_going: false, list: false };

    fn closing_line(options: &Options, failing: Option<Step>) -> String {
        let summary = perform(options, |step| if failing == Some(step) { bail!("planted") } else { Ok(()) });
        summary.to_string().lines().last().unwrap().to_owned()
    }

    #[test]
    fn the_last_line_counts_the_steps() {
        assert_eq!(closing_line(&ALL, None), "7 passed, 0 failed");
        assert_eq!(closing_line(&Options { skip_e2e: true, ..ALL }, None), "6 passed, 0 failed, 1 skipped");
        assert_eq!(
            closing_line(&Options { only: vec![Step::Ui], ..ALL }, None),
            "1 passed, 0 failed, 6 skipped"
        );
    }

    #[test]
    fn a_failure_stops_the_rest_unless_told_to_go_on() {
        assert_eq!(closing_line(&ALL, Some(Step::Ui)), "2 passed, 1 failed, 4 skipped");
        assert_eq!(closing_line(&Options { keep_going: true, ..ALL }, Some(Step::Ui)), "6 passed, 1 failed");
    }
}
