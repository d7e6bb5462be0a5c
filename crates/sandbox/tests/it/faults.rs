use crate::visitor::{EVERY_SCOPE, Visitor, approving, pair, visit};
use hearthkey_sandbox::{Fault, FaultKind, Nth, RetryAfter};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A sandbox whose metadata meets one fault.
async fn struck(kind: FaultKind) -> Visitor {
    let visitor = visit(approving()).await;
    strike(&visitor, METADATA, Nth::Every, kind);
    visitor
}

fn strike(visitor: &Visitor, route: &str, nth: Nth, kind: FaultKind) {
    visitor.sandbox.set_faults(vec![Fault { route: route.into(), method: None, nth, kind }]);
}

fn ask(visitor: &Visitor) -> String {
    format!("GET {METADATA} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", visitor.authority())
}

fn refresh(visitor: &Visitor, token: &str) -> String {
    let body = format!("grant_type=refresh_token&client_id=hearthkey&refresh_token={token}");
    format!(
        "POST /token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        visitor.authority(),
        body.len()
    )
}

/// Head in small letters, body as it is.
fn split(reply: &str) -> (String, &str) {
    let (head, body) = reply.split_once("\r\n\r\n").expect(reply);
    (head.to_lowercase(), body)
}

#[tokio::test]
async fn a_delay_holds_the_reply_back() {
    let visitor = struck(FaultKind::Delay { ms: 60_000 }).await;
    let request = ask(&visitor);
    assert!(tokio::time::timeout(Duration::from_millis(50), visitor.raw(&request)).await.is_err());
    strike(&visitor, METADATA, Nth::Every, FaultKind::Delay { ms: 5 });
    let (reply, _) = visitor.raw(&request).await;
    assert!(reply.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_drip_arrives_in_pieces_and_whole() {
    let visitor = struck(FaultKind::Drip { bytes: 200, every_ms: 15 }).await;
    let mut stream = visitor.connect().await;
    stream.write_all(ask(&visitor).as_bytes()).await.unwrap();
    let (mut received, mut pieces) = (Vec::new(), 0);
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        pieces += 1;
        received.extend_from_slice(&buffer[..count]);
    }
    assert!(pieces >= 4, "{pieces} pieces");
    let reply = String::from_utf8(received).unwrap();
    let (head, body) = split(&reply);
    assert!(head.contains(&format!("content-length: {}", body.len())));
    assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
}

#[tokio::test]
async fn a_reset_is_a_tcp_reset_and_serves_nothing() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    strike(&visitor, "/token", Nth::Only(1), FaultKind::Reset);
    let (reply, end) = visitor.raw(&refresh(&visitor, &token)).await;
    assert_eq!(reply, "");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(visitor.refresh(&token).await.status, 200, "the token was not used");
    let entry = &visitor.sandbox.journal()[2];
    assert_eq!((entry.status, entry.outcome.as_deref()), (None, None));
    assert_eq!((entry.fault.as_deref(), entry.grant_type.as_deref()), (Some("reset"), Some("refresh_token")));
}

#[tokio::test]
async fn a_swallowed_reply_changes_what_it_would_have_said() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    strike(&visitor, "/token", Nth::Only(1), FaultKind::SwallowReply);
    let (reply, end) = visitor.raw(&refresh(&visitor, &token)).await;
    assert_eq!(reply, "");
    assert!(end.is_ok(), "an orderly close: {end:?}");
    assert_eq!(visitor.refresh(&token).await.error(), (400, "invalid_grant".into()));
    let entries = visitor.sandbox.journal();
    assert_eq!(entries[2].status, None);
    assert_eq!(entries[2].outcome.as_deref(), Some("refresh_token: rotated"));
    assert_eq!(entries[2].fault.as_deref(), Some("swallow_reply"));
    assert_eq!(entries[3].outcome.as_deref(), Some("refresh_token: reuse, family revoked"));
    assert_eq!(entries[3].fault, None);
}

#[tokio::test]
async fn a_status_replaces_the_reply_the_nth_time() {
    let visitor = visit(approving()).await;
    let kind = FaultKind::Status { status: 503, body: Some("{\"down\":true}".into()) };
    strike(&visitor, METADATA, Nth::Only(2), kind);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let (reply, _) = visitor.raw(&ask(&visitor)).await;
        statuses.push(reply[9..12].to_owned());
        if reply.contains(" 503 ") {
            let (head, body) = split(&reply);
            assert!(head.contains("content-type: application/json"));
            assert_eq!(body, "{\"down\":true}");
        }
    }
    assert_eq!(statuses, ["200", "503", "200"]);
}

