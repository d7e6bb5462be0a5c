//! `cargo xtask`: the project's own commands, for a person and for a build machine alike.
//!
//! Each command first makes sure of what it needs (system packages, Node, tools), so that a fresh checkout on a fresh
//! machine is enough. What it installs for itself goes below `target/tools`; only system packages go elsewhere.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build command reads the environment, measures time and talks to a terminal"
)]

mod artifacts;
mod bench;
mod checkout;
mod generate;
mod invocation;
mod mutants;
mod packages;
mod run;
mod screenshots;
mod steps;
mod summary;
mod sweep;
mod test;
mod toolchain;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::checkout::Checkout;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Hearthkey's own commands: build and open the app, run every check",
    after_help = EXAMPLES,
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build everything, open the app
    Run(run::Options),
    /// Run every check in order and print a summary
    Test(test::Options),
    /// Cut and fail the owner of a profile at seeded points, and look whether a promise was broken
    Sweep(sweep::Options),
    /// Measure
    Bench(bench::Options),
    /// Change the vault's code in small ways and count how many of them its tests notice
    Mutants(mutants::Options),
    /// Write anew what is generated from the code: OpenAPI, schema, the interface's types and marks
    Generate,
    /// Take the README's pictures of the real window anew
    Screenshots,
}

const EXAMPLES: &str = "Examples:
  cargo xtask run                     open the app (debug build)
  cargo xtask run --release           open the app as people get it
  cargo xtask run -- --profile /tmp/p hand arguments to the app
  cargo xtask test                    every check, stop at the first failure
  cargo xtask test --skip-e2e         all but the end-to-end tests
  cargo xtask test --only clippy      one check (`--list` names them)
  cargo xtask test --keep-going       every check, even after a failure
  cargo xtask sweep vault             300 kills and 60 faults of the disk, each looked at
  cargo xtask bench vault             the figures of docs/PERFORMANCE.md
  cargo xtask mutants                 how much the vault's tests notice (an hour)
  cargo xtask generate                after an operation, view or manifest type changed";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Checkout::locate().and_then(|checkout| match &arguments.command {
        Command::Run(options) => run::run(&checkout, options),
        Command::Test(options) => test::run(&checkout, options),
        Command::Sweep(options) => sweep::run(&checkout, options),
        Command::Bench(options) => bench::run(&checkout, options),
        Command::Mutants(options) => mutants::run(&checkout, options),
        Command::Generate => generate::run(&checkout),
        Command::Screenshots => screenshots::run(&checkout),
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("\nerror: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
