//! Reading replies with a manifest: who one is signed in as, and whether a test succeeded.

use crate::expression;
use crate::manifest::{IdentityRequest, Manifest};
use hearthkey_domain::connection::Identity;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a test request told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the credential works.
    pub works: bool,
    /// One sentence: what was found.
    pub message: String,
    /// What to do, for one that does not work.
    pub hint: Option<String>,
}

/// Reads an identity from the reply to the manifest's identity request.
#[must_use]
pub fn identity(
    request: &IdentityRequest,
    status: u16,
    body: &Value,
    values: &BTreeMap<String, String>,
) -> Identity {
    let read = |text: &Option<String>| expression::text_with(text.as_deref()?, status, body, values);
    Identity {
        external_id: read(&request.external_id),
        email: read(&request.email),
        name: read(&request.name),
    }
}

/// Judges the reply to the manifest's test request. `body` is `None` when the reply was not JSON.
#[must_use]
pub fn verdict(manifest: &Manifest, status: u16, body: Option<&Value>) -> Verdict {
    let nothing = Value::Null;
    let json = body.unwrap_or(&nothing);
    let ok = (200..300).contains(&status);
    let works = match &manifest.test.works {
        Some(rule) => expression::holds(rule, status, json),
        // An HTML page with 200 is a captive portal or a login page, not the API.
        None => ok && (body.is_some() || status == 204),
    };
    if works {
        let says = manifest.test.says.as_deref().and_then(|says| expression::text(says, status, json));
        let message = says.unwrap_or_else(|| format!("{} accepted the credential.", manifest.name));
        return Verdict { works, message, hint: None };
    }
    let message = match status {
        401 => format!("{} did not accept the credential (401).", manifest.name),
        403 => format!("{} refused: this credential may not do that (403).", manifest.name),
        429 => format!("{} asks to slow down (429).", manifest.name),
        500..=599 => format!("{} has a problem of its own ({status}).", manifest.name),
        _ if ok => format!("{} did not answer as its API does ({status}).", manifest.name),
        _ => format!("{} answered with status {status}.", manifest.name),
    };
    Verdict { works, message, hint: advice(manifest, status, json) }
}

/// What the manifest advises about a failed request.
#[must_use]
pub fn advice(manifest: &Manifest, status: u16, body: &Value) -> Option<String> {
    let fits = manifest.troubleshooting.iter().find(|advice| expression::holds(&advice.when, status, body));
    fits.map(|advice| advice.say.clone())
}
