//! What becomes of the tokens of a sign-in: a new connection, or new tokens for one that is there.

use crate::oauth::ActingClient;
use crate::tokens::first_grant;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::Manifest;
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_connectors::scopes::{self, Outcome};
use hearthkey_connectors::told::{self, ToldError};
use hearthkey_domain::activity::{Activity, Deed};
use hearthkey_domain::authorization::{PendingAuthorization, ReturnRefused};
use hearthkey_domain::connection::{Connection, Status, numbered_label, parse_label};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{AuthorizationId, ConnectionId};
use hearthkey_domain::ports::{AuthorizationEnd, StoreError};
use hearthkey_domain::server::AuthorizationServer;
use hearthkey_vault::Vault;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a sign-in brought.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The service's name.
    pub(crate) service: String,
    pub(crate) connection: Connection,
    /// Whether the account was connected before, and goes on as that connection.
    pub(crate) already: bool,
    /// What was asked for and not granted.
    pub(crate) declined: Vec<Outcome>,
}

/// The tokens of a flow, with where they may go.
struct Grant<'a> {
    flow: AuthorizationId,
    issuer: String,
    policy: EgressPolicy,
    credential: Credential,
    vault: &'a Arc<Vault>,
}

impl Hearthkey {
    /// Makes the connection of a flow that was taken, out of the tokens it brought.
    pub(super) async fn keep_tokens(
        &self,
        caller: &Caller,
        pending: PendingAuthorization,
        manifest: &Manifest,
        client: ActingClient,
        vault: &Arc<Vault>,
        tokens: TokenSet,
    ) -> Result<Kept, Error> {
        self.prove_client(pending.workspace, &pending.client).await;
        let ActingClient { server, policy, .. } = client;
        let settled = self.settled(manifest, &pending, &server, &tokens);
        let (flow, reconnect, second) = (pending.id, pending.reconnect, pending.second);
        let (label, issuer) = (pending.label.clone(), server.issuer.clone());
        let mut connection = self.nameless(pending, server, &tokens);
        let credential = Credential::OAuth2(tokens);
        self.plan_renewal(&mut connection);
        // What cannot be kept does not live on at the service unseen.
        let (values, final_policy) = match settled {
            Ok(settled) => settled,
            Err(error) => {
                self.give_back(&connection, policy, &credential).await;
                return Err(error);
            }
        };
        connection.values = values;
        let policy = final_policy;
        let server = connection.oauth.as_ref().map(|grant| &grant.server);
        // The tokens are the precious part: a service that will not say who this is does not cost the sign-in.
        let identity = self
            .identify(manifest, &connection.method, &connection.values, server, &policy, &credential)
            .await
            .unwrap_or_default();
        connection.identity = identity;
        let grant = Grant { flow, issuer, policy, credential, vault };
        let kept = match reconnect {
            Some(id) => self.renew_in_place(caller, id, &connection, &grant).await.map(|kept| (kept, false)),
            None => self.add_or_renew(caller, manifest, &connection, label, second, &grant).await,
        };
        match kept {
            Ok((connection, already)) => {
                let declined = self.declined(&connection);
                Ok(Kept { service: manifest.name.clone(), connection, already, declined })
            }
            Err(error) => {
                self.give_back(&connection, grant.policy, &grant.credential).await;
                Err(error)
            }
        }
    }

    /// What the tokens of a flow are a connection of, before anybody was asked whose it is.
    pub(super) fn nameless(
        &self,
        pending: PendingAuthorization,
        server: AuthorizationServer,
        tokens: &TokenSet,
    ) -> Connection {
        let now = self.now();
        Connection {
            id: ConnectionId::new(now, self.random()),
            workspace: pending.workspace,
            connector: pending.connector,
            method: pending.method,
            label: String::new(),
            status: Status::Active,
            identity: Default::default(),
            values: pending.values,
            oauth: Some(first_grant(server, pending.client, pending.scopes, tokens)),
            masked_key: None,
            created_at: now,
            last_used_at: None,
            last_tested_at: None,
            last_refreshed_at: None,
            version: 1,
        }
    }

    /// What a connection was asked for and not granted.
    fn declined(&self, connection: &Connection) -> Vec<Outcome> {
        let Some(grant) = &connection.oauth else { return vec![] };
        let oauth = self.oauth_of_method(&connection.connector, &connection.method);
        scopes::declined(oauth, &grant.scopes_requested, &grant.scopes_granted, grant.renewable)
    }

    /// The connection's values with what the token reply told, and where its credential may go from now on.
    fn settled(
        &self,
        manifest: &Manifest,
        pending: &PendingAuthorization,
        server: &AuthorizationServer,
        tokens: &TokenSet,
    ) -> Result<(BTreeMap<String, String>, EgressPolicy), Error> {
        let mut values = pending.values.clone();
        if let Some(oauth) = self.oauth_of(pending) {
            values.extend(told::from_reply(oauth, &tokens.told).map_err(unusable)?);
        }
        let policy = egress_policy(manifest, &api_base(manifest, &values)?, Some(server))
            .map_err(|e| Error::Input { field: "connector".into(), expected: e.to_string() })?;
        Ok((values, policy))
    }

