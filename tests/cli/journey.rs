//! A first use from nothing to gone, in words and as JSON.

use crate::Transcript;
use hearthkey_tests::browse::{self, ANNA, BEN};
use hearthkey_tests::{Home, KeychainState, Output, SandboxProcess};
use serde_json::Value;

#[test]
fn a_first_use_from_nothing_to_gone() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let base = format!("base_url={}", sandbox.base());
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["list"]).ok();

    let connect = ["connect", "sandbox", "--value", &base, "--no-browser"];
    let process = home.spawn_cli(connect);
    let page = browse::approve(&browse::address(&process), ANNA);
    let connected = Output::of(process.finish());
    transcript.note(&connect, &connected);
    assert_eq!(page.status, 200);
    assert_eq!(
        page.text(),
        "Connected Sandbox is connected as anna@studio-nord.example. You can close this tab and return to Hearthkey."
    );

    let _ = connected.ok();
    for arguments in [
        &["list"][..],
        &["test", "Sandbox"],
        &["request", "Sandbox", "/api/profile"],
        &["request", "Sandbox", "/api/contacts", "-d", r#"{"name":"Ada","email":"ada@example.com"}"#],
        &[
            "request",
            "Sandbox",
            "/api/echo/there?is=a",
            "-i",
            "-H",
            "X-Mine: hello",
            "-X",
            "PUT",
            "-d",
            "text",
        ],
        &["rename", "Sandbox", "Try out"],
        &["show", "Try out"],
        &["request", "try OUT", "/api/profile", "/api/contacts?limit=1"],
        &["disconnect", "Try out"],
        &["list"],
        &["restore", "Try out"],
        &["test", "Try out"],
    ] {
        let _ = transcript.run(&home, arguments).ok();
    }
    assert!(
        sandbox.journal().iter().all(|entry| entry.path != "/revoke"),
        "an undone disconnect revokes nothing"
    );
    let _ = transcript.run(&home, &["disconnect", "Try out", "--now"]).ok();
    let revoked = sandbox.journal().into_iter().filter(|entry| entry.path == "/revoke");
    assert_eq!(revoked.filter_map(|entry| entry.outcome).collect::<Vec<_>>(), ["family revoked"]);
    let _ = transcript.run(&home, &["list"]).ok();
    let _ = transcript.run(&home, &["show", "Try out"]).with_code(3);
    transcript.check("first-use", &home);
}

#[test]
fn services_say_what_they_take() {
    let home = Home::with(KeychainState::NoSession);
    let shown = home.cli(["services"]).ok().stdout;
    for (id, takes) in [
        ("github", "a sign-in, with a client of your own"),
        ("openid-connect", "a sign-in, with a client of your own"),
        ("sandbox", "a sign-in"),
        ("stripe", "a key"),
    ] {
        let row = shown.lines().find(|line| line.starts_with(&format!("{id} ")));
        assert!(row.is_some_and(|row| row.trim_end().ends_with(&format!("  {takes}"))), "{id}:\n{shown}");
    }
    let listed = home.cli(["services", "--json"]).ok().json();
    let ids: Vec<_> =
        listed["connectors"].as_array().into_iter().flatten().filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(ids.len(), shown.lines().count() - 1);
    assert!(ids.contains(&"sandbox"), "{ids:?}");
}

#[test]
fn programs_get_json() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let base = format!("base_url={}", sandbox.base());
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["list", "--json"]).ok();
    let connect = ["--json", "connect", "sandbox", "--value", &base, "--label", "Ben", "--no-browser"];
    let process = home.spawn_cli(connect);
    assert_eq!(browse::approve(&browse::address(&process), BEN).status, 200);
    let connected = Output::of(process.finish());
    transcript.note(&connect, &connected);
    assert_eq!(connected.ok().json()["identity"]["email"], "ben@ost.example");
    for arguments in [
        &["list", "--json"][..],
        &["test", "Ben", "--json"],
        &["request", "Ben", "/api/profile", "--json"],
        &["show", "Ben", "--json"],
        &["doctor", "--json"],
        &["rename", "Ben", "Benno", "--json"],
        &["disconnect", "Benno", "--json"],
        &["restore", "Benno", "--json"],
        &["disconnect", "Benno", "--now", "--json"],
    ] {
        let _ = transcript.run(&home, arguments).ok().json();
    }
    let missing = transcript.run(&home, &["show", "Benno", "--json"]).with_code(3);
    let problem: Value = serde_json::from_str(&missing.stderr).expect("a problem is JSON too");
    assert_eq!((&problem["kind"], missing.stdout.as_str()), (&Value::from("not_found"), ""));
    transcript.check("json", &home);
}

#[test]
fn every_use_is_in_the_history_with_its_program() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let _ = home.cli(["test", "Anna"]).ok();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    let entries = hearthkey_tests::wait::until("three entries of the history", || {
        let detail = home.cli(["show", "Anna", "--json"]).ok().json();
        let entries = detail["activity"].as_array()?.clone();
        (entries.len() == 3).then_some(entries)
    });
    let told: Vec<_> = entries.iter().map(|e| (&e["deed"], &e["program"], &e["door"])).collect();
    let (program, door) = (Value::from("hearthkey"), Value::from("socket"));
    let [used, tested, connected] = ["used", "tested", "connected"].map(Value::from);
    assert_eq!(told, [(&used, &program, &door), (&tested, &program, &door), (&connected, &program, &door)]);
    let details: Vec<_> = entries.iter().filter_map(|entry| entry["detail"].as_str()).collect();
    assert_eq!(
        details,
        ["GET /api/profile: 200", "Signed in as anna@studio-nord.example", "anna@studio-nord.example",]
    );
}

#[test]
fn answers_of_any_kind_arrive_as_they_are() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    // Bytes that are no text, in and out again, through a file and standard input.
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let echoed =
        home.cli_with_input(["request", "Anna", "/api/echo", "-d", "@-", "--json"], &bytes).ok().json();
    let text = echoed["text"].as_str().expect("a large text is text all the same");
    assert!(text.len() > 400_000, "{}", text.len());
    let file = home.path().join("answer.json");
    let target = file.to_str().expect("a plain path");
    let written =
        home.cli_with_input(["request", "Anna", "/api/echo", "-d", "@-", "-o", target], &bytes).ok();
    assert_eq!(written.stdout, "");
    let echo: Value = serde_json::from_slice(&std::fs::read(file).expect("the answer's file")).expect("JSON");
    let back = echo["body_base64"].as_str().expect("bytes come back in base64");
    assert_eq!(back.len(), bytes.len().div_ceil(3) * 4);
    assert!(back.starts_with("AAECAwQFBgcICQoL"), "{}", &back[..40]);
}
