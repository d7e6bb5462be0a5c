//! Which requests can be a browser's return, and the replies that a tab gets.

use bytes::Bytes;
use hearthkey_domain::ports::EndPage;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

/// A reply of the listener.
pub(super) type Reply = Response<Full<Bytes>>;

/// The query of a request that can be a return, without its question mark; else the status that refuses it. Whether its host
/// is one that is waited under is known by then.
pub(super) fn query_of_return<B>(
    request: &Request<B>,
    is_here: bool,
    path: &str,
    max_uri: usize,
) -> Result<String, StatusCode> {
    if !is_here {
        return Err(StatusCode::MISDIRECTED_REQUEST);
    }
    let target = request.uri();
    let query = target.query().unwrap_or_default();
    if target.path().len() + query.len() > max_uri {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if target.authority().is_some() || target.path() != path {
        return Err(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    Ok(query.to_owned())
}

/// The one host that a request names.
pub(super) fn host_of<B>(request: &Request<B>) -> Option<&[u8]> {
    let mut named = request.headers().get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(name), None) => Some(name.as_bytes()),
        _ => None,
    }
}

/// The page of the handler.
pub(super) fn page(page: EndPage) -> Reply {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    reply(status, "text/html; charset=utf-8", page.html)
}

/// A reply that says no more than its status.
pub(super) fn plain(status: StatusCode) -> Reply {
    let words = status.canonical_reason().unwrap_or_default();
    let mut reply = reply(status, "text/plain; charset=utf-8", words.to_owned());
    if status == StatusCode::METHOD_NOT_ALLOWED {
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
    }
    reply
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}
