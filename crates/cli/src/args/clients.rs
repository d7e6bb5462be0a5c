//! What can be typed about OAuth clients.

use super::pair;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey clients
  hearthkey clients add google-calendar --client-id 1234.apps.googleusercontent.com
  pass github/oauth | hearthkey clients add github --client-id Ov23li... --client-secret
  hearthkey clients check Ov23li...
  hearthkey clients update Ov23li...                   after its secret was replaced at the service

A client is what you register at a service so that it knows who asks. Its secret is typed at a
prompt, or read from standard input.")]
pub(crate) struct Clients {
    #[command(subcommand)]
    pub(crate) command: Option<ClientsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List the clients, with what to register for each
    #[command(visible_alias = "ls", after_help = "Example:\n  hearthkey clients list --json")]
    List,
    /// Keep a client without signing in; the next sign-in uses it
    #[command(after_help = "\
Examples:
  hearthkey clients add google-calendar --client-id 1234.apps.googleusercontent.com
  hearthkey clients add salesforce --client-id 3MVG9... --value domain=test")]
    Add {
        /// The service; `hearthkey services` lists them
        service: String,
        /// The client ID that the service shows
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// Ask for the client's secret, or read it from standard input, where a service does not always have one
        #[arg(long)]
        client_secret: bool,
        /// An answer to the service's form; can be repeated
        #[arg(long = "value", value_name = "NAME=VALUE", value_parser = pair)]
        values: Vec<(String, String)>,
    },
    /// Give a client a new secret; its connections go on with it
    #[command(after_help = "Example:\n  pass github/oauth | hearthkey clients update Ov23li...")]
    Update {
        /// The client ID, or the identifier of the list
        client: String,
    },
    /// Ask the service whether it knows a client and its redirect; the secret is not sent
    #[command(after_help = "Example:\n  hearthkey clients check Ov23li...")]
    Check {
        /// The client ID, or the identifier of the list
        client: String,
        /// An answer to the service's form; can be repeated
        #[arg(long = "value", value_name = "NAME=VALUE", value_parser = pair)]
        values: Vec<(String, String)>,
    },
    /// Remove a client
    #[command(after_help = "\
Examples:
  hearthkey clients remove Ov23li...
  hearthkey clients remove Ov23li... --force           though connections go with it")]
    Remove {
        /// The client ID, or the identifier of the list
        client: String,
        /// Even if connections go with it: they work until their access tokens end
        #[arg(long)]
        force: bool,
    },
}
