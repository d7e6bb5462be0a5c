//! Tools beside the system packages: Rust, Node with its packages, the WebDriver bridge, a Python module.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::invocation::Invocation;
use crate::packages;
use crate::version::Version;

const RUST: Version = Version::new(1, 95);
const NODE: Version = Version::new(20, 0);
const NPM: Version = Version::new(10, 0);

/// What is installed below `target/tools` when the system's own Node is too old.
const NODE_FROM_NPM: &str = "node@22 npm@10";
const TAURI_DRIVER: &str = "2.1.0";
const CARGO_MUTANTS: &str = "27.1.0";

/// Fails with the way out when the compiler is older than the workspace asks for.
pub(crate) fn ensure_rust(checkout: &Checkout) -> Result<()> {
    let found = version_of(checkout, "rustc --version");
    if found < Some(RUST) {
        bail!(
            "Rust {RUST} or newer is needed, {} was found: run `rustup update stable`, or install Rust by https://rustup.rs",
            shown(found)
        );
    }
    Ok(())
}

/// Makes sure of Node and npm, where `apt-get` exists by installing them.
pub(crate) fn ensure_node(checkout: &Checkout) -> Result<()> {
    if node_is_fit(checkout) {
        return Ok(());
    }
    if version_of(checkout, "npm --version").is_none() {
        packages::ensure_named(checkout, &["nodejs", "npm"])?;
    }
    if !node_is_fit(checkout) && version_of(checkout, "npm --version").is_some() {
        println!("  Node {NODE} or newer goes into target/tools, the system's own stays as it is");
        let folder = checkout.tools("node");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        checkout
            .npm(&format!("install --no-save --no-package-lock --prefix . {NODE_FROM_NPM}"), &folder)
            .run()?;
    }
    if !node_is_fit(checkout) {
        bail!(
            "Node {NODE} or newer with npm {NPM} or newer is needed on PATH (node: {}, npm: {}): install it from \
             https://nodejs.org or with your system's package manager",
            shown(version_of(checkout, "node --version")),
            shown(version_of(checkout, "npm --version"))
        );
    }
    Ok(())
}

fn node_is_fit(checkout: &Checkout) -> bool {
    version_of(checkout, "node --version") >= Some(NODE) && version_of(checkout, "npm --version") >= Some(NPM)
}

fn version_of(checkout: &Checkout, line: &str) -> Option<Version> {
    let tool = if line.starts_with("npm ") {
        checkout.npm("--version", &checkout.path("."))
    } else {
        checkout.command(line)
    };
    tool.output().as_deref().and_then(Version::find)
}

fn shown(found: Option<Version>) -> String {
    found.map_or_else(|| "none".to_owned(), |version| version.to_string())
}

