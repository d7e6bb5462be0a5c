//! What people allowed: grants, their token families, and the codes that lead to them. Pure: values and `now` in,
//! values out. A grant and its tokens are one family; revoking it kills every token it ever gave.

mod codes;
mod devices;

pub(crate) use codes::AuthorizationRequest;
pub(crate) use devices::Decision;

use crate::accounts::Account;
use crate::clients::Client;
use crate::clock::after;
use crate::options::Options;
use crate::scopes::Scopes;
use crate::secret::{Sha256Of, opaque};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a revoked grant and a rotated refresh token are remembered, so that a late reuse is still told apart.
const MEMORY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The name of a grant; not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct GrantId(String);

impl GrantId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One person's consent to one client.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Grant {
    client: Client,
    account: Account,
    scopes: Scopes,
    created: Timestamp,
    revoked: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AccessToken {
    grant: GrantId,
    scopes: Scopes,
    expires: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RefreshToken {
    grant: GrantId,
    expires: Option<Timestamp>,
    rotated: Option<Timestamp>,
}

/// Everything allowed so far. Tokens are keys in hashed form; codes live too short to be kept over a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    grants: BTreeMap<GrantId, Grant>,
    access_tokens: BTreeMap<Sha256Of, AccessToken>,
    refresh_tokens: BTreeMap<Sha256Of, RefreshToken>,
    #[serde(skip)]
    codes: codes::Codes,
    #[serde(skip)]
    devices: devices::Devices,
}

/// A token reply (RFC 6749 section 5.1) before it is written out, and its line in the journal.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) expires_in: u64,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scopes: Scopes,
    pub(crate) outcome: &'static str,
}

/// An error reply (RFC 6749 section 5.2, RFC 8628 section 3.5), and its line in the journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
    pub(crate) outcome: &'static str,
}

/// What a valid access token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) grant: GrantId,
    pub(crate) account: Account,
    pub(crate) scopes: Scopes,
}

