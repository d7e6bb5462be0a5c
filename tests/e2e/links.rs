//! The app's own addresses, handed over by the system's real programs: to the app that runs, to one that has to be started
//! first, while it is locked, and while `hearthkey serve` owns the profile.

use crate::desktop::Desk;
use crate::x11::Screen;
use hearthkey_tests::process::{self, Stream};
use hearthkey_tests::{Home, Output, Process, SandboxProcess, browse, http, programs, wait};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const WORDS: &str = "ember hearth kettle slate willow";

/// The programs that open addresses: GNOME's, and what every browser calls.
const OPENERS: [&[&str]; 2] = [&["gio", "open"], &["xdg-open"]];

/// The desktop entry that the packages install, for the app that was built.
fn install(desk: &Desk) -> PathBuf {
    install_program(desk, &programs::desktop())
}

/// The same, with a script in front of the app that notes in a file when the app it started has ended.
fn install_noting_ends(desk: &Desk) -> PathBuf {
    let (script, ends) = (desk.home.path().join("app"), desk.home.path().join("ends"));
    let app = programs::desktop();
    let text = format!("#!/bin/sh\n'{}' \"$@\"\necho $? >> '{}'\n", app.display(), ends.display());
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("it can be run");
    install_program(desk, &script);
    ends
}

fn install_program(desk: &Desk, program: &Path) -> PathBuf {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../src-tauri/linux/hearthkey.desktop");
    let mut entry = fs::read_to_string(template).expect("a template");
    let program = program.display().to_string();
    for (place, text) in [
        ("{{name}}", "Hearthkey"),
        ("{{comment}}", "Keys at home"),
        ("{{exec}}", program.as_str()),
        ("{{icon}}", "hearthkey-desktop"),
        ("{{categories}}", "Office;"),
    ] {
        entry = entry.replace(place, text);
    }
    assert!(!entry.contains("{{"), "{entry}");
    let applications = desk.home.path().join("data/applications");
    let file = applications.join("hearthkey.desktop");
    fs::write(&file, entry).expect("an application");
    for mut command in
        [desk.home.command("desktop-file-validate"), desk.home.command("update-desktop-database")]
    {
        let about = if command.get_program() == "desktop-file-validate" { &file } else { &applications };
        let said = command.arg(about).output().expect("it runs");
        assert!(said.status.success() && said.stdout.is_empty(), "{said:?}");
    }
    let mut set = desk.home.command("xdg-mime");
    let set = set.args(["default", "hearthkey.desktop", "x-scheme-handler/app.hearthkey"]).status();
    assert!(set.expect("it runs").success());
    file
}

fn sandbox() -> SandboxProcess {
    SandboxProcess::start(&["--auto-approve"])
}

/// Begins a sign-in that returns to the app, and gives the address at which the browser ends.
fn begin(home: &Home, sandbox: &SandboxProcess, label: &str) -> (Process, String) {
    let base = format!("base_url={}", sandbox.base());
    let words = ["connect", "sandbox", "--value", &base, "--label", label, "--second", "--way", "deep-link"];
    let process = home.spawn_cli(words.into_iter().chain(["--no-browser"]));
    let sent_on = http::get(&browse::address(&process)).expect("a reply").location.expect("an address");
    assert!(sent_on.starts_with("app.hearthkey:/oauth/callback?"), "{sent_on}");
    (process, sent_on)
}

/// Has the system open an address.
fn open(desk: &Desk, opener: &[&str], address: &str) {
    let mut command = desk.command(PathBuf::from(opener[0]));
    // The app lives on with what it inherits.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let opened = command.args(&opener[1..]).arg(address).status().expect("it runs");
    assert!(opened.success(), "{opener:?}: {opened}");
}

/// What the token endpoint was asked for.
fn exchanges(sandbox: &SandboxProcess) -> usize {
    sandbox.journal().iter().filter(|entry| entry.path == "/token").count()
}

fn until_listed(home: &Home, label: &str) {
    wait::until_true(format_args!("{label} to be connected"), || {
        let list = home.cli(["list", "--json"]).ok().json();
        list["connections"].as_array().is_some_and(|rows| rows.iter().any(|row| row["label"] == label))
    });
}

#[test]
fn the_app_that_runs_gets_the_address_and_shows_itself() {
    let (desk, sandbox, screen) = (Desk::new(), sandbox(), Screen::open());
    let ends = install_noting_ends(&desk);
    let app = desk.start();
    screen.wait_window(app.id());
    let mut opened = 0;
    // Has the system open an address, and waits until the app that was started for it has ended.
    let mut open_to_the_end = |opener: &[&str], address: &str| {
        open(&desk, opener, address);
        opened += 1;
        wait::until_true("the app that was started for an address to end", || {
            let ended = fs::read_to_string(&ends).unwrap_or_default();
            assert!(ended.lines().all(|code| code == "0"), "{ended}");
            ended.lines().count() == opened
        });
    };
    for opener in OPENERS {
        let label = opener[0];
        let (process, link) = begin(&desk.home, &sandbox, label);
        screen.close(app.id());
        open_to_the_end(opener, &link);
        let connected = Output::of(process.finish()).ok();
        assert!(connected.stdout.contains("Connected as anna@studio-nord.example"), "{}", connected.stdout);
        screen.wait_window(app.id());
        assert_eq!(desk.home.owner(), Some(app.id()), "the one that ran owns the profile");
        // Once more, and what was never one: nothing happens.
        for useless in
            [link.as_str(), "app.hearthkey:/anything", "app.hearthkey:/oauth/callback?code=x&state=y"]
        {
            let before = exchanges(&sandbox);
            open_to_the_end(opener, useless);
            assert_eq!(exchanges(&sandbox), before);
        }
    }
    let program = programs::desktop().canonicalize().expect("the app");
    let mut left = process::processes_of(desk.home.path());
    left.retain(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program));
    assert_eq!(left, [app.id()], "each of those that were started for an address has ended");
    assert_eq!(exchanges(&sandbox), OPENERS.len());
    let said = app.said();
    assert!(!said.contains("code="), "{said}");
}

