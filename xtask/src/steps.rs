//! The steps of `cargo xtask test`. Each makes sure of what it needs itself, so that any one can run alone.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::artifacts::{self, Profile};
use crate::checkout::Checkout;
use crate::invocation::Invocation;
use crate::packages::{self, Purpose};
use crate::toolchain;

/// Where the authorization servers of the tests are.
const SERVERS: &str = "tests/servers";

/// One check, named as on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// System packages, Node, crates and test tools are installed
    Tools,
    /// Rust is formatted
    Format,
    /// The interface: types, lints, tests, build
    Ui,
    /// Rust lints, warnings as errors
    Clippy,
    /// Rust tests: unit, integration, command line, vectors, foreign servers
    Tests,
    /// Rust documentation builds without a warning
    Docs,
    /// The desktop app, driven end to end on a virtual screen
    E2e,
}

impl Step {
    /// Every step, in the order they run.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// What the summary calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Tools => "packages and tools",
            Self::Format => "formatting",
            Self::Ui => "interface",
            Self::Clippy => "lints",
            Self::Tests => "tests",
            Self::Docs => "documentation",
            Self::E2e => "end to end",
        }
    }

    /// Runs it to its first failure.
    pub(crate) fn perform(self, checkout: &Checkout) -> Result<()> {
        match self {
            Self::Tools => tools(checkout),
            Self::Format => format(checkout),
            Self::Ui => ui(checkout),
            Self::Clippy => clippy(checkout),
            Self::Tests => tests(checkout),
            Self::Docs => docs(checkout),
            Self::E2e => end_to_end(checkout),
        }
    }
}

fn tools(checkout: &Checkout) -> Result<()> {
    packages::ensure(checkout, Purpose::Test)?;
    toolchain::ensure_rust(checkout)?;
    toolchain::ensure_node(checkout)?;
    toolchain::ensure_npm_packages(checkout, "ui")?;
    toolchain::ensure_crates(checkout)?;
    toolchain::ensure_python_cryptography(checkout)?;
    ensure_servers(checkout)?;
    toolchain::ensure_tauri_driver(checkout)
}

fn format(checkout: &Checkout) -> Result<()> {
    checkout.command("cargo fmt --all --check").run().context("run `cargo fmt --all`")
}

fn ui(checkout: &Checkout) -> Result<()> {
    toolchain::ensure_node(checkout)?;
    toolchain::ensure_npm_packages(checkout, "ui")?;
    let folder = checkout.path("ui");
    for script in ["run check", "run lint --if-present", "test", "run build"] {
        checkout.npm(script, &folder).variable("CI", "true").run()?;
    }
    Ok(())
}

fn clippy(checkout: &Checkout) -> Result<()> {
    prepare_desktop_build(checkout)?;
    checkout.command("cargo clippy --workspace --all-targets --locked -- -D warnings").run()
}

/// What the authorization servers of the tests are made of.
fn ensure_servers(checkout: &Checkout) -> Result<()> {
    toolchain::ensure_node(checkout)?;
    toolchain::ensure_npm_packages(checkout, SERVERS)?;
    let requirements = format!("{SERVERS}/requirements.txt");
    toolchain::ensure_python_packages(
        checkout,
        &requirements,
        "import authlib.oauth2, cryptography.hazmat.bindings._rust, flask",
    )
}

fn tests(checkout: &Checkout) -> Result<()> {
    toolchain::ensure_python_cryptography(checkout)?;
    ensure_servers(checkout)?;
    // The integration tests start these programs.
    prepare_desktop_build(checkout)?;
    for line in [
        "cargo test --workspace --exclude hearthkey-tests --locked",
        "cargo test -p hearthkey-tests --lib --test it --test cli --test vectors --test servers --test sweep --test hostile --locked",
    ] {
        checkout.command(line).variable("PYTHONPATH", checkout.python_path()).run()?;
    }
    Ok(())
}

fn docs(checkout: &Checkout) -> Result<()> {
    prepare_desktop_build(checkout)?;
    checkout.command("cargo doc --workspace --no-deps --locked").variable("RUSTDOCFLAGS", "-D warnings").run()
}

fn end_to_end(checkout: &Checkout) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the end-to-end tests drive WebKitGTK, which is on Linux only: use --skip-e2e here");
    }
    toolchain::ensure_tauri_driver(checkout)?;
    toolchain::ensure_node(checkout)?;
    toolchain::ensure_npm_packages(checkout, SERVERS)?;
    // Alone, this step must not drive the pages of an earlier build.
    artifacts::build_interface(checkout)?;
    prepare_desktop_build(checkout)?;
    artifacts::build_desktop(checkout, Profile::Debug)?;
    end_to_end_tests(checkout, "").run()
}

/// The command that runs end-to-end tests: those whose name contains `filter`.
fn end_to_end_tests(checkout: &Checkout, filter: &str) -> Invocation {
    let test = format!("cargo test -p hearthkey-tests --test e2e --locked -- --test-threads=1 {filter}");
    checkout
        .command("xvfb-run -a -s")
        .argument("-screen 0 1280x800x24")
        .arguments(test.split_whitespace().collect::<Vec<_>>())
        .variable("PYTHONPATH", checkout.python_path())
}

/// Takes pictures of the real window in its states into `folder`.
pub(crate) fn take_pictures(checkout: &Checkout, folder: &Path) -> Result<()> {
    Step::Tools.perform(checkout)?;
    toolchain::ensure_npm_packages(checkout, SERVERS)?;
    artifacts::build_interface(checkout)?;
    prepare_desktop_build(checkout)?;
    artifacts::build_desktop(checkout, Profile::Debug)?;
    end_to_end_tests(checkout, "screenshots").variable("HEARTHKEY_SCREENSHOTS", folder).run()
}

/// Whatever compiles the desktop package needs the built interface and the sandbox in their places.
fn prepare_desktop_build(checkout: &Checkout) -> Result<()> {
    if !checkout.path("ui/dist/index.html").exists() {
        toolchain::ensure_node(checkout)?;
        artifacts::build_interface(checkout)?;
    }
    artifacts::build_programs(checkout, Profile::Debug)?;
    artifacts::place_sandbox(checkout, Profile::Debug)
}