impl Grants {
    /// A refresh (RFC 6749 section 6). Presenting a rotated token revokes the family (RFC 9700 section 4.14.2).
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client: Client,
        scope: Option<&str>,
        options: &Options,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let hash = Sha256Of::new(token);
        let known = self.refresh_tokens.get(&hash).cloned();
        let known = known.ok_or_else(|| invalid_grant("The refresh token is not known.", "unknown token"))?;
        let grant = self.grants.get(&known.grant).cloned();
        let grant = grant.ok_or_else(|| invalid_grant("The refresh token is not known.", "unknown token"))?;
        if grant.client != client {
            return Err(invalid_grant("The refresh token is another client's.", "another client's token"));
        }
        if grant.revoked.is_some() {
            return Err(invalid_grant("The grant was revoked.", "grant was revoked"));
        }
        if known.rotated.is_some() {
            self.revoke_grant(&known.grant, now);
            return Err(invalid_grant("The refresh token was used before.", "reuse, family revoked"));
        }
        if known.expires.is_some_and(|expires| expires <= now) {
            return Err(invalid_grant("The refresh token expired.", "expired"));
        }
        let scopes = match scope {
            None => grant.scopes.clone(),
            Some(asked) => {
                Scopes::parse(Some(asked)).filter(|asked| grant.scopes.covers(asked)).ok_or(Refusal {
                    error: "invalid_scope",
                    description: "The scope is wider than what was granted.",
                    outcome: "scope too wide",
                })?
            }
        };
        if options.rotate_refresh_tokens
            && let Some(current) = self.refresh_tokens.get_mut(&hash)
        {
            current.rotated = Some(now);
        }
        let outcome = if options.rotate_refresh_tokens { "rotated" } else { "kept" };
        Ok(self.issue(known.grant, scopes, options.rotate_refresh_tokens, outcome, options, now))
    }

    /// Revocation (RFC 7009): a refresh token takes its family along, an access token only itself.
    pub(crate) fn revoke(
        &mut self,
        token: &str,
        client: Client,
        now: Timestamp,
    ) -> Result<&'static str, Refusal> {
        let hash = Sha256Of::new(token);
        let refresh = self.refresh_tokens.get(&hash).map(|token| token.grant.clone());
        let access = self.access_tokens.get(&hash).map(|token| token.grant.clone());
        let Some(id) = refresh.as_ref().or(access.as_ref()) else {
            return Ok("unknown token");
        };
        if self.grants.get(id).is_some_and(|grant| grant.client != client) {
            return Err(Refusal {
                error: "unauthorized_client",
                description: "The token is another client's.",
                outcome: "another client's token",
            });
        }
        match refresh {
            Some(id) => {
                self.revoke_grant(&id, now);
                Ok("family revoked")
            }
            None => {
                self.access_tokens.remove(&hash);
                Ok("access token revoked")
            }
        }
    }

    /// What `token` allows at `now`, if anything.
    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Option<Access> {
        let known = self.access_tokens.get(&Sha256Of::new(token)).filter(|known| known.expires > now)?;
        let grant = self.grants.get(&known.grant).filter(|grant| grant.revoked.is_none())?;
        Some(Access { grant: known.grant.clone(), account: grant.account, scopes: known.scopes.clone() })
    }

    pub(crate) fn expire_access_tokens(&mut self) {
        self.access_tokens.clear();
    }

    pub(crate) fn revoke_all(&mut self, now: Timestamp) {
        let ids: Vec<_> = self.grants.keys().cloned().collect();
        ids.iter().for_each(|id| self.revoke_grant(id, now));
    }

    /// Forgets what can no longer change an answer.
    pub(crate) fn prune(&mut self, now: Timestamp) {
        let remembered =
            |moment: Option<Timestamp>| moment.is_none_or(|moment| now.duration_since(moment) < MEMORY);
        self.grants.retain(|_, grant| remembered(grant.revoked));
        self.access_tokens.retain(|_, token| token.expires > now && self.grants.contains_key(&token.grant));
        self.refresh_tokens.retain(|_, token| {
            remembered(token.rotated.or(token.expires)) && self.grants.contains_key(&token.grant)
        });
        self.codes.prune(now);
        self.devices.prune(now);
    }

    /// A new family and its first tokens.
    fn open(
        &mut self,
        (client, account, scopes): (Client, Account, Scopes),
        options: &Options,
        now: Timestamp,
    ) -> (GrantId, Issued) {
        let id = GrantId(opaque("grant_"));
        let grant = Grant { client, account, scopes: scopes.clone(), created: now, revoked: None };
        self.grants.insert(id.clone(), grant);
        (id.clone(), self.issue(id, scopes, true, "issued", options, now))
    }

    fn issue(
        &mut self,
        grant: GrantId,
        scopes: Scopes,
        with_refresh_token: bool,
        outcome: &'static str,
        options: &Options,
        now: Timestamp,
    ) -> Issued {
        let expires_in = options.access_token_seconds;
        let access_token = opaque("sbx_at_");
        let access =
            AccessToken { grant: grant.clone(), scopes: scopes.clone(), expires: after(now, expires_in) };
        self.access_tokens.insert(Sha256Of::new(&access_token), access);
        let refresh_token = with_refresh_token.then(|| opaque("sbx_rt_"));
        if let Some(token) = &refresh_token {
            let expires = options.refresh_token_seconds.map(|seconds| after(now, seconds));
            self.refresh_tokens.insert(Sha256Of::new(token), RefreshToken { grant, expires, rotated: None });
        }
        Issued { access_token, expires_in, refresh_token, scopes, outcome }
    }

    fn revoke_grant(&mut self, id: &GrantId, now: Timestamp) {
        if let Some(grant) = self.grants.get_mut(id) {
            grant.revoked.get_or_insert(now);
        }
    }
}

fn invalid_grant(description: &'static str, outcome: &'static str) -> Refusal {
    Refusal { error: "invalid_grant", description, outcome }
}

#[cfg(test)]
mod tests;
