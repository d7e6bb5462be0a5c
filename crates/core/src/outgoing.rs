//! Outgoing calls: the limits every one of them has, and the errors they share.
//!
//! Nothing is repeated here except reads whose connection broke; a call that may have had an effect is never repeated.

use crate::{Error, Hearthkey};
use bytes::Bytes;
use hearthkey_connectors::Manifest;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ports::{HttpError, HttpRequest};
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use std::time::Duration;
use url::Url;

/// Requests a person or program waits for.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Token requests: an answer that comes late is still the only copy of the new tokens.
pub(crate) const TOKEN_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest reply of an authorization server, test or identity request, in bytes.
pub(crate) const SMALL_REPLY: usize = 1024 * 1024;
/// The longest wait a provider can ask for.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

impl Hearthkey {
    /// Sends a request, and a read once more if its connection broke or could not be made.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        policy: &EgressPolicy,
        timeout: Duration,
        max_reply: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        let again = matches!(*request.method(), Method::GET | Method::HEAD).then(|| request.clone());
        let wrap = |request| HttpRequest { request, policy: policy.clone(), timeout, max_reply };
        match (self.ports.http.send(wrap(request)).await, again) {
            (Err(HttpError::Cut { .. } | HttpError::Unreachable { .. }), Some(request)) => {
                self.ports.http.send(wrap(request)).await
            }
            (reply, _) => reply,
        }
    }

    /// Fetches a small public document.
    pub(crate) async fn fetch(&self, address: &Url, policy: &EgressPolicy) -> Result<Response<Bytes>, Error> {
        let request = Request::get(address.as_str())
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|_| Error::Internal("an address could not be turned into a request"))?;
        Ok(self.send(request, policy, CALL_TIMEOUT, SMALL_REPLY).await?)
    }
}

/// The error for a status that is not success, in the terms every provider shares.
pub(crate) fn status_error(manifest: &Manifest, reply: &Response<Bytes>, now: Timestamp) -> Option<Error> {
    let connector = manifest.name.clone();
    match reply.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            Some(Error::RateLimited { connector, until: retry_after(reply, now) })
        }
        status if status.is_server_error() => {
            Some(Error::ProviderTrouble { connector, status: status.as_u16() })
        }
        _ => None,
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3) in both forms, between now and [`RETRY_AFTER_MAX`] from now.
pub(crate) fn retry_after(reply: &Response<Bytes>, now: Timestamp) -> Option<Timestamp> {
    let text = reply.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let when = match text.parse::<u32>() {
        Ok(seconds) => now + SignedDuration::from_secs(seconds.into()),
        Err(_) => rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?,
    };
    Some(when.clamp(now, now + RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, wait) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("4000000000", Some(86_400)),
            ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
        ] {
            let reply = Response::builder().header("retry-after", text).body(Bytes::new()).unwrap();
            let found = retry_after(&reply, now).map(|at| now.duration_until(at).as_secs());
            assert_eq!(found, wait, "{text}");
        }
    }
}
