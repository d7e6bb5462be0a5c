//! Access tokens that have ended: renewed when needed, by one caller for all, and never at the cost of the refresh token.

use crate::Transcript;
use hearthkey_sandbox::{Fault, FaultKind, Nth, RetryAfter};
use hearthkey_tests::browse::ANNA;
use hearthkey_tests::{Home, Output, SandboxProcess};
use serde_json::Value;

fn connected(flags: &[&str]) -> (Home, SandboxProcess) {
    let (home, sandbox) = (Home::start(), SandboxProcess::start(flags));
    sandbox.connect(&home, "Anna", ANNA);
    sandbox.control().clear_journal();
    (home, sandbox)
}

fn shown(home: &Home) -> Value {
    home.cli(["show", "Anna", "--json"]).ok().json()["connection"].clone()
}

#[test]
fn an_ended_access_token_is_renewed_on_demand() {
    let (home, sandbox) = connected(&[]);
    for round in 1..=3 {
        sandbox.control().expire_access_tokens();
        let answer = home.cli(["request", "Anna", "/api/profile"]).ok();
        assert!(answer.stdout.contains("anna@studio-nord.example"), "{}", answer.stdout);
        assert_eq!(sandbox.control().token_requests(), vec!["refresh_token: rotated"; round]);
    }
    let connection = shown(&home);
    assert_eq!(connection["status"], "active");
    assert!(connection["last_refreshed_at"].is_string(), "{connection}");
}

#[test]
fn a_token_about_to_end_is_renewed_before_it_is_refused() {
    // Shorter than the margin that is kept for the way to the service: ended from the start.
    let (home, sandbox) = connected(&["--access-token-seconds", "2"]);
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    assert_eq!(sandbox.control().token_requests(), ["refresh_token: rotated"]);
    let refused = sandbox.journal().into_iter().filter(|entry| entry.status == Some(401)).count();
    assert_eq!(refused, 0, "nothing was sent with a token that had ended");
}

#[test]
fn a_server_that_does_not_rotate_keeps_its_refresh_token() {
    let (home, sandbox) = connected(&["--keep-refresh-tokens"]);
    sandbox.control().expire_access_tokens();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    let _ = home.cli(["refresh", "Anna"]).ok();
    assert_eq!(sandbox.control().token_requests(), ["refresh_token: kept", "refresh_token: kept"]);
}

#[test]
fn two_hundred_callers_in_three_programs_lead_to_one_token_request() {
    let (home, sandbox) = connected(&["--requests-per-minute", "10000"]);
    sandbox.control().expire_access_tokens();
    // Slow enough for everyone to arrive while it is under way.
    sandbox.control().fault("/token", FaultKind::Delay { ms: 1500 });
    let programs: Vec<_> = [67, 67, 66]
        .into_iter()
        .map(|count| {
            let paths = (0..count).map(|n| format!("/api/profile?n={n}"));
            let words = ["request", "Anna", "--json"].map(str::to_owned).into_iter().chain(paths);
            home.spawn_cli(words)
        })
        .collect();
    let mut statuses = vec![];
    for program in programs {
        let answers = Output::of(program.finish()).ok().stdout;
        let answers = serde_json::Deserializer::from_str(&answers).into_iter::<Value>();
        statuses.extend(answers.map(|answer| answer.expect("an answer is JSON")["status"].as_u64()));
    }
    assert_eq!(statuses, vec![Some(200); 200]);
    assert_eq!(sandbox.control().token_requests(), ["refresh_token: rotated"]);
    let journal = sandbox.journal();
    let refused = journal.iter().filter(|entry| entry.status == Some(401)).count();
    assert!(refused > 100, "most callers met the ended token: {refused}");
}

