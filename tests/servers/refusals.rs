//! Token endpoints that answer in every wrong way: each has its words, none costs anything.

use crate::server::{MAKES, Make, Manner, Server, TokenReply, connected, shown};
use hearthkey_tests::Home;

/// What is answered; the exit code and the words of a sign-in and of a renewal that meet it; the status of the connection.
struct Trouble {
    reply: TokenReply,
    sign_in: (i32, &'static str),
    renewal: (i32, &'static str),
    status: &'static str,
}

fn troubles(elsewhere: &str) -> Vec<Trouble> {
    let trouble = |reply, sign_in, renewal, status| Trouble { reply, sign_in, renewal, status };
    vec![
        trouble(
            TokenReply::Status(503, "{}"),
            (8, "has a problem of its own (status 503)"),
            (8, "has a problem of its own and could not renew Identity: status 503"),
            "active",
        ),
        trouble(TokenReply::SlowDown(30), (8, "asks to slow down"), (8, "asks to slow down"), "active"),
        trouble(
            TokenReply::Status(400, r#"{"error":"temporarily_unavailable"}"#),
            (8, "has a problem of its own: temporarily_unavailable"),
            (8, "has a problem of its own and could not renew Identity: temporarily_unavailable"),
            "active",
        ),
        trouble(
            TokenReply::Page,
            (7, "did not answer as expected: a token response"),
            (7, "did not answer as expected when it was to renew Identity: a token response"),
            "active",
        ),
        trouble(
            TokenReply::Status(200, r#"{"access_token":"a-token","token_type":"mac"}"#),
            (7, "did not answer as expected: a bearer token"),
            (7, "did not answer as expected when it was to renew Identity: a bearer token"),
            "active",
        ),
        trouble(
            TokenReply::Redirect(format!("{elsewhere}/token")),
            (7, "did not answer as expected: a token response, and not status 307"),
            (7, "did not answer as expected when it was to renew Identity: status 307"),
            "active",
        ),
        trouble(
            TokenReply::Status(401, r#"{"error":"invalid_client"}"#),
            (7, "does not accept the client: invalid_client"),
            (7, "does not accept the client of Identity: invalid_client"),
            "error",
        ),
    ]
}

#[track_caller]
fn me(home: &Home, server: &Server) {
    let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
    assert!(answer.contains(&server.email("anna")), "{:?}: {answer}", server.make);
}

fn each_trouble_at(make: Make) {
    let (home, server) = connected(make, Manner::Strict);
    let elsewhere = Server::start(Make::Authlib, Manner::Strict);
    let before = shown(&home);
    for Trouble { reply, renewal: (code, words), status, .. } in troubles(&elsewhere.issuer) {
        let what = format!("{make:?}, {reply:?}");
        server.answer_tokens_with(&reply);
        let asked = server.token_requests("refresh_token");
        let failed = home.cli(["refresh", "Identity"]);
        assert!(failed.stderr.contains(words), "{what}: {}", failed.stderr);
        assert_eq!(failed.code, code, "{what}: {}", failed.stderr);
        let after = shown(&home);
        assert_eq!(after["status"], status, "{what}: {after}");
        assert_eq!((&after["id"], &after["renewable"]), (&before["id"], &true.into()), "{what}");
        // The access token still works, and is used.
        me(&home, &server);

        // Once it does not, whoever needs another is told the same, and the server is left in peace.
        server.expire_access_tokens();
        let failed = home.cli(["request", "Identity", server.me()]).with_code(code);
        assert!(failed.stderr.contains(words), "{what}: {}", failed.stderr);
        assert_eq!(server.token_requests("refresh_token"), asked + 1, "{what}: asked once");

        // It is over: a person who asks gets new tokens at once, and nothing was lost.
        server.answer_tokens_as_usual();
        let _ = home.cli(["refresh", "Identity"]).ok();
        me(&home, &server);
        let after = shown(&home);
        assert_eq!((&after["status"], &after["id"]), (&"active".into(), &before["id"]), "{what}");
    }
    assert_eq!(elsewhere.token_requests("refresh_token"), 0, "a token request stays where it was sent");
}

#[test]
fn oidc_provider_in_trouble_costs_nothing() {
    each_trouble_at(Make::OidcProvider);
}

#[test]
fn authlib_in_trouble_costs_nothing() {
    each_trouble_at(Make::Authlib);
}

#[test]
fn the_sandbox_in_trouble_costs_nothing() {
    each_trouble_at(Make::Sandbox);
}

#[test]
fn a_sign_in_that_meets_trouble_at_the_token_endpoint_says_so_and_leaves_nothing() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        for Trouble { reply, sign_in: (code, words), .. } in troubles("http://127.0.0.1:9") {
            server.answer_tokens_with(&reply);
            let (failed, page) = server.connect(&home, "anna");
            assert!(failed.stderr.contains(words), "{make:?}, {reply:?}: {}", failed.stderr);
            assert_eq!(failed.code, code, "{make:?}, {reply:?}: {}", failed.stderr);
            assert!(page.text().starts_with("Not connected"), "{make:?}, {reply:?}: {}", page.text());
        }
        assert_eq!(home.cli(["list", "--json"]).ok().json()["connections"], serde_json::json!([]));
        server.answer_tokens_as_usual();
        let (connected, _) = server.connect(&home, "anna");
        let _ = connected.ok();
    }
}
