//! The recovery kit, and replacing the keys.

use crate::Transcript;
use hearthkey_tests::browse::{ANNA, BEN};
use hearthkey_tests::{Home, SandboxProcess, search};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The secret line of a kit.
fn line(home: &Home, file: &str) -> String {
    let kit = fs::read_to_string(home.path().join(file)).expect("a kit");
    let mut lines = kit.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-1"));
    let line = lines.next().expect("a kit has a key").to_owned();
    assert_eq!(lines.next(), None);
    line
}

#[test]
fn a_kit_counts_once_it_was_tested_and_is_never_overwritten() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["recovery"]).ok();
    let _ = transcript.run(&home, &["recovery", "create", "kit.txt"]).ok();
    let first = line(&home, "kit.txt");
    assert_eq!(fs::metadata(home.path().join("kit.txt")).expect("a kit").mode() & 0o777, 0o600);
    let _ = transcript.run(&home, &["recovery", "create", "kit.txt"]).with_code(4);
    assert_eq!(line(&home, "kit.txt"), first, "it was left alone");
    let _ = transcript.run(&home, &["recovery", "create", "missing/kit.txt"]).with_code(2);
    let _ = transcript.run(&home, &["recovery"]).ok();
    let _ = transcript.run(&home, &["recovery", "test", "kit.txt"]).ok();
    let _ = transcript.run(&home, &["recovery"]).ok();
    let _ = transcript.run(&home, &["recovery", "--json"]).ok().json();
    fs::write(home.path().join("letter.txt"), "Dear reader").expect("a file");
    let _ = transcript.run(&home, &["recovery", "test", "letter.txt"]).with_code(5);
    let _ = transcript.run(&home, &["recovery", "test", "nowhere.txt"]).with_code(2);
    // A newer one takes its place, typed from paper.
    let _ = home.cli(["recovery", "create", "newer.txt"]).ok();
    let typed = format!("  {}\n", line(&home, "newer.txt").to_lowercase());
    let _ = transcript.run_with(&home, &["recovery", "test", "-"], &typed).ok();
    let _ = transcript.run(&home, &["recovery", "test", "kit.txt"]).with_code(5);
    transcript.check("recovery", &home);
    // Nobody else has it: neither the database nor the owner's log.
    let found = home.files_with(&search::disguises(&first));
    assert_eq!(found, [home.path().join("kit.txt").display().to_string()]);
}

#[test]
fn a_kit_puts_a_lost_key_back() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli(["recovery", "create", "kit.txt"]).ok();
    let _ = home.cli(["recovery", "test", "kit.txt"]).ok();
    let key = home.vault_keys();
    home.end_owner();
    home.delete_vault_keys();
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).with_code(10);
    let _ = transcript.run(&home, &["unlock"]).with_code(10);
    assert_eq!(home.vault_keys(), [""; 0], "no other key was made");
    let _ = transcript.run(&home, &["unlock", "--recovery", "kit.txt"]).ok();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    transcript.check("key-put-back", &home);
    assert_eq!(home.vault_keys(), key);
    home.end_owner();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
}

#[test]
fn a_kit_stands_in_for_a_forgotten_passphrase() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli(["recovery", "create", "kit.txt"]).ok();
    let _ = home.cli(["recovery", "test", "kit.txt"]).ok();
    let words = b"ember hearth kettle slate willow\n";
    let _ = home.cli_with_input(["passphrase", "set", "--without-keychain"], words).ok();
    home.end_owner();
    let kit = fs::read(home.path().join("kit.txt")).expect("a kit");
    let _ = home.cli_with_input(["unlock", "--recovery", "-"], &kit).ok();
    // A new kit needs one of both as well.
    let _ = home.cli(["recovery", "create", "newer.txt"]).with_code(2);
    let _ = home.cli_with_input(["recovery", "create", "newer.txt"], words).ok();
    let both = home.cli(["passphrase", "set", "--recovery", "-"]).with_code(2);
    assert!(both.stderr.contains("--recovery: a file was expected"), "{}", both.stderr);
    let removed = home.cli(["passphrase", "remove", "--recovery", "kit.txt"]).ok();
    assert!(removed.stdout.contains("The keychain alone has the key"), "{}", removed.stdout);
    home.end_owner();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    assert_eq!(home.vault_keys().len(), 1);
}

#[test]
fn replaced_keys_change_nothing_else() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.connect(&home, "Ben", BEN);
    let (list, key) = (home.cli(["list", "--json"]).ok().stdout, home.vault_keys());
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["rotate"]).ok();
    assert_eq!(home.cli(["list", "--json"]).ok().stdout, list);
    let _ = transcript.run(&home, &["rotate", "--json"]).ok().json();
    let newer = home.vault_keys();
    assert_eq!((key.len(), newer.len()), (1, 1));
    assert!(key[0].starts_with("ks1;g=1:"), "the first generation");
    assert!(
        newer[0].starts_with("ks1;g=3:") && newer[0].matches("g=").count() == 1,
        "the third, and no other"
    );
    for name in ["Anna", "Ben"] {
        let _ = home.cli(["request", name, "/api/profile"]).ok();
    }
    home.end_owner();
    for name in ["Anna", "Ben"] {
        let _ = home.cli(["request", name, "/api/profile"]).ok();
    }
    transcript.check("rotate", &home);
}
