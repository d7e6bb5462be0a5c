//! One renewal: written down, asked for, sealed, stored.

use super::failure::Failed;
use super::{LaneNotes, Unsaved, checked};
use crate::oauth::{ActingClient, TokenFailure};
use crate::tokens::{Opened, granted};
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::connection::{Connection, OAuthGrant};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::ports::{CredentialRow, RefreshState, StoreError};
use hearthkey_domain::renewal::FailureClass;
use std::sync::Arc;

impl Hearthkey {
    /// Spends a refresh token. That it is spent is durable before the provider is asked, and what came of it before anybody
    /// uses it.
    pub(super) async fn refresh(
        self: &Arc<Self>,
        caller: &Caller,
        opened: Opened,
        state: RefreshState,
        notes: &mut LaneNotes,
    ) -> Result<Opened, Error> {
        let Opened { connection, credential, policy, version } = opened;
        let (Credential::OAuth2(tokens), Some(grant)) = (credential, connection.oauth.clone()) else {
            return Err(Error::Internal("a refresh was asked of a connection without tokens"));
        };
        if tokens.refresh_token.is_none() {
            let detail = "its time has run out".to_owned();
            return Err(self
                .failed(caller, &connection, Failed::of(FailureClass::NotRenewable, detail))
                .await);
        }
        self.start_program(self.manifest_of(&connection)?, &connection.values).await?;
        let client = match self.acting_client(&connection, &grant, policy).await {
            Ok(client) => client,
            Err(error) => match client_is_gone(&error) {
                Some(detail) => {
                    let failed = Failed::of(FailureClass::ClientRefused, detail.to_owned());
                    return Err(self.failed(caller, &connection, failed).await);
                }
                None => return Err(error),
            },
        };
        // A reply that cannot be written down would cost the token that was spent on it.
        self.check_room().await?;
        let vault = self.vault().await?;
        let (workspace, id) = (connection.workspace, connection.id);
        self.ports.store.begin_refresh(workspace, id, version, self.now()).await?;
        // A token that may have been spent was known: the one before it is no second chance.
        let previous = state.previous.filter(|_| state.spent.is_none());
        let (tokens, grant) = match self.spend(&client, &connection, grant, tokens, previous).await {
            Ok(renewed) => renewed,
            Err(failure) => {
                let failed = self.judged(&connection, failure, state.spent);
                if !failed.lost && state.spent.is_none() {
                    // Left behind, it costs caution and nothing else.
                    if let Err(error) = self.ports.store.cancel_refresh(workspace, id, version).await {
                        tracing::warn!(%error, "a renewal that came to nothing is still noted");
                    }
                }
                return Err(self.failed(caller, &connection, failed).await);
            }
        };
        let ActingClient { server, policy, .. } = client;
        let (version, credential) = (version + 1, Credential::OAuth2(tokens));
        // Whatever goes wrong from here on, they are still there.
        let unsaved =
            Unsaved { grant, credential, version, issuer: server.issuer, policy, vault, sealed: None };
        notes.unsaved = Some(unsaved);
        let (connection, Unsaved { credential, policy, .. }) =
            self.store_renewed(caller, connection, notes).await?;
        // Disconnected meanwhile, it is stored - for the removal - and used no more.
        checked(Opened { connection, credential, policy, version })
    }

    /// Asks for new tokens: with the newest refresh token, and if the provider never knew it, once with the one before.
    async fn spend(
        &self,
        client: &ActingClient,
        connection: &Connection,
        grant: OAuthGrant,
        tokens: TokenSet,
        previous: Option<CredentialRow>,
    ) -> Result<(TokenSet, OAuthGrant), TokenFailure> {
        let scopes = grant.scopes_granted.clone();
        let first = match self.exchange_refresh(client, &tokens, &scopes).await {
            Ok(reply) => return Ok(self.succession(connection, grant, reply, tokens)),
            Err(failure) => failure,
        };
        if first.class() != FailureClass::GrantEnded {
            return Err(first);
        }
        let before = match previous {
            Some(row) => self.open_row(connection, &row).await.ok(),
            None => None,
        };
        let Some(Credential::OAuth2(before)) = before.filter(|before| differs(before, &tokens)) else {
            return Err(first);
        };
        match self.exchange_refresh(client, &before, &scopes).await {
            Ok(reply) => Ok(self.succession(connection, grant, reply, before)),
            Err(second) if second.class() == FailureClass::GrantEnded => Err(first),
            Err(second) => Err(second),
        }
    }

    /// A reply as the successor of the tokens that were spent on it, and the grant as it is then.
    fn succession(
        &self,
        connection: &Connection,
        grant: OAuthGrant,
        mut reply: TokenSet,
        spent: TokenSet,
    ) -> (TokenSet, OAuthGrant) {
        if reply.refresh_token.is_none() {
            reply.refresh_ends_at = reply.refresh_ends_at.or(grant.renewal.refresh_ends_at);
        }
        let tokens = reply.succeeding(spent);
        let grant = granted(grant, &tokens);
        let grant = self.planned(connection, grant, tokens.refresh_ends_at, self.now());
        (tokens, grant)
    }
}

/// Why there is no client to ask with, if that is why.
fn client_is_gone(error: &Error) -> Option<&'static str> {
    match error {
        Error::NotFound { what: "client", .. } => Some("its client is not kept here any more"),
        Error::Unreadable { what: "client secret", .. } => Some("its client secret cannot be read any more"),
        Error::Store(StoreError::Unreadable { .. }) => Some("its client cannot be read any more"),
        _ => None,
    }
}

fn differs(credential: &Credential, tokens: &TokenSet) -> bool {
    let token = |tokens: &TokenSet| tokens.refresh_token.as_ref().map(crate::oauth::state_digest);
    matches!(credential, Credential::OAuth2(other) if other.refresh_token.is_some() && token(other) != token(tokens))
}
