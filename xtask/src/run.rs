//! `cargo xtask run`: from a fresh checkout to the open app.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::artifacts::{self, Profile};
use crate::checkout::Checkout;
use crate::packages::{self, Purpose};
use crate::toolchain;

/// What `run` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// Build optimised, as people get it
    #[arg(long)]
    release: bool,
    /// Arguments for the app
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Installs, builds, opens; the app's exit code becomes this command's.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<ExitCode> {
    let profile = if options.release { Profile::Release } else { Profile::Debug };
    toolchain::ensure_rust(checkout)?;
    if !has_screen() {
        return prepare_without_screen(checkout, profile);
    }
    println!("1/4 system packages and tools");
    packages::ensure(checkout, Purpose::Desktop)?;
    toolchain::ensure_node(checkout)?;
    println!("2/4 the interface");
    artifacts::build_interface(checkout)?;
    println!("3/4 the command line and the sandbox (the first time takes some minutes)");
    artifacts::build_programs(checkout, profile)?;
    artifacts::place_sandbox(checkout, profile)?;
    println!("4/4 the desktop app (the first time takes some minutes)");
    artifacts::build_desktop(checkout, profile)?;
    println!(
        "Opening Hearthkey. It goes on in the tray when its window is closed; Quit there, or Ctrl+C here, ends it."
    );
    let app = artifacts::program(checkout, profile, "hearthkey-desktop");
    let status = checkout.program(&app).arguments(&options.arguments).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn prepare_without_screen(checkout: &Checkout, profile: Profile) -> Result<ExitCode> {
    println!(
        "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the desktop app cannot open.\n\
         Hearthkey also runs without a window: building its command line instead."
    );
    println!("1/2 system packages and tools");
    packages::ensure(checkout, Purpose::Headless)?;
    println!("2/2 the command line and the sandbox (the first time takes some minutes)");
    artifacts::build_programs(checkout, profile)?;
    let program = artifacts::program(checkout, profile, "hearthkey");
    let program = program.strip_prefix(checkout.path("")).unwrap_or(&program).display();
    println!(
        "\nReady. Start Hearthkey without a window:\n  {program} serve\n\
         then, in a second terminal, connect to the local sandbox:\n  {program} connect sandbox"
    );
    Ok(ExitCode::SUCCESS)
}

fn has_screen() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::Options;

    #[test]
    fn what_follows_two_dashes_is_the_apps() {
        let command = Options::augment_args(Command::new("run"));
        let matches = command.try_get_matches_from(["run", "--release", "--", "--hidden", "a b"]).unwrap();
        let options = Options::from_arg_matches(&matches).unwrap();
        assert!(options.release);
        assert_eq!(options.arguments, ["--hidden", "a b"]);
    }
}
