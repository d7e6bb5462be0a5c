//! System packages: what is needed, what is missing, and how it gets installed.
//!
//! Debian and Ubuntu are served by `apt-get`. Elsewhere the list is printed and a probe decides whether to go on.

use std::env;
use std::fs;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::invocation::Invocation;

/// What the machine is to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build the command line and the sandbox: a C compiler is all.
    Headless,
    /// Build and open the desktop app.
    Desktop,
    /// Run every check, the end-to-end tests too.
    Test,
}

const HEADLESS: &[&str] = &["build-essential", "pkg-config"];
const DESKTOP: &[&str] = &[
    "libwebkit2gtk-4.1-dev",
    "libayatana-appindicator3-dev",
    "librsvg2-dev",
    "libsoup-3.0-dev",
    "libxdo-dev",
    "libssl-dev",
    "build-essential",
    "pkg-config",
    "file",
];
const END_TO_END: &[&str] = &[
    "webkit2gtk-driver",
    "xvfb",
    "xauth",
    "dbus",
    "dbus-x11",
    "gnome-keyring",
    "libsecret-tools",
    "xdg-utils",
    "desktop-file-utils",
    "imagemagick",
    "libglib2.0-bin",
    "fonts-dejavu-core",
];
/// What the sweep takes: it cuts with strace, in a session with a real keychain.
pub(crate) const SWEEP: &[&str] = &["strace", "dbus", "gnome-keyring"];
const BROWSER_DEBIAN: &[&str] = &["chromium", "chromium-driver"];
const BROWSER_UBUNTU: &[&str] = &["chromium-browser", "chromium-chromedriver"];

/// The programs behind [`END_TO_END`], for systems whose package names are not known here.
const END_TO_END_PROGRAMS: &[&str] =
    &["WebKitWebDriver", "xvfb-run", "dbus-run-session", "gnome-keyring-daemon", "strace"];

const OTHER_SYSTEMS: &str = "This is neither Debian nor Ubuntu. Needed are WebKitGTK 4.1, libsoup 3, librsvg, an app indicator \
library, libxdo, a C compiler and pkg-config:
  Fedora   dnf install webkit2gtk4.1-devel libsoup3-devel librsvg2-devel libayatana-appindicator-gtk3-devel libxdo-devel \
openssl-devel gcc gcc-c++ make pkgconf-pkg-config file nodejs npm
  Arch     pacman -S webkit2gtk-4.1 libsoup3 librsvg libayatana-appindicator xdotool openssl base-devel file nodejs npm";
const MACOS: &str = "Needed are the Xcode command line tools and Node:
  xcode-select --install
  brew install node";
const WINDOWS: &str = "Needed are the Visual Studio build tools (\"Desktop development with C++\"), the WebView2 runtime (part of \
Windows 11) and Node 20 or newer.";

/// Installs what is missing for `purpose`, or says exactly what the person has to do.
pub(crate) fn ensure(checkout: &Checkout, purpose: Purpose) -> Result<()> {
    if is_on_path("dpkg-query") && is_on_path("apt-get") {
        return install_missing(checkout, &needed(purpose, is_ubuntu()));
    }
    if cfg!(target_os = "macos") {
        println!("{MACOS}");
        return probe(Invocation::new("xcode-select -p"), "the Xcode command line tools are not installed");
    }
    if cfg!(windows) {
        println!("{WINDOWS}");
        return Ok(());
    }
    if purpose == Purpose::Headless {
        return probe(Invocation::new("cc --version"), "no C compiler: install gcc or clang");
    }
    println!("{OTHER_SYSTEMS}");
    probe(
        Invocation::new("pkg-config --exists webkit2gtk-4.1"),
        "`pkg-config --exists webkit2gtk-4.1` fails: install the packages above, then start again",
    )?;
    if purpose == Purpose::Test {
        let absent: Vec<_> =
            END_TO_END_PROGRAMS.iter().copied().filter(|program| !is_on_path(program)).collect();
        if !absent.is_empty() {
            bail!("the end-to-end tests need these programs on PATH: {}", absent.join(", "));
        }
    }
    Ok(())
}

/// Installs the named Debian packages where they are missing; false where there is no `apt-get`.
pub(crate) fn ensure_named(checkout: &Checkout, packages: &[&'static str]) -> Result<bool> {
    if !(is_on_path("dpkg-query") && is_on_path("apt-get")) {
        return Ok(false);
    }
    install_missing(checkout, packages).map(|()| true)
}

/// The Debian packages a purpose needs.
fn needed(purpose: Purpose, ubuntu: bool) -> Vec<&'static str> {
    let browser = if ubuntu { BROWSER_UBUNTU } else { BROWSER_DEBIAN };
    match purpose {
        Purpose::Headless => HEADLESS.to_vec(),
        Purpose::Desktop => DESKTOP.to_vec(),
        Purpose::Test => [DESKTOP, END_TO_END, SWEEP, browser].concat(),
    }
}

