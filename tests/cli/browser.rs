//! The sign-in's way through the browser, and everything that can go wrong on it.

use crate::Transcript;
use hearthkey_tests::browse::{self, ANNA, BEN, parameter};
use hearthkey_tests::process::{self, Stream};
use hearthkey_tests::{Home, Output, Process, SandboxProcess, http, wait};
use rustix::process::Signal;

fn connect(home: &Home, sandbox: &SandboxProcess) -> Process {
    let base = format!("base_url={}", sandbox.base());
    home.spawn_cli(["connect", "sandbox", "--value", &base, "--no-browser"])
}

fn labels(home: &Home) -> Vec<String> {
    let list = home.cli(["list", "--json"]).ok().json();
    let rows = list["connections"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["label"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_denial_is_said_in_its_own_words() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let page = browse::deny(&browse::address(&process));
    assert_eq!(page.status, 400);
    assert_eq!(
        page.text(),
        "Not connected The sign-in was declined. Start again whenever you like; nothing was saved."
    );
    let denied = Output::of(process.finish()).with_code(7);
    assert!(
        denied.stderr.contains("error: the sign-in was declined\nhint: Start again"),
        "{}",
        denied.stderr
    );
    assert_eq!(denied.stdout, "");
    assert_eq!(labels(&home), [""; 0]);
}

#[test]
fn strangers_at_the_local_port_change_nothing() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let address = browse::address(&process);
    let redirect = parameter(&address, "redirect_uri").expect("a redirect");
    let state = parameter(&address, "state").expect("a state");
    let port = redirect.strip_suffix("/oauth/callback").expect("the one path");
    for (asked, status) in [
        (format!("{redirect}?code=x&state=wrong"), 400),
        (format!("{redirect}?code=x"), 400),
        (format!("{redirect}?error=access_denied&state=wrong"), 400),
        (format!("{redirect}?code=x&code=y&state={state}"), 400),
        (format!("{redirect}?state={state}"), 400),
        (format!("{port}/?code=x&state={state}"), 404),
        (format!("{port}/oauth/callback/?code=x&state={state}"), 404),
        (format!("{port}/favicon.ico"), 404),
    ] {
        assert_eq!(browse::open(&asked).status, status, "{asked}");
    }
    // A name that was rebound to this machine, and a page that posts.
    let asked = format!("{redirect}?code=x&state={state}");
    let rebound = http::send(http::client().get(&asked).header("Host", "evil.example")).expect("an answer");
    assert!((400..500).contains(&rebound.status), "{}", rebound.status);
    let posted = http::send(http::client().post(&asked)).expect("an answer");
    assert_eq!(posted.status, 405);

    let page = browse::approve(&address, ANNA);
    assert_eq!(page.status, 200, "{}", page.text());
    let _ = Output::of(process.finish()).ok();
    assert_eq!(labels(&home), ["Sandbox"]);
}

#[test]
fn an_answer_of_another_server_is_refused() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let back = browse::decide(&browse::address(&process), "approve", ANNA);
    let mut forged = url::Url::parse(&back).expect("an address");
    let pairs: Vec<_> = forged.query_pairs().filter(|(name, _)| name != "iss").map(own).collect();
    forged.query_pairs_mut().clear().extend_pairs(pairs).append_pair("iss", "http://127.0.0.1:1");
    let page = browse::open(forged.as_str());
    assert_eq!(page.status, 400);
    assert!(page.text().starts_with("Stopped for your safety"), "{}", page.text());
    let refused = Output::of(process.finish()).with_code(7);
    assert!(refused.stderr.contains("another authorization server"), "{}", refused.stderr);
    assert_eq!(sandbox.control().token_requests(), [""; 0], "the code went nowhere");
    assert_eq!(labels(&home), [""; 0]);
}

fn own((name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}

#[test]
fn ctrl_c_gives_the_sign_in_up() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let address = browse::address(&process);
    let back = browse::decide(&address, "approve", ANNA);
    process.signal(Signal::INT);
    let cancelled = Output::of(process.finish()).with_code(130);
    assert!(cancelled.stderr.ends_with("Cancelled.\n"), "{}", cancelled.stderr);
    // Whoever returns after that finds the port closed, or a page that says it is too late.
    if let Ok(reply) = http::get(&back) {
        assert!(reply.status >= 400 && !reply.body.contains("is connected"), "{}", reply.body);
    }
    assert_eq!(sandbox.control().token_requests(), [""; 0]);
    assert_eq!(labels(&home), [""; 0]);
}

