//! What can be typed about the vault: locking, passphrase, recovery kit.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// A day, in minutes.
const MINUTES_MAX: u32 = 24 * 60;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey lock
  hearthkey lock --after 30      by itself after half an hour without you, once a passphrase is set
  hearthkey lock --after never

Locked, background work stops too. Locking by itself leaves it running.")]
pub(crate) struct Lock {
    /// Do not lock now; lock by itself after so many minutes without you, or never
    #[arg(long, value_name = "MINUTES|never", value_parser = minutes)]
    pub(crate) after: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey unlock                             asks for the passphrase, or has the keychain ask
  pass show hearthkey | hearthkey unlock       the first line is the passphrase
  hearthkey unlock --recovery /media/stick/hearthkey-recovery.txt")]
pub(crate) struct Unlock {
    /// Unlock with a recovery kit; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recovery: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey passphrase set
  hearthkey passphrase set --without-keychain
  hearthkey passphrase remove

Passphrases are typed at a prompt, or read from standard input, one a line.")]
pub(crate) struct Passphrase {
    #[command(subcommand)]
    pub(crate) command: PassphraseCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PassphraseCommand {
    /// Set the passphrase, or change it
    Set(SetPassphrase),
    /// Remove the passphrase: the keychain alone has the key again
    Remove(RemovePassphrase),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey passphrase set                          asks for the present one, and twice for the new
  hearthkey passphrase set --without-keychain       the keychain does not have the key any more
  hearthkey passphrase set --recovery kit.txt       the kit in place of the present one

Twelve characters at least; six words are good. Without a terminal, the present one, where one is
set, and the new one are a line each of standard input.")]
pub(crate) struct SetPassphrase {
    /// Keep the key under the passphrase alone; it is asked for at every start
    #[arg(long)]
    pub(crate) without_keychain: bool,
    /// The recovery kit, in place of the present passphrase
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recovery: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey passphrase remove
  hearthkey passphrase remove --recovery kit.txt       when the passphrase is forgotten")]
pub(crate) struct RemovePassphrase {
    /// The recovery kit, in place of the passphrase
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recovery: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hearthkey recovery                  whether there is a kit, and whether it was tested
  hearthkey recovery create /media/stick/hearthkey-recovery.txt
  hearthkey recovery test /media/stick/hearthkey-recovery.txt")]
pub(crate) struct Recovery {
    #[command(subcommand)]
    pub(crate) command: Option<RecoveryCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Make a recovery kit and write it to a new file
    #[command(after_help = "\
Examples:
  hearthkey recovery create /media/stick/hearthkey-recovery.txt
  hearthkey recovery create kit.txt && lp kit.txt

A kit counts once it was tested; until then an older one does.")]
    Create {
        /// The new file; one that is there is not overwritten
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show that a recovery kit opens the vault; from then on it counts, and it alone
    #[command(after_help = "\
Examples:
  hearthkey recovery test /media/stick/hearthkey-recovery.txt
  hearthkey recovery test -           asks for the line AGE-SECRET-KEY-1... on your paper")]
    Test {
        /// The kit; - for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

fn minutes(text: &str) -> Result<u32, String> {
    if text == "never" {
        return Ok(0);
    }
    let minutes = text.parse().ok().filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
    minutes.ok_or_else(|| format!("1 to {MINUTES_MAX} minutes, or never, was expected"))
}
