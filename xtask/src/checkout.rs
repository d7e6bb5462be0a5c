//! The checkout: where things are, and the environment its commands run in.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::invocation::Invocation;

/// A working copy of the project.
pub(crate) struct Checkout {
    root: PathBuf,
    target: PathBuf,
}

impl Checkout {
    /// The checkout this command was started in: the folder above this package.
    pub(crate) fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package).parent().context("this package lies in no checkout")?.to_owned();
        if !root.join("Cargo.lock").is_file() {
            bail!("{} holds no Cargo.lock: start `cargo xtask` inside the checkout", root.display());
        }
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target })
    }

    /// A path given relative to the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A place below `target/tools`, where these commands keep what they install for themselves.
    pub(crate) fn tools(&self, relative: &str) -> PathBuf {
        self.path("target/tools").join(relative)
    }

    /// Fails, saying what depends on it, when a file the command needs is not there.
    pub(crate) fn require(&self, relative: &str, need: &str) -> Result<PathBuf> {
        let path = self.path(relative);
        if !path.exists() {
            bail!("{relative} is missing: {need}");
        }
        Ok(path)
    }

    /// A command at the root, with the tools installed here first on its PATH.
    pub(crate) fn command(&self, line: &str) -> Invocation {
        self.at_home(Invocation::new(line))
    }

    /// The same for a program given by its path.
    pub(crate) fn program(&self, path: &Path) -> Invocation {
        self.at_home(Invocation::program(path))
    }

    fn at_home(&self, invocation: Invocation) -> Invocation {
        let mut invocation = invocation.directory(&self.root).variable("PATH", self.search_path());
        // What `cargo run` says about this package would reach other packages' build scripts, which then run again.
        for (name, _) in env::vars_os() {
            if is_about_this_package(&name.to_string_lossy()) {
                invocation = invocation.without_variable(name);
            }
        }
        invocation
    }

    /// An `npm` command in one folder. Without a home folder npm gets a cache of its own.
    pub(crate) fn npm(&self, line: &str, folder: &Path) -> Invocation {
        let npm = self.command(&format!("npm {line}")).directory(folder);
        if home_is_usable() { npm } else { npm.variable("npm_config_cache", self.tools("npm-cache")) }
    }

    /// `PYTHONPATH` with the modules installed here first.
    pub(crate) fn python_path(&self) -> OsString {
        prepend([self.tools("python")], "PYTHONPATH")
    }

    fn search_path(&self) -> OsString {
        prepend([self.tools("bin"), self.tools("node/node_modules/.bin")], "PATH")
    }
}

fn prepend<const N: usize>(first: [PathBuf; N], variable: &str) -> OsString {
    let present = env::var_os(variable).unwrap_or_default();
    let rest = env::split_paths(&present).filter(|path| !path.as_os_str().is_empty());
    // Joining fails only for a folder with a separator in its name, which no list can hold.
    env::join_paths(first.into_iter().chain(rest)).unwrap_or(present.clone())
}

fn is_about_this_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|start| variable.starts_with(start))
        || variable == "CARGO_PRIMARY_PACKAGE"
}

fn home_is_usable() -> bool {
    env::home_dir().is_some_and(|home| {
        home.is_absolute()
            && fs::metadata(home).is_ok_and(|home| home.is_dir() && !home.permissions().readonly())
    })
}

#[cfg(test)]
mod tests {
    use super::{Checkout, is_about_this_package};

    #[test]
    fn finds_the_root_above_this_package() {
        assert!(Checkout::locate().unwrap().path("xtask/Cargo.toml").is_file());
    }

    #[test]
    fn a_missing_file_is_named_with_its_reason() {
        let error = Checkout::locate().unwrap().require("no/such/file", "the test needs it").unwrap_err();
        assert_eq!(error.to_string(), "no/such/file is missing: the test needs it");
    }

    #[test]
    fn only_what_speaks_of_this_package_is_withheld() {
        assert!(is_about_this_package("CARGO_PKG_NAME"));
        assert!(is_about_this_package("CARGO_MANIFEST_DIR"));
        assert!(!is_about_this_package("CARGO_HOME"));
        assert!(!is_about_this_package("CARGO_TARGET_DIR"));
    }
}
