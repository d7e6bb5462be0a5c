//! The first ten minutes: the bundled sandbox, from an empty window to disconnected.

use crate::browser::{free_port, testid};
use crate::desktop::{Desk, row};
use crate::person::Person;
use hearthkey_tests::sandbox::control;
use hearthkey_tests::search;

/// Where the bundled sandbox answers unless told otherwise.
const USUAL: &str = "http://127.0.0.1:47100";

#[test]
fn the_first_ten_minutes() {
    let desk = Desk::new();
    let window = desk.window();

    // Nothing is there; one button leads on.
    window.wait(&testid("first-run"));
    assert_eq!(window.count(&testid("connection-row")), 0);
    window.click(&testid("try-sandbox"));
    // At a port of its own, for another Hearthkey may be running on this computer. The app starts it there.
    window.wait(&testid("field-base_url"));
    let usual = "return document.querySelector(arguments[0]).value";
    assert_eq!(window.look(usual, vec![testid("field-base_url").into()]), USUAL);
    let bundled = &format!("http://127.0.0.1:{}", free_port());
    window.fill(&testid("field-base_url"), bundled);
    window.click(&testid("dialog-submit"));
    let address = desk.opened(0);
    assert!(address.starts_with(&format!("{bundled}/authorize?")), "{address}");
    window.sees(&testid("authorize-url"), &address);

    // The person approves in their own browser, and the window goes on by itself.
    let person = Person::new(&desk.home);
    assert_eq!(
        person.approves(&address),
        "Connected Sandbox is connected as anna@studio-nord.example. You can close this tab and return to Hearthkey."
    );
    window.sees(&testid("connected"), "Connected as anna@studio-nord.example");
    window.click(&testid("dialog-done"));
    window.wait(&row("Sandbox", "active"));
    window.wait_gone(&testid("first-run"));
    window.sees(&testid("detail"), "anna@studio-nord.example");

    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"true\"]", testid("test-result")));
    window.sees(&testid("test-result"), "Signed in as anna@studio-nord.example");

    // The command line talks to the app.
    let app = desk.home.owner().expect("the app owns the profile");
    let listed = desk.home.cli(["list"]).ok().stdout;
    assert!(listed.contains("anna@studio-nord.example"), "{listed}");
    control(bundled).expire_access_tokens();
    control(bundled).clear_journal();
    let answer = desk.home.cli(["request", "Sandbox", "/api/events?limit=1"]).ok().stdout;
    assert!(answer.contains("\"items\""), "{answer}");
    assert_eq!(control(bundled).token_requests(), ["refresh_token: rotated"]);
    assert_eq!(desk.home.owner(), Some(app));
    // What another program did is seen here without asking.
    window.sees(&testid("detail"), "Sign-in renewed");
    window.sees(&testid("detail"), "by hearthkey");

    // Disconnect, think better of it, disconnect for good.
    window.click(&testid("disconnect-button"));
    window.wait(&row("Sandbox", "deleting"));
    let refused = desk.home.cli(["request", "Sandbox", "/api/profile"]).with_code(5);
    assert!(refused.stderr.contains("cannot be used"), "{}", refused.stderr);
    window.click(&testid("undo-button"));
    window.wait(&row("Sandbox", "active"));
    let _ = desk.home.cli(["request", "Sandbox", "/api/profile"]).ok();
    window.click(&testid("disconnect-button"));
    window.wait(&row("Sandbox", "deleting"));
    assert!(control(bundled).journal().iter().all(|entry| entry.path != "/revoke"));
    let _ = desk.home.cli(["disconnect", "Sandbox", "--now"]).ok();
    window.wait_gone(&testid("connection-row"));
    window.wait(&testid("first-run"));
    control(bundled).wait_for("the revocation", |entry| entry.path == "/revoke" && entry.status == Some(200));

    // And in all of it no token came to rest anywhere, or was seen by the window.
    let needles = search::sandbox_secrets();
    assert_eq!(desk.home.files_with(&needles), [""; 0]);
    assert!(!search::holds(window.said().as_bytes(), &needles));
    assert!(!search::holds(&search::seen_from_outside(app), &needles));
    let page = window.look("return document.documentElement.outerHTML", vec![]);
    assert!(!search::holds(page.to_string().as_bytes(), &needles));
    drop(window);
}
