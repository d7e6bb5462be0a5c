//! The pictures of the README: the real window, in the states that the end-to-end tests bring it into.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::steps;

/// What is kept of all the pictures taken.
const KEPT: &[&str] = &[
    "first-run-1240-light.png",
    "first-run-1240-dark.png",
    "connected-1240-light.png",
    "connected-1240-dark.png",
    "failed-test-1240-light.png",
    "failed-test-1240-dark.png",
    "locked-1240-light.png",
    "locked-1240-dark.png",
    "key-missing-1240-light.png",
    "key-missing-1240-dark.png",
    "passphrase-1240-light.png",
    "workspaces-1240-light.png",
];

pub(crate) fn run(checkout: &Checkout) -> Result<ExitCode> {
    let taken = checkout.path("target/screenshots");
    fs::create_dir_all(&taken).with_context(|| format!("cannot make {}", taken.display()))?;
    steps::take_pictures(checkout, &taken)?;
    let kept = checkout.path("docs/screenshots");
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    for name in KEPT {
        fs::copy(taken.join(name), kept.join(name)).with_context(|| format!("{name} was not taken"))?;
    }
    println!("All of them are in {}, those of the README in {}.", taken.display(), kept.display());
    Ok(ExitCode::SUCCESS)
}
