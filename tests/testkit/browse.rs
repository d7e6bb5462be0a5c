//! A scripted browser: it answers the sandbox's consent page and goes back to where that leads.

use crate::http;
use crate::process::{Process, Stream};

/// The sandbox's first account.
pub const ANNA: &str = "acc_anna";
/// The sandbox's second account.
pub const BEN: &str = "acc_ben";

/// What the browser ends on.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its document.
    pub html: String,
}

impl Page {
    /// The text of the page's heading and paragraph.
    #[must_use]
    pub fn text(&self) -> String {
        let body = self.html.split_once("<main>").map_or(self.html.as_str(), |(_, rest)| rest);
        let mut text = String::new();
        let mut inside = false;
        for c in body.chars() {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                _ if !inside => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The address that `hearthkey connect` gives for the browser, in words or as JSON.
#[track_caller]
#[must_use]
pub fn address(connect: &Process) -> String {
    connect.line(Stream::Err, "an address to open", |line| {
        let line = line.trim();
        let flow = serde_json::from_str::<serde_json::Value>(line).ok();
        let told = flow.and_then(|flow| Some(flow["authorize_url"].as_str()?.to_owned()));
        told.or_else(|| line.starts_with("http").then(|| line.to_owned()))
    })
}

/// Approves as `account` and goes back.
#[track_caller]
#[must_use]
pub fn approve(address: &str, account: &str) -> Page {
    open(&decide(address, "approve", account))
}

/// Denies and goes back.
#[track_caller]
#[must_use]
pub fn deny(address: &str) -> Page {
    open(&decide(address, "deny", ANNA))
}

/// Answers the consent page, and says where the browser would go now.
#[track_caller]
#[must_use]
pub fn decide(address: &str, decision: &str, account: &str) -> String {
    let consent = http::get(address).expect("the consent page");
    assert_eq!(consent.status, 200, "{}", consent.body);
    let form = consent.body.split_once("name=\"form\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (form, _) = form.expect("the consent page has a form");
    let origin = address.split('?').next().expect("an address");
    let answers = [("form", form), ("account", account), ("decision", decision)];
    let reply = http::post_form(origin, &answers).expect("an answer to the consent");
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.location.expect("a redirect leads somewhere")
}

/// Opens an address, whatever it answers.
#[track_caller]
#[must_use]
pub fn open(address: &str) -> Page {
    let reply = http::get(address).unwrap_or_else(|error| panic!("the browser shows an error: {error}"));
    Page { status: reply.status, html: reply.body }
}

/// The value of a parameter of an address.
#[must_use]
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let address = url::Url::parse(address).ok()?;
    address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
