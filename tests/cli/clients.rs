//! OAuth clients on the command line: kept without signing in, listed with what to register, checked, removed.

use crate::Transcript;
use hearthkey_tests::{Home, SandboxProcess};

#[test]
fn clients_are_kept_checked_and_removed() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let issuer = format!("issuer={}", sandbox.base());
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["clients"]).ok();
    let google = ["clients", "add", "google-calendar", "--client-id", "12.apps.googleusercontent.com"];
    let _ = transcript.run(&home, &google).with_code(2);
    let _ = transcript.run_with(&home, &google, "GOCSPX-the-secret\n").ok();
    let _ = transcript.run(&home, &["clients", "add", "slack", "--client-id", "12.34"]).ok();
    let quickbooks = ["clients", "add", "quickbooks", "--client-id", "AB"];
    let _ = transcript.run_with(&home, &quickbooks, "the-secret\n").ok();
    let _ = transcript.run(&home, &["clients", "remove", "AB"]).ok();
    let _ = transcript.run(&home, &["connect", "quickbooks", "--no-browser"]).with_code(2);
    let own = ["clients", "add", "openid-connect", "--client-id", "hearthkey-confidential"];
    let own = [&own[..], &["--client-secret", "--value", &issuer]].concat();
    let _ = transcript.run_with(&home, &own, "sandbox-secret\n").ok();
    let _ = transcript.run(&home, &["clients", "check", "hearthkey-confidential", "--value", &issuer]).ok();
    let unknown = ["clients", "add", "openid-connect", "--client-id", "nobody", "--value", &issuer];
    let _ = transcript.run(&home, &unknown).ok();
    let _ = transcript.run(&home, &["clients", "check", "nobody", "--value", &issuer]).with_code(7);
    let update = ["clients", "update", "12.apps.googleusercontent.com"];
    let _ = transcript.run_with(&home, &update, "GOCSPX-the-next-secret\n").ok();
    for (arguments, code) in [
        (&["clients", "add", "slack", "--client-id", "12.34"][..], 2),
        (&["clients", "add", "stripe", "--client-id", "12.34"], 2),
        (&["clients", "update", "nothing-of-that-name"], 2),
        (&["clients", "remove", "nobody"], 0),
        (&["clients", "remove", "nobody"], 3),
        (&["clients", "list"], 0),
    ] {
        let _ = transcript.run(&home, arguments).with_code(code);
    }
    let listed = home.cli(["clients", "--json"]).ok();
    assert!(!listed.stdout.contains("secret\":\"") && !listed.stdout.contains("GOCSPX"), "{}", listed.stdout);
    let rows = listed.json()["clients"].as_array().unwrap().len();
    assert_eq!(rows, 4, "three of one's own, and the sandbox's: {}", listed.stdout);
    transcript.check("clients", &home);
}

#[test]
fn the_same_account_is_renewed_and_a_second_connection_is_asked_for() {
    use hearthkey_tests::browse::{self, ANNA};
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let base = format!("base_url={}", sandbox.base());
    let connect = |more: &[&str]| {
        let arguments = [&["connect", "sandbox", "--value", &base, "--no-browser"], more].concat();
        let process = home.spawn_cli(&arguments);
        let page = browse::approve(&browse::address(&process), ANNA);
        let output = hearthkey_tests::Output::of(process.finish()).ok();
        (page.text(), output.stderr)
    };
    connect(&[]);
    let (page, said) = connect(&[]);
    assert!(page.contains("before. Sandbox goes on."), "{page}");
    assert!(said.contains("This account was connected before: Sandbox goes on."), "{said}");
    connect(&["--second"]);
    let list = home.cli(["list", "--json"]).ok().json();
    let labels: Vec<_> =
        list["connections"].as_array().unwrap().iter().map(|row| row["label"].clone()).collect();
    assert_eq!(labels, ["Sandbox", "Sandbox (anna@studio-nord.example)"]);
    let refused = home.cli(["connect", "sandbox", "--value", &base, "--scope", "everything", "--no-browser"]);
    let refused = refused.with_code(2);
    assert!(refused.stderr.contains("scopes: one of the scopes"), "{}", refused.stderr);
}

#[test]
fn a_kept_client_is_used_where_its_server_depends_on_an_answer() {
    use hearthkey_tests::browse;
    let home = Home::start();
    let connect = ["connect", "salesforce", "--way", "loopback", "--no-browser"];
    let refused = home.cli(connect).with_code(2);
    assert!(refused.stderr.contains("Salesforce needs a client of your own"), "{}", refused.stderr);
    for (domain, client_id) in [("login", "of-login"), ("acme.my", "of-acme")] {
        let domain = format!("domain={domain}");
        let _ = home.cli(["clients", "add", "salesforce", "--client-id", client_id, "--value", &domain]).ok();
        let process = home.spawn_cli([&connect[..], &["--value", &domain]].concat());
        let address = browse::address(&process);
        assert!(address.contains(&format!("client_id={client_id}")), "{address}");
    }
}
