//! Signing in: whose account it is, what it may do, a request through it, and a no.

use crate::server::{LOOPBACK, MAKES, Make, Manner, Server, connected, shown, sign_in, sign_in_by};
use crate::visitor::Visitor;
use hearthkey_tests::{Home, Output, browse, wait};
use std::fs;

#[test]
fn a_sign_in_says_whose_account_it_is() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        let email = server.email("anna");
        let (output, page) = server.connect(&home, "anna");
        let connected = format!("Connected as {email}");
        assert!(output.ok().stdout.contains(&connected), "{make:?}");
        let text = page.text();
        assert!(text.contains(&format!("OpenID Connect is connected as {email}.")), "{make:?}: {text}");
        let connection = shown(&home);
        assert_eq!(
            (&connection["status"], &connection["identity"]["email"]),
            (&"active".into(), &email.into())
        );
        assert_eq!(server.token_requests("authorization_code"), 1, "{make:?}");
    }
}

#[test]
fn two_people_at_one_server_are_two_connections() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let _ = sign_in(&home, "ben", server.words("Ben")).0.ok();
        for (label, name) in [("Identity", "anna"), ("Ben", "ben")] {
            let answer = home.cli(["request", label, server.me()]).ok().stdout;
            assert!(answer.contains(&server.email(name)), "{make:?}: {answer}");
        }
    }
}

#[test]
fn signing_in_as_the_same_person_renews_the_connection_unless_a_second_is_asked_for() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let first = shown(&home)["id"].clone();
        let _ = sign_in(&home, "anna", server.words("Another")).0.ok();
        let listed = home.cli(["list", "--json"]).ok().json()["connections"].clone();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{make:?}: {listed}");
        assert_eq!(listed[0]["id"], first, "{make:?}");
        let words = server.words("Another").into_iter().chain(["--second".to_owned()]);
        let _ = sign_in(&home, "anna", words).0.ok();
        let second = home.cli(["show", "Another", "--json"]).ok().json()["connection"].clone();
        assert_ne!(second["id"], first, "{make:?}");
        assert_eq!(second["identity"]["email"], server.email("anna"), "{make:?}");
    }
}

#[test]
fn the_address_the_browser_ended_on_is_pasted_whether_it_is_local_or_a_gateways() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        let _ = home.cli(["gateway", "http://127.0.0.1:9/oauth/callback"]).ok();
        for (way, name) in [("loopback", "anna"), ("bounce", "ben")] {
            let mut words = server.words(name);
            words.truncate(words.len() - LOOPBACK.len());
            words.extend(["--paste", "--way", way].map(str::to_owned));
            let mut process = home.spawn_cli(words);
            let address = browse::address(&process);
            let back = Visitor::new(name).answers(&address);
            process.say(format!("{back}\n").as_bytes());
            let _ = Output::of(process.finish()).ok();
            let answer = home.cli(["request", name, server.me()]).ok().stdout;
            assert!(answer.contains(&server.email(name)), "{make:?}, {way}: {answer}");
        }
        assert_eq!(server.token_requests("authorization_code"), 2, "{make:?}");
    }
}

#[test]
fn the_browser_comes_back_by_the_apps_own_address() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        // A desktop entry says that somebody receives the app's addresses; the test delivers them as that program would.
        let applications = home.path().join("data/applications");
        fs::create_dir_all(&applications).expect("a folder");
        let entry = "[Desktop Entry]\nType=Application\nExec=/bin/true %u\nMimeType=x-scheme-handler/app.hearthkey;\n";
        fs::write(applications.join("hearthkey.desktop"), entry).expect("an entry");
        let mut words = server.words("Identity");
        words.truncate(words.len() - LOOPBACK.len());
        words.extend(["--way", "deep-link", "--no-browser"].map(str::to_owned));
        let process = home.spawn_cli(words);
        let link = Visitor::new("anna").answers(&browse::address(&process));
        assert!(link.starts_with("app.hearthkey:/oauth/callback?"), "{make:?}: {link}");
        for (time, became) in [("first", "accepted"), ("second", "not_expected")] {
            let (status, answer) = home.ask("links.deliver", &serde_json::json!({ "address": link }));
            assert_eq!((status, &answer["outcome"]), (200, &became.into()), "{make:?}, {time}: {answer}");
            if time == "first" {
                wait::until_true("the connection to be there", || {
                    home.cli(["list", "--json"]).ok().json()["connections"] != serde_json::json!([])
                });
            }
        }
        let _ = Output::of(process.finish()).ok();
        let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
        assert!(answer.contains(&server.email("anna")), "{make:?}: {answer}");
        assert_eq!(server.token_requests("authorization_code"), 1, "{make:?}");
    }
}

#[test]
fn the_scopes_that_were_granted_are_shown() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let connection = shown(&home);
        assert_eq!(connection["scopes"]["granted"], serde_json::json!(server.grants()), "{make:?}");
        let may = home.cli(["show", "Identity"]).ok().stdout;
        assert!(server.grants().iter().all(|scope| may.contains(scope)), "{make:?}: {may}");
    }
}

#[test]
fn a_request_goes_through_the_connection_with_its_token() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
        assert!(answer.contains(&server.email("anna")), "{make:?}: {answer}");
        // Once to learn who it is, once for the request; and without a new token.
        assert_eq!(server.asked(server.me()), [200, 200], "{make:?}");
        assert_eq!(server.token_requests("refresh_token"), 0, "{make:?}");
    }
    // What a careless service repeats is taken out.
    let (home, server) = connected(Make::OidcProvider, Manner::Strict);
    let echo = home.cli(["request", "Identity", "/echo"]).ok().stdout;
    assert!(echo.contains("Bearer [redacted]") && !echo.contains(&server.access_token()), "{echo}");
}

#[test]
fn a_no_is_told_as_a_no_and_leaves_nothing() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        let denies = |address: &str| Visitor::who_denies("anna").signs_in(address);
        let (refused, page) = sign_in_by(&home, server.words("Identity"), denies);
        assert!(page.text().contains("The sign-in was declined"), "{make:?}: {}", page.text());
        let refused = refused.with_code(7);
        assert!(refused.stderr.contains("the sign-in was declined"), "{make:?}: {}", refused.stderr);
        assert_eq!(home.cli(["list", "--json"]).ok().json()["connections"], serde_json::json!([]));
        assert_eq!(server.token_requests("authorization_code"), 0, "{make:?}");
    }
}