    async fn renew_in_place(
        &self,
        caller: &Caller,
        id: ConnectionId,
        fresh: &Connection,
        grant: &Grant<'_>,
    ) -> Result<Connection, Error> {
        let Grant { flow, issuer, policy, credential, vault } = grant;
        self.reconnect(caller, id, fresh.clone(), issuer, policy, credential, vault, Some(*flow)).await
    }

    /// Adds a connection - or, if this account is connected and no second connection was asked for, renews that one, unless
    /// it would lose rights by that. True if it was connected.
    async fn add_or_renew(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        connection: &Connection,
        label: Option<String>,
        second: bool,
        grant: &Grant<'_>,
    ) -> Result<(Connection, bool), Error> {
        let known = if second { None } else { self.same_account(connection).await? };
        if let Some(known) = known {
            if !keeps_rights(&known, connection) {
                self.leave_as_it_is(caller, &known, grant.flow).await?;
                return Ok((known, true));
            }
            match self.renew_in_place(caller, known.id, connection, grant).await {
                Ok(renewed) => return Ok((renewed, true)),
                // At another place, or another account after all: it is a connection of its own.
                Err(Error::Input { .. } | Error::OtherAccount { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let sealing = self.sealing_since(grant.vault).await?;
        let row =
            sealing.credential(connection, 1, grant.issuer.clone(), &grant.policy, &grant.credential)?;
        let add = |connection, entry| {
            let end = AuthorizationEnd::Connected(Box::new(connection), row.clone());
            self.ports.store.end_authorization(grant.flow, end, entry)
        };
        let added = self.add_labelled(caller, manifest, connection.clone(), label, add).await?;
        Ok((added, false))
    }

    /// Ends a sign-in that may do less than the connection there is. What it brought is let go and not revoked: at many
    /// services that would end the connection's own sign-in too.
    async fn leave_as_it_is(
        &self,
        caller: &Caller,
        known: &Connection,
        flow: AuthorizationId,
    ) -> Result<(), Error> {
        let words = "left as it was: the new sign-in may do less";
        let entry = self.entry_for(caller, known, Deed::Reconnected, words);
        Ok(self.ports.store.end_authorization(flow, AuthorizationEnd::Failed, entry).await?)
    }

    /// The oldest connection of this account at this service.
    async fn same_account(&self, fresh: &Connection) -> Result<Option<Connection>, Error> {
        let mut all = self.ports.store.connections(fresh.workspace).await?;
        all.retain(|known| {
            known.connector == fresh.connector
                && !matches!(known.status, Status::Deleting { .. })
                && is_same_account(known, fresh)
        });
        Ok(all.into_iter().min_by_key(|known| (known.created_at, known.id)))
    }

    /// Adds a connection under the label asked for, or the first free one made from the connector's name and who it is. A label
    /// that was taken meanwhile is numbered too: what was signed in is not thrown away for a name.
    pub(crate) async fn add_labelled<F, Adding>(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        mut connection: Connection,
        label: Option<String>,
        add: F,
    ) -> Result<Connection, Error>
    where
        F: Fn(Connection, Activity) -> Adding,
        Adding: Future<Output = Result<(), StoreError>>,
    {
        let who = connection.identity.display().unwrap_or_default().to_owned();
        let named = parse_label(&format!("{} ({who})", manifest.name)).ok();
        let told_apart = named.filter(|_| label.is_none() && !who.is_empty());
        let wanted = label.unwrap_or_else(|| manifest.name.clone());
        let numbered = (2..1000).map(|number| numbered_label(&wanted, number));
        for candidate in std::iter::once(wanted.clone()).chain(told_apart).chain(numbered) {
            connection.label = candidate;
            let entry = self.entry_for(caller, &connection, Deed::Connected, who.as_str());
            match add(connection.clone(), entry).await {
                Err(StoreError::LabelTaken { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(connection),
            }
        }
        Err(StoreError::LabelTaken { label: wanted }.into())
    }
}

/// Whether two connections of one service are the same account at the same issuer: by its identifier, else by its e-mail.
fn is_same_account(known: &Connection, fresh: &Connection) -> bool {
    let issuer = |connection: &Connection| connection.oauth.as_ref().map(|grant| grant.server.issuer.clone());
    if issuer(known) != issuer(fresh) {
        return false;
    }
    match (&known.identity.external_id, &fresh.identity.external_id) {
        (Some(known), Some(fresh)) => known == fresh,
        _ => known.identity.email.is_some() && known.identity.email == fresh.identity.email,
    }
}

/// Whether everything that was granted to `known` is granted to `fresh` and it stays signed in as long, or `known` does not work
/// any more.
fn keeps_rights(known: &Connection, fresh: &Connection) -> bool {
    let granted = |connection: &Connection| {
        connection.oauth.as_ref().map(|grant| grant.scopes_granted.clone()).unwrap_or_default()
    };
    let renewable = |connection: &Connection| connection.oauth.as_ref().is_some_and(|grant| grant.renewable);
    let scopes = granted(fresh);
    let keeps = granted(known).iter().all(|scope| scopes.contains(scope));
    known.status.is_over() || (keeps && (renewable(fresh) || !renewable(known)))
}

pub(super) fn unusable(error: ToldError) -> Error {
    Error::Return(ReturnRefused::Unusable { reason: error.to_string() })
}
