//! A keychain in every state it can be in: the owner starts at once, says what is wrong, changes nothing, makes no new key,
//! and goes on by itself when the state is mended.

use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{Home, Process, SandboxProcess, programs, socket, wait, world};
use hearthkey_vault::KeychainKey;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it may take from the start of an owner until it answers.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How often an owner is started over a vault it cannot open.
const STARTS: usize = 10;

/// A profile with a connection, whose owner has ended.
struct Profile {
    home: Home,
    key: String,
    _sandbox: SandboxProcess,
}

impl Profile {
    fn founded() -> Self {
        Self::in_home(Home::start())
    }

    fn in_home(home: Home) -> Self {
        let sandbox = SandboxProcess::start(&[]);
        sandbox.connect(&home, "Anna", ANNA);
        home.end_owner();
        let key = home.vault_keys().remove(0);
        Self { home, key, _sandbox: sandbox }
    }

    /// Starts an owner that answers at once, whatever the keychain does.
    fn start(&self) -> Process {
        self.start_at(self.home.bus_address().expect("a home with a session"))
    }

    /// The same, with this address for the bus.
    fn start_at(&self, bus: &str) -> Process {
        let attempt = || {
            let mut command = self.home.command(programs::hearthkey());
            command.arg("serve").env("DBUS_SESSION_BUS_ADDRESS", bus);
            let begun = world::now();
            let serve = Process::start(command);
            let place = self.home.profile().join("socket");
            wait::until("an answer at the socket", || {
                let (status, _) = socket::ask(&place, "app.status", &json!({})).ok()?;
                (status == 200 && self.home.owner() == Some(serve.id())).then_some(())
            });
            (serve, world::now() - begun)
        };
        let (serve, first) = attempt();
        if first <= AT_ONCE {
            return serve;
        }
        // The processors are shared with others: once more.
        end(serve);
        let (serve, second) = attempt();
        assert!(second <= AT_ONCE, "an answer took {first:?}, then {second:?}");
        serve
    }

