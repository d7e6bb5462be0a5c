//! Locking: what is left of the window, the ways back in, and what the tray says.

use crate::browser::{Browser, testid};
use crate::desktop::{Desk, row};
use crate::tray::Panel;
use crate::x11::Screen;
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{SandboxProcess, search, wait};
use std::fs;

const WORDS: &str = "ember hearth kettle slate willow";

/// What of a connection or its workspace is to be seen in the page, its text or its attributes.
fn traces(window: &Browser) -> Vec<&'static str> {
    let page = window.look("return document.documentElement.outerHTML", vec![]).to_string();
    ["Anna", "anna@", "Sandbox", "127.0.0.1", "Personal", WORDS]
        .into_iter()
        .filter(|word| page.contains(word))
        .collect()
}

/// Ends the app with its window, and opens both anew.
fn restart(desk: &Desk, window: Browser) -> Browser {
    drop(window);
    wait::until_true("the app to end", || desk.home.owner().is_none());
    desk.window()
}

#[test]
fn a_locked_window_shows_nothing_until_the_passphrase() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Anna", ANNA);
    window.wait(&row("Anna", "active"));
    let _ = desk.home.cli_with_input(["passphrase", "set"], WORDS.as_bytes()).ok();
    // Whoever sets it is in.
    window.wait(&row("Anna", "active"));
    assert_eq!(window.count(&testid("lock-screen")), 0);

    let window = restart(&desk, window);
    window.sees("main h1", "Hearthkey is locked");
    window.sees(&testid("lock-background"), "Background work goes on.");
    window.wait(&testid("unlock-passphrase"));
    assert_eq!(traces(&window), [""; 0]);
    let focused = "return document.activeElement?.dataset.testid ?? ''";
    assert_eq!(window.look(focused, vec![]), "unlock-passphrase");

    window.fill(&testid("unlock-passphrase"), "not the right one at all");
    window.click(&testid("unlock-button"));
    window.wait("input[aria-invalid=\"true\"]");
    window.sees("form", "That is not the passphrase.");
    assert_eq!(traces(&window), [""; 0]);

    window.fill(&testid("unlock-passphrase"), WORDS);
    window.click(&testid("unlock-button"));
    window.wait(&row("Anna", "active"));
    assert_eq!(window.count(&testid("lock-screen")), 0);
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"true\"]", testid("test-result")));

    window.click(&testid("lock-button"));
    window.wait(&testid("lock-screen"));
    window.sees(&testid("lock-background"), "Background work has stopped until you unlock.");
    assert_eq!(traces(&window), [""; 0]);
    let refused = desk.home.cli(["request", "Anna", "/api/profile"]).with_code(13);
    assert!(refused.stderr.contains("locked"), "{}", refused.stderr);

    // Who unlocks elsewhere unlocks here.
    let _ = desk.home.cli_with_input(["unlock"], WORDS.as_bytes()).ok();
    window.wait(&row("Anna", "active"));
    assert_eq!(desk.home.files_with(&search::disguises(WORDS)), [""; 0]);
}

#[test]
fn a_lost_key_is_put_back_with_the_kit() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Anna", ANNA);
    let _ = desk.home.cli(["recovery", "create", "kit.txt"]).ok();
    window.wait(&format!("{}[data-advice=\"untested-kit\"]", testid("safety-notice")));
    let _ = desk.home.cli(["recovery", "test", "kit.txt"]).ok();
    window.wait_gone(&testid("safety-notice"));
    drop(window);
    wait::until_true("the app to end", || desk.home.owner().is_none());
    desk.home.delete_vault_keys();

    let window = desk.window();
    window.sees(&testid("vault-banner"), "The key of this vault is not in the keychain");
    window.wait(&row("Anna", "active"));
    window.click(&testid("vault-unlock-kit"));
    // The whole page, with its lines, as a person pastes it.
    let kit = fs::read_to_string(desk.home.path().join("kit.txt")).expect("a kit");
    window.wait(&testid("unlock-kit"));
    let paste = "const field = document.querySelector('[data-testid=\"unlock-kit\"]');
        field.value = arguments[0];
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    window.run(paste, vec![kit.into()]);
    window.click(&testid("dialog-submit"));
    window.wait_gone(&testid("vault-banner"));
    window.wait_gone("[role=\"dialog\"]");
    assert_eq!(desk.home.vault_keys().len(), 1, "the keychain has it again");
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"true\"]", testid("test-result")));
}

#[test]
fn the_tray_locks_and_says_so() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let (panel, screen) = (Panel::open(&desk.home), Screen::open());
    let app = desk.start();
    screen.wait_window(app.id());
    let says = |entries: &[&str]| {
        wait::until_true(format_args!("the tray to say {entries:?}"), || panel.entries() == entries);
    };
    sandbox.connect(&desk.home, "Anna", ANNA);
    says(&["Open Hearthkey", "Lock", "Quit"]);
    panel.click("Lock");
    says(&["Locked", "Open Hearthkey", "Quit"]);
    let _ = desk.home.cli(["list"]).with_code(13);
    let _ = desk.home.cli(["unlock"]).ok();
    says(&["Open Hearthkey", "Lock", "Quit"]);

    // With a passphrase every start begins locked, and the background works meanwhile.
    let _ = desk.home.cli_with_input(["passphrase", "set"], WORDS.as_bytes()).ok();
    panel.click("Quit");
    let _ = hearthkey_tests::Output::of(app.finish()).ok();
    let app = desk.start();
    screen.wait_window(app.id());
    says(&["Locked; background work goes on", "Open Hearthkey", "Quit"]);
    let _ = desk.home.cli_with_input(["unlock"], WORDS.as_bytes()).ok();
    says(&["Open Hearthkey", "Lock", "Quit"]);
}

#[test]
fn another_workspace_is_another_window() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Anna", ANNA);
    window.wait(&row("Anna", "active"));
    window.click(&testid("workspace-menu"));
    window.click(&testid("workspace-add"));
    window.fill(&testid("field-name"), "Studio");
    window.click(&testid("dialog-submit"));
    window.sees(&testid("workspace-menu"), "Studio");
    window.wait(&testid("first-run"));
    assert_eq!(window.count(&testid("connection-row")), 0);
    let listed = desk.home.cli(["list", "--json"]).ok().json();
    assert_eq!(listed["connections"], serde_json::json!([]));
    window.click(&testid("workspace-menu"));
    window.click(&format!("{}[aria-checked=\"false\"]", testid("workspace-choice")));
    window.wait(&row("Anna", "active"));
    window.sees(&testid("workspace-menu"), "Personal");
}
