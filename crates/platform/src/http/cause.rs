//! Why a call brought no reply, in words of our own.
//!
//! The messages of the libraries are never passed on: they hold the address with its path and query.

use super::CONNECT_TIMEOUT;
use hearthkey_domain::ports::HttpError;
use rustls::CertificateError;
use std::{error::Error, io, time::Duration};

/// A name with nothing but refused addresses behind it.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no public address")]
pub(super) struct PrivateName;

/// The error of a call whose reply did not begin.
pub(super) fn before_reply(error: &reqwest::Error, host: &str, timeout: Duration) -> HttpError {
    let host = host.to_owned();
    if causes(error).any(|cause| cause.is::<PrivateName>()) {
        HttpError::Blocked {
            reason: format!(
                "{host} leads to a private address, and this connection may use public ones only"
            ),
        }
    } else if error.is_connect() {
        HttpError::Unreachable { host, reason: words(error) }
    } else if error.is_builder() {
        super::malformed()
    } else {
        within_reply(error, &host, timeout)
    }
}

/// The error of a call that may have been carried out.
pub(super) fn within_reply(error: &reqwest::Error, host: &str, timeout: Duration) -> HttpError {
    let host = host.to_owned();
    if error.is_timeout() {
        HttpError::Timeout { host, seconds: timeout.as_secs().max(1) }
    } else {
        HttpError::Cut { host }
    }
}

/// A few words for what stopped a connection.
pub(super) fn words(error: &reqwest::Error) -> String {
    for cause in causes(error) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return tls_words(tls).to_owned();
        }
        if let Some(words) = cause.downcast_ref::<io::Error>().and_then(io_words) {
            return words.to_owned();
        }
    }
    if error.is_dns() {
        "its name could not be resolved".to_owned()
    } else if error.is_timeout() {
        format!("it took no connection within {} s", CONNECT_TIMEOUT.as_secs())
    } else {
        "the connection failed".to_owned()
    }
}

fn io_words(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some("it refused the connection"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
            Some("it broke off the connection")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("there is no way to it"),
        io::ErrorKind::NetworkDown => Some("the network is down"),
        _ => None,
    }
}

fn tls_words(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; is the clock right?"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::UnknownIssuer => {
                "its certificate is from an issuer that this system does not trust"
            }
            CertificateError::Revoked => "its certificate was revoked",
            _ => "its certificate is not accepted",
        },
        _ => "no secure connection could be agreed on",
    }
}

/// An error and all that caused it, also what an [`io::Error`] wraps, which its `source` skips.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&cause| beneath(cause))
}

fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
