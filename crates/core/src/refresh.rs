//! Renewing tokens: one at a time per connection, in a task of its own, written down before it is asked for and used only once
//! it is stored.
//!
//! Nothing here deletes a refresh token, and an access token that still lives keeps serving.

mod attempt;
mod failure;
mod schedule;
mod trouble;
mod unsaved;

use crate::changes::Topic;
use crate::tokens::Opened;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::Deed;
use hearthkey_domain::connection::{Connection, Status};
use hearthkey_domain::credential::{Credential, TokenSet};
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use schedule::Schedule;
pub use trouble::{ConnectionTrouble, Outlook};
use unsaved::Unsaved;

/// How long after a renewal that was in vain a refusal is no reason for another.
const ANEW: SignedDuration = SignedDuration::from_mins(1);

/// Why a credential is renewed.
#[derive(Clone, Copy)]
enum Occasion {
    /// Somebody wants to use it, and the access token has ended.
    Ended,
    /// The provider refused the access token of this version.
    Refused { version: u64 },
    /// Its time has come.
    Due,
    /// A person asks for it, and has seen this version.
    Asked { version: u64 },
}

/// What whoever is in a connection's lane leaves for the next.
#[derive(Default)]
pub(crate) struct LaneNotes {
    /// New tokens that could not be stored: the only copy, until they can.
    unsaved: Option<Unsaved>,
}

impl LaneNotes {
    /// Others have taken the place of tokens that could not be stored.
    pub(crate) fn forget_unsaved(&mut self) {
        self.unsaved = None;
    }
}

type Lane = Arc<tokio::sync::Mutex<LaneNotes>>;

/// One lane per connection, in which refreshes and the removal stand in line.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: Mutex<HashMap<ConnectionId, Lane>>,
    /// Whose credential of which version has worked.
    worked: Mutex<HashMap<ConnectionId, Worked>>,
    /// The versions that were refused though they had just come for refused ones, and when: what refuses new tokens as well
    /// refuses something else.
    in_vain: Mutex<HashMap<ConnectionId, (u64, Timestamp)>>,
}

/// A credential that was accepted.
#[derive(Clone, Copy)]
struct Worked {
    workspace: WorkspaceId,
    version: u64,
    /// Whether the one before it was forgotten.
    told: bool,
}

