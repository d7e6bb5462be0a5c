//! The exit codes of the table in `hearthkey --help`, each met for real.

use crate::Transcript;
use hearthkey_sandbox::FaultKind;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, Output, SandboxProcess};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

#[test]
fn what_a_caller_can_act_on_has_a_code_of_its_own() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&["--requests-per-minute", "20"]));
    let mut transcript = Transcript::default();
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.connect(&home, "Work", ANNA);
    for (arguments, code) in [
        (&["request", "Anna", "/api/events?limit=0"][..], 7),
        (&["request", "Anna", "/api/nothing"], 7),
        (&["request", "Anna", "/api/profile", "-H", "Host: evil.example"], 2),
        (&["request", "Anna", "/api/profile", "-d", "@/nowhere/at/all"], 2),
        (&["connect", "openid-connect"], 2),
        (&["connect", "github", "--no-browser"], 2),
        (&["connect", "sandbox", "--method", "carrier-pigeon"], 2),
        (&["connect", "sandbox", "--value", "base_url=http://example.com", "--no-browser"], 2),
        (&["connect", "myspace"], 3),
        (&["test", "Nobody"], 3),
        (&["request", "Nobody", "/api/profile"], 3),
        (&["rename", "Anna", "work"], 4),
        (&["rename", "Anna", ""], 2),
        (&["restore", "Anna"], 2),
        (&["disconnect", "Work"], 0),
        (&["request", "Work", "/api/profile"], 5),
        (&["test", "Work"], 7),
    ] {
        let _ = transcript.run(&home, arguments).with_code(code);
    }
    sandbox.control().fault("/api/profile", FaultKind::Reset);
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).with_code(8);
    let _ = transcript.run(&home, &["test", "Anna"]).with_code(7);
    transcript.check("codes", &home);
}

#[test]
fn a_profile_has_one_owner() {
    let home = Home::start();
    let serve = home.spawn_cli(["serve"]);
    let said = serve.line(Stream::Err, "that it serves", |line| Some(line.to_owned()));
    assert!(said.starts_with("Hearthkey serves"), "{said}");
    assert_eq!(home.owner(), Some(serve.id()));
    let second = home.cli(["serve"]).with_code(11);
    assert!(second.stderr.contains(&format!("(process {}", serve.id())), "{}", second.stderr);
    // Commands talk to the first one, and a polite end leaves nothing behind.
    let _ = home.cli(["list"]).ok();
    assert_eq!(home.owner(), Some(serve.id()));
    serve.signal(rustix::process::Signal::INT);
    let _ = Output::of(serve.finish()).ok();
    assert_eq!(home.owner(), None);
    assert!(!home.profile().join("socket").exists());
}

#[test]
fn an_owner_nobody_needs_ends_by_itself() {
    let home = Home::start();
    let serve = home.spawn_cli(["serve", "--idle-exit", "1s"]);
    let _ = serve.line(Stream::Err, "that it serves", |line| Some(line.to_owned()));
    let _ = Output::of(serve.finish()).ok();
    let _ = home.cli(["list"]).ok();
}

#[test]
fn a_profile_of_a_newer_hearthkey_is_left_alone() {
    let home = Home::start();
    let _ = home.cli(["list"]).ok();
    home.end_owner();
    let file = home.profile().join("vault.db");
    write_version(&file, 9_999);
    let before = fs::read(&file).expect("a database");
    let served = home.cli(["serve"]).with_code(12);
    assert!(served.stderr.contains("9999"), "{}", served.stderr);
    // The same from a command that cannot start an owner.
    let listed = home.cli(["list"]).with_code(12);
    assert!(listed.stderr.contains("9999"), "{}", listed.stderr);
    assert!(listed.stderr.contains("hint: Install the newer Hearthkey"), "{}", listed.stderr);
    assert_eq!(fs::read(&file).expect("a database"), before);
}

/// SQLite keeps `user_version` at byte 60 of the file.
fn write_version(file: &Path, version: u32) {
    let mut database = fs::OpenOptions::new().write(true).open(file).expect("a database");
    let written = database.seek(SeekFrom::Start(60)).and_then(|_| database.write_all(&version.to_be_bytes()));
    written.expect("a database that can be written");
}

#[test]
fn a_profile_open_to_others_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::start();
    fs::create_dir(home.profile()).expect("a folder");
    fs::set_permissions(home.profile(), fs::Permissions::from_mode(0o755)).expect("its mode");
    let refused = home.cli(["list"]).with_code(2);
    assert!(refused.stderr.contains("chmod 700"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(home.profile()).expect("a folder").count(), 0);
}

#[test]
fn a_database_that_is_none_is_named() {
    let home = Home::start();
    let _ = home.cli(["list"]).ok();
    home.end_owner();
    let file = home.profile().join("vault.db");
    fs::write(
        &file,
        "this is no database, whatever its name says, and it is long enough to be read as one. ".repeat(20),
    )
    .expect("written");
    let failed = home.cli(["list"]).with_code(1);
    assert!(failed.stderr.contains("vault.db"), "{}", failed.stderr);
}
