//! Where the programs under test are: beside the tests, as cargo built them.

use std::path::PathBuf;

/// The command line.
#[must_use]
pub fn hearthkey() -> PathBuf {
    built("hearthkey", "cargo build -p hearthkey-cli -p hearthkey-sandbox")
}

/// The sandbox.
#[must_use]
pub fn sandbox() -> PathBuf {
    built("hearthkey-sandbox", "cargo build -p hearthkey-cli -p hearthkey-sandbox")
}

/// The desktop app.
#[must_use]
pub fn desktop() -> PathBuf {
    built("hearthkey-desktop", "cargo build -p hearthkey-desktop")
}

/// The checkout's folder for built things (`target`).
#[must_use]
pub fn target() -> PathBuf {
    profile_dir().parent().expect("cargo puts the profile's folder into the target folder").to_owned()
}

fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    test.ancestors().nth(2).expect("cargo puts tests into target/PROFILE/deps").to_owned()
}

fn built(name: &str, how: &str) -> PathBuf {
    let path = profile_dir().join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{name} is not built. Build it first: {how}");
    path
}
