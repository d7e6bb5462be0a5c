//! Faults on demand: which requests meet one, and what it does. How a connection is cut is in `server`.

mod replies;

pub(crate) use replies::{canned, drip, without_expires_in};

use axum::http::Method;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A fault, and the requests that meet it.
///
/// As JSON: `{"route": "/token", "method": "POST", "nth": {"only": 2}, "kind": {"status": {"status": 503}}}`; `method`
/// and `nth` may be left out. A request meets every fault that matches, in the order listed: waits add up, and the
/// first fault that replaces the reply wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A path: itself and everything below it. `/api` matches `/api` and `/api/events` but not `/apis`; `/` matches all.
    /// The control routes under `/_sandbox` meet no faults.
    pub route: String,
    /// The HTTP method; absent means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Which of the matching requests, counted from 1 since the faults were set.
    #[serde(default)]
    pub nth: Nth,
    /// What happens.
    pub kind: FaultKind,
}

/// Which of the matching requests meet a fault. As JSON: `"every"`, `{"only": 2}`, `{"from": 2}`, `{"first": 2}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nth {
    /// All of them.
    #[default]
    Every,
    /// The n-th alone.
    Only(u64),
    /// The n-th and all after it.
    From(u64),
    /// The first n.
    First(u64),
}

/// What a fault does. As JSON: `"reset"`, `{"delay": {"ms": 50}}`.
///
/// A kind that replaces the reply keeps the request from being served, so nothing changes; the other kinds serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Waits before the request is served.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Serves the request, and sends the head at once but the body in small pieces.
    Drip {
        /// The size of a piece; 0 counts as 1.
        bytes: usize,
        /// Milliseconds before each piece.
        every_ms: u64,
    },
    /// Cuts the connection with a TCP reset, instead of serving the request.
    Reset,
    /// Serves the request, then closes the connection without a reply: what it changed is changed.
    SwallowReply,
    /// Replaces the reply by a status.
    Status {
        /// The status; one that HTTP does not know becomes 500.
        status: u16,
        /// The body, as JSON where it is JSON and as plain text otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// Replaces the reply by 429 with `Retry-After`.
    RateLimited {
        /// The value of the header.
        retry_after: RetryAfter,
    },
    /// Replaces the reply by a web page with status 200, as a captive portal does.
    HtmlWith200,
    /// Serves the request, announces the whole body, sends a part of it and closes the connection.
    Truncated {
        /// How much of the body is sent.
        bytes: usize,
    },
    /// Replaces the reply by a JSON document of about this size, without a `Content-Length`.
    Huge {
        /// The size of the document.
        bytes: u64,
    },
    /// Replaces the reply by a redirect.
    Redirect {
        /// The value of `Location`.
        location: String,
        /// The status, such as 302 or 307.
        status: u16,
    },
    /// Serves the request, and leaves `expires_in` out of the reply.
    MissingExpiresIn,
    /// Replaces the reply by `{"error": ...}` with status 200.
    ErrorInside200 {
        /// The value of `error`, such as `bad_verification_code`.
        error: String,
    },
    /// Replaces the reply by an OAuth error whose description repeats the request: its `Authorization` header and its body.
    EchoingError {
        /// The value of `error`, such as `invalid_grant`.
        error: String,
    },
}

/// The value of a `Retry-After` header. As JSON: `{"seconds": 3}`, `{"http_date": 3}`, `{"raw": "soon"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// A number of seconds; negative and absurd ones are sent as they are.
    Seconds(i64),
    /// The HTTP date so many seconds from the moment of the reply.
    HttpDate(i64),
    /// Any text.
    Raw(String),
}

impl FaultKind {
    /// The name in the journal, which is the name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Drip { .. } => "drip",
            Self::Reset => "reset",
            Self::SwallowReply => "swallow_reply",
            Self::Status { .. } => "status",
            Self::RateLimited { .. } => "rate_limited",
            Self::HtmlWith200 => "html_with200",
            Self::Truncated { .. } => "truncated",
            Self::Huge { .. } => "huge",
            Self::Redirect { .. } => "redirect",
            Self::MissingExpiresIn => "missing_expires_in",
            Self::ErrorInside200 { .. } => "error_inside200",
            Self::EchoingError { .. } => "echoing_error",
        }
    }
}

impl Nth {
    fn includes(self, count: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Only(n) => count == n,
            Self::From(n) => count >= n,
            Self::First(n) => count <= n,
        }
    }
}

