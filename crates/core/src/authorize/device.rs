//! The device grant (RFC 8628): asking the token endpoint until the person has answered elsewhere.
//!
//! One task for each flow, which ends with it. What it needs is in the store: after a restart it goes on.

use super::FlowState;
use super::arrival::Opened;
use crate::error::Failure;
use crate::oauth::TokenFailure;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::authorization::{Answer, DeviceGrant, PendingAuthorization, ReturnRefused};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::ids::{AuthorizationId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::renewal::FailureClass;
use jiff::SignedDuration;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The longest wait after requests that brought no answer, in seconds.
const BACKOFF_MAX: u32 = 60;

/// How often a database that fails is asked once more while tokens wait for it, a second each.
const TAKE_TRIES: u32 = 5;

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
            let (mut failures, mut interval) = (0, DeviceGrant::INTERVAL);
            loop {
                let Some(asking) = app.upgrade() else { return };
                match asking.interval_of(workspace, id).await {
                    Ok(Some(found)) => interval = found,
                    Ok(None) => return,
                    // The next read may go better; nothing was lost.
                    Err(_) => failures += 1,
                }
                drop(asking);
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
    async fn interval_of(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<Option<u32>, StoreError> {
        let found = self.ports.store.authorization(workspace, id).await?;
        Ok(match found.map(|(pending, _)| pending.answer) {
            Some(Answer::Device(grant)) => Some(grant.interval.clamp(1, DeviceGrant::INTERVAL_MAX)),
            Some(Answer::Redirect { .. }) | None => None,
        })
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
            Err(Error::Store(_)) => return Pace::Slower,
            Err(error) => return self.fail_device(caller, &pending, error).await,
        };
        self.flows.advance(id, FlowState::Waiting);
        match self.poll_device_code(&opened.client, &opened.secret, &pending.scopes).await {
            Ok(tokens) => self.finish_device(caller, pending, opened, tokens).await,
            Err(failure) => match failure.code() {
                Some("authorization_pending") => Pace::Usual,
                Some("slow_down") => self.slow_down(pending).await,
                _ if failure.is_passing() => Pace::Slower,
                Some("access_denied") => {
                    self.fail_device(caller, &pending, Error::Return(ReturnRefused::Denied)).await
                }
                Some("expired_token") => {
                    self.fail_device(caller, &pending, Error::Return(ReturnRefused::Expired)).await
                }
                _ => {
                    let error = failure.into_error(&opened.manifest.name);
                    self.fail_device(caller, &pending, error).await
                }
            },
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
        let taken = self.take_patiently(&pending.state_digest).await;
        if let Ok(true) = taken {
            self.flows.advance(pending.id, FlowState::Exchanging);
            let outcome = self.keep_tokens(caller, pending.clone(), manifest, client, &vault, tokens).await;
            // Its watchers are told, and the history.
            let _ = self.end_flow(caller, &pending, outcome).await;
            return Pace::Over;
        }
        // It was given up while the answer was on its way, or cannot be kept: nobody uses what was granted.
        let unused = self.nameless(pending.clone(), client.server, &tokens);
        self.give_back(&unused, client.policy, &Credential::OAuth2(tokens)).await;
        if let Err(error) = taken {
            let _ = self.end_flow(caller, &pending, Err(error.into())).await;
        }
        Pace::Over
    }

    /// Takes a flow whose tokens are here; false when it was given up. A code works once, so that a database that fails for a
    /// moment is asked again.
    async fn take_patiently(&self, state_digest: &str) -> Result<bool, StoreError> {
        let mut tries = 0;
        loop {
            match self.ports.store.take_authorization(state_digest).await {
                Err(_) if tries < TAKE_TRIES => tries += 1,
                taken => return taken.map(|taken| taken.is_some()),
            }
            self.ports.clock.sleep_until(self.now() + SignedDuration::from_secs(1)).await;
        }
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
    /// The server's error code (RFC 8628 section 3.5).
    fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.error.code),
            _ => None,
        }
    }

    /// Whether the same request may bring an answer later.
    fn is_passing(&self) -> bool {
        let class = self.class();
        matches!(self, Self::Http(_))
            || matches!(class, FailureClass::RateLimited | FailureClass::ProviderTrouble)
    }
}
