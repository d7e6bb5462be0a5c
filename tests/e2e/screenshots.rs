//! Pictures of the window for people to look at: with `HEARTHKEY_SCREENSHOTS=DIR` they are written there.

use crate::browser::{Browser, testid};
use crate::desktop::{Desk, row};
use hearthkey_tests::browse::{self, ANNA, BEN};
use hearthkey_tests::{Home, SandboxProcess, wait, world};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// The sizes that matter: the one it opens with, and a small one.
const SIZES: [(u32, u32); 2] = [(1240, 800), (SMALL, 600)];
const SMALL: u32 = 900;

struct Album(Option<PathBuf>);

impl Album {
    fn open() -> Self {
        let folder = world::variable("HEARTHKEY_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).expect("a folder for pictures");
        }
        Self(folder)
    }

    /// Takes the window as it is, light and dark, in every size.
    fn take(&self, window: &Browser, name: &str) {
        for (width, height) in SIZES {
            window.resize(width, height);
            if width > SMALL {
                window.run("document.querySelector('main').scrollTop = 0", vec![]);
            }
            let mut other = vec![];
            for theme in ["light", "dark"] {
                window.run("document.documentElement.dataset.theme = arguments[0]", vec![json!(theme)]);
                let colour = "return getComputedStyle(document.body).backgroundColor";
                let shown = window.look(colour, vec![]);
                window.settle();
                let picture = window.screenshot();
                assert_ne!(picture, other, "{name} is the same by day and by night");
                assert!(picture.starts_with(b"\x89PNG"), "a picture");
                assert_eq!(
                    is_dark(shown.as_str().unwrap_or_default()),
                    theme == "dark",
                    "{name} {theme}: {shown}"
                );
                let overflow =
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(
                    window.look(overflow, vec![]),
                    0,
                    "{name} at {width}: nothing leaves the window to the side"
                );
                if let Some(folder) = &self.0 {
                    let file = folder.join(format!("{name}-{width}-{theme}.png"));
                    fs::write(&file, &picture).expect("a folder for pictures");
                }
                other = picture;
            }
        }
    }
}

fn is_dark(colour: &str) -> bool {
    let numbers = colour.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    numbers.take(3).sum::<u32>() < 3 * 128
}

#[test]
fn the_window_follows_the_desktops_colours() {
    for (theme, dark) in [("Adwaita", false), ("Adwaita:dark", true)] {
        let desk = Desk::new();
        let window = desk.window_with(&[("GTK_THEME", theme)]);
        window.wait(&testid("first-run"));
        let shown = window.look("return getComputedStyle(document.body).backgroundColor", vec![]);
        assert_eq!(is_dark(shown.as_str().unwrap_or_default()), dark, "{theme}: {shown}");
    }
}

#[test]
fn the_window_in_its_states_by_day_and_by_night() {
    let album = Album::open();
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    window.wait(&testid("first-run"));
    album.take(&window, "first-run");

    window.resize(1240, 800);
    window.click(&testid("connector-card-sandbox"));
    window.wait(&testid("field-base_url"));
    album.take(&window, "connect");
    window.fill(&testid("field-base_url"), sandbox.base());
    window.click(&testid("dialog-submit"));
    let address = desk.opened(0);
    window.wait(&testid("authorize-url"));
    album.take(&window, "waiting");
    window.wait(&format!(".layer.shown {}", testid("paste-address")));
    album.take(&window, "waiting-late");
    assert_eq!(browse::approve(&address, ANNA).status, 200);
    window.wait(&testid("dialog-done"));
    window.click(&testid("dialog-done"));
    sandbox.connect(&desk.home, "Ben at work", BEN);
    window.resize(1240, 800);
    window.wait(&row("Ben at work", "active"));
    window.wait(&format!("{} ol li", testid("detail")));
    window.click(&testid("dismiss-notice"));
    album.take(&window, "connected");

    sandbox.control().revoke_grants();
    let _ = desk.home.cli(["test", "Ben at work"]).with_code(7);
    window.resize(1240, 800);
    window.wait(&row("Ben at work", "needs_reconnect"));
    window.click(&format!("{} button", row("Ben at work", "needs_reconnect")));
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"false\"]", testid("test-result")));
    album.take(&window, "failed-test");
}

#[test]
fn the_window_when_it_is_locked_or_cannot_open() {
    const WORDS: &str = "ember hearth kettle slate willow";
    let album = Album::open();
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    sandbox.connect(&desk.home, "Sandbox", ANNA);
    sandbox.connect(&desk.home, "Ben at work", BEN);
    window.wait(&row("Ben at work", "active"));
    window.wait(&testid("safety-notice"));
    window.wait(&format!("{} ol li", testid("detail")));
    album.take(&window, "safety");

    let _ = desk.home.cli(["workspaces", "add", "Studio Nord"]).ok();
    window.resize(1240, 800);
    window.click(&testid("workspace-menu"));
    window.wait(&format!("{}[aria-checked=\"false\"]", testid("workspace-choice")));
    album.take(&window, "workspaces");

    // Ended without its key: the kit is the way in.
    let _ = desk.home.cli(["recovery", "create", "kit.txt"]).ok();
    let _ = desk.home.cli(["recovery", "test", "kit.txt"]).ok();
    let key = desk.home.vault_keys();
    drop(window);
    wait::until_true("the app to end", || desk.home.owner().is_none());
    desk.home.delete_vault_keys();
    let window = desk.window();
    window.wait(&testid("vault-unlock-kit"));
    window.wait(&row("Ben at work", "active"));
    window.wait(&format!("{} ol li", testid("detail")));
    album.take(&window, "key-missing");
    window.resize(1240, 800);
    window.click(&testid("vault-unlock-kit"));
    window.wait(&testid("unlock-kit"));
    let kit = fs::read_to_string(desk.home.path().join("kit.txt")).expect("a kit");
    window
        .run("document.querySelector('[data-testid=\"unlock-kit\"]').value = arguments[0]", vec![json!(kit)]);
    album.take(&window, "recovery-kit");
    window.click(&testid("dialog-submit"));
    window.wait_gone(&testid("vault-banner"));
    assert_eq!(desk.home.vault_keys().len(), key.len());

    let _ = desk.home.cli_with_input(["passphrase", "set"], WORDS.as_bytes()).ok();
    window.resize(1240, 800);
    window.click(&testid("lock-button"));
    window.wait(&testid("unlock-passphrase"));
    album.take(&window, "locked");
    window.fill(&testid("unlock-passphrase"), "not the right one");
    window.click(&testid("unlock-button"));
    window.wait("[aria-invalid=\"true\"]");
    album.take(&window, "locked-wrong");
}

#[test]
fn the_window_where_there_is_no_keychain() {
    let album = Album::open();
    let desk = Desk::in_home(Home::without_keychain());
    let window = desk.window();
    window.wait(&testid("vault-found"));
    window.wait(&testid("first-run"));
    album.take(&window, "no-keychain");
    window.resize(1240, 800);
    window.click(&testid("vault-found"));
    window.wait(&testid("passphrase-new"));
    album.take(&window, "passphrase");
}
