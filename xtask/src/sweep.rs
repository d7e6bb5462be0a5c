//! `cargo xtask sweep`: the same cuts and faults as in the tests, by the hundred.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::artifacts::{self, Profile};
use crate::checkout::Checkout;
use crate::packages;

/// What `sweep` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// What to cut
    #[arg(value_enum)]
    subject: Subject,
    /// How often the owner is killed
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    points: u32,
    /// How often its disk fails
    #[arg(long, value_name = "COUNT", default_value_t = 60)]
    faults: u32,
    /// Chooses the points; the same one chooses the same
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only this operation, such as `rotate`
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Only this point, as a violation names it
    #[arg(long, value_name = "OPERATION:SYSCALL:NTH:HARM")]
    only: Option<String>,
}

/// What can be swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The owner of a profile, while it writes: kills, power cuts, a disk that does not confirm, a full one
    Vault,
}

/// Runs the sweep; its table and its violations are the test's own words.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<ExitCode> {
    let Subject::Vault = options.subject;
    if !cfg!(target_os = "linux") {
        bail!("the sweep is played with strace, which is on Linux only");
    }
    packages::ensure_named(checkout, packages::SWEEP)?;
    artifacts::build_programs(checkout, Profile::Debug)?;
    let mut test = checkout
        .command("cargo test -p hearthkey-tests --test sweep --locked -- --nocapture --test-threads=1")
        .variable("RUST_BACKTRACE", "0")
        .variable("HEARTHKEY_SWEEP_POINTS", options.points.to_string())
        .variable("HEARTHKEY_SWEEP_FAULTS", options.faults.to_string());
    if let Some(seed) = options.seed {
        test = test.variable("HEARTHKEY_SWEEP_SEED", seed.to_string());
    }
    if let Some(operation) = &options.operation {
        test = test.variable("HEARTHKEY_SWEEP_OPERATION", operation);
    }
    if let Some(only) = &options.only {
        // Beside the point itself only what is quick.
        test = test.variable("HEARTHKEY_SWEEP_ONLY", only).argument("nothing_");
    }
    Ok(if test.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