impl Lanes {
    pub(crate) fn of(&self, id: ConnectionId) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(id).or_default())
    }

    /// The connections that have one.
    fn ids(&self) -> Vec<ConnectionId> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Whether a lane holds tokens that are not stored.
    pub(crate) fn hold_tokens(&self) -> bool {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.values().any(|lane| lane.try_lock().is_ok_and(|notes| notes.unsaved.is_some()))
    }

    pub(crate) fn close(&self, id: ConnectionId) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.worked.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Notes that a version was refused though it had just come for a refused one.
    pub(crate) fn note_renewed_in_vain(&self, id: ConnectionId, version: u64, now: Timestamp) {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (version, now));
    }

    fn was_renewed_in_vain(&self, id: ConnectionId, version: u64, now: Timestamp) -> bool {
        let in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        in_vain.get(&id).is_some_and(|(known, at)| *known == version && at.duration_until(now).abs() < ANEW)
    }

    fn with_worked<T>(&self, change: impl FnOnce(&mut HashMap<ConnectionId, Worked>) -> T) -> T {
        change(&mut self.worked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Opened {
    /// Whether the access token has ended, or its end cannot be trusted: the clock was set back behind its beginning. The end of
    /// one that cannot be renewed is all that is known of it.
    fn has_ended(&self, now: Timestamp) -> bool {
        let untrusted = self.connection.oauth.as_ref().is_some_and(|g| g.renewal.is_from_the_future(now));
        self.has_surely_ended(now) || (untrusted && self.is_renewable())
    }

    fn has_surely_ended(&self, now: Timestamp) -> bool {
        matches!(&self.credential, Credential::OAuth2(tokens) if tokens.is_expired(now))
    }

    fn is_renewable(&self) -> bool {
        matches!(&self.credential, Credential::OAuth2(TokenSet { refresh_token: Some(_), .. }))
    }
}

impl Hearthkey {
    /// The connection with its credential, renewed if it has ended.
    pub(crate) async fn usable(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
    ) -> Result<Opened, Error> {
        let opened = checked(self.open_credential(workspace, id).await?)?;
        if opened.has_ended(self.now()) {
            return self.renew(caller, workspace, id, Occasion::Ended).await;
        }
        Ok(opened)
    }

    /// After the provider refused an access token: the credential renewed, by this call or one that ran meanwhile. `None`
    /// when it cannot be renewed, was renewed a moment ago and refused all the same, or this provider's refusal says nothing
    /// about the token.
    pub(crate) async fn after_refusal(
        self: &Arc<Self>,
        caller: &Caller,
        refused: &Opened,
    ) -> Result<Option<Opened>, Error> {
        let says_so = self.refresh_rules(&refused.connection).is_none_or(|rules| rules.on_401 != Some(false));
        let Connection { workspace, id, .. } = refused.connection;
        let in_vain = self.lanes.was_renewed_in_vain(id, refused.version, self.now());
        if !says_so || !refused.is_renewable() || in_vain {
            return Ok(None);
        }
        let occasion = Occasion::Refused { version: refused.version };
        self.renew(caller, workspace, id, occasion).await.map(Some)
    }

    /// Renews a connection's tokens now, whatever their age and whatever failed before.
    ///
    /// # Errors
    /// No such connection, one with a key, one that is paused or being removed, or what the provider said
    /// ([`Error::Renewal`]).
    pub async fn refresh_connection(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
    ) -> Result<Connection, Error> {
        let found = self.find(caller, name).await?;
        let refuse = |expected: String| Err(Error::Input { field: "connection".into(), expected });
        let Some(grant) = &found.oauth else {
            return refuse(format!("{} is connected with a key, which is not renewed", found.label));
        };
        if !grant.renewable && grant.expires_at.is_none_or(|end| self.now() < end) {
            let name = self.connector_name(&found);
            return refuse(format!("{name} gave no way to renew {}: reconnect before it ends", found.label));
        }
        let opened = checked(self.open_credential(found.workspace, found.id).await?)?;
        let occasion = Occasion::Asked { version: opened.version };
        Ok(self.renew(caller, found.workspace, found.id, occasion).await?.connection)
    }

    /// Notes that a credential was accepted: the one before it is needed no more. Nobody waits for this.
    pub(crate) fn note_worked(&self, opened: &Opened) {
        let Connection { workspace, id, .. } = opened.connection;
        let version = opened.version;
        if opened.is_renewable() {
            self.lanes.with_worked(|worked| {
                let known = worked.entry(id).or_insert(Worked { workspace, version, told: false });
                if known.version != version {
                    *known = Worked { workspace, version, told: false };
                }
            });
        }
    }

    /// Forgets the credentials before those that have worked. Called with every tick, and before the process ends.
    pub(crate) async fn forget_replaced(&self) {
        let untold = |worked: &mut HashMap<ConnectionId, Worked>| {
            worked.iter().filter(|(_, worked)| !worked.told).map(|(id, worked)| (*id, *worked)).collect()
        };
        let found: Vec<(ConnectionId, Worked)> = self.lanes.with_worked(untold);
        for (id, Worked { workspace, version, .. }) in found {
            if let Err(error) = self.ports.store.forget_previous(workspace, id, version).await {
                let what = "tokens of earlier could not be forgotten";
                self.say_seldom(what, || tracing::warn!(%error, "{what}"));
                return;
            }
            self.lanes.with_worked(|worked| {
                if let Some(known) = worked.get_mut(&id) {
                    known.told |= known.version == version;
                }
            });
        }
    }

    /// Renews in a task of its own: a caller that goes away does not cut a token request short.
    async fn renew(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<Opened, Error> {
        let (app, caller) = (Arc::clone(self), caller.clone());
        let task = async move { app.renew_in_lane(&caller, workspace, id, occasion).await };
        self.unhurried.spawn(task).await.map_err(|_| Error::Internal("a refresh did not finish"))?
    }

    async fn renew_in_lane(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: WorkspaceId,
        id: ConnectionId,
        occasion: Occasion,
    ) -> Result<Opened, Error> {
        let lane = self.lanes.of(id);
        let mut notes = lane.lock().await;
        // What was true outside the lane may have been changed by whoever was in it before.
        let open = || async {
            let opened = self.open_credential(workspace, id).await?;
            // A paused one is kept alive.
            if matches!(occasion, Occasion::Due) { Ok(opened) } else { checked(opened) }
        };
        let mut opened = open().await?;
        if self.store_unsaved(caller, &opened.connection, &mut notes).await? {
            opened = open().await?;
        }
        if opened.connection.oauth.is_none() {
            return Ok(opened);
        }
        let mut state = self.ports.store.refresh_state(workspace, id).await?;
        state.spent = state.spent.filter(|spent| spent.version == opened.version);
        let now = self.now();
        let needed = match occasion {
            Occasion::Ended if state.spent.is_some() => opened.has_surely_ended(now),
            Occasion::Ended => opened.has_ended(now),
            Occasion::Refused { version } | Occasion::Asked { version } => opened.version == version,
            Occasion::Due => self.is_due(&opened, state.spent.is_some(), now).await?,
        };
        if !needed {
            return Ok(opened);
        }
        if !matches!(occasion, Occasion::Asked { .. })
            && let Some(trouble) = self.rests(&opened.connection, now)
        {
            return Err(Error::Renewal(Box::new(trouble)));
        }
        let outcome = self.refresh(caller, opened, state, &mut notes).await;
        self.changes.tell(Topic::Connections);
        outcome
    }

    /// Why a connection is not tried now: its sign-in has ended, or it failed a moment ago.
    fn rests(&self, connection: &Connection, now: Timestamp) -> Option<ConnectionTrouble> {
        if let Status::NeedsReconnect { .. } = connection.status {
            return self.outlook(connection).trouble;
        }
        let held = connection.oauth.as_ref()?.renewal.held(now)?;
        Some(self.trouble(connection, held.class, &held.message, Some(held.not_before)))
    }

    /// What the connector's manifest says about renewing.
    fn refresh_rules(&self, connection: &Connection) -> Option<&hearthkey_connectors::manifest::Refresh> {
        let manifest = self.catalog.get(&connection.connector)?;
        Some(&manifest.method(Some(&connection.method))?.oauth2.as_ref()?.refresh)
    }

    /// What a renewal writes into the history: what a person or program waited for, and what ends a row of failures.
    fn renewed_entry(
        &self,
        caller: &Caller,
        connection: &Connection,
    ) -> Option<hearthkey_domain::activity::Activity> {
        let routine = caller.door == hearthkey_domain::activity::Door::Background
            && connection.oauth.as_ref().is_none_or(|grant| grant.renewal.cool_down.is_none());
        (!routine).then(|| self.entry_for(caller, connection, Deed::Refreshed, ""))
    }
}

/// A connection that may be used now.
fn checked(opened: Opened) -> Result<Opened, Error> {
    if opened.connection.is_usable() {
        return Ok(opened);
    }
    Err(not_usable(opened.connection))
}

/// The error for a connection that may not be used now, in the words of the lists.
pub(crate) fn not_usable(connection: Connection) -> Error {
    let status = match connection.status {
        Status::Deleting { .. } => "disconnected",
        other => other.word(),
    };
    Error::NotUsable { label: connection.label, status }
}
