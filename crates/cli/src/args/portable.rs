//! What can be typed about taking connections along.

use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey export backup.age                          asks twice for a passphrase
  hearthkey export backup.age --to age1ql3z7hjy54pw... --all-workspaces
  pass show backup | hearthkey export backup.age       the first line is the passphrase
  hearthkey export - --to age1ql3z7hjy54pw... | ssh host 'cat > backup.age'

Where your vault has a passphrase, that is asked for first; it is the first line then.
`age -d backup.age` opens the file as well: it is an age file with JSON in it.")]
pub(crate) struct Export {
    /// The new file; - for standard output
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Encrypt for the holder of this age recipient, in place of a passphrase; can be repeated
    #[arg(long, value_name = "RECIPIENT")]
    pub(crate) to: Vec<String>,
    /// The connections of every workspace, not only of the one this command acts in
    #[arg(long)]
    pub(crate) all_workspaces: bool,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey import backup.age --dry-run                shows what is in it
  hearthkey import backup.age                          asks for its passphrase, shows, asks, adds
  hearthkey import backup.age --identity key.txt
  pass show backup | hearthkey import backup.age       adds at once

Nothing that is here is changed. What is here already, or does not fit, is left out.")]
pub(crate) struct Import {
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// A file with the age identity that opens it, in place of a passphrase
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Option<PathBuf>,
    /// Only show what is in it
    #[arg(long)]
    pub(crate) dry_run: bool,
}
