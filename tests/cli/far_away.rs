//! Signing in from a machine without a browser, as over SSH: codes for another device, and pasted addresses.

use crate::Transcript;
use hearthkey_tests::browse;
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, Output, Process, SandboxProcess, http, wait};
use rustix::process::Signal;
use serde_json::Value;

/// A sandbox that answers polls at once and whose page approves by itself.
fn sandbox() -> SandboxProcess {
    SandboxProcess::start(&["--auto-approve", "--device-interval-seconds", "1"])
}

fn connect(home: &Home, sandbox: &SandboxProcess, further: &[&str]) -> Process {
    let base = format!("base_url={}", sandbox.base());
    let mut words = vec!["connect", "sandbox", "--value", &base];
    words.extend(further);
    home.spawn_cli(words)
}

/// Where an authorization address has the browser come back to.
fn redirect(address: &str) -> String {
    let query = address.split('?').nth(1).expect("a query");
    let value = query.split('&').find_map(|pair| pair.strip_prefix("redirect_uri=")).expect("a redirect");
    value.replace("%3A", ":").replace("%2F", "/")
}

/// The page with the code in it, as it was told.
fn page_with_code(process: &Process) -> String {
    process.line(Stream::Err, "the page with the code", |line| {
        line.split_whitespace().find(|word| word.contains("/device?user_code=")).map(str::to_owned)
    })
}

#[test]
fn a_code_is_shown_and_approved_elsewhere() {
    let (home, sandbox) = (Home::start(), sandbox());
    let mut transcript = Transcript::default();
    let process = connect(&home, &sandbox, &["--way", "device"]);
    assert_eq!(http::get(&page_with_code(&process)).expect("a page").status, 200);
    let connected = Output::of(process.finish()).ok();
    transcript.note(&["connect", "sandbox", "--way", "device"], &connected);
    let _ = transcript.run(&home, &["list"]).ok();
    transcript.check("device", &home);
    // Where there is no browser, that is the way that is taken.
    let process = connect(&home, &sandbox, &["--json", "--label", "Again"]);
    let flow: Value =
        serde_json::from_str(&process.line(Stream::Err, "the flow", |line| Some(line.to_owned())))
            .expect("the flow is JSON");
    assert_eq!((&flow["strategy"], &flow["state"]), (&Value::from("device"), &Value::from("waiting")));
    assert!(flow["device"]["user_code"].as_str().is_some_and(|code| code.len() == 9), "{flow}");
    process.signal(Signal::INT);
    let _ = Output::of(process.finish()).with_code(130);
    assert_eq!(home.cli(["list", "--json"]).ok().json()["connections"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_address_is_pasted() {
    let (home, sandbox) = (Home::start(), sandbox());
    let mut process = connect(&home, &sandbox, &["--paste", "--way", "loopback"]);
    let address = browse::address(&process);
    let sent_on = http::get(&address).expect("a reply").location.expect("an address");
    process.say(format!("{sent_on}\n").as_bytes());
    let connected = Output::of(process.finish()).ok();
    let mut transcript = Transcript::default();
    transcript.note(&["connect", "sandbox", "--paste"], &connected);
    transcript.check("paste", &home);
    let said = format!("{}{}", connected.stdout, connected.stderr);
    let code = sent_on.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
    assert!(!said.contains(code), "{said}");

    // One that is none is said, and not repeated.
    let mut process = connect(&home, &sandbox, &["--paste", "--way", "loopback", "--label", "Other"]);
    let back = redirect(&browse::address(&process));
    process.say(b"https://evil.example/?secret=never-said\n");
    let refused = Output::of(process.finish()).with_code(2);
    // Nobody waits for it any more: its port is free for the next one.
    wait::until_true("the port to be free", || http::get(&back).is_err());
    assert!(refused.stderr.contains("that address has no code in it"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("never-said"), "{}", refused.stderr);

    // While the prompt waits, a browser that finds back by itself ends it all the same.
    let process = connect(&home, &sandbox, &["--paste", "--way", "loopback", "--label", "By itself"]);
    let sent_on = http::get(&browse::address(&process)).expect("a reply").location.expect("an address");
    assert_eq!(http::get(&sent_on).expect("the end page").status, 200);
    let _ = Output::of(process.finish()).ok();
}

#[test]
fn a_locked_hearthkey_waits_with_the_code_and_says_how_long() {
    let (home, sandbox) = (Home::start(), sandbox());
    let process = connect(&home, &sandbox, &["--way", "device"]);
    let page = page_with_code(&process);
    let _ = home.cli(["lock"]).ok();
    let told = process.line(Stream::Err, "what it waits for", |line| {
        line.contains("hearthkey unlock").then(|| line.to_owned())
    });
    assert!(told.starts_with("Waiting for the unlock; the code stays good until "), "{told}");
    assert_eq!(http::get(&page).expect("a page").status, 200);
    let _ = home.cli(["unlock"]).ok();
    let _ = Output::of(process.finish()).ok();
}

#[test]
fn a_gateway_is_set_shown_and_forgotten() {
    let home = Home::start();
    let mut transcript = Transcript::default();
    let _ = transcript.run(&home, &["list"]).ok();
    let page = "https://gateway.example.com/oauth/bounce";
    let _ = transcript.run(&home, &["gateway", page]).ok();
    let _ = transcript.run(&home, &["gateway"]).ok();
    let _ = transcript.run(&home, &["gateway", "http://gateway.example.com/"]).with_code(2);
    let _ = transcript.run(&home, &["gateway", "--none"]).ok();
    transcript.check("gateway", &home);
}
