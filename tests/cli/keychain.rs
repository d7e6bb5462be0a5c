//! Without a keychain, with a locked one, and with one that lost the key: three states, each named, none of them harmful.

use crate::Transcript;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{Home, KeychainState, SandboxProcess, wait};

#[test]
fn without_an_open_keychain_nothing_is_connected_and_the_reason_is_named() {
    let sandbox = SandboxProcess::start(&[]);
    let base = format!("base_url={}", sandbox.base());
    for (name, state) in [
        ("keychain-absent", KeychainState::Absent),
        ("keychain-no-session", KeychainState::NoSession),
        ("keychain-locked", KeychainState::Locked),
    ] {
        let home = Home::with(state);
        let keyring = keyring_files(&home);
        let mut transcript = Transcript::default();
        let _ = transcript.run(&home, &["list"]).ok();
        let _ = transcript.run(&home, &["connect", "sandbox", "--value", &base, "--no-browser"]).with_code(9);
        let _ = transcript.run(&home, &["doctor"]).with_code(9);
        let key = home.cli_with_input(["connect", "stripe"], b"rk_test_0123456789abcdef").with_code(9);
        transcript.note(&["connect", "stripe"], &key);
        transcript.check(name, &home);
        assert_eq!(keyring_files(&home), keyring, "{name}: the keychain is as it was");
    }
    let asked: Vec<_> = sandbox.journal().into_iter().map(|entry| entry.path).collect();
    assert!(!asked.contains(&"/token".to_owned()), "{asked:?}");
}

/// The keychain's files, byte by byte.
fn keyring_files(home: &Home) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(home.path().join("data/keyrings")).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).unwrap_or_default(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_keychain_that_is_locked_later_stops_new_owners_until_it_is_open() {
    let (mut home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let keyring = keyring_files(&home);
    home.end_owner();
    home.lock_keychain();
    let refused = home.cli(["request", "Anna", "/api/profile"]).with_code(9);
    assert!(refused.stderr.contains("the keychain is locked"), "{}", refused.stderr);
    // What is no secret is still shown.
    let list = home.cli(["list"]).ok().stdout;
    assert!(list.contains("anna@studio-nord.example"), "{list}");
    assert_eq!(keyring_files(&home), keyring, "no second key was made");
    // The same owner goes on when it is open.
    let owner = home.owner();
    home.open_keychain();
    wait::until_true("the owner to ask the keychain again", || {
        home.cli(["request", "Anna", "/api/profile"]).code == 0
    });
    assert_eq!(home.owner(), owner);
}

#[test]
fn a_lost_key_is_said_and_never_replaced() {
    let (mut home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    home.end_owner();
    home.lose_keychain();
    home.open_keychain();
    let empty = keyring_files(&home);
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).with_code(10);
    let _ = transcript.run(&home, &["test", "Anna"]).with_code(10);
    let _ = transcript.run(&home, &["doctor"]).with_code(10);
    let _ = transcript.run(&home, &["list"]).ok();
    transcript.check("key-lost", &home);
    assert_eq!(keyring_files(&home), empty, "no new key while there are rows sealed with the old one");
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_good_profile() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["doctor"]).ok();
    transcript.check("doctor", &home);
}