#[test]
fn a_refused_refresh_asks_for_a_new_sign_in_and_deletes_nothing() {
    let (home, sandbox) = connected(&[]);
    sandbox.control().revoke_grants();
    let refused = home.cli(["request", "Anna", "/api/profile"]).with_code(6);
    assert!(refused.stderr.contains("Sandbox ended the sign-in of Anna"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: Reconnect"), "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
    let connection = shown(&home);
    assert_eq!(connection["status"], "needs_reconnect");
    let reason = connection["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("invalid_grant"), "{reason}");
    // Not asked again and again.
    let _ = home.cli(["request", "Anna", "/api/profile"]).with_code(6);
    let _ = home.cli(["test", "Anna"]).with_code(7);
    assert_eq!(sandbox.control().token_requests().len(), 1);
    let list = home.cli(["list"]).ok().stdout;
    assert!(list.contains("reconnect needed"), "{list}");

    // The tokens are still there: removing the connection tells the service about its refresh token.
    assert_eq!(connection["renewable"], true);
    let _ = home.cli(["disconnect", "Anna", "--now"]).ok();
    let told = sandbox.journal().into_iter().find(|entry| entry.path == "/revoke");
    assert!(told.is_some_and(|entry| entry.status == Some(200)), "the refresh token was kept to the end");
}

#[test]
fn trouble_on_the_way_costs_nothing() {
    let (home, sandbox) = connected(&[]);
    sandbox.control().expire_access_tokens();
    sandbox.control().fault("/token", FaultKind::Status { status: 503, body: None });
    let failed = home.cli(["request", "Anna", "/api/profile"]).with_code(8);
    assert!(failed.stderr.contains("503"), "{}", failed.stderr);
    assert_eq!(shown(&home)["status"], "active");
    // For a moment the answer is repeated instead of the request, by the next owner too; a person need not wait.
    sandbox.control().set_faults(&[]);
    home.end_owner();
    let _ = home.cli(["request", "Anna", "/api/profile"]).with_code(8);
    assert_eq!(sandbox.control().token_requests(), ["not served"]);
    let _ = home.cli(["refresh", "Anna"]).ok();
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    assert_eq!(sandbox.control().token_requests(), ["not served", "refresh_token: rotated"]);
}

#[test]
fn one_refused_answer_leads_to_one_renewal_and_one_more_try() {
    let (home, sandbox) = connected(&[]);
    // An API that refuses every token: the renewed one, too.
    let kind = FaultKind::Status { status: 401, body: None };
    let api = Fault { route: "/api/profile".to_owned(), method: None, nth: Nth::Every, kind };
    sandbox.control().set_faults(&[api]);
    let answer = home.cli(["request", "Anna", "/api/profile"]).with_code(7);
    assert!(answer.stderr.contains("401"), "{}", answer.stderr);
    let asked = sandbox.journal().into_iter().filter(|entry| entry.path == "/api/profile").count();
    assert_eq!((asked, sandbox.control().token_requests().len()), (2, 1));
}

#[test]
fn a_person_renews_and_is_told_what_is_the_matter() {
    let (home, sandbox) = connected(&[]);
    let mut transcript = Transcript::default();
    transcript.run(&home, &["refresh", "Anna"]);
    let refused = |status, error: &str| FaultKind::Status {
        status,
        body: Some(serde_json::json!({ "error": error }).to_string()),
    };
    for fault in [
        FaultKind::ErrorInside200 { error: "bad_refresh_token".to_owned() },
        refused(401, "invalid_client"),
        refused(400, "invalid_scope"),
        FaultKind::RateLimited { retry_after: RetryAfter::Seconds(120) },
        FaultKind::Status { status: 503, body: None },
        // From here on nobody knows whether the token was spent.
        FaultKind::HtmlWith200,
        FaultKind::Reset,
        FaultKind::SwallowReply,
    ] {
        sandbox.control().fault("/token", fault);
        transcript.run(&home, &["refresh", "Anna"]);
    }
    transcript.run(&home, &["list"]);
    sandbox.control().set_faults(&[]);
    transcript.run(&home, &["refresh", "Anna"]);
    transcript.run(&home, &["show", "Anna"]);
    transcript.check("refresh", &home);
}

#[test]
fn what_was_lost_at_a_server_that_forgives_is_not_lost() {
    let (home, sandbox) = connected(&["--keep-refresh-tokens"]);
    sandbox.control().expire_access_tokens();
    sandbox.control().fault("/token", FaultKind::SwallowReply);
    let _ = home.cli(["request", "Anna", "/api/profile"]).with_code(8);
    sandbox.control().set_faults(&[]);
    let renewed = home.cli(["refresh", "Anna", "--json"]).ok().json();
    assert_eq!(renewed["status"], "active");
    assert!(renewed["next_refresh_at"].is_string() && renewed["trouble"].is_null(), "{renewed}");
    let _ = home.cli(["request", "Anna", "/api/profile"]).ok();
    assert_eq!(sandbox.control().token_requests().len(), 2);
}
