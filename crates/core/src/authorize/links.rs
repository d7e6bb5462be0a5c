//! Answers that come as an address: handed over by the system, or pasted by a person.
//!
//! Anybody can make an address, and any page can have it opened. It only finds the flow, by the digest of its `state`; where
//! the code goes, as whom, and what for, is what the stored flow says. What is no answer of a flow that waits for one in this
//! way changes nothing.

use super::arrival::NotFinished;
use super::{Authorization, FlowState};
use crate::error::Failure;
use crate::oauth::state_digest;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Door;
use hearthkey_domain::authorization::{
    Callback, CallbackError, PendingAuthorization, Strategy, query_of_link, split_address,
};
use hearthkey_domain::ids::AuthorizationId;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of an address that the system handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It is the answer of a sign-in, which goes on.
    Accepted,
    /// It is the answer of a sign-in, which goes on once Hearthkey is unlocked.
    WaitsForUnlock,
    /// No sign-in waits for it. Nothing was changed.
    NotExpected,
}

/// How many answers wait for the vault at most.
const MOST_PARKED: usize = 8;

/// Answers that came while the vault was closed, in memory alone; and how many addresses were no answer.
#[derive(Default)]
pub(crate) struct Parked {
    waiting: Mutex<VecDeque<Waiting>>,
    refused: AtomicU64,
}

struct Waiting {
    id: AuthorizationId,
    address: Secret,
    expires_at: Timestamp,
}

impl Parked {
    fn with<T>(&self, change: impl FnOnce(&mut VecDeque<Waiting>) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps an answer; the first one of a flow counts. Gives the flow that had to make room.
    fn keep(&self, new: Waiting, now: Timestamp) -> Option<AuthorizationId> {
        self.with(|waiting| {
            waiting.retain(|known| known.expires_at > now);
            if waiting.iter().any(|known| known.id == new.id) {
                return None;
            }
            let crowded = waiting.len() >= MOST_PARKED;
            let out = if crowded { waiting.pop_front().map(|oldest| oldest.id) } else { None };
            waiting.push_back(new);
            out
        })
    }

    pub(crate) fn forget(&self, id: AuthorizationId) {
        self.with(|waiting| waiting.retain(|known| known.id != id));
    }

    fn is_empty(&self) -> bool {
        self.with(|waiting| waiting.is_empty())
    }
}

impl Hearthkey {
    /// Takes an address that the system handed over, and brings the window to the front. Done while locked too: what it finds
    /// waits for the unlock then.
    ///
    /// # Errors
    /// When the stored flows cannot be read.
    pub async fn deliver_link(self: &Arc<Self>, address: Secret) -> Result<Delivered, Error> {
        if let Err(reason) = self.ports.host.show_window() {
            tracing::debug!(reason, "there is no window to show");
        }
        let read = query_of_link(address.expose()).and_then(Callback::parse);
        let Ok(callback) = read else { return Ok(self.refuse_link()) };
        // After a cold start the flows have to be known first.
        self.resume_authorizations().await?;
        let found = self.ports.store.authorization_with_state(&state_digest(&callback.state)).await?;
        let by_link = |way: Strategy| matches!(way, Strategy::DeepLink | Strategy::HttpsBounce);
        let now = self.now();
        let awaited = found.filter(|flow| by_link(flow.answer.strategy()) && now < flow.expires_at);
        let Some(pending) = awaited else { return Ok(self.refuse_link()) };
        if let Some(closed) = self.closed().await? {
            self.park(&pending, address, &closed);
            return Ok(Delivered::WaitsForUnlock);
        }
        self.finish_apart(pending.id, callback);
        Ok(Delivered::Accepted)
    }

    /// Whether an address that the system handed over has the form of an answer, whoever's.
    #[must_use]
    pub fn can_be_answer(address: &Secret) -> bool {
        query_of_link(address.expose()).and_then(Callback::parse).is_ok()
    }

    /// How many addresses were no answer of a sign-in, since the start.
    #[must_use]
    pub fn refused_links(&self) -> u64 {
        self.parked.refused.load(Ordering::Relaxed)
    }

    fn refuse_link(&self) -> Delivered {
        let count = self.parked.refused.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::debug!(count, "an address was no answer of a sign-in");
        Delivered::NotExpected
    }

