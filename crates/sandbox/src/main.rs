//! The sandbox as a program: flags in, one line out when it is ready, then it serves until it is told to stop.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use clap::Parser;
use hearthkey_sandbox::{Error, Fault, Options, Sandbox};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::sync::oneshot;

const EXAMPLES: &str = "\
Examples:
  hearthkey-sandbox
      Serve a demo account on http://127.0.0.1:47100 and ask before every consent.
  hearthkey-sandbox --port 0 --auto-approve --exit-with-stdin
      For tests: a free port, no consent page, ends with the process that started it.
  hearthkey-sandbox --state-file demo.json --access-token-seconds 60
      Keep connections over a restart; access tokens live a minute.
  hearthkey-sandbox --faults faults.json
      Fail on demand. The file holds a list such as
      [{\"route\": \"/token\", \"nth\": {\"only\": 2}, \"kind\": {\"status\": {\"status\": 503}}}]

While it runs: GET and DELETE /_sandbox/journal, GET and PUT /_sandbox/faults,
POST /_sandbox/expire-access-tokens, POST /_sandbox/revoke-grants, GET /_sandbox/health.";

/// A made-up provider on this computer: an authorization server and an API, with faults on demand.
#[derive(Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct Arguments {
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 47100)]
    port: u16,
    /// Keep grants in this file, so that they survive a restart. Tokens are stored as SHA-256 only.
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    /// Life of an access token.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().access_token_seconds)]
    access_token_seconds: u64,
    /// Life of a refresh token; without it, until revoked.
    #[arg(long, value_name = "SECONDS")]
    refresh_token_seconds: Option<u64>,
    /// Answer a refresh without a new refresh token.
    #[arg(long)]
    keep_refresh_tokens: bool,
    /// Shortest time between two polls of the device grant.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().device_interval_seconds)]
    device_interval_seconds: u64,
    /// API requests per minute and credential.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().requests_per_minute)]
    requests_per_minute: u32,
    /// Approve without a page; `login_hint` chooses the account.
    #[arg(long)]
    auto_approve: bool,
    /// Start with the faults in this JSON file.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Exit when standard input closes, and so with the process that started this one.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("hearthkey-sandbox: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let faults = match &arguments.faults {
        Some(path) => read_faults(path)?,
        None => Vec::new(),
    };
    // Before the port answers, so that a signal right after the ready line is heard.
    let mut signals = Signals::listen()?;
    let exit_with_stdin = arguments.exit_with_stdin;
    let options = Options {
        port: arguments.port,
        state_file: arguments.state_file,
        access_token_seconds: arguments.access_token_seconds,
        refresh_token_seconds: arguments.refresh_token_seconds,
        device_interval_seconds: arguments.device_interval_seconds,
        auto_approve: arguments.auto_approve,
        rotate_refresh_tokens: !arguments.keep_refresh_tokens,
        requests_per_minute: arguments.requests_per_minute,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(|error| match error {
        Error::PortTaken { .. } => format!("{error} The port is set with --port."),
        other => other.to_string(),
    })?;
    sandbox.set_faults(faults);
    let mut out = std::io::stdout();
    writeln!(out, "hearthkey-sandbox listening on {}", sandbox.base_url())
        .and_then(|()| out.flush())
        .map_err(|error| format!("cannot write to standard output: {error}. Is its reader gone?"))?;
    tokio::select! {
        () = signals.stop() => {}
        () = stdin_closed(exit_with_stdin) => {}
    }
    sandbox.shutdown().await;
    Ok(())
}

fn read_faults(path: &PathBuf) -> Result<Vec<Fault>, String> {
    let text = std::fs::read(path).map_err(|error| {
        format!("cannot read the faults file {}: {error}. Check --faults.", path.display())
    })?;
    serde_json::from_slice(&text).map_err(|error| {
        format!("{} is not a list of faults: {error}. See the example under --help.", path.display())
    })
}

/// Returns when standard input ends; never when that is not asked for.
async fn stdin_closed(asked: bool) {
    let (closed, wait) = oneshot::channel::<()>();
    if asked {
        // A thread of its own: a blocking read must not hold up the end of the program.
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
            drop(closed);
        });
        let _ = wait.await;
    } else {
        std::future::pending().await
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Result<Self, String> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    fn listen() -> Result<Self, String> {
        Ok(Self)
    }

    async fn stop(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
