//! The keychain port against a real gnome-keyring on a bus of its own.

mod front;
mod late;
mod prompt;
pub(crate) mod session;

use rustix::process::Signal;
use session::{NAME, Session, choose_password};
use std::{fs, os::unix::net::UnixListener};

const ABSENT: &str = "absent: no keychain is running in this session";

#[test]
fn an_open_keyring_keeps_what_is_written() {
    let mut session = Session::open();
    assert_eq!(session.ask("read vault-1"), "none");
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    assert_eq!(session.ask("read vault-1"), "value ks1;g=1:first");
    assert_eq!(session.ask("write vault-1 ks1;g=2:second"), "written");
    assert_eq!(session.ask("read vault-1"), "value ks1;g=2:second");
    assert_eq!(session.ask("read vault-2"), "none", "one vault is nothing to another");

    // A new daemon over the same files, with the password.
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.ask("read vault-1"), "value ks1;g=2:second");
}

#[test]
fn what_is_removed_is_gone_and_nothing_else_is() {
    let mut session = Session::open();
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    assert_eq!(session.ask("write vault-2 ks1;g=1:other"), "written");
    assert_eq!(session.ask("remove vault-1"), "removed");
    assert_eq!(session.ask("read vault-1"), "none");
    assert_eq!(session.ask("remove vault-1"), "removed", "one that is not there is removed");
    assert_eq!(session.ask("read vault-2"), "value ks1;g=1:other");
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.ask("read vault-1"), "none");
    assert_eq!(session.ask("write vault-1 ks1;g=1:again"), "written");
}

#[test]
fn a_foreign_program_finds_the_item_under_its_name() {
    let session = Session::open();
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    let found = session.output("secret-tool", &["search", "--unlock", "service", "app.hearthkey.vault"], "");
    assert!(found.contains("label = Hearthkey vault key"), "{found}");
    assert!(found.contains("secret = ks1;g=1:first"), "{found}");
}

#[test]
fn what_a_foreign_program_does_to_the_item_is_seen() {
    let session = Session::open();
    let ours = ["service", "app.hearthkey.vault", "username", "vault-1"];
    let tool = |words: &[&str], input| session.output("secret-tool", &[words, &ours].concat(), input);
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    tool(&["store", "--label=Hearthkey vault key"], "another value");
    assert_eq!(session.ask("read vault-1"), "value another value");

    // A double in another keyring: nobody can say which one counts, and both are removed.
    tool(&["store", "--label=double", "--collection=session"], "a double");
    let doubled = "refused: the keychain refused: there is more than one item of this vault";
    assert_eq!(session.ask("read vault-1"), doubled);
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), doubled);
    assert_eq!(session.ask("remove vault-1"), "removed");
    assert_eq!(session.ask("read vault-1"), "none");
    assert_eq!(tool(&["search", "--all"], ""), "");

    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    tool(&["clear"], "");
    assert_eq!(session.ask("read vault-1"), "none", "it was emptied");
}

#[test]
fn a_locked_keyring_is_neither_empty_nor_absent() {
    let mut session = Session::locked();
    for line in [
        "read vault-1",
        "read vault-2",
        "write vault-1 ks1;g=9:new",
        "write vault-2 ks1;g=9:new",
        "remove vault-1",
        "remove vault-2",
    ] {
        assert_eq!(session.ask(line), "locked: the keychain is locked", "{line}");
    }
    // Nothing was written over it, and nothing removed.
    session.stop_keyring();
    session.start_keyring(Some("correct horse"));
    assert_eq!(session.ask("read vault-1"), "value ks1;g=1:first");
    assert_eq!(session.ask("read vault-2"), "none");

    // Nothing in it, as far as one knows.
    assert_eq!(session.ask("remove vault-1"), "removed");
    session.stop_keyring();
    session.start_keyring(None);
    for line in ["read vault-1", "write vault-1 ks1;g=9:new", "remove vault-1"] {
        assert_eq!(session.ask(line), "locked: the keychain is locked", "{line}");
    }
}

#[test]
fn without_a_keyring_it_is_absent_and_never_empty() {
    let mut session = Session::new();
    let lines = ["read vault-1", "write vault-1 ks1;g=1:first", "remove vault-1", "unlock"];
    for line in lines {
        assert_eq!(session.ask(line), format!("{ABSENT} (no Secret Service is running)"), "{line}");
    }
    assert_eq!(session.ask("protection"), "unknown");

    // A service that has no keyring yet.
    session.start_keyring(None);
    for line in lines {
        let no_keyring = format!("{ABSENT} (the Secret Service has no default keyring)");
        assert_eq!(session.ask(line), no_keyring, "{line}");
    }
    assert_eq!(session.ask("protection"), "unknown");

    session.address = format!("unix:path={}/no-bus", session.home.path().display());
    for line in lines {
        assert_eq!(session.ask(line), format!("{ABSENT} (there is no D-Bus session)"), "{line}");
    }
    assert_eq!(session.ask("protection"), "unknown");
}

