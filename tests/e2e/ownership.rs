//! One profile, one process: second starts, a headless owner that gives way, a closed window, the tray.

use crate::browser::testid;
use crate::desktop::{Desk, row};
use crate::tray::Panel;
use crate::x11::Screen;
use hearthkey_tests::browse::{self, ANNA};
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Output, Process, SandboxProcess, http, wait};

#[test]
fn closing_the_window_keeps_the_app_and_the_tray_brings_it_back() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let (panel, screen) = (Panel::open(&desk.home), Screen::open());
    let app = desk.start();
    screen.wait_window(app.id());
    sandbox.connect(&desk.home, "Anna", ANNA);
    assert_eq!(desk.home.owner(), Some(app.id()));

    screen.close(app.id());
    let _ = desk.home.cli(["request", "Anna", "/api/profile"]).ok();
    assert_eq!(desk.home.owner(), Some(app.id()), "the app goes on without its window");

    assert_eq!(panel.entries(), ["Open Hearthkey", "Lock", "Quit"]);
    panel.click("Open Hearthkey");
    screen.wait_window(app.id());
    // Once more, while it is open: still one window.
    panel.click("Open Hearthkey");
    screen.wait_window(app.id());

    panel.click("Quit");
    let _ = Output::of(app.finish()).ok();
    assert_eq!(desk.home.owner(), None);
    assert!(!desk.home.profile().join("socket").exists());
    // And the profile is in order for whoever comes next.
    let _ = desk.home.cli(["request", "Anna", "/api/profile"]).ok();
}

#[test]
fn a_second_start_shows_the_first_ones_window() {
    let desk = Desk::new();
    let screen = Screen::open();
    let first = desk.start();
    screen.wait_window(first.id());
    screen.close(first.id());
    let second = desk.start();
    let second_id = second.id();
    let ended = Output::of(second.finish()).ok();
    screen.wait_window(first.id());
    assert_eq!(screen.window_of(second_id), None, "{}", ended.stderr);
    assert_eq!(desk.home.owner(), Some(first.id()));
}

#[test]
fn a_headless_owner_gives_way_to_the_app() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let serve = desk.home.spawn_cli(["serve"]);
    let _ = serve.line(Stream::Err, "that it serves", |line| Some(line.to_owned()));
    sandbox.connect(&desk.home, "Anna", ANNA);
    assert_eq!(desk.home.owner(), Some(serve.id()));

    let window = desk.window();
    let _ = Output::of(serve.finish()).ok();
    window.wait(&row("Anna", "active"));
    let owner = desk.home.owner().expect("the app owns the profile");
    let second = desk.home.cli(["serve"]).with_code(11);
    assert!(second.stderr.contains("the desktop app"), "{}", second.stderr);
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"true\"]", testid("test-result")));
    assert_eq!(desk.home.owner(), Some(owner));
}

#[test]
fn a_sign_in_begun_before_the_app_came_ends_in_its_window() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let process = begin(&desk, &sandbox);
    let back = browse::decide(&browse::address(&process), "approve", ANNA);
    let window = desk.window();
    let page = wait::until("the new owner to listen at the old port", || http::get(&back).ok());
    assert_eq!(page.status, 200, "{}", page.body);
    window.wait(&row("Early", "active"));
}

#[test]
fn a_command_that_waits_for_its_sign_in_follows_to_the_app() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let process = begin(&desk, &sandbox);
    let address = browse::address(&process);
    let window = desk.window();
    wait::until_true("the app to own the profile", || {
        desk.home.cli(["serve"]).stderr.contains("the desktop app")
    });
    assert_eq!(browse::approve(&address, ANNA).status, 200);
    let connected = Output::of(process.finish()).ok();
    assert!(connected.stdout.contains("Connected as"), "{}", connected.stdout);
    window.wait(&row("Early", "active"));
}

fn begin(desk: &Desk, sandbox: &SandboxProcess) -> Process {
    let base = format!("base_url={}", sandbox.base());
    desk.home.spawn_cli(["connect", "sandbox", "--value", &base, "--label", "Early", "--no-browser"])
}

#[test]
fn a_killed_app_loses_nothing() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let screen = Screen::open();
    let app = desk.start();
    screen.wait_window(app.id());
    sandbox.connect(&desk.home, "Anna", ANNA);
    assert_eq!(desk.home.crash_owner(), app.id());
    // The command line starts an owner of its own, and the app takes over from that again.
    let _ = desk.home.cli(["request", "Anna", "/api/profile"]).ok();
    let window = desk.window();
    window.wait(&row("Anna", "active"));
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"true\"]", testid("test-result")));
}

#[test]
fn the_app_uses_the_profile_it_is_told_to() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let profile = desk.home.path().join("elsewhere").display().to_string();
    let window = desk.window_with(&[("HEARTHKEY_PROFILE", &profile)]);
    window.click(&testid("connector-card-sandbox"));
    window.fill(&testid("field-base_url"), sandbox.base());
    window.click(&testid("dialog-submit"));
    assert_eq!(browse::approve(&desk.opened(0), ANNA).status, 200);
    window.click(&testid("dialog-done"));
    window.wait(&row("Sandbox", "active"));
    let there = desk.home.cli(["--profile", &profile, "list"]).ok().stdout;
    assert!(there.contains("anna@studio-nord.example"), "{there}");
    assert!(!desk.home.profile().exists(), "the usual one was not touched");
}
