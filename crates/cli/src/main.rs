//! The command line. It never opens a profile itself: it talks to the process that owns it, and starts `hearthkey serve` if
//! there is none.
#![allow(clippy::print_stderr, reason = "telling a person is what it is for")]

mod args;
mod commands;
mod failure;
mod new_file;
mod output;
mod secrets;
mod terminal;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use commands::Session;
use failure::Failure;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    if let Command::Completions { shell } = cli.command {
        let mut script = vec![];
        clap_complete::generate(shell, &mut Cli::command(), "hearthkey", &mut script);
        output::write_bytes(&script);
        return Ok(());
    }
    hearthkey_engine::init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::input(format!("no threads can be started: {error}")))?;
    let profile = hearthkey_engine::open_profile(cli.profile)?;
    let workspace = cli.acting_in.filter(|name| !name.is_empty());
    let session = Session { profile, output, workspace };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Connect(args) => session.connect(args).await,
            Command::List => session.list().await,
            Command::Show(args) => session.show(args).await,
            Command::Test(args) => session.test(args).await,
            Command::Refresh(args) => session.refresh(args).await,
            Command::Request(args) => session.request(args).await,
            Command::Rename(args) => session.rename(args).await,
            Command::Disconnect(args) => session.disconnect(args).await,
            Command::Restore(args) => session.restore(args).await,
            Command::Services => session.services().await,
            Command::Clients(args) => session.clients(args).await,
            Command::Workspaces(args) => session.workspaces(args).await,
            Command::Lock(args) => session.lock(args).await,
            Command::Unlock(args) => session.unlock(args).await,
            Command::Passphrase(args) => session.passphrase(args).await,
            Command::Recovery(args) => session.recovery(args).await,
            Command::Gateway(args) => session.gateway(args).await,
            Command::Rotate => session.rotate().await,
            Command::Export(args) => session.export(args).await,
            Command::Import(args) => session.import(args).await,
            Command::Serve(args) => session.serve(args).await,
            Command::Doctor(args) => session.doctor(args).await,
            Command::Completions { .. } => Ok(()),
        }
    });
    // Nothing that still moves bytes of a finished conversation must hold the program.
    runtime.shutdown_background();
    done
}