#[test]
fn the_app_is_started_by_the_address() {
    for opener in OPENERS {
        let (desk, sandbox, screen) = (Desk::new(), sandbox(), Screen::open());
        install(&desk);
        let app = desk.start();
        screen.wait_window(app.id());
        let (waiting, link) = begin(&desk.home, &sandbox, "Cold");
        // The computer was restarted in between, say.
        process::kill(waiting.id());
        drop(waiting);
        desk.home.end_owner();
        drop(app);
        // `xdg-open` stays until the app ends that it starts.
        let mut command = desk.command(PathBuf::from(opener[0]));
        command.args(&opener[1..]).arg(&link);
        let _opening = Process::start(command);
        let started = wait::until("the app to be started", || desk.home.owner());
        screen.wait_window(started);
        until_listed(&desk.home, "Cold");
        assert_eq!(desk.home.owner(), Some(started), "it is the app that owns the profile");
        assert_eq!(exchanges(&sandbox), 1);
    }
}

#[test]
fn while_locked_the_address_waits() {
    let (desk, sandbox, screen) = (Desk::new(), sandbox(), Screen::open());
    install(&desk);
    let app = desk.start();
    screen.wait_window(app.id());
    let _ = desk.home.cli_with_input(["passphrase", "set"], WORDS.as_bytes()).ok();
    let (process, link) = begin(&desk.home, &sandbox, "Later");
    let _ = desk.home.cli(["lock"]).ok();
    open(&desk, OPENERS[0], &link);
    let told =
        process.line(Stream::Err, "why it waits", |line| line.contains("unlock").then(|| line.to_owned()));
    assert_eq!(told, "The answer is here. It goes on once you unlock: hearthkey unlock");
    assert_eq!(exchanges(&sandbox), 0);
    let _ = desk.home.cli_with_input(["unlock"], WORDS.as_bytes()).ok();
    let _ = Output::of(process.finish()).ok();
    assert_eq!(exchanges(&sandbox), 1);
}

#[test]
fn an_owner_without_a_window_gives_way_to_the_app_that_the_address_starts() {
    let (desk, sandbox, screen) = (Desk::new(), sandbox(), Screen::open());
    install(&desk);
    let serve = desk.home.spawn_cli(["serve"]);
    let _ = serve.line(Stream::Err, "that it serves", |line| Some(line.to_owned()));
    let (process, link) = begin(&desk.home, &sandbox, "Handed over");
    open(&desk, OPENERS[0], &link);
    let connected = Output::of(process.finish()).ok();
    assert!(connected.stdout.contains("Connected as"), "{}", connected.stdout);
    let _ = Output::of(serve.finish()).ok();
    let owner = desk.home.owner().expect("an owner");
    screen.wait_window(owner);
}

#[test]
fn the_app_registers_itself_once() {
    let desk = Desk::new();
    let screen = Screen::open();
    let entry = desk.home.path().join("data/applications/hearthkey-desktop-handler.desktop");
    let app = desk.start();
    screen.wait_window(app.id());
    wait::until_true("the app to be registered", || entry.exists());
    let text = fs::read_to_string(&entry).expect("an entry");
    assert!(text.contains("%u") && text.contains("x-scheme-handler/app.hearthkey"), "{text}");
    desk.home.end_owner();
    drop(app);
    // What is there is left alone, also where it was changed.
    let changed = format!("{text}\nX-Mine=1\n");
    fs::write(&entry, &changed).expect("an entry");
    let app = desk.start();
    screen.wait_window(app.id());
    desk.home.end_owner();
    drop(app);
    assert_eq!(fs::read_to_string(&entry).expect("an entry"), changed);

    // Nor is a second one made beside that of the package.
    let desk = Desk::new();
    install(&desk);
    let app = desk.start();
    screen.wait_window(app.id());
    desk.home.end_owner();
    drop(app);
    assert!(!desk.home.path().join("data/applications/hearthkey-desktop-handler.desktop").exists());
}

#[test]
fn what_the_app_is_started_with_is_understood_or_refused() {
    let desk = Desk::new();
    let run = |words: &[&str]| {
        let mut command = desk.command(programs::desktop());
        command.args(words);
        Output::of(Process::start(command).finish())
    };
    assert!(run(&["--help"]).ok().stdout.contains("Usage: hearthkey-desktop [--profile DIR]"));
    assert!(run(&["--version"]).ok().stdout.starts_with("hearthkey-desktop "));
    for words in [
        &["https://evil.example/?code=secret-word"][..],
        &["app.hearthkey:/a?code=secret-word", "b"],
        &["--profile"],
    ] {
        let refused = run(words).with_code(2);
        assert!(!refused.stderr.contains("secret-word"), "{}", refused.stderr);
    }
    assert_eq!(desk.home.owner(), None);
    assert!(!desk.home.profile().exists());
}
