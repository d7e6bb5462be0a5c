//! Testing a connection, and asking a service who it is signed in as.

use super::request::put_api_headers;
use crate::outgoing::{CALL_TIMEOUT, SMALL_REPLY};
use crate::tokens::inject;
use crate::{Caller, Error, Hearthkey};
use bytes::Bytes;
use hearthkey_connectors::manifest::{Manifest, RequestTemplate};
use hearthkey_connectors::reply::{self, Verdict};
use hearthkey_connectors::request::template_address;
use hearthkey_domain::activity::{Activity, Deed, Door};
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::renewal::FailureClass;
use hearthkey_domain::server::AuthorizationServer;
use http::{Request, Response, header};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a test found.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// Whether the credential works.
    pub ok: bool,
    /// One sentence: what was found.
    pub message: String,
    /// What to do, for one that does not work.
    pub hint: Option<String>,
    /// Who it is signed in as, where the test tells.
    pub identity: Option<Identity>,
    /// The status the service answered with, where it answered.
    pub http_status: Option<u16>,
    /// When it was tested.
    pub tested_at: Timestamp,
}

impl TestReport {
    pub(crate) fn of(verdict: Verdict, status: u16, tested_at: Timestamp) -> Self {
        let Verdict { works: ok, message, hint } = verdict;
        Self { ok, message, hint, identity: None, http_status: Some(status), tested_at }
    }

    pub(crate) fn without_reply(error: &Error, tested_at: Timestamp) -> Self {
        Self {
            ok: false,
            message: error.to_string(),
            hint: error.hint(),
            identity: None,
            http_status: None,
            tested_at,
        }
    }
}

impl Hearthkey {
    /// Tests a connection with the cheap request its connector names, and notes what was found.
    ///
    /// # Errors
    /// When there is no such connection or the vault is not open. A test that fails is `Ok` with `ok: false`.
    pub async fn test_connection(self: &Arc<Self>, caller: &Caller, name: &str) -> Result<TestReport, Error> {
        let connection = self.find(caller, name).await?;
        self.vault().await?;
        let manifest = self.manifest_of(&connection)?;
        let server = connection.oauth.as_ref().map(|grant| &grant.server);
        let request = templated(manifest, &manifest.test.request, &connection.values, server)?;
        let sent = self.send_through(caller, manifest, &connection, request).await;
        let now = self.now();
        let (mut report, verdict_on_status) = match sent {
            Ok((reply, _)) => {
                let (status, body) = json_of(&reply);
                let verdict = reply::verdict(manifest, status, body.as_ref());
                let found = status_after(&verdict, status, &connection);
                (TestReport::of(verdict, status, now), found)
            }
            // The refusal of a refresh was written onto the connection where it happened.
            Err(error) => (TestReport::without_reply(&error, now), None),
        };
        report.identity = Some(connection.identity.clone()).filter(|_| report.ok);
        let entry = self.entry_for(caller, &connection, Deed::Tested, report.message.clone());
        self.note_reply(caller, &connection, verdict_on_status, Some((now, entry))).await?;
        Ok(report)
    }

    /// Writes down what a reply said about a connection's status, and when it was tested. The person hears of one that is over
    /// with it, outside of the window; and no more of one that works again.
    pub(super) async fn note_reply(
        self: &Arc<Self>,
        caller: &Caller,
        connection: &Connection,
        found: Option<Status>,
        tested: Option<(Timestamp, Activity)>,
    ) -> Result<(), Error> {
        let (tested_at, entry) = tested.unzip();
        let was_over = AtomicBool::new(false);
        let noted = self.amend(connection, entry, |connection| {
            was_over.store(connection.status.is_over(), Ordering::Relaxed);
            connection.last_tested_at = tested_at.or(connection.last_tested_at);
            match &found {
                _ if !connection.is_usable() => {}
                Some(Status::Active) => connection.works_again(),
                Some(found) => connection.status = found.clone(),
                None => {}
            }
        });
        let noted = noted.await?;
        match (&noted.status, was_over.into_inner()) {
            (Status::NeedsReconnect { reason, class }, false) if caller.door != Door::Desktop => {
                self.tell_person(&noted, &self.trouble(&noted, *class, reason, None));
            }
            (Status::Active, true) => self.untell_person(noted.id),
            _ => {}
        }
        Ok(())
    }