#[test]
fn a_sign_in_survives_a_crash_between_browser_and_return() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let back = browse::decide(&browse::address(&process), "approve", BEN);
    // The whole session goes: the waiting command first, for it would start a new owner at once.
    process::kill(process.id());
    let before = home.crash_owner();
    assert!(http::get(&back).is_err(), "nobody listens now");

    assert_eq!(labels(&home), [""; 0]);
    assert_ne!(home.owner(), Some(before));
    let page = browse::open(&back);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("connected as ben@ost.example"), "{}", page.text());
    assert_eq!(labels(&home), ["Sandbox"]);
    let _ = home.cli(["test", "Sandbox"]).ok();
    // And only once.
    assert!(http::get(&back).map_or(true, |reply| reply.status >= 400));
    assert_eq!(sandbox.control().token_requests(), ["authorization_code: issued"]);
}

#[test]
fn the_waiting_command_follows_to_a_new_owner() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let process = connect(&home, &sandbox);
    let address = browse::address(&process);
    let before = home.crash_owner();
    let now = wait::until("the waiting command to start a new owner", || home.owner());
    assert_ne!(now, before);
    let redirect = parameter(&address, "redirect_uri").expect("a redirect");
    wait::until_true("the new owner to listen at the old port", || http::get(&redirect).is_ok());
    let page = browse::approve(&address, ANNA);
    assert_eq!(page.status, 200, "{}", page.text());
    let connected = Output::of(process.finish()).ok();
    assert!(connected.stdout.contains("Connected as anna@studio-nord.example"), "{}", connected.stdout);
}

#[test]
fn two_sign_ins_at_once_do_not_meet() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let (first, second) = (connect(&home, &sandbox), connect(&home, &sandbox));
    let addresses = (browse::address(&first), browse::address(&second));
    assert_ne!(parameter(&addresses.0, "state"), parameter(&addresses.1, "state"));
    assert_ne!(parameter(&addresses.0, "redirect_uri"), parameter(&addresses.1, "redirect_uri"));
    assert_eq!(browse::approve(&addresses.1, BEN).status, 200);
    assert_eq!(browse::approve(&addresses.0, ANNA).status, 200);
    let (first, second) = (Output::of(first.finish()).ok(), Output::of(second.finish()).ok());
    assert!(first.stdout.contains("anna@studio-nord.example"), "{}", first.stdout);
    assert!(second.stdout.contains("ben@ost.example"), "{}", second.stdout);
    assert_eq!(labels(&home), ["Sandbox", "Sandbox (anna@studio-nord.example)"]);
}

#[test]
fn a_server_that_answers_badly_is_named() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let mut transcript = Transcript::default();
    let base = format!("base_url={}", sandbox.base());
    let arguments = ["connect", "sandbox", "--value", &base, "--no-browser"];
    for (fault, code) in [
        (hearthkey_sandbox::FaultKind::HtmlWith200, 7),
        (hearthkey_sandbox::FaultKind::Status { status: 503, body: None }, 8),
        (hearthkey_sandbox::FaultKind::Reset, 8),
        (hearthkey_sandbox::FaultKind::ErrorInside200 { error: "bad_verification_code".to_owned() }, 7),
    ] {
        sandbox.control().fault("/token", fault);
        let process = home.spawn_cli(arguments);
        let page = browse::approve(&browse::address(&process), ANNA);
        let output = Output::of(process.finish()).with_code(code);
        assert_eq!(page.status, 400);
        transcript.note(&arguments, &output);
    }
    transcript.check("bad-server", &home);
    assert_eq!(labels(&home), [""; 0]);
}

#[test]
fn the_browser_is_opened_with_the_address_and_nothing_else() {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
    let base = format!("base_url={}", sandbox.base());
    // Without a display there is no browser to open: the address is printed instead.
    let process = home.spawn_cli(["connect", "sandbox", "--value", &base, "--way", "loopback"]);
    let said = process.line(Stream::Err, "what to do", |line| line.ends_with(':').then(|| line.to_owned()));
    assert_eq!(said, "Open this address in a browser on this computer:");
    assert_eq!(browse::approve(&browse::address(&process), ANNA).status, 200);
    let _ = Output::of(process.finish()).ok();
}