    /// Why nothing can be finished now, if nothing can. Asked before a flow is taken, whichever way its answer came.
    pub(super) async fn closed(&self) -> Result<Option<Error>, Error> {
        if self.door_is_closed().await? {
            return Ok(Some(Error::Locked));
        }
        match self.vault().await {
            Ok(_) => Ok(None),
            Err(closed @ (Error::Vault(_) | Error::Locked | Error::Recent(_))) => Ok(Some(closed)),
            Err(error) => Err(error),
        }
    }

    fn park(&self, pending: &PendingAuthorization, address: Secret, closed: &Error) {
        let (id, expires_at) = (pending.id, pending.expires_at);
        if let Some(out) = self.parked.keep(Waiting { id, address, expires_at }, self.now()) {
            self.flows.advance(out, FlowState::Waiting);
        }
        self.flows.advance(id, FlowState::WaitingForUnlock(Failure::from(closed)));
    }

    /// Finishes what waited for the vault, once it is open.
    pub(crate) async fn finish_parked(self: &Arc<Self>) {
        if self.parked.is_empty() || self.vault.open().is_none() {
            return;
        }
        if self.door_is_closed().await.unwrap_or(true) {
            return;
        }
        for waiting in self.parked.with(std::mem::take) {
            let read = query_of_link(waiting.address.expose()).and_then(Callback::parse);
            if let Ok(callback) = read {
                self.finish_apart(waiting.id, callback);
            }
        }
    }

    /// Finishes a flow in a task of its own: whoever handed the address over does not wait.
    fn finish_apart(self: &Arc<Self>, id: AuthorizationId, callback: Callback) {
        let app = Arc::clone(self);
        self.unhurried.spawn(async move {
            let caller = Caller { door: Door::Redirect, ..Caller::background() };
            // Its watchers are told, and the history.
            if let Err(NotFinished::Untouched(error)) = app.finish_return(id, &caller, callback).await {
                app.flows.advance(id, FlowState::Failed(Failure::from(&error)));
            }
        });
    }

    /// Ends a sign-in with the address that the browser ended on, or its query alone, which a person pasted. Waits for the end.
    ///
    /// # Errors
    /// An address that is not the return of a sign-in that waits; it is never quoted. Or a vault that is not open: the sign-in
    /// waits on then, and the same address can be pasted again.
    pub async fn paste_return(
        self: &Arc<Self>,
        caller: &Caller,
        id: Option<AuthorizationId>,
        address: &Secret,
    ) -> Result<Authorization, Error> {
        let refuse = |expected: &str| Error::Input { field: "address".into(), expected: expected.to_owned() };
        let workspace = self.workspace_id(caller).await?;
        if let Some(id) = id {
            self.flows.get(workspace, id)?;
        }
        let unreadable = |error| match error {
            CallbackError::NoState | CallbackError::NoOutcome => refuse(
                "that address has no code in it; copy it from the browser's address bar after you approved",
            ),
            _ => refuse("that is not an address a sign-in returns to"),
        };
        let (at, query) = split_address(address.expose().trim()).map_err(unreadable)?;
        let callback = Callback::parse(query).map_err(unreadable)?;
        let found = self.ports.store.authorization_with_state(&state_digest(&callback.state)).await?;
        let pending = found.filter(|flow| flow.workspace == workspace && id.is_none_or(|id| flow.id == id));
        let pending = pending.ok_or_else(|| {
            refuse("that address belongs to another sign-in, or to one that has ended; start again")
        })?;
        let redirect = pending.answer.redirect_uri().is_some();
        if !redirect || at.is_some_and(|at| !pending.answer.comes_back_at(at)) {
            return Err(refuse("that is not the address this sign-in returns to"));
        }
        if let Some(closed) = self.closed().await? {
            return Err(closed);
        }
        let (app, caller_of_task) = (Arc::clone(self), caller.clone());
        let task = async move { app.finish_return(pending.id, &caller_of_task, callback).await.map(drop) };
        match self.unhurried.spawn(task).await {
            Ok(Err(NotFinished::Untouched(error))) => return Err(error),
            // How it ended is in the flow.
            Ok(Ok(()) | Err(NotFinished::Ended(_))) | Err(_) => {}
        }
        self.authorization(caller, pending.id).await
    }
}
