//! The three servers behind one face: how each is started, asked what it saw, and told to misbehave.

use crate::visitor::{self, Visitor};
use hearthkey_sandbox::{FaultKind, RetryAfter};
use hearthkey_tests::http::{self, Reply};
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, Output, Page, Process, browse, programs, sandbox, world};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// npm's `oidc-provider`.
    OidcProvider,
    /// Python's Authlib.
    Authlib,
    /// Our own.
    Sandbox,
}

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It ends; used again, it ends the whole sign-in.
    Strict,
    /// It works again.
    Lenient,
}

/// How the token endpoint answers instead of doing its work.
#[derive(Debug, Clone)]
pub(crate) enum TokenReply {
    /// It does its work, and cuts the connection without an answer.
    Swallowed,
    /// It does its work so many milliseconds later.
    Late(u64),
    /// A status with a body, as JSON or as a page.
    Status(u16, &'static str),
    /// 429, with the seconds to wait.
    SlowDown(i64),
    /// A web page under status 200, as a captive portal shows.
    Page,
    /// 307 to this address.
    Redirect(String),
}

/// By a browser of this computer that is not opened: a test has none.
pub(crate) const LOOPBACK: [&str; 3] = ["--way", "loopback", "--no-browser"];

pub(crate) const MAKES: [Make; 3] = [Make::OidcProvider, Make::Authlib, Make::Sandbox];

/// A running server at a port of its own. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) make: Make,
    pub(crate) issuer: String,
    _process: Process,
}

impl Server {
    pub(crate) fn start(make: Make, manner: Manner) -> Self {
        Self::start_with(make, manner, &[])
    }

    /// With access tokens that Hearthkey takes for ended from the start: it keeps a margin for the way.
    pub(crate) fn with_short_tokens(make: Make) -> Self {
        Self::start_with(make, Manner::Strict, &["--access-token-seconds", "5"])
    }

    /// With the device grant; the sandbox has it anyway.
    pub(crate) fn with_device_grant(make: Make) -> Self {
        let flags: &[&str] = if make == Make::Sandbox { &[] } else { &["--device"] };
        Self::start_with(make, Manner::Strict, flags)
    }

    fn start_with(make: Make, manner: Manner, flags: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
        let (mut command, lenient) = match make {
            Make::OidcProvider => {
                let missing = "the server's packages are missing: npm ci in tests/servers";
                assert!(folder.join("node_modules").is_dir(), "{missing}");
                let mut command = Command::new("node");
                command.arg(folder.join("oidc.mjs"));
                (command, "--keep-refresh-tokens")
            }
            Make::Authlib => {
                let mut command = Command::new("python3");
                command.arg("-B").arg(folder.join("authlib_server.py")).env("PYTHONPATH", python_path());
                (command, "--grace")
            }
            Make::Sandbox => {
                let mut command = Command::new(programs::sandbox());
                command.args(["--port", "0", "--exit-with-stdin", "--requests-per-minute", "10000"]);
                command.args(["--device-interval-seconds", "0"]);
                (command, "--keep-refresh-tokens")
            }
        };
        command.args((manner == Manner::Lenient).then_some(lenient)).args(flags);
        let process = Process::start(command);
        let issuer = process.line(Stream::Out, format_args!("where {make:?} listens"), |line| {
            line.split_once("listening on ").map(|(_, address)| address.to_owned())
        });
        Self { make, issuer, _process: process }
    }

    /// The e-mail address under which the server knows `name`.
    pub(crate) fn email(&self, name: &str) -> String {
        match self.make {
            Make::OidcProvider => format!("{name}@id.example"),
            Make::Authlib => format!("{name}@authlib.example"),
            Make::Sandbox if name == "anna" => "anna@studio-nord.example".to_owned(),
            Make::Sandbox => "ben@ost.example".to_owned(),
        }
    }

