//! What can be typed about workspaces.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey workspaces
  hearthkey workspaces add Work
  hearthkey workspaces switch Work
  hearthkey --workspace Personal list                  one command in another workspace")]
pub(crate) struct Workspaces {
    #[command(subcommand)]
    pub(crate) command: Option<WorkspacesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspacesCommand {
    /// List the workspaces
    #[command(visible_alias = "ls", after_help = "Example:\n  hearthkey workspaces list --json")]
    List,
    /// Make a workspace with a key of its own
    #[command(after_help = "Example:\n  hearthkey workspaces add Work")]
    Add {
        /// Its name
        name: String,
    },
    /// Give a workspace another name
    #[command(after_help = "Example:\n  hearthkey workspaces rename Work 'Studio Nord'")]
    Rename {
        /// Its name or identifier
        workspace: String,
        /// The new name
        name: String,
    },
    /// Make a workspace the one commands act in
    #[command(after_help = "Example:\n  hearthkey workspaces switch Work")]
    Switch {
        /// Its name or identifier
        workspace: String,
    },
    /// Remove a workspace with everything in it, for good
    #[command(after_help = "\
Examples:
  hearthkey workspaces remove Work                     asks you to type its name
  hearthkey workspaces remove Work --confirm Work

There is no undo. Sign-ins are not ended at the services: to have that, disconnect first.")]
    Remove {
        /// Its name or identifier
        workspace: String,
        /// Its name once more, in place of typing it when asked
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}