    /// Asks a service who a credential is signed in as. `None` when its connector names no such request.
    pub(crate) async fn identify(
        &self,
        manifest: &Manifest,
        method: &str,
        values: &BTreeMap<String, String>,
        server: Option<&AuthorizationServer>,
        policy: &EgressPolicy,
        credential: &Credential,
    ) -> Option<Identity> {
        let wanted = manifest.identity.as_ref()?;
        let reply = self.ask(manifest, &wanted.request, method, values, server, policy, credential).await;
        let (status, body) = json_of(&reply.ok().filter(|reply| reply.status().is_success())?);
        Some(reply::identity(wanted, status, &body?, values))
    }

    /// Sends one of a manifest's requests with a credential that is not, or not yet, a connection's.
    #[expect(clippy::too_many_arguments, reason = "they are what a request through no connection is made of")]
    pub(crate) async fn ask(
        &self,
        manifest: &Manifest,
        template: &RequestTemplate,
        method: &str,
        values: &BTreeMap<String, String>,
        server: Option<&AuthorizationServer>,
        policy: &EgressPolicy,
        credential: &Credential,
    ) -> Result<Response<Bytes>, Error> {
        let mut request = templated(manifest, template, values, server)?;
        inject(manifest, method, credential, request.headers_mut())?;
        Ok(self.send(request, policy, CALL_TIMEOUT, SMALL_REPLY).await?)
    }
}

fn templated(
    manifest: &Manifest,
    template: &RequestTemplate,
    values: &BTreeMap<String, String>,
    server: Option<&AuthorizationServer>,
) -> Result<Request<Bytes>, Error> {
    let address = template_address(manifest, template, values, server)?;
    let body = template.json.as_ref().map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
    let mut request = Request::builder()
        .method(template.method.clone())
        .uri(address.as_str())
        .header(header::ACCEPT, "application/json")
        .body(body)
        .map_err(|_| Error::Internal("a manifest's request cannot be sent"))?;
    put_api_headers(manifest, request.headers_mut());
    if template.json.is_some() {
        let json = header::HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    Ok(request)
}

pub(crate) fn json_of(reply: &Response<Bytes>) -> (u16, Option<Value>) {
    (reply.status().as_u16(), serde_json::from_slice(reply.body()).ok())
}

/// What a reply says about the connection's status. Trouble of the service or the network says nothing; and only the
/// authorization server can end a sign-in that renews itself.
pub(super) fn status_after(verdict: &Verdict, status: u16, connection: &Connection) -> Option<Status> {
    let words = || verdict.hint.clone().unwrap_or_else(|| verdict.message.clone());
    let renewable = connection.oauth.as_ref().is_some_and(|grant| grant.renewable);
    let refused_class =
        if connection.oauth.is_some() { FailureClass::GrantEnded } else { FailureClass::KeyRefused };
    match status {
        _ if verdict.works => is_healed_by_use(connection).then_some(Status::Active),
        401 if !renewable => {
            let reason = "it did not accept the credential (401)".to_owned();
            Some(Status::NeedsReconnect { reason, class: refused_class })
        }
        429 | 500..=599 => None,
        _ => Some(Status::Error { message: words(), class: FailureClass::RequestRefused }),
    }
}

/// Whether a connection has trouble that is over once it works. A renewal that was refused is not: the access token may well
/// have some time left.
pub(super) fn is_healed_by_use(connection: &Connection) -> bool {
    let cool_down = connection.oauth.as_ref().and_then(|grant| grant.renewal.cool_down.as_ref());
    let renewable = connection.oauth.as_ref().is_some_and(|grant| grant.renewable);
    match &connection.status {
        Status::NeedsReconnect { class, .. } => {
            !matches!(class, FailureClass::GrantEnded | FailureClass::ReplyLost) || !renewable
        }
        Status::Error { .. } => cool_down.is_none_or(|cool_down| !cool_down.needs_person()),
        _ => false,
    }
}
