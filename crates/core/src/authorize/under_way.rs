//! Sign-ins that are under way: watching, giving up, and going on after a restart.

use super::arrival::Arrival;
use super::{Authorization, FlowState, FlowStream};
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::manifest::OAuth2;
use hearthkey_domain::activity::{Deed, Door};
use hearthkey_domain::authorization::{Answer, PendingAuthorization, Strategy};
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use hearthkey_domain::ports::AuthorizationEnd;
use std::sync::Arc;

impl Hearthkey {
    /// Gives a sign-in up. One that has ended stays as it ended. Done while locked too: it lets nobody in and shows nothing.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn cancel_authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<(), Error> {
        let workspace = self.known_workspace(caller).await?.map(|workspace| workspace.id);
        let missing = || Error::NotFound { what: "sign-in", name: id.to_string() };
        let workspace = workspace.ok_or_else(missing)?;
        self.give_up(workspace, id).await?;
        self.flows.get(workspace, id).map(drop)
    }

    pub(super) async fn give_up(&self, workspace: WorkspaceId, id: AuthorizationId) -> Result<(), Error> {
        if self.ports.store.cancel_authorization(workspace, id).await? {
            self.parked.forget(id);
            self.flows.advance(id, FlowState::Cancelled);
        }
        Ok(())
    }

    /// A sign-in, as it is now.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<Authorization, Error> {
        let workspace = self.workspace_id(caller).await?;
        let flow = self.flows.get(workspace, id)?.borrow().clone();
        Ok(flow.at(self.now()))
    }

    /// Opens the browser again for a sign-in that waits.
    ///
    /// # Errors
    /// When it does not wait any more, began in an earlier process, or no browser could be started.
    pub async fn reopen_authorization(&self, caller: &Caller, id: AuthorizationId) -> Result<(), Error> {
        let flow = self.authorization(caller, id).await?;
        if flow.state != FlowState::Waiting || flow.resumed {
            return Err(Error::Cancelled);
        }
        self.ports.browser.open(&flow.authorize_url).await.map_err(|reason| Error::Declined { reason })?;
        self.flows.browser_opened(id);
        Ok(())
    }

    /// Watches a sign-in to its end.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn watch_authorization(
        &self,
        caller: &Caller,
        id: AuthorizationId,
    ) -> Result<FlowStream, Error> {
        let receiver = self.flows.get(self.workspace_id(caller).await?, id)?;
        Ok(FlowStream::new(receiver, self.ports.clock.clone()))
    }

    /// Goes on with the sign-ins that were under way when the last owner ended: listens again for returns and asks again for
    /// what devices approved. One whose end was cut short is written down and gone. Done once.
    ///
    /// # Errors
    /// When the stored flows cannot be read. A port that is taken meanwhile is no error: that flow ends by its time, or with a
    /// pasted address.
    pub async fn resume_authorizations(self: &Arc<Self>) -> Result<(), Error> {
        self.resumed.get_or_try_init(|| self.resume()).await?;
        Ok(())
    }

    async fn resume(self: &Arc<Self>) -> Result<(), Error> {
        let caller = Caller { door: Door::Redirect, ..Caller::background() };
        for pending in self.ports.store.taken_authorizations().await? {
            // What this process has taken goes on.
            if !self.flows.has(pending.id) {
                self.note_interrupted(&caller, &pending).await;
            }
        }
        let now = self.now();
        for pending in self.ports.store.open_authorizations(now).await? {
            if self.flows.has(pending.id) {
                continue;
            }
            let arrival = Arc::new(Arrival::new(self, pending.id, &caller, pending.state_digest.clone()));
            let given_up = arrival.given_up();
            let oauth = self.oauth_of(&pending);
            let others = match oauth {
                Some(oauth) => {
                    let has_secret = self.has_secret(&pending).await?;
                    self.ways_back(oauth, &pending.server, has_secret)
                        .await?
                        .others(pending.answer.strategy())
                }
                None => vec![],
            };
            let device = match &pending.answer {
                Answer::Device(grant) => Some(
                    grant.verification_uri_complete.clone().unwrap_or_else(|| grant.verification_uri.clone()),
                ),
                Answer::Redirect { .. } => None,
            };
            let resumed = Authorization {
                id: pending.id,
                workspace: pending.workspace,
                connector: pending.connector.clone(),
                resumed: device.is_none(),
                authorize_url: device.unwrap_or_else(|| pending.server.authorization_endpoint.clone()),
                answer: pending.answer.clone(),
                others,
                expires_at: pending.expires_at,
                browser_opened: false,
                declined: vec![],
                state: FlowState::Waiting,
            };
            self.flows.add(resumed, given_up.clone(), now);
            match &pending.answer {
                Answer::Redirect { strategy: Strategy::Loopback, redirect_uri } => {
                    let (host, port) = (redirect_uri.host_str().unwrap_or_default(), redirect_uri.port());
                    let listening = self.ports.loopback.listen(host, port, pending.expires_at, arrival).await;
                    if listening.is_err() {
                        tracing::warn!(authorization = %pending.id, "its port is taken; its address can be pasted");
                    }
                }
                Answer::Redirect { .. } => {}
                Answer::Device(_) => self.poll_device(pending.workspace, pending.id, &caller, given_up),
            }
        }
        Ok(())
    }

    async fn note_interrupted(&self, caller: &Caller, pending: &PendingAuthorization) {
        let name =
            self.catalog.get(&pending.connector).map_or(&*pending.connector, |manifest| &manifest.name);
        let words =
            format!("the sign-in at {name} was interrupted while its code was exchanged; start again");
        let entry = self.entry(caller, pending.workspace, pending.reconnect, Deed::ConnectFailed, words);
        if let Err(error) =
            self.ports.store.end_authorization(pending.id, AuthorizationEnd::Failed, entry).await
        {
            tracing::warn!(%error, "an interrupted sign-in could not be written down");
        }
    }

    /// The manifest's words about a flow's sign-in.
    pub(super) fn oauth_of(&self, pending: &PendingAuthorization) -> Option<&OAuth2> {
        self.catalog.get(&pending.connector)?.method(Some(&pending.method))?.oauth2.as_ref()
    }
}
