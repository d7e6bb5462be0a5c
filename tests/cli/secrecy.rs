//! No secret leaves: not by what is said, not by files, arguments, environment.

use hearthkey_sandbox::FaultKind;
use hearthkey_tests::browse::{self, ANNA};
use hearthkey_tests::{Home, Output, SandboxProcess, search};
use std::fs;

#[test]
fn no_token_leaves_in_a_whole_journey() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let needles = search::sandbox_secrets();
    let base = format!("base_url={}", sandbox.base());
    let mut said = vec![];

    let process = home.spawn_cli(["connect", "sandbox", "--value", &base, "--no-browser"]);
    let back = browse::decide(&browse::address(&process), "approve", ANNA);
    assert!(search::holds(back.as_bytes(), &needles), "the search finds the code where it belongs");
    let page = browse::open(&back);
    assert_eq!(page.status, 200);
    said.push(page.html);
    let mut run = |output: Output| said.extend([output.stdout, output.stderr]);
    run(Output::of(process.finish()).ok());
    run(home.cli(["test", "Sandbox"]).ok());
    run(home.cli(["request", "Sandbox", "/api/echo", "-i"]).ok());
    run(home.cli(["request", "Sandbox", "/api/echo", "--json"]).ok());
    sandbox.control().expire_access_tokens();
    run(home.cli(["request", "Sandbox", "/api/profile", "--json"]).ok());
    run(home.cli(["show", "Sandbox", "--json"]).ok());
    run(home.cli(["doctor", "--json"]).ok());
    run(home.cli(["disconnect", "Sandbox"]).ok());
    run(home.cli(["restore", "Sandbox"]).ok());

    for text in &said {
        assert!(!search::holds(text.as_bytes(), &needles), "{text}");
    }
    assert!(said.iter().any(|text| text.contains("authorization")), "the echo was sent a credential");
    let owner = home.owner().expect("a running owner");
    let seen = search::seen_from_outside(owner);
    assert!(search::holds(&seen, &search::disguises("XDG_RUNTIME_DIR")), "the search sees the environment");
    assert!(!search::holds(&seen, &needles));

    // Files while the owner runs, and after it ended: its database has another shape then.
    assert_eq!(home.files_with(&needles), [""; 0]);
    home.end_owner();
    assert_eq!(home.files_with(&needles), [""; 0]);
    assert!(home.profile().join("vault.db").is_file());
    fs::write(home.profile().join("marker"), "\u{0}sbx_rt_planted").expect("a planted marker");
    let found = home.files_with(&needles);
    assert_eq!(found.len(), 1, "the search finds a planted one: {found:?}");
}

/// The server's words go into the row, the history, notices and output.
#[test]
fn a_token_endpoint_that_repeats_its_request_gives_nothing_away() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let needles = search::sandbox_secrets();
    sandbox.connect(&home, "Anna", ANNA);
    let echoing = |error: &str| {
        let kind = FaultKind::EchoingError { error: error.to_owned() };
        sandbox.control().fault("/token", kind);
    };
    let mut said = vec![];
    let mut run = |output: Output| said.extend([output.stdout, output.stderr]);
    for error in ["temporarily_unavailable", "invalid_scope", "invalid_client", "invalid_grant"] {
        echoing(error);
        run(home.cli(["refresh", "Anna"]));
        run(home.cli(["show", "Anna", "--json"]).ok());
    }
    let base = format!("base_url={}", sandbox.base());
    let process = home.spawn_cli(["connect", "sandbox", "--second", "--value", &base, "--no-browser"]);
    let page = browse::open(&browse::decide(&browse::address(&process), "approve", ANNA));
    run(Output::of(process.finish()));
    run(home.cli(["list", "--json"]).ok());
    said.push(page.html);
    for text in &said {
        assert!(!search::holds(text.as_bytes(), &needles), "{text}");
    }
    let redacted = said.iter().filter(|text| text.contains("refresh_token=[redacted]")).count();
    assert!(redacted >= 8, "what was repeated is shown without it: {said:#?}");
    assert!(said.iter().any(|text| text.contains("code=[redacted]")), "{said:#?}");
    home.end_owner();
    assert_eq!(home.files_with(&needles), [""; 0]);
}

#[test]
fn a_header_of_the_callers_own_does_not_replace_the_credential() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let echo = home.cli(["request", "Anna", "/api/echo", "--json"]).ok().json();
    let echo: serde_json::Value = serde_json::from_str(echo["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(echo["credential_headers"], serde_json::json!(["authorization"]));
    assert_eq!(echo["headers"]["authorization"], serde_json::Value::Null);
    let refused = home.cli(["request", "Anna", "/api/echo", "-H", "Authorization: Bearer mine"]).with_code(2);
    assert!(!refused.stderr.contains("mine"), "{}", refused.stderr);
}

#[test]
fn a_path_cannot_carry_the_token_to_another_host() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&["--auto-approve"]));
    let other = SandboxProcess::start(&[]);
    let process = home.spawn_cli([
        "connect",
        "sandbox",
        "--value",
        &format!("base_url={}", sandbox.base()),
        "--no-browser",
    ]);
    let reply = hearthkey_tests::http::get(&browse::address(&process)).expect("a redirect at once");
    assert_eq!(browse::open(&reply.location.expect("back to the port")).status, 200);
    let _ = Output::of(process.finish()).ok();
    let host = other.base().strip_prefix("http:").expect("plain HTTP");
    for path in [other.base(), host, &format!("/..{host}"), &format!("@{}", &host[2..]), "\\\\evil.example/"]
    {
        let answer = home.cli(["request", "Sandbox", path]);
        assert_ne!(answer.code, 0, "{path}: {}", answer.stdout);
    }
    // Nor does a redirect of the service.
    let location = format!("{}/api/echo", other.base());
    sandbox.control().fault("/api/profile", hearthkey_sandbox::FaultKind::Redirect { location, status: 307 });
    let _ = home.cli(["request", "Sandbox", "/api/profile"]);
    assert_eq!(other.journal().len(), 0, "the other host was never asked");
}

#[test]
fn a_key_that_is_malformed_is_refused_without_being_quoted() {
    let home = Home::start();
    for key in [
        "pk_live_0123456789abcdefghij",
        "rk_live_short",
        "rk_live_0123456789abcdef\nrk_live_0123456789abcdef",
    ] {
        let refused = home.cli_with_input(["connect", "stripe"], key.as_bytes()).with_code(2);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("Key") || said.contains("key"), "{said}");
        for part in key.lines() {
            assert!(!said.contains(part) && !said.contains("0123456789"), "{said}");
        }
    }
    let nothing = home.cli_with_input(["connect", "stripe"], b" \n").with_code(2);
    assert!(
        nothing.stderr.contains("Key was expected at the prompt or on standard input"),
        "{}",
        nothing.stderr
    );
    assert_eq!(home.files_with(&search::disguises("0123456789abcdef")), [""; 0]);
    let unknown = home.cli(["connect", "stripe", "--value", "key=rk_live_0123456789abcdefghij"]).with_code(2);
    assert!(!unknown.stderr.contains("0123456789abcdefghij"), "{}", unknown.stderr);
}

#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    sandbox.connect(&home, "Anna", ANNA);
    let profile = home.profile();
    assert_eq!(fs::metadata(&profile).expect("a profile").mode() & 0o777, 0o700);
    let entries: Vec<_> = fs::read_dir(&profile).expect("a profile").flatten().collect();
    assert!(entries.len() >= 4, "{entries:?}");
    for entry in entries {
        assert_eq!(entry.metadata().expect("a file").mode() & 0o077, 0, "{:?}", entry.path());
    }
}
