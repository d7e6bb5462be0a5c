//! The passphrase: beside the keychain, in its place, and where there is none.

use crate::Transcript;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, SandboxProcess, search};

const WORDS: &str = "ember hearth kettle slate willow";
const OTHER: &str = "copper lantern moss otter thistle";

#[test]
fn a_passphrase_is_asked_for_by_every_new_owner() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let mut transcript = Transcript::default();
    let _ = transcript.run_with(&home, &["passphrase", "set"], "too short\n").with_code(2);
    let _ = transcript.run_with(&home, &["passphrase", "set"], "").with_code(2);
    let _ = transcript.run_with(&home, &["passphrase", "remove"], WORDS).with_code(2);
    let _ = transcript.run_with(&home, &["passphrase", "set"], WORDS).ok();
    // Whoever sets it is in.
    let _ = transcript.run(&home, &["list"]).ok();
    assert_eq!(home.vault_keys().len(), 1, "the keychain has the key as well");
    let _ = transcript.run(&home, &["lock", "--after", "60"]).ok();

    home.end_owner();
    let _ = transcript.run(&home, &["list"]).with_code(13);
    let _ = transcript.run_with(&home, &["unlock"], "not the right one at all\n").with_code(5);
    let _ = transcript.run_with(&home, &["unlock"], "").with_code(2);
    let _ = transcript.run(&home, &["list"]).with_code(13);
    let _ = transcript.run_with(&home, &["unlock"], &format!("{WORDS}\nother lines do not count\n")).ok();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();

    let change = ["passphrase", "set"];
    let _ = transcript.run_with(&home, &change, &format!("{OTHER}\n{OTHER}\n")).with_code(5);
    let _ = transcript.run_with(&home, &change, &format!("{WORDS}\n")).with_code(2);
    let _ = transcript.run_with(&home, &change, &format!("{WORDS}\n{OTHER}\n")).ok();
    let _ = transcript.run(&home, &["lock"]).ok();
    let _ = transcript.run_with(&home, &["unlock"], WORDS).with_code(5);
    let _ = transcript.run_with(&home, &["unlock"], OTHER).ok();
    let _ = transcript.run_with(&home, &["passphrase", "remove"], OTHER).ok();
    home.end_owner();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    transcript.check("passphrase", &home);

    let needles: Vec<_> = [WORDS, OTHER].into_iter().flat_map(search::disguises).collect();
    assert_eq!(home.files_with(&needles), [""; 0]);
}

#[test]
fn without_the_keychain_nothing_opens_before_the_passphrase() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    assert_eq!(home.vault_keys().len(), 1);
    let set = home.cli_with_input(["passphrase", "set", "--without-keychain"], WORDS.as_bytes()).ok();
    assert!(set.stdout.contains("The keychain does not have the key"), "{}", set.stdout);
    assert_eq!(home.vault_keys(), [""; 0], "the item is really gone");
    home.end_owner();
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).with_code(13);
    let _ = transcript.run(&home, &["doctor"]).ok();
    let _ = transcript.run_with(&home, &["unlock"], WORDS).ok();
    let _ = transcript.run(&home, &["request", "Anna", "/api/profile"]).ok();
    let _ = transcript.run(&home, &["doctor"]).ok();
    assert_eq!(home.vault_keys(), [""; 0]);
    // A file with every secret is not for whoever finds Hearthkey open.
    let recipient = "age1pfljf9vd302a9ffwlvsrawvws0vlcles34386ctzs2ulwhkfvdtqcmrdk8";
    let export = ["export", "all.age", "--to", recipient];
    let _ = transcript.run(&home, &export).with_code(2);
    let _ = transcript.run_with(&home, &export, OTHER).with_code(5);
    assert!(!home.path().join("all.age").exists());
    let _ = transcript.run_with(&home, &export, WORDS).ok();
    // And back.
    let _ = transcript.run_with(&home, &["passphrase", "remove"], WORDS).ok();
    transcript.check("without-keychain", &home);
    let keys = home.vault_keys();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].matches("g=").count(), 1, "one generation");
    home.end_owner();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
}

#[test]
fn where_there_is_no_keychain_a_passphrase_founds_the_vault() {
    let (home, sandbox) = (Home::without_keychain(), SandboxProcess::start(&[]));
    let mut transcript = Transcript::default();
    let _ = transcript.run_with(&home, &["passphrase", "set"], WORDS).with_code(9);
    let _ = transcript.run(&home, &["recovery"]).with_code(9);
    let _ = transcript.run(&home, &["workspaces"]).ok();
    let _ = transcript.run_with(&home, &["passphrase", "set", "--without-keychain"], WORDS).ok();
    transcript.check("founded-by-passphrase", &home);
    sandbox.connect(&home, "Anna", ANNA);
    home.end_owner();
    let serve = home.spawn_cli(["serve"]);
    let said = serve.line(Stream::Err, "that it is locked", |line| {
        (!line.starts_with("Hearthkey serves")).then(|| line.to_owned())
    });
    assert_eq!(said, "It is locked. To unlock it: hearthkey unlock");
    let _ = home.cli(["list"]).with_code(13);
    let _ = home.cli_with_input(["unlock"], WORDS.as_bytes()).ok();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
}

#[test]
fn an_owner_with_a_passphrase_says_that_it_is_locked() {
    let home = Home::start();
    // On a new profile, before anything was connected.
    let _ = home.cli_with_input(["passphrase", "set"], WORDS.as_bytes()).ok();
    assert_eq!(home.vault_keys().len(), 1, "one vault was founded, and no other key is left");
    home.end_owner();
    let serve = home.spawn_cli(["serve"]);
    let said = serve.line(Stream::Err, "that it is locked", |line| {
        (!line.starts_with("Hearthkey serves")).then(|| line.to_owned())
    });
    assert_eq!(said, "It is locked; background work goes on. To unlock it: hearthkey unlock");
    assert_eq!(home.cli(["unlock", "--recovery", "/nowhere/kit.txt"]).with_code(2).stdout, "");
    let kit = home.cli_with_input(["unlock", "--recovery", "-"], b"no kit at all\n").with_code(5);
    assert!(kit.stderr.contains("that recovery kit is not of this vault"), "{}", kit.stderr);
}
