//! Who may ask: only this host by its own name (against DNS rebinding), and the control routes no web page at all.

use crate::reply;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;

/// The folder of the control routes.
pub(crate) const CONTROL: &str = "/_sandbox";

/// Whether `path` is a control route.
pub(crate) fn is_control(path: &str) -> bool {
    path.strip_prefix(CONTROL).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses a request for another host with 421 (RFC 9110 section 15.5.20).
pub(crate) fn refuse_foreign_host(request: &Parts, port: u16) -> Option<Response> {
    let ours = |host: &str| {
        let (name, number) = host.rsplit_once(':').unwrap_or((host, "80"));
        (name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")) && number == port.to_string()
    };
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let named = hosts.next().is_some_and(|host| host.to_str().is_ok_and(ours)) && hosts.next().is_none();
    let targeted = request.uri.authority().is_none_or(|authority| ours(authority.as_str()));
    (!named || !targeted).then(|| {
        let message = "This server answers to 127.0.0.1 and localhost at its own port only.";
        reply::api_error(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)
    })
}

/// Refuses a request that a web page made. A browser adds these headers itself; a page can neither drop nor forge them.
pub(crate) fn refuse_web_page(request: &Parts) -> Option<Response> {
    let fetched = request.headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    (fetched || request.headers.contains_key(header::ORIGIN)).then(|| {
        let message = "The control routes are not for web pages.";
        reply::api_error(StatusCode::FORBIDDEN, "web_page_refused", message)
    })
}
