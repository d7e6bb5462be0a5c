//! A home of a test's own: folders, a session bus, a keychain. Nothing of the real user's is seen or touched.

use crate::bus::Bus;
use crate::keychain::{Keychain, KeychainState, Silence};
use crate::process;
use crate::wait;
use crate::world;
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A made-up person's home. Dropping it ends every process that was started in it.
pub struct Home {
    // Dropped in this order.
    keychain: Option<Keychain>,
    bus: Option<Bus>,
    dir: TempDir,
}

impl Home {
    /// A home with an open keychain.
    #[must_use]
    pub fn start() -> Self {
        Self::with(KeychainState::Open)
    }

    /// A home whose keychain is as asked for.
    #[must_use]
    pub fn with(keychain: KeychainState) -> Self {
        // Short: the path of a socket has a hundred characters.
        let dir = tempfile::Builder::new().prefix("hk-").tempdir().expect("a folder for temporary files");
        let mut home = Self { keychain: None, bus: None, dir };
        for folder in ["data", "config", "cache", "run", "tmp"] {
            let made = DirBuilder::new().mode(0o700).create(home.path().join(folder));
            made.expect("the test's own folder can be written");
        }
        if keychain != KeychainState::NoSession {
            home.bus = Some(Bus::start(&home.path().join("run"), home.command("dbus-daemon")));
        }
        match keychain {
            KeychainState::Open => home.open_keychain(),
            KeychainState::Locked => {
                // A keyring has to exist before it can be locked.
                home.open_keychain();
                home.lock_keychain();
            }
            KeychainState::Absent | KeychainState::NoSession => {}
        }
        home
    }

    /// A home without a keychain.
    #[must_use]
    pub fn without_keychain() -> Self {
        Self::with(KeychainState::Absent)
    }

    /// Starts the keychain anew, open.
    pub fn open_keychain(&mut self) {
        self.restart_keychain(true);
    }

    /// Starts the keychain anew, locked.
    pub fn lock_keychain(&mut self) {
        self.restart_keychain(false);
    }

    /// Ends the keychain. Its files stay.
    pub fn end_keychain(&mut self) {
        self.keychain = None;
    }

    /// Ends the keychain and makes it forget everything it kept.
    pub fn lose_keychain(&mut self) {
        self.end_keychain();
        fs::remove_dir_all(self.path().join("data/keyrings")).expect("the keychain's files are there");
    }

    fn restart_keychain(&mut self, open: bool) {
        let bus = self.bus_without_keychain();
        self.keychain = Some(Keychain::start(self.command("gnome-keyring-daemon"), &bus, open));
    }

    /// Starts the keychain anew, open and without a password: a new one keeps what it has in clear.
    pub fn open_keychain_without_password(&mut self) {
        let bus = self.bus_without_keychain();
        let command = self.command("gnome-keyring-daemon");
        self.keychain = Some(Keychain::start_with(command, &bus, Some(b"")));
    }

    /// Puts a keychain in the place of this home's that never answers.
    pub fn silence_keychain(&mut self) -> Silence {
        Silence::on(&self.bus_without_keychain())
    }

    /// Sends the keychain a signal.
    pub fn signal_keychain(&self, signal: Signal) {
        self.keychain.as_ref().expect("a keychain runs").signal(signal);
    }

    /// Ends the keychain, and gives the address of the bus once its name is free there.
    fn bus_without_keychain(&mut self) -> String {
        self.keychain = None;
        let free = || !self.is_on_bus("org.freedesktop.secrets");
        wait::until_true("the old keychain's name to be free", free);
        self.bus.as_ref().expect("a keychain needs a session").address().to_owned()
    }

    fn is_on_bus(&self, name: &str) -> bool {
        let bus = zbus::blocking::connection::Builder::address(self.bus_address().unwrap_or_default());
        let bus = bus.and_then(|builder| builder.build()).expect("the bus answers");
        let driver = zbus::blocking::fdo::DBusProxy::new(&bus).expect("a bus has a driver");
        driver.name_has_owner(name.try_into().expect("a bus name")).expect("the driver answers")
    }

    /// The home's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The usual profile of this home.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.path().join("data/hearthkey")
    }

    /// The address of the session bus.
    #[must_use]
    pub fn bus_address(&self) -> Option<&str> {
        self.bus.as_ref().map(Bus::address)
    }

    /// What a program of this home finds in its environment: this, and nothing of the environment of the tests.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let at = |folder: &str| self.path().join(folder).display().to_string();
        let mut environment = vec![
            ("HOME", self.path().display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("PATH", world::variable("PATH").unwrap_or_default()),
            ("TMPDIR", at("tmp")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_RUNTIME_DIR", at("run")),
        ];
        if let Some(bus) = self.bus_address() {
            environment.push(("DBUS_SESSION_BUS_ADDRESS", bus.to_owned()));
        }
        environment
    }

    /// `program`, to be run in this home.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).current_dir(self.path());
        command
    }

    /// The process that owns the profile, as it says itself.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        let note = fs::read(self.profile().join("owner.json")).ok()?;
        let pid = serde_json::from_slice::<Value>(&note).ok()?["pid"].as_u64()?;
        u32::try_from(pid).ok().filter(|pid| process::is_running(*pid))
    }

    /// Kills the owner of the profile, as a crash would, and says which process it was.
    pub fn crash_owner(&self) -> u32 {
        let pid = self.owner().expect("the profile has an owner");
        process::kill(pid);
        pid
    }

    /// Ends the owner of the profile in good order.
    pub fn end_owner(&self) {
        let pid = self.owner().expect("the profile has an owner");
        process::send(pid, rustix::process::Signal::TERM);
        wait::until_true("the owner to end", || !process::is_running(pid));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.keychain = None;
        self.bus = None;
        // What is left was started by the programs under test: an owner of the profile, and what that one started.
        for pid in process::processes_of(self.path()) {
            process::send(pid, rustix::process::Signal::KILL);
        }
    }
}
