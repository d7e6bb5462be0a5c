//! At a terminal: what is asked there, and that nothing is done before the answer.

use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{Home, SandboxProcess};
use std::fs;

const WORDS: &str = "ember hearth kettle slate willow";

#[test]
fn passphrases_are_asked_for_and_new_ones_twice() {
    let home = Home::start();
    let differ = home.cli_at_terminal(&["passphrase", "set"], &[WORDS, "ember hearth kettle slate wilow"]);
    let differ = differ.with_code(2).stdout;
    assert!(differ.contains("New passphrase: ") && differ.contains("The same once more: "), "{differ}");
    assert!(differ.contains("the two are not the same; nothing was changed"), "{differ}");
    let set = home.cli_at_terminal(&["passphrase", "set"], &[WORDS, WORDS]).ok().stdout;
    assert!(set.contains("The passphrase is set."), "{set}");
    let _ = home.cli(["lock"]).ok();
    let wrong = home.cli_at_terminal(&["unlock"], &["not the right one at all"]).with_code(5).stdout;
    assert!(
        wrong.contains("Passphrase: ") && wrong.contains("that is not this vault's passphrase"),
        "{wrong}"
    );
    let _ = home.cli(["list"]).with_code(13);
    let unlocked = home.cli_at_terminal(&["unlock"], &[WORDS]).ok().stdout;
    assert!(unlocked.contains("Unlocked."), "{unlocked}");
    let _ = home.cli(["list"]).ok();
}

#[test]
fn an_import_is_shown_before_it_is_asked_about() {
    let (home, there, sandbox) = (Home::start(), Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli_at_terminal(&["export", "anna.age"], &[WORDS, WORDS]).ok();
    let shown = home.cli_at_terminal(&["export", "-"], &[]).with_code(2).stdout;
    assert!(shown.contains("an encrypted file is not for the terminal"), "{shown}");
    fs::copy(home.path().join("anna.age"), there.path().join("anna.age")).expect("a copy");
    let declined = there.cli_at_terminal(&["import", "anna.age"], &[WORDS, "n"]).ok().stdout;
    let (table, question) = declined.split_once("Add 1 connection? [Y/n]").expect("a question");
    assert!(table.contains("anna@studio-nord.example") && table.contains("1 new."), "{declined}");
    assert!(question.contains("Nothing was added."), "{declined}");
    assert!(there.cli(["list"]).ok().stdout.starts_with("Nothing is connected yet"));
    let added = there.cli_at_terminal(&["import", "anna.age"], &[WORDS, ""]).ok().stdout;
    assert!(added.contains("1 added."), "{added}");
    let _ = there.cli(["request", "Anna", "/api/profile"]).ok();
    let again = there.cli_at_terminal(&["import", "anna.age"], &[WORDS]).ok().stdout;
    assert!(again.contains("0 new, 1 here already.") && !again.contains("[Y/n]"), "{again}");
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    let home = Home::start();
    let _ = home.cli(["workspaces", "add", "Work"]).ok();
    let remove = ["workspaces", "remove", "work"];
    let mistyped = home.cli_at_terminal(&remove, &["Wrok"]).with_code(2).stdout;
    assert!(mistyped.contains("Work goes for good, with 0 connections."), "{mistyped}");
    assert!(mistyped.contains("Type \"Work\" to remove it:"), "{mistyped}");
    let given_up = home.cli_at_terminal(&remove, &["\u{4}"]).with_code(130).stdout;
    assert!(given_up.contains("Cancelled."), "{given_up}");
    assert_eq!(home.cli(["workspaces"]).ok().stdout.lines().count(), 3);
    let removed = home.cli_at_terminal(&remove, &["Work"]).ok().stdout;
    assert!(removed.contains("Work is removed"), "{removed}");
    assert_eq!(home.cli(["workspaces"]).ok().stdout.lines().count(), 2);

    home.end_owner();
    let before = fs::read(home.profile().join("vault.db")).expect("a database");
    for answer in ["", "n", "what?"] {
        let kept = home.cli_at_terminal(&["doctor", "--restore"], &[answer]).ok().stdout;
        assert!(kept.contains("[y/N]") && kept.contains("Nothing was changed."), "{kept}");
    }
    assert_eq!(fs::read(home.profile().join("vault.db")).expect("a database"), before);
}
