//! Disconnecting: what the server was told, and that it believes it.

use crate::server::{MAKES, Make, Manner, Server, connected};
use hearthkey_tests::Home;

/// The path where the server is told to forget a token.
fn revocation(server: &Server) -> String {
    let metadata = server.metadata();
    let address = metadata["revocation_endpoint"].as_str().expect("it takes tokens back");
    address.strip_prefix(&server.issuer).expect("at its own address").to_owned()
}

#[test]
fn disconnecting_now_revokes_at_the_server() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let _ = home.cli(["disconnect", "Identity", "--now"]).ok();
        let told = server.asked(&revocation(&server));
        assert!(!told.is_empty() && told.iter().all(|status| *status == 200), "{make:?}: {told:?}");
        let _ = home.cli(["show", "Identity"]).with_code(3);
    }
}

#[test]
fn what_was_revoked_is_refused_from_then_on() {
    for make in [Make::OidcProvider, Make::Authlib] {
        let (home, server) = connected(make, Manner::Lenient);
        let (access, refresh) = (server.access_token(), server.refresh_token());
        // Both work until then, or what follows would prove nothing.
        assert_eq!(server.me_with(&access).status, 200, "{make:?}");
        let renewed = server.refresh_with(&refresh);
        assert_eq!(renewed.status, 200, "{make:?}: {}", renewed.body);
        let _ = home.cli(["disconnect", "Identity", "--now"]).ok();
        let refused = server.refresh_with(&refresh);
        assert_eq!(refused.status, 400, "{make:?}: {}", refused.body);
        assert!(refused.body.contains("invalid_grant"), "{make:?}: {}", refused.body);
        assert_eq!(server.me_with(&access).status, 401, "{make:?}");
    }
}

#[test]
fn a_disconnect_that_is_undone_tells_the_server_nothing() {
    for make in MAKES {
        let (home, server) = connected(make, Manner::Strict);
        let _ = home.cli(["disconnect", "Identity"]).ok();
        let _ = home.cli(["request", "Identity", server.me()]).with_code(5);
        let _ = home.cli(["restore", "Identity"]).ok();
        let answer = home.cli(["request", "Identity", server.me()]).ok().stdout;
        assert!(answer.contains(&server.email("anna")), "{make:?}: {answer}");
        assert_eq!(server.asked(&revocation(&server)), [0; 0], "{make:?}");
    }
}

#[test]
fn a_server_that_is_gone_does_not_keep_a_connection() {
    for make in MAKES {
        let home = {
            let (home, _server): (Home, Server) = connected(make, Manner::Strict);
            home
        };
        let gone = home.cli(["disconnect", "Identity", "--now"]).ok();
        assert!(!gone.stdout.is_empty(), "{make:?}");
        let _ = home.cli(["show", "Identity"]).with_code(3);
    }
}
