//! Tokens that are renewed: once for everyone, and what follows when a refresh token is used a second time.

use crate::server::{MAKES, Make, Manner, Server, TokenReply, connected, connected_to, shown};
use hearthkey_tests::{Home, Output};

/// Those that tell their tokens, so that one can be used behind Hearthkey's back.
const TELLING: [Make; 2] = [Make::OidcProvider, Make::Authlib];

#[track_caller]
fn me(home: &Home, server: &Server) {
    let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
    assert!(answer.contains(&server.email("anna")), "{:?}: {answer}", server.make);
}

#[test]
fn twenty_programs_with_an_ended_token_lead_to_one_token_request() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        server.expire_access_tokens();
        // Slow enough for others to arrive while it is under way.
        server.answer_tokens_with(&TokenReply::Late(2000));
        let programs: Vec<_> =
            (0..20).map(|_| home.spawn_cli(["request", "Identity", server.me(), "--json"])).collect();
        for mut program in programs {
            program.close_input();
            let answer = Output::of(program.finish()).ok().json();
            assert_eq!(answer["status"], 200, "{make:?}: {answer}");
        }
        assert_eq!(server.token_requests("refresh_token"), 1, "{make:?}");
        assert_eq!(shown(&home)["status"], "active", "{make:?}");
        let refused = server.asked(server.me()).iter().filter(|status| **status == 401).count();
        assert!(refused > 3, "{make:?}: several met the ended token: {refused}");
        // The pair that came with it is the one in use: the next renewal works as well.
        server.expire_access_tokens();
        let _ = home.cli(["refresh", "Identity"]).ok();
        me(&home, &server);
        assert_eq!(server.token_requests("refresh_token"), 2, "{make:?}");
    }
}

#[test]
fn a_token_that_is_about_to_end_is_renewed_before_anyone_refuses_it() {
    for make in MAKES {
        let (home, server) = connected_to(Server::with_short_tokens(make));
        me(&home, &server);
        assert!(server.token_requests("refresh_token") >= 1, "{make:?}");
        assert_eq!(server.asked(server.me()), [200, 200], "{make:?}");
    }
}

#[test]
fn a_server_that_keeps_its_refresh_tokens_is_renewed_with_the_same_again() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Lenient);
        for renewals in 1..=2 {
            server.expire_access_tokens();
            let _ = home.cli(["refresh", "Identity"]).ok();
            me(&home, &server);
            assert_eq!(server.token_requests("refresh_token"), renewals, "{make:?}");
        }
        assert_eq!(shown(&home)["status"], "active", "{make:?}");
    }
}

#[test]
fn a_stolen_refresh_token_ends_the_sign_in_with_a_reason_and_signing_in_again_mends_it_in_place() {
    for make in TELLING {
        let (home, server) = connected(make, Manner::Strict);
        let stolen = server.refresh_token();
        server.expire_access_tokens();
        me(&home, &server);
        let before = shown(&home);
        // The thief comes second, and the server ends it for both.
        assert!(server.refresh_with(&stolen).body.contains("invalid_grant"), "{make:?}");
        let newest = server.refresh_token();
        assert_ne!(newest, stolen, "{make:?}: it rotates");

        server.expire_access_tokens();
        let refused = home.cli(["refresh", "Identity"]).with_code(6);
        assert!(refused.stderr.contains("ended the sign-in of Identity"), "{make:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: Reconnect"), "{make:?}: {}", refused.stderr);
        let ended = shown(&home);
        assert_eq!(ended["status"], "needs_reconnect", "{make:?}");
        let reason = ended["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("invalid_grant"), "{make:?}: {reason}");
        assert_eq!(
            (&ended["id"], &ended["renewable"]),
            (&before["id"], &true.into()),
            "{make:?}: it is kept"
        );

        let _ = server.connect_again(&home, "anna").0.ok();
        let mended = shown(&home);
        assert_eq!((&mended["id"], &mended["label"]), (&before["id"], &before["label"]), "{make:?}");
        assert_eq!((&mended["status"], &mended["reason"]), (&"active".into(), &serde_json::Value::Null));
        me(&home, &server);
        assert_eq!(home.cli(["list", "--json"]).ok().json()["connections"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn signing_in_again_as_someone_else_changes_nothing() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let before = shown(&home);
        let (output, page) = server.connect_again(&home, "ben");
        let refused = output.with_code(4);
        let words = format!("Identity belongs to {}", server.email("anna"));
        assert!(refused.stderr.contains(&words), "{make:?}: {}", refused.stderr);
        assert!(page.text().contains(&words), "{make:?}: {}", page.text());
        assert_eq!(shown(&home)["identity"], before["identity"], "{make:?}");
        me(&home, &server);
    }
}

#[test]
fn a_reply_that_never_arrives_costs_nothing_where_the_old_token_works_again() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Lenient);
        lose_a_reply(&home, &server);
        let _ = home.cli(["refresh", "Identity"]).ok();
        me(&home, &server);
        assert_eq!(shown(&home)["status"], "active", "{make:?}");
        assert_eq!(server.token_requests("refresh_token"), 2, "{make:?}");
    }
}

#[test]
fn a_reply_that_never_arrives_asks_once_for_a_new_sign_in_where_the_old_token_ends_everything() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let id = shown(&home)["id"].clone();
        lose_a_reply(&home, &server);
        let refused = home.cli(["refresh", "Identity"]).with_code(6);
        assert!(refused.stderr.contains("the answer to the last renewal"), "{make:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("hint: Reconnect"), "{make:?}: {}", refused.stderr);
        let ended = shown(&home);
        assert_eq!(
            (&ended["status"], &ended["renewable"]),
            (&"needs_reconnect".into(), &true.into()),
            "{make:?}"
        );
        // It is not tried again and again.
        let asked = server.token_requests("refresh_token");
        let _ = home.cli(["request", "Identity", server.me()]).with_code(6);
        assert_eq!(server.token_requests("refresh_token"), asked, "{make:?}");
        let _ = server.connect_again(&home, "anna").0.ok();
        me(&home, &server);
        assert_eq!(shown(&home)["id"], id, "{make:?}");
    }
}

/// The server renews, and its answer is lost on the way. Nobody knows what became of the refresh token; the access token is
/// used until its end, by the next owner too.
#[track_caller]
fn lose_a_reply(home: &Home, server: &Server) {
    server.answer_tokens_with(&TokenReply::Swallowed);
    let failed = home.cli(["refresh", "Identity"]).with_code(8);
    assert!(failed.stderr.contains("127.0.0.1"), "{:?}: {}", server.make, failed.stderr);
    server.answer_tokens_as_usual();
    for _ in 0..2 {
        me(home, server);
        assert_eq!(shown(home)["status"], "active", "{:?}", server.make);
        assert_eq!(server.token_requests("refresh_token"), 1, "{:?}", server.make);
        home.end_owner();
    }
}
