//! Reconnecting in place: new secrets for a connection that is there. It keeps its identifier, label and settings, and stays
//! the same account at the same place.

use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::Deed;
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{AuthorizationId, ConnectionId};
use hearthkey_domain::ports::{AuthorizationEnd, StoreError};
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
        let _lane = lane.lock().await;
        for _ in 0..5 {
            let known = self.ports.store.connection(fresh.workspace, id).await?.ok_or_else(missing)?;
            let row = self.ports.store.credential(fresh.workspace, id).await?.ok_or_else(missing)?;
            self.check_can_reconnect(&known)?;
            check_same_account(&known, &fresh)?;
            let sealed: Option<EgressPolicy> = row.policy.parse().ok();
            if row.issuer != issuer || sealed.is_some_and(|sealed| !policy.is_within(&sealed)) {
                let expected = format!("{} is connected at another place", known.label);
                return Err(Error::Input { field: "connection".into(), expected });
            }
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
                    self.untell_person(id);
                    return Ok(renewed);
                }
            }
        }
        Err(StoreError::Conflict.into())
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
