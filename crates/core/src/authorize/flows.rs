//! Sign-ins under way, for whoever watches them. What must survive a restart is in the store; this is the view of it.

use crate::Error;
use crate::error::Failure;
use hearthkey_connectors::scopes::Outcome;
use hearthkey_domain::authorization::{Answer, ReturnRefused, Strategy};
use hearthkey_domain::ids::{AuthorizationId, ConnectionId, WorkspaceId};
use hearthkey_domain::ports::Clock;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A sign-in and how far it is.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// Its identifier.
    pub id: AuthorizationId,
    /// The workspace that will own the connection.
    pub workspace: WorkspaceId,
    /// The connector.
    pub connector: String,
    /// Where the browser goes.
    pub authorize_url: Url,
    /// How the answer comes back.
    pub answer: Answer,
    /// The ways that could be tried instead.
    pub others: Vec<Strategy>,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Whether a browser was opened for it.
    pub browser_opened: bool,
    /// Whether it began in an earlier process: its exact address is not known any more.
    pub resumed: bool,
    /// What was asked for and not granted, once that is known.
    pub declined: Vec<Outcome>,
    /// How far it is.
    pub state: FlowState,
}

/// How far a sign-in is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowState {
    /// The browser has not returned.
    Waiting,
    /// The answer is here, and waits in memory until the vault is open; why it is not.
    WaitingForUnlock(Failure),
    /// It returned; the code is being exchanged.
    Exchanging,
    /// The connection is there.
    Connected(ConnectionId),
    /// The account was connected before; that connection goes on, with the new tokens unless they may do less.
    AlreadyConnected(ConnectionId),
    /// It failed.
    Failed(Failure),
    /// The person gave it up.
    Cancelled,
}

impl Authorization {
    /// This sign-in as it is at `now`: one that still waits after its time has failed.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.state.waits() && now >= self.expires_at {
            self.state = FlowState::Failed(Failure::from(&Error::Return(ReturnRefused::Expired)));
        }
        self
    }
}

impl FlowState {
    /// Whether it ends by its time.
    fn waits(&self) -> bool {
        matches!(self, Self::Waiting | Self::WaitingForUnlock(_))
    }

    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Connected(_) | Self::AlreadyConnected(_) | Self::Failed(_) | Self::Cancelled)
    }
}

/// How many ended sign-ins are remembered for whoever asks late.
const REMEMBERED: usize = 64;

#[derive(Default)]
pub(crate) struct Flows(Mutex<BTreeMap<AuthorizationId, Flow>>);

struct Flow {
    sender: watch::Sender<Authorization>,
    /// Cancelled with its end: its listener closes.
    given_up: CancellationToken,
}

impl Flows {
    pub(crate) fn add(&self, authorization: Authorization, given_up: CancellationToken, now: Timestamp) {
        let mut flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flows.len() >= REMEMBERED {
            flows.retain(|_, flow| {
                let flow = flow.sender.borrow();
                !flow.state.is_final() && flow.expires_at > now
            });
        }
        flows.insert(authorization.id, Flow { sender: watch::Sender::new(authorization), given_up });
    }

    /// Whether a sign-in is known here.
    pub(crate) fn has(&self, id: AuthorizationId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Notes what was not granted, before the sign-in ends.
    pub(crate) fn note_declined(&self, id: AuthorizationId, declined: Vec<Outcome>) {
        let flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flow) = flows.get(&id) {
            flow.sender.send_if_modified(|authorization| {
                authorization.declined = declined;
                false
            });
        }
    }

    /// Notes that a browser was opened for a sign-in.
    pub(crate) fn browser_opened(&self, id: AuthorizationId) {
        let flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flow) = flows.get(&id) {
            flow.sender.send_modify(|authorization| authorization.browser_opened = true);
        }
    }

    pub(crate) fn advance(&self, id: AuthorizationId, state: FlowState) {
        let flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flow) = flows.get(&id) {
            if state.is_final() {
                flow.given_up.cancel();
            }
            flow.sender.send_if_modified(|authorization| {
                let goes_on = !authorization.state.is_final() && authorization.state != state;
                if goes_on {
                    authorization.state = state;
                }
                goes_on
            });
        }
    }

    /// Gives up every sign-in of a workspace.
    pub(crate) fn cancel_all(&self, workspace: WorkspaceId) {
        let ids: Vec<AuthorizationId> = {
            let flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let of = flows.iter().filter(|(_, flow)| flow.sender.borrow().workspace == workspace);
            of.map(|(id, _)| *id).collect()
        };
        for id in ids {
            self.advance(id, FlowState::Cancelled);
        }
    }

    /// A sign-in of a workspace.
    pub(crate) fn get(
        &self,
        workspace: WorkspaceId,
        id: AuthorizationId,
    ) -> Result<watch::Receiver<Authorization>, Error> {
        let flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || Error::NotFound { what: "sign-in", name: id.to_string() };
        let flow = flows.get(&id).map(|flow| flow.sender.subscribe());
        flow.filter(|flow| flow.borrow().workspace == workspace).ok_or_else(missing)
    }
}

/// The states of one sign-in, from the present one to its end.
pub struct FlowStream {
    receiver: watch::Receiver<Authorization>,
    clock: Arc<dyn Clock>,
    begun: bool,
    over: bool,
}

impl FlowStream {
    pub(crate) fn new(receiver: watch::Receiver<Authorization>, clock: Arc<dyn Clock>) -> Self {
        Self { receiver, clock, begun: false, over: false }
    }

    /// The next state; `None` after the final one. A sign-in whose time is over fails here.
    pub async fn next(&mut self) -> Option<Authorization> {
        if self.over {
            return None;
        }
        let (waiting, deadline) = {
            let flow = self.receiver.borrow();
            (flow.state.waits(), flow.expires_at)
        };
        if self.begun && waiting {
            tokio::select! {
                changed = self.receiver.changed() => changed.ok()?,
                () = self.clock.sleep_until(deadline) => {}
            }
        } else if self.begun {
            self.receiver.changed().await.ok()?;
        }
        self.begun = true;
        let flow = self.receiver.borrow_and_update().clone().at(self.clock.now());
        self.over = flow.state.is_final();
        Some(flow)
    }
}
