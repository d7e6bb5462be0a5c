//! `cargo xtask bench`: how long the vault takes for what people wait for. The figures are in `docs/PERFORMANCE.md`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::checkout::Checkout;

/// What `bench` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum)]
    subject: Subject,
    /// Arguments of criterion: a part of a benchmark's name, `--save-baseline NAME`, `--quick`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Seal, open, a page of the list, a use over the socket, rotation, the doctor, with up to 100,000 connections
    Vault,
}

/// Builds as people get it, measures, and compares with the last time.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<ExitCode> {
    let Subject::Vault = options.subject;
    let bench = checkout.command("cargo bench -p hearthkey-tests --bench vault --locked --");
    let status = bench.arguments(&options.arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