/// The needed packages that `dpkg-query -W -f '${Package} ${Status}\n'` does not report as installed, in order.
/// A package unknown to dpkg has no line at all.
fn missing<'a>(needed: &[&'a str], dpkg: &str) -> Vec<&'a str> {
    let is_installed = |name: &str| {
        dpkg.lines()
            .filter_map(|line| line.split_once(' '))
            .any(|(package, status)| package == name && status.split_whitespace().nth(2) == Some("installed"))
    };
    needed.iter().copied().filter(|name| !is_installed(name)).collect()
}

fn install_missing(checkout: &Checkout, needed: &[&'static str]) -> Result<()> {
    let query = checkout.command("dpkg-query -W -f").argument("${Package} ${Status}\n").arguments(needed);
    let missing = missing(needed, &query.output().unwrap_or_default());
    if missing.is_empty() {
        return Ok(());
    }
    println!("  system packages to install: {}", missing.join(" "));
    let Some(prefix) = root_prefix(Invocation::new("id -u").output().as_deref(), is_on_path("sudo"), || {
        stdin().is_terminal() || Invocation::new("sudo -n true").succeeds()
    }) else {
        bail!(
            "system packages are missing and neither root rights nor `sudo` are at hand. Let an administrator run:\n  \
             apt-get update && apt-get install -y --no-install-recommends {}",
            missing.join(" ")
        );
    };
    // A stale package list is no reason to stop: what is wanted may be in it, and the install says if it is not.
    if let Err(error) = apt(checkout, prefix, "update --quiet").run() {
        eprintln!("  warning: {error:#}; going on with the package lists at hand");
    }
    apt(checkout, prefix, "install -y --no-install-recommends").arguments(missing).run()
}

fn apt(checkout: &Checkout, prefix: &str, verb: &str) -> Invocation {
    checkout.command(&format!("{prefix}env DEBIAN_FRONTEND=noninteractive apt-get {verb}"))
}

/// How to become root: not at all, through `sudo`, or impossible here.
fn root_prefix(
    user: Option<&str>,
    has_sudo: bool,
    sudo_can_answer: impl Fn() -> bool,
) -> Option<&'static str> {
    match user.map(str::trim) {
        Some("0") => Some(""),
        _ if has_sudo && sudo_can_answer() => Some("sudo "),
        _ => None,
    }
}

fn probe(invocation: Invocation, failure: &str) -> Result<()> {
    if !invocation.succeeds() {
        bail!("{failure}");
    }
    Ok(())
}

fn is_ubuntu() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| names_ubuntu(&text))
}

fn names_ubuntu(os_release: &str) -> bool {
    let mut fields = os_release.lines().filter_map(|line| line.split_once('='));
    fields.any(|(key, value)| matches!(key, "ID" | "ID_LIKE") && value.contains("ubuntu"))
}

/// Whether a program of this name lies in a folder of PATH.
pub(crate) fn is_on_path(program: &str) -> bool {
    let holds =
        |folder: &Path| folder.join(program).is_file() || folder.join(format!("{program}.exe")).is_file();
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| holds(&folder)))
}

#[cfg(test)]
mod tests {
    use super::{Purpose, missing, names_ubuntu, needed, root_prefix};

    #[test]
    fn lists_what_dpkg_does_not_call_installed() {
        let dpkg = "build-essential install ok installed\n\
                    xvfb unknown ok not-installed\n\
                    file deinstall ok config-files\n\
                    dbus install ok half-configured\n\
                    pkg-config hold ok installed\n";
        let needed = ["build-essential", "pkg-config", "file", "xvfb", "dbus", "xauth"];
        assert_eq!(missing(&needed, dpkg), ["file", "xvfb", "dbus", "xauth"]);
    }

    #[test]
    fn a_package_is_matched_by_its_whole_name() {
        let dpkg = "dbus-x11 install ok installed\n";
        assert_eq!(missing(&["dbus", "dbus-x11"], dpkg), ["dbus"]);
    }

    #[test]
    fn one_installed_architecture_is_enough() {
        let dpkg = "libssl-dev deinstall ok config-files\nlibssl-dev install ok installed\n";
        assert!(missing(&["libssl-dev"], dpkg).is_empty());
    }

    #[test]
    fn no_answer_means_all_are_missing() {
        assert_eq!(missing(&["file", "dbus"], ""), ["file", "dbus"]);
    }

    #[test]
    fn ubuntu_names_its_browser_differently() {
        assert!(names_ubuntu("NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!names_ubuntu("ID=debian\nHOME_URL=\"ubuntu\"\n"));
        assert!(needed(Purpose::Test, false).contains(&"chromium"));
        assert!(needed(Purpose::Test, true).contains(&"chromium-browser"));
        assert!(!needed(Purpose::Desktop, false).contains(&"chromium"));
    }

    #[test]
    fn a_headless_machine_needs_no_web_view() {
        assert!(!needed(Purpose::Headless, false).iter().any(|name| name.contains("webkit")));
    }

    #[test]
    fn becomes_root_by_the_shortest_way() {
        assert_eq!(root_prefix(Some("0\n"), true, || true), Some(""));
        assert_eq!(root_prefix(Some("1000\n"), true, || true), Some("sudo "));
        assert_eq!(root_prefix(Some("1000\n"), true, || false), None);
        assert_eq!(root_prefix(Some("1000\n"), false, || true), None);
        assert_eq!(root_prefix(None, false, || true), None);
    }
}
