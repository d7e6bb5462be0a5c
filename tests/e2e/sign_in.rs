//! Sign-ins that do not go well, and connections that end: what the window says then.

use crate::browser::{Browser, testid};
use crate::desktop::{Desk, row};
use crate::person::Person;
use hearthkey_sandbox::FaultKind;
use hearthkey_tests::browse::{self, ANNA, BEN};
use hearthkey_tests::{Home, KeychainState, SandboxProcess, http};

/// Starts connecting `sandbox` from the window; the browser is asked to open the sign-in as its `which`th address.
fn begin(desk: &Desk, window: &Browser, sandbox: &SandboxProcess, which: usize) -> String {
    window.click(&testid("connector-card-sandbox"));
    window.fill(&testid("field-base_url"), sandbox.base());
    window.click(&testid("dialog-submit"));
    let address = desk.opened(which);
    assert!(address.starts_with(sandbox.base()), "{address}");
    address
}

#[test]
fn a_denial_is_said_on_the_page_and_in_the_window() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    let address = begin(&desk, &window, &sandbox, 0);
    let person = Person::new(&desk.home);
    assert_eq!(
        person.denies(&address),
        "Not connected The sign-in was declined. Start again whenever you like; nothing was saved."
    );
    window.wait(&format!("{}[data-failure=\"denied\"]", testid("connect-failed")));
    window.sees(&testid("connect-failed"), "You did not allow it at Sandbox");
    assert_eq!(window.count(&testid("connection-row")), 0);

    // The button there begins anew, and this time it is allowed.
    window.click(&testid("dialog-retry"));
    let again = desk.opened(1);
    assert_ne!(again, address);
    assert!(person.approves(&again).starts_with("Connected"));
    window.sees(&testid("connected"), "Connected as anna@studio-nord.example");
}

#[test]
fn a_service_in_trouble_is_named_and_the_sign_in_can_be_repeated() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    let address = begin(&desk, &window, &sandbox, 0);
    sandbox.control().fault("/token", FaultKind::Status { status: 503, body: None });
    assert_eq!(browse::approve(&address, ANNA).status, 400);
    window.wait(&format!("{}[data-failure=\"unreachable\"]", testid("connect-failed")));
    sandbox.control().set_faults(&[]);
    window.click(&testid("dialog-retry"));
    assert_eq!(browse::approve(&desk.opened(1), ANNA).status, 200);
    window.sees(&testid("connected"), "Connected as");
}

#[test]
fn when_nothing_comes_back_a_code_or_a_pasted_address_ends_it() {
    let sandbox = SandboxProcess::start(&["--auto-approve", "--device-interval-seconds", "1"]);
    let (desk, waiting) = (Desk::new(), testid("waiting"));
    let window = desk.window();
    let address = begin(&desk, &window, &sandbox, 0);
    // Offered after a while, in room that was kept for it.
    window.wait(&testid("way-device"));
    let back = http::get(&address).expect("a reply").location.expect("an address");

    // The other way keeps what was typed, and the first one's answer is none any more.
    window.click(&testid("way-device"));
    window.wait(&format!("{waiting}[data-strategy=\"device\"]"));
    let code = window.wait_text(&testid("device-code"), "the code", |text| {
        let code: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        (code.len() == 8).then(|| format!("{}-{}", &code[..4], &code[4..]))
    });
    assert!(http::get(&back).map_or(true, |reply| reply.status >= 400));
    assert_eq!(
        http::get(&format!("{}/device?user_code={code}", sandbox.base())).expect("a page").status,
        200
    );
    window.sees(&testid("connected"), "Connected as anna@studio-nord.example");
    window.click(&testid("dialog-done"));
    let _ = desk.home.cli(["disconnect", "Sandbox", "--now"]).ok();

    let address = begin(&desk, &window, &sandbox, desk.opened_so_far());
    window.wait(&testid("paste-address"));
    let back = http::get(&address).expect("a reply").location.expect("an address");
    window.fill(&testid("paste-address"), &back);
    window.click(&testid("paste-go"));
    window.sees(&testid("connected"), "Connected as anna@studio-nord.example");
}

