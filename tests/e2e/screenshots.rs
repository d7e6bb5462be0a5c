//! Pictures of the window for people to look at: with `HEARTHKEY_SCREENSHOTS=DIR` they are written there.

use crate::browser::{Browser, testid};
use crate::desktop::{Desk, row};
use hearthkey_tests::browse::{self, ANNA, BEN};
use hearthkey_tests::{SandboxProcess, world};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// The sizes that matter: the one it opens with, and a small one.
const SIZES: [(u32, u32); 2] = [(1240, 800), (SMALL, 600)];
const SMALL: u32 = 900;

struct Album(Option<PathBuf>);

impl Album {
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
    let album = Album(world::variable("HEARTHKEY_SCREENSHOTS").map(PathBuf::from));
    if let Some(folder) = &album.0 {
        fs::create_dir_all(folder).expect("a folder for pictures");
    }
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
    assert_eq!(browse::approve(&address, ANNA).status, 200);
    window.wait(&testid("dialog-done"));
    window.click(&testid("dialog-done"));
    sandbox.connect(&desk.home, "Ben at work", BEN);
    window.resize(1240, 800);
    window.wait(&row("Ben at work", "active"));
    window.wait(&format!("{} ol li", testid("detail")));
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