impl Fault {
    fn covers(&self, method: &Method, path: &str) -> bool {
        let route = self.route.trim_end_matches('/');
        let below = path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
    }
}

/// The faults in force, each with the number of requests it has seen.
#[derive(Default)]
pub(crate) struct FaultPlan(Mutex<Vec<(Fault, u64)>>);

impl FaultPlan {
    /// Puts `faults` in place of the present ones and counts anew.
    pub(crate) fn set(&self, faults: Vec<Fault>) {
        *self.lock() = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.lock().iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Counts a request and returns the faults that it meets.
    pub(crate) fn meet(&self, method: &Method, path: &str) -> Vec<FaultKind> {
        let mut met = Vec::new();
        for (fault, count) in self.lock().iter_mut().filter(|(fault, _)| fault.covers(method, path)) {
            *count += 1;
            if fault.nth.includes(*count) {
                met.push(fault.kind.clone());
            }
        }
        met
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Fault, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(route: &str, method: Option<&str>, nth: Nth) -> Fault {
        Fault { route: route.into(), method: method.map(Into::into), nth, kind: FaultKind::Reset }
    }

    #[test]
    fn a_route_is_a_path_and_what_is_below() {
        for (route, path, covered) in [
            ("/token", "/token", true),
            ("/token", "/tokens", false),
            ("/api", "/api/events", true),
            ("/api/", "/api", true),
            ("/", "/anything", true),
            ("/api/events", "/api", false),
        ] {
            assert_eq!(fault(route, None, Nth::Every).covers(&Method::GET, path), covered, "{route} {path}");
        }
        assert!(!fault("/", Some("post"), Nth::Every).covers(&Method::GET, "/"));
        assert!(fault("/", Some("post"), Nth::Every).covers(&Method::POST, "/"));
    }

    #[test]
    fn requests_are_counted_from_one() {
        for (nth, expected) in [
            (Nth::Every, [true, true, true]),
            (Nth::Only(2), [false, true, false]),
            (Nth::From(2), [false, true, true]),
            (Nth::First(2), [true, true, false]),
        ] {
            let plan = FaultPlan::default();
            plan.set(vec![fault("/token", None, nth)]);
            let met = [(); 3].map(|()| {
                assert!(plan.meet(&Method::POST, "/other").is_empty());
                !plan.meet(&Method::POST, "/token").is_empty()
            });
            assert_eq!(met, expected, "{nth:?}");
        }
    }

    #[test]
    fn the_json_is_the_documented_one() {
        let text = r#"[
            {"route": "/token", "method": "POST", "nth": {"only": 2}, "kind": {"status": {"status": 503}}},
            {"route": "/api", "kind": "reset"},
            {"route": "/api", "nth": "every", "kind": {"rate_limited": {"retry_after": {"http_date": -3}}}}
        ]"#;
        let faults: Vec<Fault> = serde_json::from_str(text).unwrap();
        let kinds: Vec<_> = faults.iter().map(|fault| fault.kind.name()).collect();
        assert_eq!(kinds, ["status", "reset", "rate_limited"]);
        assert_eq!(
            serde_json::from_str::<Vec<Fault>>(&serde_json::to_string(&faults).unwrap()).unwrap(),
            faults
        );
        assert!(serde_json::from_str::<Fault>(r#"{"route": "/", "kind": "reset", "nht": "every"}"#).is_err());
    }

    #[test]
    fn a_kind_is_named_as_in_json() {
        let kinds = [
            FaultKind::Delay { ms: 1 },
            FaultKind::Drip { bytes: 1, every_ms: 1 },
            FaultKind::Reset,
            FaultKind::SwallowReply,
            FaultKind::Status { status: 500, body: None },
            FaultKind::RateLimited { retry_after: RetryAfter::Seconds(1) },
            FaultKind::HtmlWith200,
            FaultKind::Truncated { bytes: 1 },
            FaultKind::Huge { bytes: 1 },
            FaultKind::Redirect { location: "/".into(), status: 302 },
            FaultKind::MissingExpiresIn,
            FaultKind::ErrorInside200 { error: "x".into() },
            FaultKind::EchoingError { error: "x".into() },
        ];
        for kind in kinds {
            let json = serde_json::to_value(&kind).unwrap();
            let name = json.as_str().map(str::to_owned).or_else(|| json.as_object()?.keys().next().cloned());
            assert_eq!(name.as_deref(), Some(kind.name()));
        }
    }
}
