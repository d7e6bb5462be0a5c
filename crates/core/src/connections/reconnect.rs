//! Reconnecting in place: new secrets for a connection that is there. It keeps its identifier, label and settings, and stays
//! the same account at the same place.

use crate::{Caller, Error, Hearthkey, codec};
use hearthkey_domain::activity::Deed;
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{AuthorizationId, ConnectionId};
use hearthkey_domain::ports::{AuthorizationEnd, CredentialRow, StoreError};
use hearthkey_vault::Vault;
use std::sync::Arc;

impl Hearthkey {
    /// Gives a connection the credential of `fresh`, if that is the same account's at the same place. `vault` is the vault as it
    /// was when the provider was asked; `flow` is the sign-in that ends with it.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are what a new credential for a known connection is made of"
    )]
    pub(crate) async fn reconnect(
        &self,
        caller: &Caller,
        id: ConnectionId,
        fresh: Connection,
        issuer: &str,
        policy: &EgressPolicy,
        credential: &Credential,
        vault: &Arc<Vault>,
        flow: Option<AuthorizationId>,
    ) -> Result<Connection, Error> {
        let missing = || Error::NotFound { what: "connection", name: id.to_string() };
        // A refresh under way ends first: the tokens that come last are the new ones.
        let lane = self.lanes.of(id);
        let mut notes = lane.lock().await;
        for _ in 0..5 {
            let known = self.ports.store.connection(fresh.workspace, id).await?.ok_or_else(missing)?;
            let row = self.ports.store.credential(fresh.workspace, id).await?.ok_or_else(missing)?;
            self.check_can_reconnect(&known)?;
            check_same_account(&known, &fresh)?;
            self.check_same_told(&known, &fresh)?;
            let sealed: Option<EgressPolicy> = row.policy.parse().ok();
            if row.issuer != issuer || sealed.is_some_and(|sealed| !policy.is_within(&sealed)) {
                let expected = format!("{} is connected at another place", known.label);
                return Err(Error::Input { field: "connection".into(), expected });
            }
            let before = known.clone();
            let known_as = Some(fresh.identity.clone()).filter(|identity| *identity != Identity::default());
            let mut renewed = Connection {
                status: if known.status == Status::Paused { Status::Paused } else { Status::Active },
                identity: known_as.unwrap_or_else(|| known.identity.clone()),
                method: fresh.method.clone(),
                values: fresh.values.clone(),
                oauth: fresh.oauth.clone(),
                masked_key: fresh.masked_key.clone(),
                last_tested_at: fresh.last_tested_at.or(known.last_tested_at),
                last_refreshed_at: Some(fresh.created_at),
                ..known
            };
            let version = row.version + 1;
            let completed = self.completed(&mut renewed, &before, &row, credential).await;
            let credential = completed.as_ref().unwrap_or(credential);
            let sealing = self.sealing_since(vault).await?;
            let row = sealing.credential(&renewed, version, issuer.to_owned(), policy, credential)?;
            let who = renewed.identity.display().unwrap_or_default();
            let entry = self.entry_for(caller, &renewed, Deed::Reconnected, who);
            let replaced = match flow {
                // A sign-in ends in the same transaction.
                Some(flow) => {
                    let end = AuthorizationEnd::Reconnected(Box::new(renewed.clone()), row);
                    self.ports.store.end_authorization(flow, end, entry).await
                }
                None => self.ports.store.replace_credential(renewed.clone(), row, entry).await,
            };
            match replaced {
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    renewed.version += 1;
                    notes.forget_unsaved();
                    self.untell_person(id);
                    return Ok(renewed);
                }
            }
        }
        Err(StoreError::Conflict.into())
    }
}

impl Hearthkey {
    /// New tokens completed with the refresh token that is known, where the service gave none this time: the same account at the
    /// same client then goes on with it (RFC 6749 section 6 has it so for renewals). `None` where there is nothing to complete.
    async fn completed(
        &self,
        renewed: &mut Connection,
        known: &Connection,
        row: &CredentialRow,
        credential: &Credential,
    ) -> Option<Credential> {
        let (before, grant) = (known.oauth.as_ref()?, renewed.oauth.as_ref()?);
        let same_account = known.identity.external_id.is_some()
            && known.identity.external_id == renewed.identity.external_id;
        let lost = before.renewable && !grant.renewable && !known.status.is_over();
        if !lost || !same_account || before.client != grant.client {
            return None;
        }
        let Ok(Credential::OAuth2(previous)) = self.open_row(known, row).await else { return None };
        let Ok(Credential::OAuth2(tokens)) = codec::decode(&codec::encode(credential)) else { return None };
        let ends_at = before.renewal.refresh_ends_at;
        if let Some(grant) = &mut renewed.oauth {
            grant.renewable = true;
            *grant = self.planned(known, grant.clone(), ends_at, self.now());
        }
        Some(Credential::OAuth2(tokens.succeeding(previous)))
    }

    /// Refuses another account that only the service's own words tell apart: a company, an instance.
    fn check_same_told(&self, known: &Connection, fresh: &Connection) -> Result<(), Error> {
        let Some(oauth) = self.oauth_of_method(&fresh.connector, &fresh.method) else { return Ok(()) };
        let told = oauth.callback_values.iter().map(|value| &value.name);
        for name in told.chain(oauth.reply_values.iter().map(|value| &value.name)) {
            let (Some(before), Some(now)) = (known.values.get(name), fresh.values.get(name)) else {
                continue;
            };
            if before != now {
                let (label, expected, found) = (known.label.clone(), before.clone(), now.clone());
                return Err(Error::OtherAccount { label, expected, found });
            }
        }
        Ok(())
    }
}

/// Refuses another account - and one that the service will not name, where the known one has a name.
fn check_same_account(known: &Connection, fresh: &Connection) -> Result<(), Error> {
    let Some(before) = &known.identity.external_id else { return Ok(()) };
    if fresh.identity.external_id.as_ref() == Some(before) {
        return Ok(());
    }
    let words =
        |identity: &Identity| identity.display().unwrap_or("an account the service did not name").to_owned();
    let (expected, found) = (words(&known.identity), words(&fresh.identity));
    Err(Error::OtherAccount { label: known.label.clone(), expected, found })
}