#[test]
fn a_keyring_that_never_answers_is_hanging() {
    let hanging = "hanging: the keychain did not answer within 1 s";
    let lines = ["read vault-1", "write vault-1 ks1;g=1:first", "remove vault-1", "unlock"];

    // A service that has the name, and never says a word.
    let session = Session::new();
    let silent = session.connect();
    silent.request_name(NAME).unwrap();
    for line in lines {
        // A prompt could take long; what comes before it may not.
        assert_eq!(session.asker(50, 30_000).ask(line), hanging, "{line}");
    }
    assert_eq!(session.ask("protection"), "unknown", "it is not gnome-keyring");

    // A bus where the kernel takes the connection, and nobody ever says a word.
    let mut session = Session::new();
    let path = session.home.path().join("silent");
    let _silent = UnixListener::bind(&path).unwrap();
    session.address = format!("unix:path={}", path.display());
    for line in lines {
        assert_eq!(session.asker(50, 30_000).ask(line), hanging, "{line}");
    }
    assert_eq!(session.asker(50, 50).ask("protection"), "unknown");
}

#[test]
fn a_stopped_daemon_is_hanging_and_is_asked_afresh_when_it_goes_on() {
    let session = Session::open();
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    session.signal(Signal::STOP);
    let mut hasty = session.asker(50, 30_000);
    // More than may be stuck at once.
    for _ in 0..5 {
        for line in ["read vault-1", "write vault-1 ks1;g=2:second", "remove vault-1", "unlock"] {
            assert_eq!(hasty.ask(line), "hanging: the keychain did not answer within 1 s", "{line}");
        }
    }
    let tasks = fs::read_dir(format!("/proc/{}/task", hasty.child.id())).unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    // The first one is the program's own.
    assert_eq!(names.filter(|name| name == "keychain\n").count(), 1 + 3);

    let mut patient = session.asker(30_000, 30_000);
    patient.say("begin read vault-1");
    session.signal(Signal::CONT);
    assert_eq!(patient.ask("wait"), "value ks1;g=1:first", "nothing that came too late was begun");
    assert_eq!(session.ask("write vault-1 ks1;g=3:third"), "written");
    assert_eq!(patient.ask("read vault-1"), "value ks1;g=3:third");
}

#[test]
fn a_daemon_that_is_killed_is_absent_and_the_next_one_is_asked() {
    let mut session = Session::open();
    assert_eq!(session.ask("write vault-1 ks1;g=1:first"), "written");
    let mut asker = session.asker(30_000, 30_000);
    assert_eq!(asker.ask("read vault-1"), "value ks1;g=1:first");
    for (line, next) in [
        ("read vault-1", "value ks1;g=1:first"),
        ("write vault-1 ks1;g=2:second", "written"),
        ("unlock", "unlocked"),
        ("remove vault-1", "removed"),
    ] {
        session.signal(Signal::STOP);
        asker.say(&format!("begin {line}"));
        session.stop_keyring();
        let answer = asker.ask("wait");
        assert!(answer.starts_with(ABSENT), "{line}: {answer}");
        session.start_keyring(Some("correct horse"));
        assert_eq!(asker.ask(line), next);
    }
}

#[test]
fn a_keyring_without_a_password_is_known_to_be_in_clear() {
    let mut session = Session::new();
    session.start_keyring(None);
    choose_password(&session.connect(), "");
    let file = session.keyrings().join("My_keyring.keyring");
    assert_eq!(session.ask("write vault-1 ks1;g=1:readable-by-anyone"), "written");
    // That it is said to be so, and that it is so.
    assert_eq!(session.ask("protection"), format!("in clear {}", file.display()));
    assert!(fs::read_to_string(&file).unwrap().contains("ks1;g=1:readable-by-anyone"));

    // After a login it opens without a prompt.
    session.stop_keyring();
    session.start_keyring(None);
    assert_eq!(session.ask("protection"), format!("in clear {}", file.display()));
    assert_eq!(session.ask("read vault-1"), "locked: the keychain is locked");
    assert_eq!(session.ask("unlock"), "unlocked");
    assert_eq!(session.ask("read vault-1"), "value ks1;g=1:readable-by-anyone");

    // A password would have made the difference.
    choose_password(&session.connect(), "correct horse");
    assert_eq!(session.ask("protection"), "encrypted");

    // Another service keeps it elsewhere, whatever lies here.
    session.stop_keyring();
    let other = session.connect();
    other.request_name(NAME).unwrap();
    assert_eq!(session.ask("protection"), "unknown");
}

#[test]
fn a_keyring_with_a_password_is_encrypted_whether_open_or_locked() {
    let mut session = Session::open();
    assert_eq!(session.ask("write vault-1 ks1;g=1:not-readable"), "written");
    assert_eq!(session.ask("protection"), "encrypted");
    let content = fs::read(session.keyrings().join("login.keyring")).unwrap();
    assert!(!content.windows(12).any(|bytes| bytes == b"not-readable"));
    session.stop_keyring();
    session.start_keyring(None);
    assert_eq!(session.ask("protection"), "encrypted");
    session.signal(Signal::STOP);
    assert_eq!(session.ask("protection"), "encrypted", "the daemon itself is not asked");
}
