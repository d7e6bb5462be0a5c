//! Servers that lie: mixed up with an honest one, weaker than they should be, or leading to where no token belongs.

use crate::documents::Liar;
use crate::server::{MAKES, Make, Manner, Server, TokenReply, sign_in, sign_in_by, words};
use crate::visitor::Visitor;
use hearthkey_tests::{Home, Output, Page, browse};
use serde_json::{Value, json};
use url::Url;

const CODE: &str = "authorization_code";

fn oidc_provider() -> Server {
    Server::start(Make::OidcProvider, Manner::Strict)
}

/// Nothing is kept of a sign-in that was refused.
#[track_caller]
fn nothing_is_there(home: &Home) {
    assert_eq!(home.cli(["list", "--json"]).ok().json()["connections"], json!([]));
}

#[test]
fn a_code_of_an_honest_server_never_reaches_one_that_sends_the_browser_there() {
    let (home, honest, attacker) = (Home::start(), oidc_provider(), oidc_provider());
    attacker
        .change_metadata(&json!({ "authorization_endpoint": honest.metadata()["authorization_endpoint"] }));
    let (refused, page) = attacker.connect(&home, "anna");
    let words = "the answer came from another authorization server than the one that was asked";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    let refused = refused.with_code(7);
    assert!(refused.stderr.contains("hint: Nothing was saved."), "{}", refused.stderr);
    assert!(page.text().starts_with("Stopped for your safety"), "{}", page.text());
    // The person did approve at the honest one, and the code stayed here.
    assert!(honest.asked("/auth").contains(&303), "{:?}", honest.asked("/auth"));
    assert_eq!((attacker.token_requests(CODE), honest.token_requests(CODE)), (0, 0));
    assert_eq!(attacker.asked("/token"), [0; 0]);
    nothing_is_there(&home);
    // The honest one is none the worse for it.
    let _ = honest.connect(&home, "anna").0.ok();
}

#[test]
fn metadata_that_sends_the_browser_to_a_server_that_is_known_is_refused_at_once() {
    let (home, honest, attacker) = (Home::start(), oidc_provider(), oidc_provider());
    // Nothing in its answers tells whose they are.
    honest.change_metadata(&json!({ "authorization_response_iss_parameter_supported": false }));
    let without = |address: &str| browse::open(&with_iss(&Visitor::new("anna").answers(address), None));
    let _ = sign_in_by(&home, honest.words("Honest"), without).0.ok();
    let pages = honest.asked("/auth").len();
    for page in [
        &*honest.metadata()["authorization_endpoint"].to_string(),
        "\"https://slack.com/oauth/v2/authorize\"",
    ] {
        let page: Value = serde_json::from_str(page).expect("a text");
        attacker.change_metadata(&json!({ "authorization_endpoint": page }));
        let refused = home.cli(words(&attacker.issuer, "Identity")).with_code(7);
        assert!(refused.stderr.contains("is another server's"), "{page}: {}", refused.stderr);
        assert!(!refused.stderr.contains("state="), "no browser is sent off: {}", refused.stderr);
    }
    assert_eq!(honest.asked("/auth").len(), pages);
    assert_eq!((attacker.token_requests(CODE), honest.token_requests(CODE)), (0, 1));
}

/// The address of a return with `iss` put in place of what the server sent, or taken out.
fn with_iss(back: &str, iss: Option<&str>) -> String {
    let mut back = Url::parse(back).expect("an address");
    let kept: Vec<(String, String)> =
        back.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    assert_ne!(kept.len(), back.query_pairs().count(), "the server sends `iss`");
    back.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(iss.map(|iss| ("iss", iss)));
    back.into()
}

#[test]
fn an_answer_that_does_not_say_whose_it_is_letter_for_letter_is_refused() {
    for make in MAKES {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        let other_case = server.issuer.replace("http", "HTTP");
        let slash = format!("{}/", server.issuer);
        for iss in [Some("https://id.example"), None, Some(&*other_case), Some(&*slash)] {
            for allows in [true, false] {
                let person = |address: &str| -> Page {
                    let visitor = if allows { Visitor::new } else { Visitor::who_denies };
                    browse::open(&with_iss(&visitor("anna").answers(address), iss))
                };
                let (refused, page) = sign_in_by(&home, server.words("Identity"), person);
                let refused = refused.with_code(7);
                assert!(
                    refused.stderr.contains("the answer came from another authorization server"),
                    "{make:?}, {iss:?}: {}",
                    refused.stderr
                );
                assert!(page.text().starts_with("Stopped for your safety"), "{make:?}: {}", page.text());
            }
        }
        assert_eq!(server.token_requests(CODE), 0, "{make:?}");
        nothing_is_there(&home);
        // As the server sent it, it is believed.
        let as_sent = |address: &str| {
            let back = Visitor::new("anna").answers(address);
            browse::open(&with_iss(&back, Some(&server.issuer)))
        };
        let _ = sign_in_by(&home, server.words("Identity"), as_sent).0.ok();
        assert_eq!(server.token_requests(CODE), 1, "{make:?}");
    }
}

