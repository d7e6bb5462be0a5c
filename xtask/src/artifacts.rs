//! What gets built, and where it lies: the interface, the programs, the sandbox beside the desktop app.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::toolchain;

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn flag(self) -> &'static str {
        match self {
            Self::Debug => "",
            Self::Release => " --release",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Where cargo puts a program.
pub(crate) fn program(checkout: &Checkout, profile: Profile, name: &str) -> PathBuf {
    checkout.target().join(profile.folder()).join(format!("{name}{EXE_SUFFIX}"))
}

/// Builds the pages the desktop app embeds.
pub(crate) fn build_interface(checkout: &Checkout) -> Result<()> {
    toolchain::ensure_npm_packages(checkout, "ui")?;
    checkout.npm("run build", &checkout.path("ui")).run()
}

/// Builds `hearthkey` and the sandbox.
pub(crate) fn build_programs(checkout: &Checkout, profile: Profile) -> Result<()> {
    checkout
        .command(&format!("cargo build --locked -p hearthkey-cli -p hearthkey-sandbox{}", profile.flag()))
        .run()
}

/// Builds the desktop app; the interface and the sandbox must be there.
pub(crate) fn build_desktop(checkout: &Checkout, profile: Profile) -> Result<()> {
    checkout.require("tauri.conf.json", "the desktop app is built by it")?;
    checkout.require("ui/dist/index.html", "the desktop app embeds it; `npm run build` in ui makes it")?;
    checkout.command(&format!("cargo build --locked -p hearthkey-desktop{}", profile.flag())).run()
}

/// Copies the built sandbox to where the desktop app's build looks for the program it bundles.
pub(crate) fn place_sandbox(checkout: &Checkout, profile: Profile) -> Result<()> {
    let built = program(checkout, profile, "hearthkey-sandbox");
    let rustc = checkout.command("rustc -vV").output();
    let triple = rustc.as_deref().and_then(host).context("`rustc -vV` names no host: is Rust on PATH?")?;
    let placed = checkout.path("target/sidecar").join(format!("hearthkey-sandbox-{triple}{EXE_SUFFIX}"));
    copy_if_different(&built, &placed)
        .with_context(|| format!("cannot copy {} to {}", built.display(), placed.display()))
}

/// The target triple in what `rustc -vV` prints.
fn host(rustc: &str) -> Option<&str> {
    rustc.lines().find_map(|line| line.strip_prefix("host: ")).map(str::trim)
}

/// A new time on an unchanged file would build the desktop app again.
fn copy_if_different(from: &Path, to: &Path) -> std::io::Result<()> {
    if fs::read(from)? == fs::read(to).unwrap_or_default() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn finds_the_triple() {
        let text = "rustc 1.95.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host(text), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host("rustc 1.95.0\n"), None);
    }
}