    /// The path of the API that tells who one is.
    pub(crate) fn me(&self) -> &'static str {
        if self.make == Make::OidcProvider { "/me" } else { "/userinfo" }
    }

    /// The scopes it grants, of those Hearthkey asks for.
    pub(crate) fn grants(&self) -> Vec<&'static str> {
        match self.make {
            Make::OidcProvider => vec!["openid", "email", "profile", "offline_access"],
            Make::Authlib => vec!["email", "profile", "offline_access"],
            Make::Sandbox => vec!["profile", "offline_access"],
        }
    }

    /// What is typed to connect it.
    pub(crate) fn words(&self, label: &str) -> Vec<String> {
        words(&self.issuer, label)
    }

    /// Connects from `home` as `name`, under the label `Identity`.
    #[track_caller]
    pub(crate) fn connect(&self, home: &Home, name: &str) -> (Output, Page) {
        sign_in(home, name, self.words("Identity"))
    }

    /// Signs the connection `Identity` in anew: it knows its issuer and its client.
    #[track_caller]
    pub(crate) fn connect_again(&self, home: &Home, name: &str) -> (Output, Page) {
        let words = ["connect", "openid-connect", "--again", "Identity"].into_iter().chain(LOOPBACK);
        sign_in(home, name, words.map(str::to_owned))
    }

    /// How many token requests of this grant type there were.
    pub(crate) fn token_requests(&self, grant: &str) -> u64 {
        if self.make == Make::Sandbox {
            let journal = sandbox::control(&self.issuer).journal();
            let asked = journal.iter().filter(|entry| entry.path == "/token");
            return asked.filter(|entry| entry.grant_type.as_deref() == Some(grant)).count() as u64;
        }
        self.told("token-requests")[grant].as_u64().unwrap_or_default()
    }

    /// The statuses of what was asked at `path`, in order.
    pub(crate) fn asked(&self, path: &str) -> Vec<u16> {
        if self.make == Make::Sandbox {
            let journal = sandbox::control(&self.issuer).journal();
            let asked = journal.into_iter().filter(|entry| entry.path == path);
            return asked.map(|entry| entry.status.unwrap_or_default()).collect();
        }
        let journal = self.told("journal");
        let asked = journal.as_array().into_iter().flatten().filter(|entry| entry["path"] == path);
        asked.filter_map(|entry| u16::try_from(entry["status"].as_u64()?).ok()).collect()
    }

    /// The newest refresh token it gave out; the sandbox tells none.
    pub(crate) fn refresh_token(&self) -> String {
        self.newest("refresh-tokens")
    }

    /// The newest access token it gave out; the sandbox tells none.
    pub(crate) fn access_token(&self) -> String {
        self.newest("access-tokens")
    }

    fn newest(&self, kind: &str) -> String {
        let tokens = self.told(kind);
        let newest = tokens.as_array().and_then(|tokens| tokens.last()?.as_str());
        newest.unwrap_or_else(|| panic!("{:?} gave out no {kind}", self.make)).to_owned()
    }

    /// Sends a refresh token to the server as its client would, past Hearthkey.
    pub(crate) fn refresh_with(&self, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "hearthkey")];
        http::post_form(&format!("{}/token", self.issuer), &form).expect("the server answers")
    }

    /// Asks who one is with an access token, past Hearthkey.
    pub(crate) fn me_with(&self, token: &str) -> Reply {
        let request = http::client().get(format!("{}{}", self.issuer, self.me())).bearer_auth(token);
        http::send(request).expect("the server answers")
    }

    pub(crate) fn expire_access_tokens(&self) {
        match self.make {
            Make::Sandbox => sandbox::control(&self.issuer).expire_access_tokens(),
            _ => self.done(http::client().post(self.control("expire-access-tokens"))),
        }
    }

    /// From now on the token endpoint answers like this.
    pub(crate) fn answer_tokens_with(&self, reply: &TokenReply) {
        if self.make == Make::Sandbox {
            return sandbox::control(&self.issuer).fault("/token", fault(reply));
        }
        let headers = |name: &str, value: &str| json!({ name: value });
        self.put(
            "token-reply",
            &match reply {
                TokenReply::Swallowed => json!({ "swallow": true }),
                TokenReply::Late(ms) => json!({ "late": ms }),
                TokenReply::Status(status, body) => {
                    let headers = headers("content-type", "application/json");
                    json!({ "status": status, "headers": headers, "body": body })
                }
                TokenReply::SlowDown(seconds) => {
                    json!({ "status": 429, "headers": headers("retry-after", &seconds.to_string()) })
                }
                TokenReply::Page => {
                    let headers = headers("content-type", "text/html");
                    json!({ "status": 200, "headers": headers, "body": "<h1>Welcome to the hotel</h1>" })
                }
                TokenReply::Redirect(location) => {
                    json!({ "status": 307, "headers": headers("location", location) })
                }
            },
        );
    }

    /// The token endpoint does its work again.
    pub(crate) fn answer_tokens_as_usual(&self) {
        match self.make {
            Make::Sandbox => sandbox::control(&self.issuer).set_faults(&[]),
            _ => self.put("token-reply", &Value::Null),
        }
    }

    /// Puts these members into the metadata.
    pub(crate) fn change_metadata(&self, changes: &Value) {
        self.put("metadata", changes);
    }

    /// The metadata, read anew.
    pub(crate) fn metadata(&self) -> Value {
        visitor::json(&http::get(&format!("{}/.well-known/openid-configuration", self.issuer)))
    }

    fn told(&self, what: &str) -> Value {
        visitor::json(&http::get(&self.control(what)))
    }

    fn put(&self, what: &str, value: &Value) {
        self.done(http::client().put(self.control(what)).body(value.to_string()));
    }

    fn control(&self, what: &str) -> String {
        format!("{}/_control/{what}", self.issuer)
    }

    #[track_caller]
    fn done(&self, request: reqwest::blocking::RequestBuilder) {
        let reply = http::send(request).expect("the server answers");
        assert_eq!(reply.status, 204, "{:?}: {}", self.make, reply.body);
    }
}

