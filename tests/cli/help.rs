//! What every command says about itself, and what cannot be understood at all. None of it needs an owner of the profile.

use crate::Transcript;
use hearthkey_tests::{Home, KeychainState};

#[test]
fn every_command_explains_itself() {
    let home = Home::with(KeychainState::NoSession);
    let mut transcript = Transcript::default();
    let overview = transcript.run(&home, &["--help"]).ok().stdout;
    let commands = commands(&overview);
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let help = transcript.run(&home, &[command, "--help"]).ok().stdout;
        for of_command in self::commands(&help) {
            let _ = transcript.run(&home, &[command, of_command, "--help"]).ok();
        }
    }
    transcript.check("help", &home);
    assert_eq!(home.owner(), None, "help needs no owner");
    assert!(!home.profile().exists(), "and makes no profile");
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<&str> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A command's own line is indented by two; what goes on below it, by more.
    let named = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").collect()
}

#[test]
fn what_cannot_be_understood_is_said_before_anything_starts() {
    let home = Home::with(KeychainState::NoSession);
    let mut transcript = Transcript::default();
    for arguments in [
        &["conect"][..],
        &["connect"],
        &["connect", "sandbox", "--value", "base_url"],
        &["request", "Sandbox"],
        &["request", "Sandbox", "/", "-H", "nonsense"],
        &["request", "Sandbox", "/", "-X", "TRACE"],
        &["serve", "--idle-exit", "soon"],
        &["passphrase", "set", "--passphrase", "there is no such option"],
        &["passphrase"],
        &["recovery", "create"],
        &["workspaces", "rename", "Work"],
        &["doctor", "--yes"],
    ] {
        let _ = transcript.run(&home, arguments).with_code(2);
    }
    transcript.check("not-understood", &home);
    assert_eq!(home.owner(), None);
    assert!(!home.profile().exists());
}

#[test]
fn completions_are_a_script_of_the_shell() {
    let home = Home::with(KeychainState::NoSession);
    for (shell, sign) in
        [("bash", "complete -F _hearthkey"), ("zsh", "#compdef hearthkey"), ("fish", "complete -c hearthkey")]
    {
        let script = home.cli(["completions", shell]).ok().stdout;
        assert!(
            script.contains(sign) && script.contains("disconnect") && script.contains("without-keychain"),
            "{shell}:\n{script}"
        );
    }
    assert!(!home.profile().exists());
}