#[test]
fn a_token_request_does_not_follow_to_another_server() {
    let (home, honest, attacker) = (Home::start(), oidc_provider(), oidc_provider());
    attacker.answer_tokens_with(&TokenReply::Redirect(format!("{}/token", honest.issuer)));
    let (failed, page) = attacker.connect(&home, "anna");
    assert!(failed.stderr.contains("not status 307"), "{}", failed.stderr);
    let _ = failed.with_code(7);
    assert!(page.text().starts_with("Not connected"), "{}", page.text());
    assert_eq!((attacker.token_requests(CODE), honest.token_requests(CODE)), (1, 0));
    assert_eq!(honest.asked("/token"), [0; 0]);
    nothing_is_there(&home);
}

/// Types a command that is refused before any browser is needed.
#[track_caller]
fn refused_at_once(home: &Home, issuer: &str) -> Output {
    let refused = home.cli(words(issuer, "Identity"));
    assert!(!refused.stderr.contains("/auth"), "no browser is sent off: {}", refused.stderr);
    refused
}

#[test]
fn a_server_without_pkce_by_s256_is_refused() {
    for make in [Make::OidcProvider, Make::Authlib] {
        let (home, server) = (Home::start(), Server::start(make, Manner::Strict));
        for methods in [json!(["plain"]), json!([])] {
            server.change_metadata(&json!({ "code_challenge_methods_supported": methods }));
            let refused = refused_at_once(&home, &server.issuer).with_code(7);
            let words = "the server does not offer PKCE with S256";
            assert!(refused.stderr.contains(words), "{make:?}, {methods}: {}", refused.stderr);
        }
        assert_eq!(server.asked("/auth").len() + server.asked("/authorize").len(), 0, "{make:?}");
        nothing_is_there(&home);
    }
}

#[test]
fn metadata_of_another_issuer_is_refused() {
    let (home, honest, attacker) = (Home::start(), oidc_provider(), oidc_provider());
    for issuer in
        [honest.issuer.clone(), attacker.issuer.replace("http", "HTTP"), "https://id.example".to_owned()]
    {
        attacker.change_metadata(&json!({ "issuer": issuer }));
        let refused = refused_at_once(&home, &attacker.issuer).with_code(7);
        let words = "the metadata belongs to another issuer";
        assert!(refused.stderr.contains(words), "{issuer}: {}", refused.stderr);
    }
    attacker.change_metadata(&json!({}));
    let _ = attacker.connect(&home, "anna").0.ok();
}

#[test]
fn endpoints_that_are_not_https_are_refused_before_the_browser_opens() {
    let (home, liar) = (Home::start(), Liar::start());
    for endpoint in ["authorization", "token", "userinfo", "revocation", "device_authorization"] {
        let endpoint = &*format!("{endpoint}_endpoint");
        for address in [
            "http://example/x",
            "http://id.example.com/x",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/x",
            "http://localhost/x",
            "http://localhost./x",
            "http://[::ffff:127.0.0.1]/x",
            "http://0.0.0.0/x",
            "ftp://id.example.com/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user:secret@id.example.com/x",
        ] {
            liar.publish(&[(endpoint, address.into())]);
            let refused = refused_at_once(&home, &liar.issuer).with_code(7);
            let words = "the metadata names an endpoint that is not https";
            assert!(refused.stderr.contains(words), "{endpoint} {address}: {}", refused.stderr);
            assert_eq!(liar.asked(), ["GET /.well-known/openid-configuration"], "{endpoint} {address}");
        }
    }
    nothing_is_there(&home);
}

/// Signs in at the liar, whose page sends everyone straight back.
#[track_caller]
fn sign_in_at(home: &Home, liar: &Liar, changes: &[(&str, Value)]) -> (Output, Page) {
    liar.publish(changes);
    sign_in(home, "anna", words(&liar.issuer, "Identity"))
}

