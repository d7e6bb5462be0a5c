//! New tokens on their way into the store: until they are there, they are the only copy.

use super::LaneNotes;
use crate::tokens::Sealing;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::connection::{Connection, OAuthGrant, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ports::{CredentialRow, StoreError};
use hearthkey_vault::Vault;
use std::sync::Arc;

/// New tokens that are not stored.
pub(super) struct Unsaved {
    pub(super) grant: OAuthGrant,
    pub(super) credential: Credential,
    pub(super) version: u64,
    pub(super) issuer: String,
    pub(super) policy: EgressPolicy,
    /// The vault as it was when the provider was asked.
    pub(super) vault: Arc<Vault>,
    /// Sealed, once that went. No key is retired meanwhile.
    pub(super) sealed: Option<(CredentialRow, Sealing)>,
}

impl Hearthkey {
    /// Seals new tokens for their place.
    async fn seal_unsaved(&self, connection: &Connection, notes: &mut LaneNotes) -> Result<(), Error> {
        let Some(fresh) = notes.unsaved.as_mut().filter(|fresh| fresh.sealed.is_none()) else {
            return Ok(());
        };
        let sealing = self.sealing_since(&fresh.vault).await?;
        let Unsaved { credential, version, issuer, policy, .. } = &*fresh;
        let row = match sealing.credential(connection, *version, issuer.clone(), policy, credential) {
            // Its workspace was destroyed meanwhile: nobody is left to hold these.
            Err(error @ Error::NotFound { .. }) => {
                drop(sealing);
                if let Some(Unsaved { policy, credential, .. }) = notes.unsaved.take() {
                    self.give_back(connection, policy, &credential).await;
                }
                return Err(error);
            }
            other => other?,
        };
        fresh.sealed = Some((row, sealing));
        Ok(())
    }

    /// Stores a renewed credential, with its connection as it is by then: these tokens are the only copy, and neither a rename
    /// that came between nor a full disk must cost them.
    pub(super) async fn store_renewed(
        &self,
        caller: &Caller,
        mut connection: Connection,
        notes: &mut LaneNotes,
    ) -> Result<(Connection, Unsaved), Error> {
        let (workspace, id) = (connection.workspace, connection.id);
        let nothing = || Error::Internal("there was nothing to store");
        self.seal_unsaved(&connection, notes).await?;
        loop {
            let Some(Unsaved { grant, sealed: Some((row, _)), .. }) = &notes.unsaved else {
                return Err(nothing());
            };
            let entry = self.renewed_entry(caller, &connection);
            let mended = matches!(connection.status, Status::NeedsReconnect { .. } | Status::Error { .. });
            if connection.is_usable() {
                connection.status = Status::Active;
            }
            connection.last_refreshed_at = Some(self.now());
            // Its client may have got a new secret meanwhile, and with it another row.
            let client = connection.oauth.take().map_or_else(|| grant.client.clone(), |known| known.client);
            connection.oauth = Some(OAuthGrant { client, ..grant.clone() });
            match self.ports.store.finish_refresh(connection.clone(), row.clone(), entry).await {
                Err(StoreError::Conflict) => {
                    let stored = self.ports.store.credential(workspace, id).await?;
                    let fresh = self.ports.store.connection(workspace, id).await?;
                    match (stored, fresh) {
                        (Some(stored), Some(fresh)) if stored.version + 1 == row.version => {
                            connection = fresh
                        }
                        // Something newer is there, or the connection is gone.
                        _ => {
                            notes.unsaved = None;
                            return Err(StoreError::Conflict.into());
                        }
                    }
                }
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    if mended {
                        self.untell_person(id);
                    }
                    connection.version += 1;
                    let stored = notes.unsaved.take().ok_or_else(nothing)?;
                    return Ok((connection, stored));
                }
            }
        }
    }

    /// Stores what an earlier refresh could not. True if there was something.
    pub(crate) async fn store_unsaved(
        &self,
        caller: &Caller,
        connection: &Connection,
        notes: &mut LaneNotes,
    ) -> Result<bool, Error> {
        if notes.unsaved.is_none() {
            return Ok(false);
        }
        self.store_renewed(caller, connection.clone(), notes).await.map(|_| true)
    }

    /// Tries again to store what earlier refreshes could not. Called with every tick, and before the process ends.
    pub(crate) async fn store_all_unsaved(&self) {
        let caller = Caller::background();
        let Ok(workspaces) = self.ports.store.workspaces().await else { return };
        for id in self.lanes.ids() {
            let lane = self.lanes.of(id);
            let Ok(mut notes) = lane.try_lock() else { continue };
            if notes.unsaved.is_none() {
                continue;
            }
            for row in &workspaces {
                if let Ok(Some(connection)) = self.ports.store.connection(row.workspace.id, id).await
                    && let Err(error) = self.store_unsaved(&caller, &connection, &mut notes).await
                {
                    let what = "renewed tokens could still not be stored";
                    self.say_seldom(what, || tracing::warn!(kind = ?error.kind(), "{what}"));
                }
            }
        }
    }
}
