//! The device grant (RFC 8628), with a person who types the code: through Hearthkey, and the servers' side of it alone.

use crate::server::{LOOPBACK, MAKES, Make, Server};
use crate::visitor::{self, Visitor};
use hearthkey_tests::http::{self, Reply};
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, Output, Process, wait};
use serde_json::Value;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a device is told when it asks.
fn begin(server: &Server) -> Value {
    let metadata = server.metadata();
    let endpoint = metadata["device_authorization_endpoint"].as_str().expect("it has the grant");
    let form = [("client_id", "hearthkey"), ("scope", "profile")];
    visitor::json(&http::post_form(endpoint, &form))
}

fn poll(server: &Server, begun: &Value) -> Reply {
    let code = begun["device_code"].as_str().expect("a device code");
    let form = [("grant_type", GRANT), ("device_code", code), ("client_id", "hearthkey")];
    http::post_form(&format!("{}/token", server.issuer), &form).expect("the server answers")
}

/// Polls until there is something else than `authorization_pending`.
#[track_caller]
fn outcome(server: &Server, begun: &Value) -> Reply {
    wait::until(format_args!("an end of the device grant at {:?}", server.make), || {
        let reply = poll(server, begun);
        let waits = ["authorization_pending", "slow_down"].iter().any(|word| reply.body.contains(word));
        (!waits).then_some(reply)
    })
}

#[test]
fn a_device_is_admitted_by_a_person_who_types_its_code() {
    for make in MAKES {
        let server = Server::with_device_grant(make);
        let begun = begin(&server);
        assert!(poll(&server, &begun).body.contains("authorization_pending"), "{make:?}");
        let (page, code) = (begun["verification_uri"].as_str(), begun["user_code"].as_str());
        let end = Visitor::new("anna").answers_device(page.expect("a page"), code);
        assert!(end.html.contains("<h1>Connected</h1>"), "{make:?}: {}", end.html);
        let tokens = visitor::json(&Ok(outcome(&server, &begun)));
        let access = tokens["access_token"].as_str().expect("an access token");
        assert!(tokens["refresh_token"].is_string(), "{make:?}: {tokens}");
        if make != Make::OidcProvider {
            assert!(server.me_with(access).body.contains(&server.email("anna")), "{make:?}");
        }
    }
}

#[test]
fn the_complete_address_asks_for_no_code_and_a_no_is_told_to_the_device() {
    for make in MAKES {
        let server = Server::with_device_grant(make);
        let begun = begin(&server);
        let page = begun["verification_uri_complete"].as_str().expect("a page with the code");
        let _ = Visitor::who_denies("anna").answers_device(page, None);
        let refused = outcome(&server, &begun);
        assert!(
            refused.status == 400 && refused.body.contains("access_denied"),
            "{make:?}: {}",
            refused.body
        );
    }
}

/// Starts a sign-in by a code, and gives the page for it and the code.
fn code_for(home: &Home, server: &Server) -> (Process, String, String) {
    let by_code = ["--way", "device", "--json"].map(str::to_owned);
    let words = server.words("Identity").into_iter().filter(|word| !LOOPBACK.contains(&word.as_str()));
    let mut process = home.spawn_cli(words.chain(by_code));
    process.close_input();
    let told = process.line(Stream::Err, "a code to type", |line| {
        let flow: Value = serde_json::from_str(line).ok()?;
        let device = flow["device"].as_object()?.clone();
        Some((device["verification_uri"].as_str()?.to_owned(), device["user_code"].as_str()?.to_owned()))
    });
    (process, told.0, told.1)
}

#[test]
fn an_account_is_connected_by_a_code_that_is_typed_elsewhere() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::with_device_grant(make));
        let (process, page, code) = code_for(&home, &server);
        let _ = Visitor::new("ben").answers_device(&page, Some(&code));
        let connected = Output::of(process.finish()).ok().json();
        assert_eq!(connected["identity"]["email"], server.email("ben").as_str(), "{make:?}: {connected}");
        assert_eq!(server.token_requests("authorization_code"), 0, "{make:?}");
        let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
        assert!(answer.contains(&server.email("ben")), "{make:?}: {answer}");
        // What came of it is renewed as any other.
        server.expire_access_tokens();
        let _ = home.cli(["request", "Identity", server.me()]).ok();
        assert_eq!(server.token_requests("refresh_token"), 1, "{make:?}");
    }
}

#[test]
fn a_no_on_the_other_device_is_told_here_and_leaves_nothing() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::with_device_grant(make));
        let (process, page, code) = code_for(&home, &server);
        let _ = Visitor::who_denies("anna").answers_device(&page, Some(&code));
        let refused = Output::of(process.finish()).with_code(7);
        assert!(refused.stderr.contains("the sign-in was declined"), "{make:?}: {}", refused.stderr);
        assert_eq!(
            home.cli(["list", "--json"]).ok().json()["connections"],
            serde_json::json!([]),
            "{make:?}"
        );
    }
}
