//! Renewing ahead of time: what is due is looked up with every tick, and goes through the same lanes as everything else.

use super::Occasion;
use crate::tokens::Opened;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::connection::{Connection, OAuthGrant};
use hearthkey_domain::ids::ConnectionId;
use hearthkey_domain::renewal::Terms;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many run at once.
const AT_ONCE: usize = 8;
/// A pause between two rounds that means that the computer slept, or that its clock was set.
const GAP: SignedDuration = SignedDuration::from_mins(5);
/// How long one that failed in a way that could not be written down is left alone at first, and a vault that did not open.
const REST: SignedDuration = SignedDuration::from_mins(1);
/// How long it is left alone at the most.
const REST_MAX: SignedDuration = SignedDuration::from_hours(1);
/// How often the same is logged at the most.
const SELDOM: SignedDuration = SignedDuration::from_mins(1);

/// What is under way, and since when this computer has been awake.
#[derive(Default)]
pub(crate) struct Schedule(Mutex<Rounds>);

#[derive(Default)]
struct Rounds {
    last: Option<Timestamp>,
    woke: Option<Timestamp>,
    running: HashSet<ConnectionId>,
    resting: HashMap<ConnectionId, Rest>,
    vault_rests: Option<Timestamp>,
    said: HashMap<&'static str, Timestamp>,
}

/// One that failed in a way that could not be written down.
#[derive(Clone, Copy)]
struct Rest {
    since: Timestamp,
    long: SignedDuration,
}

impl Rest {
    fn holds(&self, now: Timestamp) -> bool {
        (SignedDuration::ZERO..self.long).contains(&self.since.duration_until(now))
    }
}

