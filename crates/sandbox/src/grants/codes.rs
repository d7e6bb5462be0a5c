//! Authorization codes (RFC 6749 section 4.1) bound to client, redirect URI and PKCE challenge (RFC 7636).

use super::{GrantId, Grants, Issued, Refusal, invalid_grant};
use crate::accounts::Account;
use crate::clients::Client;
use crate::clock::after;
use crate::options::Options;
use crate::scopes::Scopes;
use crate::secret::{Sha256Of, opaque};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long an expired code is remembered, so that its reuse still revokes what it gave.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

/// A valid request at the authorization endpoint.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Client,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scopes: Scopes,
    /// The S256 challenge: the hash of the verifier.
    pub(crate) challenge: String,
    pub(crate) account: Account,
}

#[derive(Debug, Clone)]
struct Code {
    request: AuthorizationRequest,
    expires: Timestamp,
    gave: Option<GrantId>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Codes(BTreeMap<Sha256Of, Code>);

impl Codes {
    pub(super) fn prune(&mut self, now: Timestamp) {
        self.0.retain(|_, code| now.duration_since(code.expires) < MEMORY);
    }
}

impl Grants {
    /// A code for a request that the person approved.
    pub(crate) fn approve(
        &mut self,
        request: AuthorizationRequest,
        options: &Options,
        now: Timestamp,
    ) -> String {
        let code = opaque("sbx_code_");
        let expires = after(now, options.code_seconds);
        self.codes.0.insert(Sha256Of::new(&code), Code { request, expires, gave: None });
        code
    }

    /// Exchanges a code, once. A second exchange revokes what the first one gave (RFC 6749 section 4.1.2).
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        (client, redirect_uri, verifier): (Client, &str, &str),
        options: &Options,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let hash = Sha256Of::new(code);
        let known = self.codes.0.get(&hash).cloned();
        let known = known.ok_or_else(|| invalid_grant("The code is not known.", "unknown code"))?;
        let request = known.request;
        if request.client != client {
            return Err(invalid_grant("The code is another client's.", "another client's code"));
        }
        if let Some(grant) = known.gave {
            self.revoke_grant(&grant, now);
            return Err(invalid_grant("The code was used before.", "code reuse, grant revoked"));
        }
        if known.expires <= now {
            return Err(invalid_grant("The code expired.", "expired code"));
        }
        if request.redirect_uri != redirect_uri {
            return Err(invalid_grant("redirect_uri is not the one of the request.", "wrong redirect_uri"));
        }
        if Sha256Of::new(verifier).as_str() != request.challenge {
            return Err(invalid_grant("The code verifier does not match the challenge.", "wrong verifier"));
        }
        let (grant, issued) = self.open((client, request.account, request.scopes), options, now);
        if let Some(code) = self.codes.0.get_mut(&hash) {
            code.gave = Some(grant);
        }
        Ok(issued)
    }
}