#[test]
fn a_sign_in_given_up_leaves_nothing() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    let address = begin(&desk, &window, &sandbox, 0);
    let back = browse::decide(&address, "approve", ANNA);
    window.click(&testid("dialog-cancel"));
    window.wait_gone("[role=\"dialog\"]");
    hearthkey_tests::wait::until_true("the return to be refused", || {
        hearthkey_tests::http::get(&back).map_or(true, |reply| !reply.body.contains("is connected"))
    });
    assert_eq!(sandbox.control().token_requests(), [""; 0]);
    assert_eq!(desk.home.cli(["list", "--json"]).ok().json()["connections"], serde_json::json!([]));
}

#[test]
fn an_ended_grant_is_found_by_the_test_and_mended_by_reconnecting() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let window = desk.window();
    // Connected from the command line, seen here without asking.
    sandbox.connect(&desk.home, "Work", ANNA);
    window.wait(&row("Work", "active"));
    let before = desk.home.cli(["show", "Work", "--json"]).ok().json()["connection"]["id"].clone();

    sandbox.control().revoke_grants();
    window.click(&testid("test-button"));
    window.wait(&format!("{}[data-ok=\"false\"]", testid("test-result")));
    window.sees(&testid("test-result"), "Sandbox ended the sign-in of Work");
    window.sees(&testid("test-result"), "Reconnect");
    window.wait(&row("Work", "needs_reconnect"));
    window.sees(&row("Work", "needs_reconnect"), "Reconnect needed");
    window.sees(&testid("detail"), "Sandbox ended the sign-in");

    // Another account is not taken for this one.
    window.click(&testid("reconnect-button"));
    let other = browse::approve(&desk.opened(0), BEN);
    assert_eq!(other.status, 400, "{}", other.text());
    window.wait(&format!("{}[data-failure=\"account\"]", testid("connect-failed")));
    window.click(&testid("dialog-retry"));
    let page = browse::approve(&desk.opened(1), ANNA);
    assert_eq!(page.status, 200, "{}", page.text());
    window.click(&testid("dialog-done"));
    window.wait(&row("Work", "active"));
    let _ = desk.home.cli(["test", "Work"]).ok();
    assert_eq!(desk.home.cli(["show", "Work", "--json"]).ok().json()["connection"]["id"], before);
    assert_eq!(window.count(&testid("connection-row")), 1);
}

#[test]
fn a_key_is_typed_tested_and_never_seen_again() {
    let desk = Desk::new();
    let window = desk.window();
    window.click(&testid("connector-card-stripe"));
    window.fill(&testid("field-key"), "pk_live_0123456789abcdefghij");
    window.click(&testid("dialog-submit"));
    // It is a publishable key: said at the field, and nothing is sent or kept.
    window.wait("[role=\"dialog\"] [aria-invalid=\"true\"]");
    assert_eq!(window.count(&testid("connection-row")), 0);
    window.run("document.activeElement?.blur()", vec![]);
    assert_eq!(desk.home.files_with(&hearthkey_tests::search::disguises("0123456789abcdefghij")), [""; 0]);
}

#[test]
fn the_app_starts_without_a_keychain_and_goes_on_when_there_is_one() {
    let mut desk = Desk::in_home(Home::with(KeychainState::Locked));
    let window = desk.window();
    window.sees(&testid("vault-banner"), "The system keychain is locked");
    window.sees(&testid("vault-state"), "Keychain locked");
    // The services are there to look at, and a dialog says that it cannot go on.
    window.click(&testid("connector-card-sandbox"));
    window.sees("[role=\"dialog\"]", "The vault is closed");
    window.run(
        "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))",
        vec![],
    );
    window.wait_gone("[role=\"dialog\"]");

    desk.home.open_keychain();
    window.click(&testid("vault-retry"));
    window.wait_gone(&testid("vault-banner"));
    window.sees(&testid("vault-state"), "Vault open");
}
