//! `cargo xtask mutants`: the vault's code is changed in small ways, and its tests have to notice.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::checkout::Checkout;
use crate::toolchain;

const PACKAGE: &str = "hearthkey-vault";
/// How many of a hundred mutants the tests have to kill.
const WANTED: usize = 95;

/// What `mutants` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Name the mutants and stop
    #[arg(long)]
    list: bool,
    /// How many are built and tested at once
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    jobs: u32,
    /// Further arguments of cargo-mutants
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs them all, which takes an hour or more, and counts.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<ExitCode> {
    toolchain::ensure_cargo_mutants(checkout)?;
    let folder = checkout.path("target/mutants");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mutants = checkout.command(&format!("cargo mutants --package {PACKAGE}"));
    if options.list {
        mutants.argument("--list").arguments(&options.arguments).run()?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = mutants
        .argument("--jobs")
        .argument(options.jobs.to_string())
        .argument("--output")
        .argument(&folder)
        .arguments(&options.arguments)
        .status()?;
    let count = |name: &str| {
        let list = fs::read_to_string(folder.join("mutants.out").join(name)).ok()?;
        Some(list.lines().filter(|line| !line.is_empty()).count())
    };
    let (Some(caught), Some(missed), Some(late)) =
        (count("caught.txt"), count("missed.txt"), count("timeout.txt"))
    else {
        bail!("cargo-mutants ended with {status} and left no lists in {}", folder.display());
    };
    println!("{caught} caught, {missed} missed, {late} timed out");
    match verdict(caught, missed, late) {
        Some(share) if share >= WANTED => {
            println!("{share} % of the mutants are killed; {WANTED} % are wanted");
            Ok(ExitCode::SUCCESS)
        }
        Some(share) => {
            bail!("only {share} % of the mutants are killed; {WANTED} % are wanted: see missed.txt there")
        }
        None => bail!("cargo-mutants ended with {status} before any mutant was tested"),
    }
}

/// How many of a hundred were killed, rounded down. One whose tests never end is noticed as well.
fn verdict(caught: usize, missed: usize, late: usize) -> Option<usize> {
    (100 * (caught + late)).checked_div(caught + missed + late)
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn the_share_is_rounded_down() {
        assert_eq!(verdict(949, 51, 0), Some(94));
        assert_eq!(verdict(940, 50, 10), Some(95));
        assert_eq!(verdict(0, 0, 0), None);
    }
}
