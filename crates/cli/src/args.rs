//! What can be typed.

mod clients;
mod portable;
mod vault;
mod workspaces;

pub(crate) use clients::{Clients, ClientsCommand};
pub(crate) use portable::{Export, Import};
pub(crate) use vault::{
    Lock, Passphrase, PassphraseCommand, Recovery, RecoveryCommand, RemovePassphrase, SetPassphrase, Unlock,
};
pub(crate) use workspaces::{Workspaces, WorkspacesCommand};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hearthkey connect sandbox                        try it with a made-up account
  hearthkey connect stripe                         asks for the key, tests it, seals it
  hearthkey list
  hearthkey request Sandbox /api/events            call the API; the token stays here
  hearthkey request Sandbox /api/contacts -d '{\"name\":\"Ada\",\"email\":\"ada@example.com\"}'
  hearthkey --workspace Work list                  what is connected in another workspace

Exit codes:
  0 done                    6 sign in again            11 profile in use
  1 fault in Hearthkey      7 the service refused,     12 profile of a newer
  2 input has to change       or a test failed            Hearthkey
  3 no such thing           8 service out of reach     13 locked: hearthkey unlock
  4 conflict                9 keychain not available  130 interrupted
  5 not allowed            10 vault key lost";

/// Connect your accounts once, keep the keys at home, use them from here.
#[derive(Debug, Parser)]
#[command(name = "hearthkey", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    /// The profile's directory [default: the desktop app's]
    #[arg(long, global = true, env = "HEARTHKEY_PROFILE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) profile: Option<PathBuf>,

    /// The workspace to act in, by its name [default: the current one]
    // An identifier of its own: some commands take a workspace as well.
    #[arg(
        id = "acting-in",
        long = "workspace",
        global = true,
        env = "HEARTHKEY_WORKSPACE",
        value_name = "NAME"
    )]
    pub(crate) acting_in: Option<String>,

    /// Print JSON: results on standard output, problems on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connect an account: sign in in the browser, or give a key
    Connect(Connect),
    /// List the connections
    #[command(visible_alias = "ls")]
    List,
    /// Show one connection with its history
    Show(One),
    /// Test whether a connection works
    Test(One),
    /// Renew a connection's access token now
    Refresh(One),
    /// Send a request through a connection, to its API and nowhere else
    Request(Request),
    /// Rename a connection
    Rename(Rename),
    /// Disconnect: revoke at the service and remove; can be undone for 30 seconds
    Disconnect(Disconnect),
    /// Undo a disconnect
    Restore(One),
    /// List the services that can be connected
    Services,
    /// List your OAuth clients, keep, check and remove them
    Clients(Clients),
    /// List the workspaces, make, name, switch and remove them
    Workspaces(Workspaces),
    /// Lock: drop the keys until you unlock
    Lock(Lock),
    /// Unlock: with the passphrase, the recovery kit, or the keychain
    Unlock(Unlock),
    /// Set, change or remove the passphrase
    Passphrase(Passphrase),
    /// Make and test a recovery kit: the way in when keychain or passphrase is lost
    Recovery(Recovery),
    /// Replace every key of the vault
    #[command(after_help = "\
Example:
  hearthkey rotate

Connections stay as they are. What was removed before opens with no older copy of the vault after.")]
    Rotate,
    /// Show or set the gateway's page, for services that return to https addresses only
    Gateway(Gateway),
    /// Write connections with their secrets into an encrypted file
    Export(Export),
    /// Add the connections of an exported file
    Import(Import),
    /// Own the profile without a window: for servers, and for other commands when the app is not running
    Serve(Serve),
    /// Check everything a connection needs, and say how to fix what is not right
    Doctor(Doctor),
    /// Print a completion script for your shell
    #[command(
        after_help = "Example:\n  hearthkey completions bash > ~/.local/share/bash-completion/completions/hearthkey"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The connection's name or identifier
    #[arg(value_name = "CONNECTION")]
    pub(crate) connection: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey connect sandbox
  hearthkey connect github --client-id Ov23li... --label \"Work\"     with a client of your own
  hearthkey connect github --again \"Work\"                             after the service ended it
  hearthkey connect openid-connect --value issuer=https://id.example.com --client-id hearthkey
  hearthkey connect google-calendar --again Work --scope calendar.freebusy     ask for more
  pass stripe/key | hearthkey connect stripe --label Payments

Over SSH, without a browser on this computer:
  hearthkey connect github --way device     a code, to be typed on any device
  hearthkey connect sandbox --paste         paste the address the browser ended on

