//! The doctor in every state of keychain, key and rows, with the exit code each has; and the copy that is put back.

use crate::Transcript;
use hearthkey_tests::browse::{ANNA, BEN};
use hearthkey_tests::{Home, SandboxProcess, wait};
use std::fs;

#[test]
fn the_doctor_names_each_state_and_its_fix() {
    let (mut home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.connect(&home, "Ben", BEN);
    let _ = home.cli(["recovery", "create", "kit.txt"]).ok();
    let _ = home.cli(["recovery", "test", "kit.txt"]).ok();
    let mut transcript = Transcript::default();
    let mut examine = |home: &Home, code: i32| {
        let _ = transcript.run(home, &["doctor"]).with_code(code);
    };
    examine(&home, 0);
    let _ = home.cli(["lock"]).ok();
    examine(&home, 0);
    // Locked is locked, whichever process asks.
    home.end_owner();
    examine(&home, 0);
    let _ = home.cli(["unlock"]).ok();
    home.end_owner();
    home.lock_keychain();
    examine(&home, 9);
    home.end_keychain();
    examine(&home, 9);
    home.open_keychain();
    examine(&home, 0);

    home.end_owner();
    let key = home.vault_keys().remove(0);
    let stranger = Home::start();
    let _ = stranger.cli(["workspaces"]).ok();
    home.replace_vault_key(&stranger.vault_keys()[0]);
    examine(&home, 10);
    home.end_owner();
    home.replace_vault_key("hunter2");
    examine(&home, 10);
    home.end_owner();
    home.delete_vault_keys();
    examine(&home, 10);
    let _ = home.cli(["unlock", "--recovery", "kit.txt"]).ok();
    assert_eq!(home.vault_keys(), [key]);

    home.end_owner();
    let database = rusqlite::Connection::open(home.profile().join("vault.db")).expect("a database");
    let damage = "UPDATE credentials SET sealed = zeroblob(length(sealed))
                  WHERE connection = (SELECT id FROM connections WHERE label = 'Ben')";
    assert_eq!(database.execute(damage, []).expect("a row"), 1);
    drop(database);
    examine(&home, 10);
    // One that does not open blocks no other: not a use, and not an export.
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    let _ = transcript.run(&home, &["request", "Ben", "/api/profile"]).with_code(10);
    let recipient = "age1pfljf9vd302a9ffwlvsrawvws0vlcles34386ctzs2ulwhkfvdtqcmrdk8";
    let _ = transcript.run(&home, &["export", "all.age", "--to", recipient]).with_code(10);
    let _ = transcript.run(&home, &["export", "-", "--to", "age1nobody"]).with_code(2);
    transcript.check("doctor-states", &home);
    assert!(home.path().join("all.age").is_file(), "what can be read is in it");
}

#[test]
fn a_copy_takes_the_place_of_a_damaged_database() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["doctor", "--restore"]).with_code(11);
    let copies = || {
        let entries = fs::read_dir(home.profile().join("backups")).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".db")).count()
    };
    // Replaced keys want a fresh copy; it is made with the next round.
    let _ = home.cli(["rotate"]).ok();
    wait::until_true("a copy of the database", || copies() > 0);
    home.end_owner();
    let _ = home.cli(["doctor", "--json"]).ok();
    home.end_owner();

    let file = home.profile().join("vault.db");
    fs::write(&file, "this was a database once, and something wrote over it. ".repeat(200)).expect("written");
    let _ = transcript.run(&home, &["list"]).with_code(1);
    let _ = transcript.run(&home, &["doctor"]).with_code(1);
    let _ = transcript.run(&home, &["doctor", "--restore"]).ok();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    home.end_owner();
    let restored = home.cli(["doctor", "--restore", "--yes", "--json"]).ok().json();
    let aside = restored["set_aside"].as_str().expect("the file it replaced");
    assert!(fs::metadata(aside).is_ok(), "{aside}");

    fs::remove_dir_all(home.profile().join("backups")).expect("copies");
    fs::write(&file, "no database").expect("written");
    let _ = transcript.run(&home, &["doctor", "--restore"]).with_code(1);
    assert_eq!(fs::read(&file).expect("the file"), b"no database");
    transcript.check("restore", &home);
}