    /// The word for how the vault is, as the keychain says now.
    fn word(&self) -> String {
        let (status, vault) = self.home.ask("vault.retry", &json!({}));
        assert_eq!(status, 200, "{vault}");
        vault["state"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn is_in(&self, word: &str, code: i32) {
        assert_eq!(self.word(), word);
        let doctor = self.home.cli(["doctor"]);
        assert_eq!(doctor.code, code, "{word}:\n{}{}", doctor.stdout, doctor.stderr);
        let _ = self.home.cli(["list"]).ok();
    }

    /// The same process works again, with the key it always had.
    #[track_caller]
    fn works_again(&self, serve: Process, word: &str) {
        wait::until_true(format_args!("the owner to go on after {word}"), || {
            self.home.cli(["request", "Anna", "/api/profile"]).code == 0
        });
        assert_eq!(self.home.owner(), Some(serve.id()), "{word}");
        assert_eq!(self.home.vault_keys(), [self.key.as_str()], "{word}: no other key was made");
        self.is_in("open", 0);
        end(serve);
    }

    /// The hashes of the database and of what is not yet in it.
    fn database(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = ["vault.db", "vault.db-wal"].map(|name| self.home.profile().join(name));
        // An empty log is one that nobody cleared away: nothing is in it.
        let content = |file: &PathBuf| fs::read(file).ok().filter(|bytes| !bytes.is_empty());
        let read = |file: PathBuf| Some((file.clone(), Sha256::digest(content(&file)?).to_vec()));
        files.into_iter().filter_map(read).collect()
    }

    /// Starts owners over a vault that none of them can open: each says so, and leaves everything as it is.
    fn starts_change_nothing(&self, starts: usize, word: &str, code: i32) {
        let (database, items) = (self.database(), self.home.vault_keys());
        for start in 0..starts {
            let serve = self.start();
            assert_eq!(self.word(), word, "start {start}");
            if start == 0 {
                self.is_in(word, code);
            }
            end(serve);
        }
        assert_eq!(self.database(), database, "{word}: the database is as it was");
        assert_eq!(self.home.vault_keys(), items, "{word}: the keychain is as it was");
    }
}

/// Ends an owner in good order.
fn end(serve: Process) {
    serve.signal(Signal::TERM);
    let _ = serve.finish();
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_keychain_out_of_reach_is_named_and_waited_for() {
    let mut profile = Profile::founded();
    let database = profile.database();

    profile.home.lock_keychain();
    let serve = profile.start();
    profile.is_in("keychain_locked", 9);
    profile.home.open_keychain();
    profile.works_again(serve, "locked");

    profile.home.end_keychain();
    let serve = profile.start();
    profile.is_in("keychain_absent", 9);
    profile.home.open_keychain();
    profile.works_again(serve, "without a service");

    // A session that begins later.
    let (bus, later) = (profile.home.path().join("run/bus"), profile.home.path().join("run/later"));
    let serve = profile.start_at(&format!("unix:path={}", later.display()));
    profile.is_in("keychain_absent", 9);
    symlink(bus, later).unwrap();
    profile.works_again(serve, "without a bus");
    assert_ne!(profile.database(), database, "a use is noted");
}

#[test]
fn a_keychain_that_never_answers_holds_nobody_up() {
    let mut profile = Profile::founded();
    let silence = profile.home.silence_keychain();
    let serve = profile.start();
    profile.is_in("keychain_hanging", 9);
    drop(silence);
    profile.home.open_keychain();
    profile.works_again(serve, "silence");
}

#[test]
fn a_keychain_that_stands_still_holds_nobody_up() {
    let profile = Profile::founded();
    profile.home.signal_keychain(Signal::STOP);
    let serve = profile.start();
    profile.is_in("keychain_hanging", 9);
    profile.home.signal_keychain(Signal::CONT);
    profile.works_again(serve, "a standstill");
}

#[test]
fn a_key_that_is_gone_is_never_replaced() {
    let mut profile = Profile::founded();
    let (keyrings, kept) = (profile.home.path().join("data/keyrings"), profile.home.path().join("keyrings"));
    copy(&keyrings, &kept);
    profile.home.delete_vault_keys();
    profile.starts_change_nothing(STARTS, "key_missing", 10);
    let serve = profile.start();
    assert_eq!(profile.word(), "key_missing");
    let _ = profile.home.cli(["request", "Anna", "/api/profile"]).with_code(10);
    profile.home.lose_keychain();
    copy(&kept, &keyrings);
    profile.home.open_keychain();
    profile.works_again(serve, "a lost key");
}

#[test]
fn a_key_that_is_another_is_named_and_left_alone() {
    let profile = Profile::founded();
    let stranger = KeychainKey::generate().unwrap().encode().to_string();
    for (wrong, starts) in [(stranger.as_str(), STARTS), ("hunter2", STARTS), ("", 1)] {
        profile.home.replace_vault_key(wrong);
        profile.starts_change_nothing(starts, "wrong_key", 10);
        let serve = profile.start();
        assert_eq!(profile.word(), "wrong_key");
        let _ = profile.home.cli(["request", "Anna", "/api/profile"]).with_code(10);
        profile.home.replace_vault_key(&profile.key);
        profile.works_again(serve, "a wrong key");
    }
}

/// A keyring without a password, as gnome-keyring keeps one: in clear.
const IN_CLEAR: &str = "[keyring]
display-name=Clear
ctime=0
mtime=0
lock-on-idle=false
lock-after=false
";

#[test]
fn a_keychain_without_a_password_works_and_the_doctor_says_so() {
    let mut home = Home::without_keychain();
    let keyrings = home.path().join("data/keyrings");
    fs::create_dir_all(&keyrings).unwrap();
    fs::write(keyrings.join("default"), "Clear").unwrap();
    fs::write(keyrings.join("Clear.keyring"), IN_CLEAR).unwrap();
    // It is locked after each login, and opens without asking anybody.
    home.lock_keychain();
    let _ = home.cli(["unlock"]).ok();
    let mut profile = Profile::in_home(home);
    profile.home.lock_keychain();
    let serve = profile.start();
    profile.is_in("keychain_locked", 9);
    let _ = profile.home.cli(["unlock"]).ok();
    let doctor = profile.home.cli(["doctor"]).ok().stdout;
    assert!(doctor.contains("it has no password"), "{doctor}");
    profile.works_again(serve, "no password");
    let key = profile.key.clone();
    assert!(fs::read_to_string(keyrings.join("Clear.keyring")).unwrap().contains(&key), "so it is");
}