Secrets are typed at a prompt, or read from standard input; there is no option for them, because
other programs can read a program's options.")]
pub(crate) struct Connect {
    /// The service; `hearthkey services` lists them
    pub(crate) service: String,
    /// The connection's name [default: the service's name]
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// A connection to connect anew; it keeps its name and settings
    #[arg(long, value_name = "CONNECTION", conflicts_with = "label")]
    pub(crate) again: Option<String>,
    /// The way to sign in, where a service has several
    #[arg(long)]
    pub(crate) method: Option<String>,
    /// An answer to the service's form; can be repeated
    #[arg(long = "value", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) values: Vec<(String, String)>,
    /// A scope to ask for besides those that are always asked for; can be repeated
    #[arg(long = "scope", value_name = "NAME")]
    pub(crate) scopes: Vec<String>,
    /// Make a second connection though the account is connected; without it, that connection is renewed
    #[arg(long, conflicts_with = "again")]
    pub(crate) second: bool,
    /// The client ID of an OAuth client of your own; kept for the next time
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Ask for the client's secret, or read it from standard input, where a service does not always have one
    #[arg(long, requires = "client_id")]
    pub(crate) client_secret: bool,
    /// Do not open the browser; print the address
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// How the sign-in's answer comes back [default: the best of the service's that works here]
    #[arg(long, value_name = "WAY")]
    pub(crate) way: Option<Way>,
    /// Ask for the address the browser ended on, or read it from standard input: for a browser on another computer
    #[arg(long)]
    pub(crate) paste: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// The browser returns to a local port
    Loopback,
    /// The browser returns to the desktop app
    DeepLink,
    /// The browser returns by way of the gateway
    Bounce,
    /// A code, to be typed on any device
    Device,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey gateway
  hearthkey gateway https://gateway.example.com/oauth/bounce
  hearthkey gateway --none

Some services return to https addresses only. The gateway's page sends the browser on to the app.")]
pub(crate) struct Gateway {
    /// The https page that sends browsers on to the app
    pub(crate) url: Option<String>,
    /// Forget it
    #[arg(long, conflicts_with = "url")]
    pub(crate) none: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey request Sandbox /api/events?limit=2
  hearthkey request Sandbox /api/contacts -d '{\"name\":\"Ada\",\"email\":\"ada@example.com\"}'
  hearthkey request Files /upload -X PUT -d @photo.jpg -H 'Content-Type: image/jpeg'
  hearthkey request Sandbox /api/profile --json | jq .status
  hearthkey request Sandbox /api/events /api/contacts /api/messages     three at once

A status of 400 and above exits with 7; the body is printed all the same.")]
pub(crate) struct Request {
    /// The connection's name or identifier
    #[arg(value_name = "CONNECTION")]
    pub(crate) connection: String,
    /// Path below the API's base, with its query; several are sent at once and answered in order
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD", ignore_case = true)]
    pub(crate) method: Option<Method>,
    /// The body: text, @FILE, or @- for standard input
    #[arg(short, long, value_name = "BODY")]
    pub(crate) data: Option<String>,
    /// A header of your own; can be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Print the status and the headers before the body
    #[arg(short, long)]
    pub(crate) include: bool,
    /// Write the body to a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// The connection's name or identifier
    #[arg(value_name = "CONNECTION")]
    pub(crate) connection: String,
    /// The new name
    pub(crate) label: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey disconnect Sandbox
  hearthkey disconnect Sandbox --now
  hearthkey disconnect Sandbox --keep-sign-in     after it was imported in another place")]
pub(crate) struct Disconnect {
    /// The connection's name or identifier
    #[arg(value_name = "CONNECTION")]
    pub(crate) connection: String,
    /// Remove it at once, without undo
    #[arg(long)]
    pub(crate) now: bool,
    /// Tell the service nothing: the sign-in was taken along to another place
    #[arg(long)]
    pub(crate) keep_sign_in: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey doctor
  hearthkey doctor --json | jq -r '.checks[] | select(.finding != \"fine\") | .fix'
  hearthkey doctor --restore      when vault.db is damaged; Hearthkey has to be ended

Advice leaves the exit code at 0. Trouble exits with the code a command would: 9 the keychain,
10 the vault's key or a sealed row, 1 anything else.")]
pub(crate) struct Doctor {
    /// Put the newest copy of vault.db in the place of the one that is there, which is kept aside
    #[arg(long)]
    pub(crate) restore: bool,
    /// Do not ask before that
    #[arg(long, requires = "restore")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example, as a systemd user service:
  ExecStart=/usr/bin/hearthkey serve")]
pub(crate) struct Serve {
    /// End when nobody needed it for this long, as in 60s or 10m
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) idle_exit: Option<jiff::SignedDuration>,
    /// Log more
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE was expected")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("'Name: value' was expected")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn span(text: &str) -> Result<jiff::SignedDuration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "a time like 60s or 10m was expected")?;
    if span.is_positive() { Ok(span) } else { Err("a time above zero was expected".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
