//! Locking: nobody comes in, and every command says the way back.

use crate::Transcript;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{Home, SandboxProcess};
use std::fs;

const HINT: &str =
    "error: Hearthkey is locked\nhint: Unlock Hearthkey in its window, or with: hearthkey unlock\n";

#[test]
fn a_locked_hearthkey_lets_no_command_in_until_it_is_unlocked() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.control().clear_journal();
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["lock"]).ok();
    let _ = transcript.run(&home, &["list"]).with_code(13);
    let _ = transcript.run(&home, &["list", "--json"]).with_code(13);
    fs::write(home.path().join("some.age"), "any").expect("a file");
    for arguments in [
        &["show", "Anna"][..],
        &["test", "Anna"],
        &["request", "Anna", "/api/profile"],
        &["rename", "Anna", "Another"],
        &["disconnect", "Anna", "--now"],
        &["restore", "Anna"],
        &["services"],
        &["connect", "sandbox", "--no-browser"],
        &["connect", "stripe"],
        &["lock", "--after", "5"],
        &["rotate"],
        &["passphrase", "set"],
        &["passphrase", "set", "--without-keychain"],
        &["passphrase", "remove"],
        &["recovery"],
        &["recovery", "create", "kit.txt"],
        &["recovery", "test", "some.age"],
        &["export", "all.age", "--all-workspaces"],
        &["import", "some.age"],
        &["import", "some.age", "--dry-run"],
        &["workspaces"],
        &["workspaces", "add", "Work"],
        &["workspaces", "rename", "Personal", "Work"],
        &["workspaces", "switch", "Personal"],
        &["workspaces", "remove", "Personal", "--confirm", "Personal"],
    ] {
        let refused = home.cli_with_input(arguments, b"rk_test_0123456789abcdef\n").with_code(13);
        assert_eq!((refused.stderr.as_str(), refused.stdout.as_str()), (HINT, ""), "{arguments:?}");
    }
    for file in ["kit.txt", "all.age"] {
        assert!(!home.path().join(file).exists(), "{file}");
    }
    assert_eq!(sandbox.journal().len(), 0, "nothing is asked of the service");
    let _ = transcript.run(&home, &["doctor"]).ok();
    let _ = transcript.run(&home, &["lock"]).ok();
    let _ = transcript.run(&home, &["unlock", "--json"]).ok().json();
    let _ = transcript.run(&home, &["unlock"]).ok();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    let _ = transcript.run(&home, &["lock", "--json"]).ok().json();
    // A workspace that is not there any more is not in the way.
    let _ = transcript.run(&home, &["--workspace", "Gone", "unlock"]).ok();
    for arguments in [&["lock", "--after", "30"][..], &["lock", "--after", "never"]] {
        let _ = transcript.run(&home, arguments).ok();
    }
    for minutes in ["0", "1441", "soon"] {
        let _ = transcript.run(&home, &["lock", "--after", minutes]).with_code(2);
    }
    transcript.check("locked", &home);
}

#[test]
fn a_keychain_that_is_locked_is_waited_for_and_named() {
    let (mut home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    home.end_owner();
    home.lock_keychain();
    let mut transcript = Transcript::default();
    // There is nobody here who could show its prompt.
    let _ = transcript.run(&home, &["unlock"]).with_code(9);
    home.open_keychain();
    let _ = transcript.run(&home, &["unlock"]).ok();
    let _ = transcript.run(&home, &["unlock"]).ok();
    transcript.check("keychain-prompt", &home);
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
}

#[test]
fn an_owner_says_at_its_start_what_is_not_open() {
    let (mut home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    home.end_owner();
    home.lock_keychain();
    let serve = home.spawn_cli(["serve"]);
    let said = serve.line(hearthkey_tests::process::Stream::Err, "what is not open", |line| {
        (!line.starts_with("Hearthkey serves")).then(|| line.to_owned())
    });
    assert_eq!(
        said,
        "The vault is not open: the keychain is locked. Unlock the keychain of your account, then try again."
    );
}