impl Schedule {
    fn with<T>(&self, change: impl FnOnce(&mut Rounds) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rounds {
    /// Begins a round: since when the computer has been awake.
    fn begin(&mut self, now: Timestamp) -> Timestamp {
        let steady = self.last.is_some_and(|last| last <= now && last.duration_until(now) < GAP);
        if !steady || self.woke.is_none() {
            self.woke = Some(now);
        }
        self.last = Some(now);
        // How long one rested is known until it could have been tried again.
        let known = |rest: &Rest| Rest { long: rest.long + REST_MAX, ..*rest }.holds(now);
        self.resting.retain(|_, rest| known(rest));
        self.vault_rests =
            self.vault_rests.filter(|until| *until > now && now.duration_until(*until) <= REST);
        self.woke.unwrap_or(now)
    }

    fn rests(&self, id: ConnectionId, now: Timestamp) -> bool {
        self.resting.get(&id).is_some_and(|rest| rest.holds(now))
    }

    /// Leaves one alone, for twice as long as the last time.
    fn leave_alone(&mut self, id: ConnectionId, now: Timestamp) {
        let long = self.resting.get(&id).map_or(REST, |rest| (rest.long * 2).min(REST_MAX));
        self.resting.insert(id, Rest { since: now, long });
    }

    /// Whether something is to be logged, that was not just now.
    fn says(&mut self, what: &'static str, now: Timestamp) -> bool {
        let last = self.said.get(what).map(|at| at.duration_until(now));
        let says = last.is_none_or(|age| age.is_negative() || age >= SELDOM);
        if says {
            self.said.insert(what, now);
        }
        says
    }
}

impl Hearthkey {
    /// One round: begins the renewals that are due.
    pub(crate) async fn renew_due(self: &Arc<Self>) {
        let now = self.now();
        let (woke, known, room) = self.schedule.with(|rounds| {
            let woke = rounds.begin(now);
            let room = AT_ONCE.saturating_sub(rounds.running.len());
            let resting = rounds.resting.values().filter(|rest| rest.holds(now)).count();
            let known = rounds.running.len() + resting;
            (woke, known, if rounds.vault_rests.is_some() { 0 } else { room })
        });
        if room == 0 {
            return;
        }
        let limit = u32::try_from(known + room).unwrap_or(u32::MAX);
        let due = match self.ports.store.due_for_refresh(now, woke, limit).await {
            Ok(due) => due,
            Err(error) => {
                let what = "the renewals that are due could not be read";
                self.say_seldom(what, || tracing::warn!(%error, "{what}"));
                return;
            }
        };
        if due.is_empty() {
            return;
        }
        if self.vault().await.is_err() {
            // It says itself what is the matter.
            self.schedule.with(|rounds| rounds.vault_rests = Some(now + REST));
            return;
        }
        for connection in due {
            let begun = self.schedule.with(|rounds| {
                rounds.running.len() < AT_ONCE
                    && !rounds.rests(connection.id, now)
                    && rounds.running.insert(connection.id)
            });
            if begun {
                let app = Arc::clone(self);
                self.unhurried.spawn(async move { app.renew_one(connection).await });
            }
        }
    }

    async fn renew_one(self: &Arc<Self>, Connection { workspace, id, .. }: Connection) {
        let outcome = self.renew_in_lane(&Caller::background(), workspace, id, Occasion::Due).await;
        let now = self.now();
        self.schedule.with(|rounds| {
            rounds.running.remove(&id);
            // A failure that was written down has a time of its own; one that is paused was kept alive, and is not to be used.
            if let Err(error) = &outcome
                && !matches!(error, Error::Renewal(_) | Error::NotUsable { .. })
            {
                tracing::warn!(kind = ?error.kind(), "a renewal that is due could not be begun");
                rounds.leave_alone(id, now);
            } else {
                rounds.resting.remove(&id);
            }
        });
    }

    /// Logs what would be the same with every tick once a minute.
    pub(super) fn say_seldom(&self, what: &'static str, log: impl FnOnce()) {
        let now = self.now();
        if self.schedule.with(|rounds| rounds.says(what, now)) {
            log();
        }
    }

    /// Whether a connection is still to be renewed. One that was never planned gets its plan; one whose last answer never
    /// arrived waits for the end of its access token.
    pub(super) async fn is_due(
        &self,
        opened: &Opened,
        uncertain: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let connection = &opened.connection;
        if !connection.is_refresh_due(now) {
            return Ok(false);
        }
        let Some(grant) = &connection.oauth else { return Ok(false) };
        if grant.renewal.obtained_at.is_none() {
            let obtained_at = connection.last_refreshed_at.unwrap_or(connection.created_at).min(now);
            let planned =
                self.planned(connection, grant.clone(), grant.renewal.refresh_ends_at, obtained_at).renewal;
            self.amend(connection, None, |connection| {
                if let Some(grant) = &mut connection.oauth {
                    grant.renewal = planned.clone();
                }
            })
            .await?;
            return Ok(false);
        }
        let idle_days = self.refresh_rules(connection).and_then(|rules| rules.idle_days);
        let dies = grant.renewal.last_keep_alive(idle_days).is_some_and(|last| last <= now);
        if uncertain && !opened.has_surely_ended(now) && !dies {
            self.amend(connection, None, |connection| {
                if let Some(grant) = &mut connection.oauth {
                    grant.renewal.refresh_at = grant.expires_at;
                    // Not to be looked at again at once, should the clock have been set back.
                    grant.renewal.obtained_at = grant.renewal.obtained_at.map(|at| at.min(now));
                    grant.renewal.keep_alive_at = grant.renewal.last_keep_alive(idle_days);
                }
            })
            .await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Plans the renewal of tokens that were obtained when the connection was made.
    pub(crate) fn plan_renewal(&self, connection: &mut Connection) {
        if let Some(grant) = connection.oauth.clone() {
            let refresh_ends_at = grant.renewal.refresh_ends_at;
            connection.oauth = Some(self.planned(connection, grant, refresh_ends_at, connection.created_at));
        }
    }

    /// A grant with the plan for tokens obtained at `obtained_at`.
    pub(crate) fn planned(
        &self,
        connection: &Connection,
        grant: OAuthGrant,
        refresh_ends_at: Option<Timestamp>,
        obtained_at: Timestamp,
    ) -> OAuthGrant {
        let terms = Terms {
            obtained_at,
            expires_at: grant.expires_at,
            renewable: grant.renewable,
            refresh_ends_at,
            idle_days: self.refresh_rules(connection).and_then(|rules| rules.idle_days),
            draw: u32::from_ne_bytes(self.random()),
        };
        OAuthGrant { renewal: grant.renewal.planned(terms), ..grant }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn what_cannot_be_written_down_is_left_alone_for_longer_each_time() {
        let (mut rounds, mut now) = (Rounds::default(), 0);
        let id = ConnectionId::new(at(0), [1; 10]);
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            rounds.begin(at(now));
            rounds.leave_alone(id, at(now));
            now += minutes * 60;
            rounds.begin(at(now - 1));
            assert!(rounds.rests(id, at(now - 1)), "{minutes}");
            rounds.begin(at(now));
            assert!(!rounds.rests(id, at(now)), "{minutes}");
        }
        // Neither a clock that is set back nor what nobody asked for in hours keeps it waiting.
        rounds.leave_alone(id, at(now));
        assert!(!rounds.rests(id, at(now - 1)));
        rounds.begin(at(now + 4 * 3600));
        assert!(rounds.resting.is_empty());
    }

    #[test]
    fn the_same_is_logged_once_a_minute() {
        let mut rounds = Rounds::default();
        let said = (0..180).filter(|second| rounds.says("this", at(*second))).count();
        assert_eq!((said, rounds.says("that", at(179))), (3, true));
        assert!(rounds.says("this", at(-400)), "a clock that was set back silences nothing");
    }
}
