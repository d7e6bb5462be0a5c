//! A D-Bus session in a home of its own, and a process in it that asks the keychain.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::HashMap,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use zbus::{
    blocking::{Connection, connection},
    zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Type, Value},
};

pub(super) const NAME: &str = "org.freedesktop.secrets";
pub(super) const SERVICE_PATH: &str = "/org/freedesktop/secrets";
pub(super) const SERVICE: &str = "org.freedesktop.Secret.Service";
const GNOME: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// In milliseconds: enough for a busy machine.
const PATIENCE: u64 = 30_000;

/// A D-Bus session in a temporary home.
pub(crate) struct Session {
    pub(super) home: tempfile::TempDir,
    bus: Child,
    pub(crate) address: String,
    keyring: Option<Child>,
}

impl Session {
    /// A bus that starts no services by itself: what runs is what the test has started.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("bus.conf");
        let policy = r#"<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>"#;
        std::fs::write(
            &config,
            format!(
                "<busconfig><type>session</type><listen>unix:dir={}</listen>{policy}</busconfig>",
                home.path().display()
            ),
        )
        .unwrap();
        let mut bus = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--print-address", "--nofork"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus is installed");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { home, bus, address: address.trim().to_owned(), keyring: None }
    }

    /// With a keyring that has a password, and is open.
    pub(super) fn open() -> Self {
        let mut session = Self::new();
        session.start_keyring(Some("correct horse"));
        session
    }

    /// With a keyring that has the item `vault-1`, and is locked.
    pub(super) fn locked() -> Self {
        let mut session = Self::open();
        assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
        session.stop_keyring();
        session.start_keyring(None);
        session
    }

    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", hearthkey_platform::environment::var("PATH").unwrap())
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("HOME", self.home.path())
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .env("XDG_RUNTIME_DIR", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// The test's own connection to the bus.
    pub(super) fn connect(&self) -> Connection {
        connection::Builder::address(self.address.as_str()).unwrap().build().unwrap()
    }

    /// Where the daemon has its files.
    pub(super) fn keyrings(&self) -> PathBuf {
        self.home.path().join("data").join("keyrings")
    }

    /// Starts gnome-keyring, and opens (or makes) its keyring with a password when there is one.
    pub(super) fn start_keyring(&mut self, password: Option<&str>) {
        let mut command = self.command("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        if password.is_some() {
            command.arg("--unlock");
        }
        let mut daemon = command.spawn().expect("gnome-keyring is installed");
        let mut stdin = daemon.stdin.take().unwrap();
        stdin.write_all(password.unwrap_or_default().as_bytes()).unwrap();
        drop(stdin);
        self.keyring = Some(daemon);
        let bus = self.connect();
        let ready = |state| match password {
            Some(_) => state == Some(Some(false)),
            None => matches!(state, Some(None | Some(true))),
        };
        while !ready(is_locked(&bus)) {
            assert!(self.keyring.as_mut().unwrap().try_wait().unwrap().is_none(), "gnome-keyring has ended");
            std::thread::yield_now();
        }
    }

    pub(super) fn stop_keyring(&mut self) {
        if let Some(mut daemon) = self.keyring.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Sends a signal to the daemon.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.keyring.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// A process that asks the keychain, with these milliseconds for its answers and its prompts.
    pub(super) fn asker(&self, deadline: u64, prompt: u64) -> Asker {
        let arguments = [deadline.to_string(), prompt.to_string()];
        let mut child = self.command(example("keychain")).args(arguments).spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Asker { hears: child.stdin.take().unwrap(), says, child }
    }

    /// What the keychain says to a process of its own.
    pub(super) fn ask(&self, line: &str) -> String {
        self.asker(PATIENCE, PATIENCE).ask(line)
    }

    /// What another program of this session prints.
    pub(super) fn output(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let mut child = self.command(program).args(arguments).spawn().expect("it is installed");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        child.wait().unwrap();
        output
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_keyring();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

/// A process that asks the keychain. Dropping it ends it.
pub(super) struct Asker {
    pub(super) child: Child,
    hears: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Asker {
    pub(super) fn say(&mut self, line: &str) {
        writeln!(self.hears, "{line}").unwrap();
    }

    pub(super) fn hear(&mut self) -> String {
        self.says.next().expect("it answers").unwrap()
    }

    pub(super) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example beside this test, which a full `cargo test` builds.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(name);
    assert!(example.is_file(), "build it first: cargo build -p hearthkey-platform --examples");
    example
}

/// Whether the default keyring is locked, `Some(None)` without one; `None` without a service.
fn is_locked(bus: &Connection) -> Option<Option<bool>> {
    let reply = bus.call_method(Some(NAME), SERVICE_PATH, Some(SERVICE), "ReadAlias", &"default").ok()?;
    let collection: OwnedObjectPath = reply.body().deserialize().ok()?;
    if collection.as_str() == "/" {
        return Some(None);
    }
    let asked = ("org.freedesktop.Secret.Collection", "Locked");
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply = bus.call_method(Some(NAME), &collection, properties, "Get", &asked).ok()?;
    let value: OwnedValue = reply.body().deserialize().ok()?;
    Some(bool::try_from(value).ok())
}

/// Opens the default keyring, as the daemon does once a person has typed the password.
pub(super) fn type_password(bus: &Connection) {
    let collection: OwnedObjectPath = call(bus, SERVICE, "ReadAlias", &"default");
    let () = call(bus, GNOME, "UnlockWithMasterPassword", &(collection, password(bus, "correct horse")));
}

/// Makes a keyring and has it be the default, as the daemon does once a person has chosen its password, or none.
pub(super) fn choose_password(bus: &Connection, chosen: &str) {
    let label = HashMap::from([("org.freedesktop.Secret.Collection.Label", Value::from("My keyring"))]);
    let made: OwnedObjectPath = call(bus, GNOME, "CreateWithMasterPassword", &(label, password(bus, chosen)));
    let () = call(bus, SERVICE, "SetAlias", &("default", made));
}

/// A secret in a session without encryption, as the specification has it.
type Transported = (OwnedObjectPath, Vec<u8>, Vec<u8>, &'static str);

fn password(bus: &Connection, text: &str) -> Transported {
    let opened: (OwnedValue, OwnedObjectPath) =
        call(bus, SERVICE, "OpenSession", &("plain", Value::from("")));
    (opened.1, Vec::new(), text.as_bytes().to_vec(), "text/plain")
}

fn call<B, R>(bus: &Connection, interface: &str, method: &str, body: &B) -> R
where
    B: serde::Serialize + DynamicType,
    R: for<'de> serde::Deserialize<'de> + Type,
{
    let reply = bus.call_method(Some(NAME), SERVICE_PATH, Some(interface), method, body).unwrap();
    reply.body().deserialize().unwrap()
}
