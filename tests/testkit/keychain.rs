//! A real keychain: gnome-keyring on the test's own bus, with its files in the test's own home.

use crate::process::Process;
use crate::wait;
use rustix::process::Signal;
use std::process::Command;
use zbus::blocking::Connection;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

/// What the login password of the made-up person is.
const PASSWORD: &[u8] = b"correct horse";

/// How a home's keychain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeychainState {
    /// It runs and is open, as after a login with a password.
    Open,
    /// It runs and its keyring is locked, as after an automatic login.
    Locked,
    /// There is a session, and no keychain in it.
    Absent,
    /// There is no session to find one in, as on a server.
    NoSession,
}

/// A running keychain. Dropping it ends it.
pub(crate) struct Keychain(Process);

impl Keychain {
    /// Starts the daemon and waits until its keyring is there, open or locked as asked for.
    pub(crate) fn start(command: Command, bus: &str, open: bool) -> Self {
        Self::start_with(command, bus, open.then_some(PASSWORD))
    }

    /// The same, opened with this password, or locked without one. The password of a new keyring is the one that opens it.
    pub(crate) fn start_with(mut command: Command, bus: &str, password: Option<&[u8]>) -> Self {
        let open = password.is_some();
        command.args(["--foreground", "--components=secrets"]);
        if open {
            command.arg("--unlock");
        }
        let mut daemon = Process::start(command);
        daemon.say(password.unwrap_or_default());
        daemon.close_input();
        let bus = zbus::blocking::connection::Builder::address(bus).and_then(|builder| builder.build());
        let bus = bus.expect("the bus answers");
        wait::until("the keyring", || (is_locked(&bus)? != open).then_some(()));
        Self(daemon)
    }

    /// Sends the daemon a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.0.signal(signal);
    }
}

/// A keychain that has its name on the bus, and never answers. Dropping it ends it.
pub struct Silence(#[expect(dead_code, reason = "it holds the name")] Connection);

impl Silence {
    pub(crate) fn on(bus: &str) -> Self {
        let bus = zbus::blocking::connection::Builder::address(bus).and_then(|builder| builder.build());
        let bus = bus.expect("the bus answers");
        bus.request_name("org.freedesktop.secrets").expect("the name is free");
        Self(bus)
    }
}

/// Whether the default keyring is locked; `None` as long as there is none.
fn is_locked(bus: &Connection) -> Option<bool> {
    const NAME: Option<&str> = Some("org.freedesktop.secrets");
    let service = Some("org.freedesktop.Secret.Service");
    let reply = bus.call_method(NAME, "/org/freedesktop/secrets", service, "ReadAlias", &"default").ok()?;
    let collection: OwnedObjectPath = reply.body().deserialize().ok()?;
    let properties = Some("org.freedesktop.DBus.Properties");
    let asked = ("org.freedesktop.Secret.Collection", "Locked");
    let reply = bus.call_method(NAME, &collection, properties, "Get", &asked).ok()?;
    reply.body().deserialize::<OwnedValue>().ok().and_then(|value| bool::try_from(value).ok())
}
