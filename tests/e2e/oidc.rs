//! A certified OpenID Connect server, with the person's real browser in between.

use crate::browser::testid;
use crate::desktop::{Desk, row};
use crate::person::Person;
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Output, Process, browse, http};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A running server at a port of its own.
struct Server {
    issuer: String,
    _process: Process,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
        assert!(
            folder.join("node_modules").is_dir(),
            "the server's packages are missing: npm ci in tests/servers"
        );
        let mut command = Command::new("node");
        command.arg(folder.join("oidc.mjs")).args(flags);
        let process = Process::start(command);
        let issuer = process.line(Stream::Out, "where it listens", |line| {
            line.strip_prefix("listening on ").map(str::to_owned)
        });
        Self { issuer, _process: process }
    }

    /// What was asked at `path`, as grant types or statuses.
    fn asked(&self, path: &str) -> Vec<(u64, String)> {
        let reply = http::get(&format!("{}/_control/journal", self.issuer)).expect("the server answers");
        let journal: Vec<Value> = serde_json::from_str(&reply.body).expect("the journal is JSON");
        let entries = journal.iter().filter(|entry| entry["path"] == path);
        let told = entries.map(|entry| {
            (
                entry["status"].as_u64().unwrap_or_default(),
                entry["grant"].as_str().unwrap_or_default().to_owned(),
            )
        });
        told.collect()
    }

    /// The access tokens it gave out.
    fn access_tokens(&self) -> Vec<String> {
        let reply =
            http::get(&format!("{}/_control/access-tokens", self.issuer)).expect("the server answers");
        serde_json::from_str(&reply.body).expect("a list")
    }

    fn control(&self, route: &str) {
        let address = format!("{}/_control/{route}", self.issuer);
        let reply = http::send(http::client().post(address)).expect("the server answers");
        assert_eq!(reply.status, 204);
    }
}

fn granted(grant: &str) -> (u64, String) {
    (200, grant.to_owned())
}

#[test]
fn any_issuer_can_be_connected_from_the_window() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let window = desk.window();
    let person = Person::new(&desk.home);
    window.click(&testid("connector-card-openid-connect"));
    window.sees(&testid("redirect-uri"), "http://127.0.0.1/oauth/callback");
    window.fill(&testid("field-issuer"), &server.issuer);
    window.fill(&testid("client-id"), "hearthkey");
    window.fill(&testid("field-label"), "Identity");
    window.click(&testid("dialog-submit"));
    let page = person.signs_in(&desk.opened(0), "carla");
    assert_eq!(
        page,
        "Connected OpenID Connect is connected as carla@id.example. You can close this tab and return to Hearthkey."
    );
    window.sees(&testid("connected"), "Connected as carla@id.example");
    window.click(&testid("dialog-done"));
    window.wait(&row("Identity", "active"));
    assert_eq!(server.asked("/token"), [granted("authorization_code")]);

    let answer = desk.home.cli(["request", "Identity", "/me"]).ok().stdout;
    assert!(answer.contains("\"email\":\"carla@id.example\""), "{answer}");
    assert_eq!(server.asked("/token").len(), 1);

    // A service that repeats what it was sent: the credential is taken out of the answer.
    let echo = desk.home.cli(["request", "Identity", "/echo", "-i"]).ok().stdout;
    let tokens = server.access_tokens();
    assert!(echo.contains("\"authorization\":\"Bearer ") && !tokens.is_empty(), "{echo}");
    assert!(tokens.iter().all(|token| token.len() > 20 && !echo.contains(token)), "{echo}");

    // A server that ends the whole sign-in when a refresh token comes twice: ten callers, one renewal, twice over.
    for renewals in 1..=2 {
        server.control("expire-access-tokens");
        let mut words = vec!["request".to_owned(), "Identity".to_owned()];
        words.extend((0..10).map(|n| format!("/me?n={n}")));
        let answers = desk.home.cli(words).ok().stdout;
        assert_eq!(answers.matches("carla@id.example").count(), 10, "{answers}");
        let tokens = server.asked("/token");
        assert_eq!(tokens[1..], vec![granted("refresh_token"); renewals]);
    }

    // The server forgets the person: that is found out, said, and nothing is thrown away.
    server.control("revoke-grants");
    window.click(&testid("test-button"));
    window.wait(&row("Identity", "needs_reconnect"));
    window.wait(&format!("{}[data-ok=\"false\"]", testid("test-result")));
    // The connection knows its issuer and its client: nothing has to be typed again.
    window.click(&testid("reconnect-button"));
    let page = person.signs_in(&desk.opened(1), "carla");
    assert!(page.starts_with("Connected"), "{page}");
    window.click(&testid("dialog-done"));
    window.wait(&row("Identity", "active"));
    let _ = desk.home.cli(["test", "Identity"]).ok();

    let _ = desk.home.cli(["disconnect", "Identity", "--now"]).ok();
    assert_eq!(server.asked("/token/revocation"), [(200, String::new())]);
    window.wait(&testid("first-run"));
}

#[test]
fn the_command_line_signs_in_there_too_and_renews_what_is_about_to_end() {
    let (desk, server) = (Desk::new(), Server::start(&["--access-token-seconds", "2"]));
    let person = Person::new(&desk.home);
    let issuer = format!("issuer={}", server.issuer);
    let words = ["connect", "openid-connect", "--value", &issuer, "--client-id", "hearthkey", "--no-browser"];
    let mut process = desk.home.spawn_cli(words);
    process.close_input();
    let page = person.signs_in(&browse::address(&process), "dora");
    assert!(page.contains("connected as dora@id.example"), "{page}");
    let connected = Output::of(process.finish()).ok();
    assert!(connected.stdout.contains("Connected as dora@id.example"), "{}", connected.stdout);
    for renewals in 1..=2 {
        let answer = desk.home.cli(["request", "OpenID Connect", "/me"]).ok().stdout;
        assert!(answer.contains("dora@id.example"), "{answer}");
        let tokens = server.asked("/token");
        assert_eq!(tokens[1..], vec![granted("refresh_token"); renewals]);
    }
    assert!(server.asked("/me").iter().all(|(status, _)| *status == 200), "{:?}", server.asked("/me"));

    // The client was kept: the next connection needs the issuer alone.
    let mut process = desk.home.spawn_cli([
        "connect",
        "openid-connect",
        "--value",
        &issuer,
        "--label",
        "Second",
        "--second",
        "--no-browser",
    ]);
    process.close_input();
    let page = person.signs_in(&browse::address(&process), "dora");
    assert!(page.starts_with("Connected"), "{page}");
    let _ = Output::of(process.finish()).ok();
    // Another connection lives by the same sign-in: the last of them ends it.
    let _ = desk.home.cli(["disconnect", "OpenID Connect", "--now"]).ok();
    assert_eq!(server.asked("/token/revocation"), []);
    let _ = desk.home.cli(["test", "Second"]).ok();
    let _ = desk.home.cli(["disconnect", "Second", "--now"]).ok();
    assert_eq!(server.asked("/token/revocation"), [(200, String::new())]);
}