/// Addresses of this machine and the network around it: those of another program of it under every name, and others.
fn addresses_around(bystander: &Liar) -> Vec<String> {
    let port = bystander.issuer.rsplit(':').next().unwrap_or_default();
    let names = ["127.0.0.1", "0177.0.0.1", "0x7f000001", "2130706433", "127.1"];
    let plain = names.iter().map(|name| format!("http://{name}:{port}/token"));
    let names = names.into_iter().chain(["localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]);
    let sealed = names.map(|name| format!("https://{name}:{port}/token"));
    let others = [
        "http://127.0.0.1:22/x",
        "http://[::1]:22/x",
        "https://169.254.169.254/latest/meta-data",
        "https://0xa9fea9fe/latest/meta-data",
        "https://10.0.0.1/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://[fd00::1]/x",
    ];
    plain.chain(sealed).chain(others.map(str::to_owned)).collect()
}

#[test]
fn a_check_of_a_client_asks_nothing_of_this_machine_or_the_network_around_it() {
    let (home, liar, bystander) = (Home::start(), Liar::start(), Liar::start());
    liar.publish(&[]);
    let issuer = format!("issuer={}", liar.issuer);
    let _ = home.cli(["clients", "add", "openid-connect", "--client-id", "me", "--value", &issuer]).ok();
    let check = || home.cli(["clients", "check", "me", "--value", &issuer]);
    for address in addresses_around(&bystander) {
        liar.publish(&[("authorization_endpoint", address.as_str().into())]);
        let blocked = check();
        assert_eq!(blocked.code, 5, "{address}: {}", blocked.stderr);
        assert_eq!(bystander.asked(), [""; 0], "{address}");
    }
    // The address that was typed is asked, wherever it is.
    let _ = liar.asked();
    liar.publish(&[]);
    let _ = check();
    assert!(liar.asked().contains(&"GET /authorize".to_owned()));
}

#[test]
fn a_server_cannot_send_a_code_or_token_to_this_machine_or_the_network_around_it() {
    let (home, liar, bystander) = (Home::start(), Liar::start(), Liar::start());
    let addresses = addresses_around(&bystander);
    for endpoint in ["token_endpoint", "userinfo_endpoint"] {
        for address in &addresses {
            let (blocked, page) = sign_in_at(&home, &liar, &[(endpoint, address.as_str().into())]);
            let blocked = blocked.with_code(5);
            let words = "and this connection may use";
            assert!(blocked.stderr.contains(words), "{endpoint} {address}: {}", blocked.stderr);
            assert!(page.text().contains(words), "{endpoint} {address}: {}", page.text());
            let asked = liar.asked();
            assert!(asked.contains(&"GET /authorize".to_owned()), "{endpoint} {address}: {asked:?}");
            assert!(!asked.contains(&"POST /token".to_owned()), "{endpoint} {address}: {asked:?}");
            assert_eq!(bystander.asked(), [""; 0], "{endpoint} {address}");
        }
    }
    // Some systems know this name, others do not: it leads nowhere on either.
    let port = bystander.issuer.rsplit(':').next().unwrap_or_default();
    let (failed, _) =
        sign_in_at(&home, &liar, &[("token_endpoint", format!("https://localhost.:{port}/x").into())]);
    assert!([5, 8].contains(&failed.code), "{}", failed.stderr);
    assert_eq!(bystander.asked(), [""; 0]);
    nothing_is_there(&home);
    let _ = liar.asked();
    // The same server, telling the truth, is connected: it was typed by the person, and keeps to itself.
    let _ = sign_in_at(&home, &liar, &[]).0.ok();
    assert!(liar.asked().contains(&"POST /token".to_owned()));
}

#[test]
fn a_document_that_is_none_or_has_no_end_is_refused() {
    let (home, liar) = (Home::start(), Liar::start());
    for (document, words) in [
        (String::new(), "metadata could not be read"),
        ("<h1>Welcome to the hotel</h1>".to_owned(), "metadata could not be read"),
        ("[".repeat(100_000), "metadata could not be read"),
        (format!("{{\"issuer\":\"{}\"}}", "a".repeat(2_000_000)), "sent more than the 1048576 bytes allowed"),
    ] {
        let what = document.get(..20).unwrap_or(&document).to_owned();
        liar.publish_text(document);
        let refused = refused_at_once(&home, &liar.issuer);
        assert!(refused.code != 0 && refused.stderr.contains(words), "{what}: {}", refused.stderr);
    }
}

#[test]
fn metadata_that_is_said_to_be_elsewhere_is_not_fetched_there() {
    let (home, liar, bystander) = (Home::start(), Liar::start(), Liar::start());
    bystander.publish(&[("issuer", liar.issuer.as_str().into())]);
    liar.publish_elsewhere(format!("{}/.well-known/openid-configuration", bystander.issuer));
    let refused = refused_at_once(&home, &liar.issuer).with_code(7);
    let words = "no OpenID Connect configuration there (status 302)";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert_eq!(bystander.asked(), [""; 0]);
}
