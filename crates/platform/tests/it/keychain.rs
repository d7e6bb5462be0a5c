//! The keychain port against a real gnome-keyring on a bus of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// In milliseconds: enough for a busy machine.
const DEADLINE: &str = "30000";

/// A D-Bus session in a temporary home.
struct Session {
    home: tempfile::TempDir,
    bus: Child,
    address: String,
    keyring: Option<Child>,
}

impl Session {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        // A bus that starts no services by itself: what runs is what the test has started.
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

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
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

    /// Starts gnome-keyring, and opens (or makes) its keyring with a password when there is one.
    fn start_keyring(&mut self, password: Option<&str>) {
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
        // It is there when it has its name.
        for _ in 0..2000 {
            let reply = self
                .command("dbus-send")
                .args([
                    "--print-reply",
                    "--reply-timeout=1000",
                    "--dest=org.freedesktop.DBus",
                    "/",
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ])
                .output()
                .unwrap();
            if String::from_utf8_lossy(&reply.stdout).contains("boolean true") {
                return;
            }
        }
        panic!("gnome-keyring did not take its name");
    }

    fn stop_keyring(&mut self) {
        if let Some(mut daemon) = self.keyring.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    fn read(&self, id: &str) -> String {
        run(self.command(example()).args(["read", id, DEADLINE]), "")
    }

    fn write(&self, id: &str, value: &str) -> String {
        run(self.command(example()).args(["write", id, DEADLINE]), value)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_keyring();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    child.wait().unwrap();
    answer.trim_end().to_owned()
}

/// The example beside this test, which a full `cargo test` builds.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join("keychain");
    assert!(example.is_file(), "build it first: cargo build -p hearthkey-platform --examples");
    example
}

#[test]
fn an_open_keyring_keeps_what_is_written() {
    let mut session = Session::new();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.read("vault-1"), "none");
    assert_eq!(session.write("vault-1", "ks1;g=1:first"), "written");
    assert_eq!(session.read("vault-1"), "value ks1;g=1:first");
    assert_eq!(session.write("vault-1", "ks1;g=2:second"), "written");
    assert_eq!(session.read("vault-1"), "value ks1;g=2:second");
    assert_eq!(session.read("vault-2"), "none", "one vault is nothing to another");

    // A new daemon over the same files, with the password.
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.read("vault-1"), "value ks1;g=2:second");
}

#[test]
fn a_foreign_program_finds_the_item_under_its_name() {
    let mut session = Session::new();
    session.start_keyring(Some("correct horse"));
    session.write("vault-1", "ks1;g=1:first");
    let secret_tool = session
        .command("secret-tool")
        .args(["search", "--unlock", "service", "app.hearthkey.vault"])
        .output();
    let Ok(found) = secret_tool else {
        return;
    };
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.contains("label = Hearthkey vault key"), "{found}");
    assert!(found.contains("secret = ks1;g=1:first"), "{found}");
}

#[test]
fn a_locked_keyring_is_neither_empty_nor_absent() {
    let mut session = Session::new();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.write("vault-1", "ks1;g=1:first"), "written");
    session.stop_keyring();
    session.start_keyring(None);
    for answer in [session.read("vault-1"), session.read("vault-2"), session.write("vault-1", "ks1;g=9:new")]
    {
        assert_eq!(answer, "locked: the keychain is locked");
    }
    // Nothing was written over it.
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.read("vault-1"), "value ks1;g=1:first");
}

#[test]
fn without_a_keyring_it_is_absent_and_never_empty() {
    let mut session = Session::new();
    let no_service = "absent: no keychain is running in this session (no Secret Service is running)";
    assert_eq!(session.read("vault-1"), no_service);
    assert_eq!(session.write("vault-1", "ks1;g=1:first"), no_service);

    // A service that has no keyring yet.
    session.start_keyring(None);
    let no_keyring =
        "absent: no keychain is running in this session (the Secret Service has no default keyring)";
    assert_eq!(session.read("vault-1"), no_keyring);
    assert_eq!(session.write("vault-1", "ks1;g=1:first"), no_keyring);

    session.address = format!("unix:path={}/no-bus", session.home.path().display());
    assert_eq!(
        session.read("vault-1"),
        "absent: no keychain is running in this session (there is no D-Bus session)"
    );
}

#[test]
fn a_keyring_that_never_answers_is_hanging() {
    let mut session = Session::new();
    // The kernel takes the connection, and nobody ever says a word.
    let path = session.home.path().join("silent");
    let _silent = std::os::unix::net::UnixListener::bind(&path).unwrap();
    session.address = format!("unix:path={}", path.display());
    assert_eq!(
        run(session.command(example()).args(["read", "vault-1", "50"]), ""),
        "hanging: the keychain did not answer within 1 s"
    );
}