/// What is typed to connect the issuer at an address.
pub(crate) fn words(issuer: &str, label: &str) -> Vec<String> {
    let issuer = format!("issuer={issuer}");
    let service = ["connect", "openid-connect", "--value", &issuer, "--client-id", "hearthkey"];
    service.into_iter().chain(["--label", label]).chain(LOOPBACK).map(str::to_owned).collect()
}

/// Types a command that signs in, with `name` at the browser: how it ended, and the page the browser ended on.
#[track_caller]
pub(crate) fn sign_in(home: &Home, name: &str, words: impl IntoIterator<Item = String>) -> (Output, Page) {
    sign_in_by(home, words, |address| Visitor::new(name).signs_in(address))
}

/// The same with anyone at the browser.
#[track_caller]
pub(crate) fn sign_in_by(
    home: &Home,
    words: impl IntoIterator<Item = String>,
    person: impl FnOnce(&str) -> Page,
) -> (Output, Page) {
    let mut process = home.spawn_cli(words);
    process.close_input();
    let page = person(&browse::address(&process));
    (Output::of(process.finish()), page)
}

fn fault(reply: &TokenReply) -> FaultKind {
    match reply {
        TokenReply::Swallowed => FaultKind::SwallowReply,
        TokenReply::Late(ms) => FaultKind::Delay { ms: *ms },
        TokenReply::Status(status, body) => {
            FaultKind::Status { status: *status, body: Some((*body).to_owned()) }
        }
        TokenReply::SlowDown(seconds) => {
            FaultKind::RateLimited { retry_after: RetryAfter::Seconds(*seconds) }
        }
        TokenReply::Page => FaultKind::HtmlWith200,
        TokenReply::Redirect(location) => FaultKind::Redirect { location: location.clone(), status: 307 },
    }
}

/// Where Python finds Authlib: what `cargo xtask test` installed, then what is there anyway.
fn python_path() -> String {
    let installed = programs::target().join("tools/python").display().to_string();
    [Some(installed), world::variable("PYTHONPATH")].into_iter().flatten().collect::<Vec<_>>().join(":")
}

/// A connection as `hearthkey show` has it.
pub(crate) fn shown(home: &Home) -> Value {
    home.cli(["show", "Identity", "--json"]).ok().json()["connection"].clone()
}

/// A home whose only connection is Anna's at a server of this make.
#[track_caller]
pub(crate) fn connected(make: Make, manner: Manner) -> (Home, Server) {
    connected_to(Server::start(make, manner))
}

#[track_caller]
pub(crate) fn connected_to(server: Server) -> (Home, Server) {
    let home = Home::start();
    let (output, page) = server.connect(&home, "anna");
    let _ = output.ok();
    assert_eq!(page.status, 200, "{:?}: {}", server.make, page.html);
    (home, server)
}
