//! The device grant (RFC 8628): asking the token endpoint until the person has answered elsewhere.
//!
//! One task for each flow, which ends with it. What it needs is in the store: after a restart it goes on.

use super::FlowState;
use super::arrival::Opened;
use crate::error::Failure;
use crate::oauth::TokenFailure;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::authorization::{Answer, DeviceGrant, PendingAuthorization, ReturnRefused};
use hearthkey_domain::credential::TokenSet;
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use jiff::SignedDuration;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The longest wait after requests that brought no answer, in seconds.
const BACKOFF_MAX: u32 = 60;

/// When to ask again.
enum Pace {
    /// After the interval.
    Usual,
    /// Later than the last time: nothing answered.
    Slower,
    /// Not any more.
    Over,
}

impl Hearthkey {
    /// Asks for the answer of a device flow until it is there, the flow is given up, or its time is over.
    pub(super) fn poll_device(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        id: AuthorizationId,
        caller: &Caller,
        given_up: CancellationToken,
    ) {
        let (app, clock) = (Arc::downgrade(self), Arc::clone(&self.ports.clock));
        let caller = caller.clone();
        tokio::spawn(async move {
            let mut failures = 0;
            loop {
                let Some(interval) = (match app.upgrade() {
                    Some(app) => app.interval_of(workspace, id).await,
                    None => None,
                }) else {
                    return;
                };
                let wait = if failures == 0 {
                    interval
                } else {
                    interval.saturating_mul(2_u32.saturating_pow(failures)).min(BACKOFF_MAX.max(interval))
                };
                let due = clock.now() + SignedDuration::from_secs(wait.into());
                tokio::select! {
                    () = given_up.cancelled() => return,
                    () = clock.sleep_until(due) => {}
                }
                let Some(app) = app.upgrade().filter(|app| !app.unhurried.is_closed()) else { return };
                let (caller, polling) = (caller.clone(), Arc::clone(&app));
                let poll = async move { polling.poll_once(workspace, id, &caller).await };
                // Tokens may be in the answer: it is waited for whatever happens.
                failures = match app.unhurried.spawn(poll).await {
                    Ok(Pace::Usual) => 0,
                    Ok(Pace::Slower) => failures + 1,
                    Ok(Pace::Over) | Err(_) => return,
                };
            }
        });
    }

    /// How many seconds lie between two polls; `None` when the flow does not wait any more.
    async fn interval_of(&self, workspace: WorkspaceId, id: AuthorizationId) -> Option<u32> {
        let (pending, _) = self.ports.store.authorization(workspace, id).await.ok()??;
        match pending.answer {
            Answer::Device(grant) => Some(grant.interval.clamp(1, DeviceGrant::INTERVAL_MAX)),
            Answer::Redirect { .. } => None,
        }
    }

    async fn poll_once(&self, workspace: WorkspaceId, id: AuthorizationId, caller: &Caller) -> Pace {
        let (pending, sealed) = match self.ports.store.authorization(workspace, id).await {
            Ok(Some(found)) => found,
            Ok(None) => return Pace::Over,
            Err(_) => return Pace::Slower,
        };
        if self.now() >= pending.expires_at {
            return self.fail_device(caller, &pending, Error::Return(ReturnRefused::Expired)).await;
        }
        let opened = match self.open_flow(&pending, &sealed).await {
            Ok(opened) => opened,
            Err(closed @ (Error::Locked | Error::Vault(_) | Error::Recent(_))) => {
                self.flows.advance(id, FlowState::WaitingForUnlock(Failure::from(&closed)));
                return Pace::Usual;
            }
            Err(error) => return self.fail_device(caller, &pending, error).await,
        };
        self.flows.advance(id, FlowState::Waiting);
        match self.poll_device_code(&opened.client, &opened.secret, &pending.scopes).await {
            Ok(tokens) => self.finish_device(caller, pending, opened, tokens).await,
            Err(TokenFailure::Refused(error)) if error.code == "authorization_pending" => Pace::Usual,
            Err(TokenFailure::Refused(error)) if error.code == "slow_down" => self.slow_down(pending).await,
            Err(TokenFailure::Refused(error)) if error.code == "access_denied" => {
                self.fail_device(caller, &pending, Error::Return(ReturnRefused::Denied)).await
            }
            Err(TokenFailure::Refused(error)) if error.code == "expired_token" => {
                self.fail_device(caller, &pending, Error::Return(ReturnRefused::Expired)).await
            }
            Err(failure) if failure.is_passing() => Pace::Slower,
            Err(failure) => {
                let error = failure.into_error(&opened.manifest.name);
                self.fail_device(caller, &pending, error).await
            }
        }
    }

    /// Makes the interval longer, for this process and the next.
    async fn slow_down(&self, mut pending: PendingAuthorization) -> Pace {
        if let Answer::Device(grant) = &mut pending.answer {
            grant.interval =
                grant.interval.saturating_add(DeviceGrant::SLOW_DOWN).min(DeviceGrant::INTERVAL_MAX);
        }
        match self.ports.store.update_authorization(pending).await {
            Ok(true) => Pace::Usual,
            Ok(false) => Pace::Over,
            Err(_) => Pace::Slower,
        }
    }

    async fn finish_device(
        &self,
        caller: &Caller,
        pending: PendingAuthorization,
        opened: Opened<'_>,
        tokens: TokenSet,
    ) -> Pace {
        let Opened { manifest, client, vault, .. } = opened;
        if !matches!(self.ports.store.take_authorization(&pending.state_digest).await, Ok(Some(_))) {
            // It was given up while the answer was on its way: nobody wants what was granted.
            if let Some(endpoint) = client.server.revocation_endpoint.clone() {
                let (token, hint) = match &tokens.refresh_token {
                    Some(token) => (token, "refresh_token"),
                    None => (&tokens.access_token, "access_token"),
                };
                if self.revoke_token(&client, &endpoint, token, hint).await.is_err() {
                    tracing::warn!("a grant that is not used could not be ended");
                }
            }
            return Pace::Over;
        }
        self.flows.advance(pending.id, FlowState::Exchanging);
        let outcome = self.keep_tokens(caller, pending.clone(), manifest, client, &vault, tokens).await;
        // Its watchers are told, and the history.
        let _ = self.end_flow(caller, &pending, outcome).await;
        Pace::Over
    }

    async fn fail_device(&self, caller: &Caller, pending: &PendingAuthorization, error: Error) -> Pace {
        match self.ports.store.take_authorization(&pending.state_digest).await {
            Ok(None) => return Pace::Over,
            Ok(Some(_)) => {}
            Err(_) => return Pace::Slower,
        }
        let _ = self.end_flow(caller, pending, Err(error)).await;
        Pace::Over
    }
}

impl TokenFailure {
    /// Whether the same request may bring an answer later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Http(_) => true,
            Self::Status(status, _) => matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error(),
            _ => false,
        }
    }
}