/// Installs a folder's npm packages, unless they are already those its lock file names.
pub(crate) fn ensure_npm_packages(checkout: &Checkout, folder: &str) -> Result<()> {
    let need = format!("{folder} is a Node package whose tests and build need it");
    checkout.require(&format!("{folder}/package.json"), &need)?;
    let lock = checkout
        .require(&format!("{folder}/package-lock.json"), "`npm ci` installs exactly what it names")?;
    let stamp = checkout.path(folder).join("node_modules/.installed-lock.json");
    if !is_stale(&lock, &stamp) {
        return Ok(());
    }
    checkout.npm("ci --no-audit --no-fund", &checkout.path(folder)).run()?;
    // A package without dependencies gets no node_modules from npm.
    let modules = checkout.path(folder).join("node_modules");
    fs::create_dir_all(&modules)
        .and_then(|()| fs::copy(&lock, &stamp))
        .with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

/// Whether the lock file differs from the one the packages were installed by. Text, not time: a checkout of
/// another branch touches files without changing them.
fn is_stale(lock: &Path, stamp: &Path) -> bool {
    match (fs::read(lock), fs::read(stamp)) {
        (Ok(wanted), Ok(installed)) => wanted != installed,
        _ => true,
    }
}

/// Downloads every crate of the lock file, those of other systems too: some tests read them without network.
pub(crate) fn ensure_crates(checkout: &Checkout) -> Result<()> {
    checkout.command("cargo fetch --locked").run()
}

/// Installs the bridge between WebDriver and the app's web view below `target/tools`.
pub(crate) fn ensure_tauri_driver(checkout: &Checkout) -> Result<()> {
    if checkout.program(&checkout.tools("bin/tauri-driver")).argument("--help").succeeds() {
        return Ok(());
    }
    println!("  installing tauri-driver {TAURI_DRIVER} (once, about two minutes)");
    checkout
        .command(&format!("cargo install tauri-driver@{TAURI_DRIVER} --locked --root"))
        .argument(checkout.tools(""))
        .run()
}

/// Installs the maker of mutants below `target/tools`.
pub(crate) fn ensure_cargo_mutants(checkout: &Checkout) -> Result<()> {
    let found = checkout.program(&checkout.tools("bin/cargo-mutants")).argument("--version").output();
    if found.is_some_and(|text| text.contains(CARGO_MUTANTS)) {
        return Ok(());
    }
    println!("  installing cargo-mutants {CARGO_MUTANTS} (once, about two minutes)");
    checkout
        .command(&format!("cargo install cargo-mutants@{CARGO_MUTANTS} --locked --root"))
        .argument(checkout.tools(""))
        .run()
}

/// Makes Python's `cryptography` importable with [`Checkout::python_path`]: the vectors are checked against it.
pub(crate) fn ensure_python_cryptography(checkout: &Checkout) -> Result<()> {
    if imports_cryptography(checkout) {
        return Ok(());
    }
    pip_install(checkout)?
        .argument("cryptography")
        .run()
        .context("the vectors test needs Python 3 with its `cryptography` module")?;
    if !imports_cryptography(checkout) {
        bail!(
            "Python's `cryptography` was installed into target/tools/python but `python3` cannot import it"
        );
    }
    Ok(())
}

/// Installs what a requirements file names below `target/tools`, unless that is done and the present Python can `import` it.
pub(crate) fn ensure_python_packages(checkout: &Checkout, requirements: &str, import: &str) -> Result<()> {
    let list = checkout.require(requirements, "`pip` installs exactly what it names")?;
    let stamp = checkout.tools("python/.installed-requirements.txt");
    if !is_stale(&list, &stamp) && imports(checkout, import) {
        return Ok(());
    }
    pip_install(checkout)?
        .argument("--requirement")
        .argument(&list)
        .run()
        .with_context(|| format!("the servers of the tests need what {requirements} names"))?;
    fs::copy(&list, &stamp).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(())
}

/// `pip install` into a folder that [`Checkout::python_path`] names.
fn pip_install(checkout: &Checkout) -> Result<Invocation> {
    if !checkout.command("python3 -m pip --version").succeeds() {
        packages::ensure_named(checkout, &["python3", "python3-pip"])?;
    }
    let folder = checkout.tools("python");
    Ok(checkout.command("python3 -m pip install --quiet --upgrade --target").argument(folder))
}

fn imports_cryptography(checkout: &Checkout) -> bool {
    imports(checkout, "from cryptography.hazmat.primitives.ciphers.aead import AESGCM")
}

fn imports(checkout: &Checkout, statement: &str) -> bool {
    checkout
        .command("python3 -c")
        .argument(statement)
        .variable("PYTHONPATH", checkout.python_path())
        .succeeds()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::is_stale;

    #[test]
    fn packages_are_stale_until_installed_by_the_same_lock_file() {
        let folder = env::temp_dir().join(format!("hearthkey-xtask-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (lock, stamp) = (folder.join("lock"), folder.join("stamp"));
        fs::write(&lock, "one").unwrap();
        assert!(is_stale(&lock, &stamp), "never installed");
        fs::copy(&lock, &stamp).unwrap();
        assert!(!is_stale(&lock, &stamp), "just installed");
        fs::write(&lock, "two").unwrap();
        assert!(is_stale(&lock, &stamp), "the lock file moved on");
        fs::remove_dir_all(&folder).unwrap();
    }
}
