//! What was asked, in order of arrival. No code, token, verifier, state or secret gets in: values are written only
//! where they are known words, everything else is left out.

use crate::clients::{Client, is_registered_redirect};
use crate::parameters::Parameters;
use crate::scopes::Scopes;
use axum::http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many entries are kept; the oldest go first. About 20 MB at most.
const CAPACITY: usize = 50_000;

/// What stands for text that is not a known word.
const HIDDEN: &str = "(hidden)";

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The position in arrival order, from 1.
    pub seq: u64,
    /// When the request arrived.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The path; segments that could be secrets are hidden.
    pub path: String,
    /// The names of the query, with the values that are known words.
    pub query: BTreeMap<String, Option<String>>,
    /// The status sent; `None` while in progress and when the connection was cut before it.
    pub status: Option<u16>,
    /// `grant_type` of a token request, without the prefix of an extension grant.
    pub grant_type: Option<String>,
    /// What a form led to, such as `refresh_token: rotated`; `None` when it was not served.
    pub outcome: Option<String>,
    /// The registered client the request says it is from.
    pub client_id: Option<String>,
    /// The faults applied, joined by ` + `.
    pub fault: Option<String>,
}

#[derive(Default)]
struct Pages {
    next: u64,
    entries: VecDeque<JournalEntry>,
}

/// The journal of one sandbox.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Pages>);

impl Journal {
    /// Notes an arrival and returns its number.
    pub(crate) fn arrived(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        at: Timestamp,
    ) -> u64 {
        let query = Parameters::parse(uri.query().unwrap_or_default().as_bytes());
        let form = Parameters::parse(if method == Method::POST { body } else { b"" });
        let (names, grant_type) = match uri.path() {
            "/token" => (&form, form.get("grant_type").map(grant_word)),
            "/revoke" | "/device_authorization" => (&form, None),
            _ => (&query, None),
        };
        let mut pages = self.lock();
        pages.next += 1;
        let entry = JournalEntry {
            seq: pages.next,
            at,
            method: word(method.as_str()),
            path: uri.path().split('/').map(word).collect::<Vec<_>>().join("/"),
            query: query.iter().map(|(name, value)| (word(name), known_value(name, value))).collect(),
            status: None,
            grant_type: grant_type.map(str::to_owned),
            outcome: None,
            client_id: Client::claimed(headers, names).map(str::to_owned),
            fault: None,
        };
        if pages.entries.len() == CAPACITY {
            pages.entries.pop_front();
        }
        pages.entries.push_back(entry);
        pages.next
    }

    /// Notes the faults a request meets.
    pub(crate) fn faulted(&self, seq: u64, faults: String) {
        self.edit(seq, |entry| entry.fault = Some(faults));
    }

    /// Notes what a request led to.
    pub(crate) fn served(&self, seq: u64, outcome: &'static str) {
        self.edit(seq, |entry| {
            entry.outcome = Some(match &entry.grant_type {
                Some(grant_type) => format!("{grant_type}: {outcome}"),
                None => outcome.to_owned(),
            });
        });
    }

    /// Notes the status that is about to be sent.
    pub(crate) fn answered(&self, seq: u64, status: u16) {
        self.edit(seq, |entry| entry.status = Some(status));
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// Forgets the entries; the numbers go on.
    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
    }

    fn edit(&self, seq: u64, edit: impl FnOnce(&mut JournalEntry)) {
        let mut pages = self.lock();
        if let Some(entry) = pages.entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            edit(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name of ours, or hidden: tokens are longer than any of them.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let short =
        text.len() <= 32 && text.chars().all(plain) && !text.starts_with("sbx_") && !text.starts_with("sk_");
    if short { text.to_owned() } else { HIDDEN.to_owned() }
}

fn grant_word(grant_type: &str) -> &'static str {
    match grant_type {
        "authorization_code" => "authorization_code",
        "refresh_token" => "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code" => "device_code",
        _ => "(unsupported)",
    }
}

fn known_value(name: &str, value: &str) -> Option<String> {
    let known = match name {
        "response_type" => value == "code",
        "client_id" => Client::find(value).is_some(),
        "redirect_uri" => is_registered_redirect(value),
        "code_challenge_method" => ["S256", "plain"].contains(&value),
        "scope" => Scopes::parse(Some(value)).is_some(),
        "limit" => value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    known.then(|| value.to_owned())
}