#[tokio::test]
async fn retry_after_takes_every_form() {
    for (retry_after, expected) in [
        (RetryAfter::Seconds(7), "7"),
        (RetryAfter::Seconds(-5), "-5"),
        (RetryAfter::Raw("soon".into()), "soon"),
    ] {
        let visitor = struck(FaultKind::RateLimited { retry_after }).await;
        let (reply, _) = visitor.raw(&ask(&visitor)).await;
        assert!(reply.starts_with("HTTP/1.1 429"));
        assert!(split(&reply).0.contains(&format!("\r\nretry-after: {expected}\r\n")), "{reply}");
    }
    let visitor = struck(FaultKind::RateLimited { retry_after: RetryAfter::HttpDate(3600) }).await;
    let reply = visitor.get(METADATA).await;
    let date = reply.header("retry-after").unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
    let moment = DateTimeParser::new().parse_timestamp(date).unwrap();
    let arrived: Timestamp = visitor.sandbox.journal()[0].at;
    let ahead = moment.duration_since(arrived).as_secs();
    assert!((3595..=3660).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn a_web_page_comes_instead_of_json() {
    let visitor = struck(FaultKind::HtmlWith200).await;
    let (reply, _) = visitor.raw(&ask(&visitor)).await;
    let (head, body) = split(&reply);
    assert!(head.starts_with("http/1.1 200") && head.contains("text/html"));
    assert!(body.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn a_truncated_reply_promises_more_than_it_sends() {
    let visitor = struck(FaultKind::Truncated { bytes: 20 }).await;
    let (reply, end) = visitor.raw(&ask(&visitor)).await;
    let (head, body) = split(&reply);
    assert!(end.is_ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(length.parse::<usize>().unwrap() > 100);
    assert_eq!(body.len(), 20);
    assert!(head.starts_with("http/1.1 200 ok") && head.contains("content-type: application/json"));
    assert!(visitor.try_send(reqwest::Method::GET, METADATA, &[], "").await.is_err(), "a client notices");
}

#[tokio::test]
async fn a_huge_reply_streams_to_its_size() {
    let visitor = struck(FaultKind::Huge { bytes: 3_000_000 }).await;
    let reply = visitor.get(METADATA).await;
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(reply.text.len(), 3_000_000);
    assert!(reply.json()["junk"].is_string());

    strike(&visitor, METADATA, Nth::Every, FaultKind::Huge { bytes: 1 << 40 });
    let mut stream = visitor.connect().await;
    stream.write_all(ask(&visitor).as_bytes()).await.unwrap();
    let mut buffer = vec![0; 1 << 20];
    stream.read_exact(&mut buffer).await.unwrap();
    drop(stream);
    visitor.sandbox.set_faults(Vec::new());
    assert_eq!(visitor.get(METADATA).await.status, 200, "a client that leaves harms nobody");
}

#[tokio::test]
async fn a_redirect_leads_elsewhere() {
    let location = "http://169.254.169.254/latest".to_owned();
    let visitor = struck(FaultKind::Redirect { location, status: 307 }).await;
    let (reply, _) = visitor.raw(&ask(&visitor)).await;
    assert!(reply.starts_with("HTTP/1.1 307"));
    assert!(split(&reply).0.contains("\r\nlocation: http://169.254.169.254/latest\r\n"));
}

#[tokio::test]
async fn a_token_reply_may_lack_its_life_span() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    strike(&visitor, "/token", Nth::Only(1), FaultKind::MissingExpiresIn);
    let (reply, _) = visitor.raw(&refresh(&visitor, &token)).await;
    let (head, body) = split(&reply);
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(head.starts_with("http/1.1 200") && head.contains("cache-control: no-store"));
    assert!(document.get("expires_in").is_none() && document.get("access_token").is_some());
    let (_, next) = (document["access_token"].as_str(), document["refresh_token"].as_str().unwrap());
    assert!(visitor.refresh(next).await.json().get("expires_in").is_some(), "only the first");
}

#[tokio::test]
async fn an_error_may_hide_inside_a_success() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    strike(
        &visitor,
        "/token",
        Nth::First(1),
        FaultKind::ErrorInside200 { error: "bad_refresh_token".into() },
    );
    let (reply, _) = visitor.raw(&refresh(&visitor, &token)).await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("\"error\":\"bad_refresh_token\""));
    pair(&visitor.refresh(&token).await);
}

#[tokio::test]
async fn an_error_may_repeat_the_request() {
    let visitor = visit(approving()).await;
    let (_, token) = visitor.tokens(EVERY_SCOPE).await;
    strike(&visitor, "/token", Nth::First(1), FaultKind::EchoingError { error: "invalid_grant".into() });
    let (reply, _) = visitor.raw(&refresh(&visitor, &token)).await;
    assert!(reply.starts_with("HTTP/1.1 400") && reply.contains(&token), "{reply}");
    pair(&visitor.refresh(&token).await);
}

#[tokio::test]
async fn faults_join_in_the_order_listed() {
    let visitor = visit(approving()).await;
    let fault = |kind| Fault { route: "/".into(), method: Some("GET".into()), nth: Nth::Every, kind };
    visitor.sandbox.set_faults(vec![
        fault(FaultKind::Delay { ms: 1 }),
        fault(FaultKind::Status { status: 502, body: None }),
        fault(FaultKind::Truncated { bytes: 4 }),
    ]);
    let (reply, _) = visitor.raw(&ask(&visitor)).await;
    assert!(reply.starts_with("HTTP/1.1 502"));
    assert_eq!(split(&reply).1.len(), 4);
    assert_eq!(visitor.sandbox.journal()[0].fault.as_deref(), Some("delay + status + truncated"));
}
