//! Renewing credentials: when it is due, what a failure means, and how long to wait after one.
//!
//! Every deadline is a time of the wall clock that is stored, so that neither sleep nor a restart moves it. A clock that was
//! set back is noticed by what is then ahead of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The error codes by which services say that they do not accept a client.
pub const CLIENT_CODES: [&str; 6] = [
    "invalid_client",
    "unauthorized_client",
    "deleted_client",
    "disabled_client",
    "invalid_client_id",
    "bad_client_id",
];

/// Why a credential could not be renewed, or is no longer accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The provider ended the sign-in.
    GrantEnded,
    /// The answer to a renewal never arrived, and the provider does not take the token again that was spent on it.
    ReplyLost,
    /// The access token is over, and there is no refresh token.
    NotRenewable,
    /// The provider does not accept the client: its secret was changed, or it was removed.
    ClientRefused,
    /// The provider refuses the request for another reason.
    RequestRefused,
    /// The provider asks to slow down.
    RateLimited,
    /// The provider has a problem of its own.
    ProviderTrouble,
    /// No answer: the network, or nobody there.
    Unreachable,
    /// The answer was not what it should be.
    Malformed,
    /// The provider refuses an API key.
    KeyRefused,
}

/// The one thing that helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Sign in again.
    Reconnect,
    /// Correct the client's ID or secret.
    EditClient,
    /// Give another key.
    UpdateKey,
    /// Try again.
    TryAgain,
    /// Nothing: it is tried again by itself.
    Wait,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::GrantEnded,
        Self::ReplyLost,
        Self::NotRenewable,
        Self::ClientRefused,
        Self::RequestRefused,
        Self::RateLimited,
        Self::ProviderTrouble,
        Self::Unreachable,
        Self::Malformed,
        Self::KeyRefused,
    ];

    /// The class of an error code of the token endpoint (RFC 6749 section 5.2, OpenID Connect Core section 3.1.2.6), and of
    /// those that many services share.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code {
            "invalid_grant" | "bad_refresh_token" => Self::GrantEnded,
            "interaction_required" | "consent_required" | "login_required" => Self::GrantEnded,
            "temporarily_unavailable" | "server_error" => Self::ProviderTrouble,
            "slow_down" | "ratelimited" | "rate_limited" | "rate_limit_exceeded" => Self::RateLimited,
            _ if CLIENT_CODES.contains(&code) => Self::ClientRefused,
            _ => Self::RequestRefused,
        }
    }

    /// The class of a status that came without a readable error.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::RateLimited,
            408 | 425 | 500..=599 => Self::ProviderTrouble,
            400..=499 => Self::RequestRefused,
            _ => Self::Malformed,
        }
    }

    /// The word, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::GrantEnded => "grant_ended",
            Self::ReplyLost => "reply_lost",
            Self::NotRenewable => "not_renewable",
            Self::ClientRefused => "client_refused",
            Self::RequestRefused => "request_refused",
            Self::RateLimited => "rate_limited",
            Self::ProviderTrouble => "provider_trouble",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::KeyRefused => "key_refused",
        }
    }

    /// What helps.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::GrantEnded | Self::ReplyLost | Self::NotRenewable => Remedy::Reconnect,
            Self::ClientRefused => Remedy::EditClient,
            Self::KeyRefused => Remedy::UpdateKey,
            Self::RequestRefused | Self::Unreachable | Self::Malformed => Remedy::TryAgain,
            Self::RateLimited | Self::ProviderTrouble => Remedy::Wait,
        }
    }

    /// Whether nothing gets better unless a person acts.
    #[must_use]
    pub fn needs_person(self) -> bool {
        self.ends_sign_in() || matches!(self, Self::ClientRefused | Self::RequestRefused)
    }

    /// Whether the credential is of no more use.
    #[must_use]
    pub fn ends_sign_in(self) -> bool {
        matches!(self, Self::GrantEnded | Self::ReplyLost | Self::NotRenewable | Self::KeyRefused)
    }

    /// The shortest and the longest wait after a failure.
    fn waits(self) -> (SignedDuration, SignedDuration) {
        if self.needs_person() {
            (SignedDuration::from_hours(1), SignedDuration::from_hours(24))
        } else {
            (SignedDuration::from_secs(10), SignedDuration::from_mins(15))
        }
    }
}

/// What is remembered of renewals that failed, until one succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoolDown {
    /// How many failed in a row.
    pub failures: u32,
    /// The class of the last.
    pub class: FailureClass,
    /// What was the matter, in one sentence.
    pub message: String,
    /// When it failed.
    pub since: Timestamp,
    /// Not tried again before, unless a person asks.
    pub not_before: Timestamp,
    /// The row of failures that needed a person, of which this is the last or which failures that pass came after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_person: Option<PersonNeeded>,
}

/// A row of failures in which nothing gets better unless a person acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonNeeded {
    /// How many there were.
    pub failures: u32,
    /// The class of the last.
    pub class: FailureClass,
}

impl CoolDown {
    /// The longest a provider's `Retry-After` is heeded.
    const ASKED_MAX: SignedDuration = SignedDuration::from_hours(24);

    /// After a failure: a wait that doubles with every failure in a row, within the bounds of its class. `asked` is until when
    /// the provider asked to wait, `draw` is random.
    #[must_use]
    pub fn after(
        before: Option<&Self>,
        class: FailureClass,
        message: String,
        now: Timestamp,
        asked: Option<Timestamp>,
        draw: u32,
    ) -> Self {
        let needed = before.and_then(Self::row_of_person);
        let kin = if class.needs_person() {
            needed.map(|row| row.failures)
        } else {
            before.filter(|before| !before.class.needs_person()).map(|before| before.failures)
        };
        let failures = kin.map_or(1, |failures| failures.saturating_add(1));
        let (shortest, longest) = class.waits();
        let doubled = shortest.saturating_mul(1 << failures.saturating_sub(1).min(20));
        // Spread over a half more of it, below the longest, so that many that failed together are not tried together.
        let (least, most) = (doubled.min(longest * 2 / 3), (doubled + doubled / 2).min(longest));
        let spread = (most - least).as_millis() * i128::from(draw) / i128::from(u32::MAX);
        let spread = SignedDuration::from_millis(i64::try_from(spread).unwrap_or_default());
        let own = later(now, least + spread);
        let not_before = asked.map_or(own, |asked| own.max(asked.min(later(now, Self::ASKED_MAX))));
        let needed_person =
            if class.needs_person() { Some(PersonNeeded { failures, class }) } else { needed };
        Self { failures, class, message, since: now, not_before, needed_person }
    }

    /// Whether a failure of a class after these is news. One that passes is none while a person is needed; of those that need
    /// one, each class that is not the last one's is, whatever passed between. That a sign-in is over is told once.
    #[must_use]
    pub fn is_news(before: Option<&Self>, class: FailureClass) -> bool {
        if !class.needs_person() {
            return before.is_none_or(|before| before.class != class && !before.needs_person());
        }
        before
            .and_then(Self::row_of_person)
            .is_none_or(|row| row.class != class && !(row.class.ends_sign_in() && class.ends_sign_in()))
    }

    /// Whether something is the matter that only a person can mend, whatever failed since.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        self.row_of_person().is_some()
    }

    /// Whether the client was refused, whatever passed since.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        self.row_of_person().is_some_and(|row| row.class == FailureClass::ClientRefused)
    }

    /// The row of failures that needed a person; those noted before there was one are their own.
    fn row_of_person(&self) -> Option<PersonNeeded> {
        let own = PersonNeeded { failures: self.failures, class: self.class };
        self.needed_person.or_else(|| self.class.needs_person().then_some(own))
    }

    /// Whether it is still to be waited. One from a time that is yet to come was noted under another clock, and says nothing.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.not_before && now >= earlier(self.since, Renewal::CLOCK_SLACK)
    }
}

/// When the tokens of a grant are renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Renewal {
    /// When the tokens were obtained. `None`: nothing was planned yet.
    pub obtained_at: Option<Timestamp>,
    /// This connection's share of the time over which many are spread, in milliseconds.
    pub jitter: u32,
    /// When the access token is renewed ahead of its end; where it cannot be, its end.
    pub refresh_at: Option<Timestamp>,
    /// When the tokens are renewed at the latest though nobody uses them, so that they do not die of it.
    pub keep_alive_at: Option<Timestamp>,
    /// When the refresh token itself ends, where the provider says.
    pub refresh_ends_at: Option<Timestamp>,
    /// Since when that end is known.
    pub refresh_ends_since: Option<Timestamp>,
    /// The renewals that failed since.
    pub cool_down: Option<CoolDown>,
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// When the tokens were obtained.
    pub obtained_at: Timestamp,
    /// When the access token ends, where known.
    pub expires_at: Option<Timestamp>,
    /// Whether there is a refresh token.
    pub renewable: bool,
    /// When the refresh token ends, where the reply said.
    pub refresh_ends_at: Option<Timestamp>,
    /// After how many days without a renewal the provider ends it, where it does.
    pub idle_days: Option<u32>,
    /// Random.
    pub draw: u32,
}

impl Renewal {
    /// Over how long renewals that are due at once are spread.
    pub const SPREAD: SignedDuration = SignedDuration::from_mins(2);
    /// How far a clock may be behind what was written by it before that is no small correction.
    pub const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);
    /// The earliest renewal after the last: tokens that live shorter are renewed when they are used.
    const SOONEST: SignedDuration = SignedDuration::from_mins(1);
    /// The longest lead before an access token's end.
    const LEAD: SignedDuration = SignedDuration::from_mins(15);
    /// The longest lead before tokens die of rest, at which they are tried though an answer was lost.
    const LAST_LEAD: SignedDuration = SignedDuration::from_hours(24);
    /// The shortest life of a refresh token that is kept alive for its own sake.
    const KEPT_ALIVE: SignedDuration = SignedDuration::from_hours(2);

    /// The plan for new tokens that take the place of those of `self`.
    #[must_use]
    pub fn planned(&self, terms: Terms) -> Self {
        let Terms { obtained_at, expires_at, renewable, refresh_ends_at, idle_days, draw } = terms;
        let jitter = i64::from(draw) * Self::SPREAD.as_millis() as i64 / i64::from(u32::MAX);
        let shifted = |at: Timestamp, life: SignedDuration| {
            earlier(at, SignedDuration::from_millis(jitter).min(life / 10))
                .max(later(obtained_at, Self::SOONEST))
        };
        let refresh_at = expires_at.map(|end| {
            let life = obtained_at.duration_until(end).max(SignedDuration::ZERO);
            if renewable { shifted(earlier(end, Self::LEAD.min(life / 5)), life) } else { end }
        });
        let half = |life: SignedDuration| shifted(later(obtained_at, life / 2), life);
        let idle = idle_days
            .map(|days| half(SignedDuration::from_hours(24) * i32::try_from(days).unwrap_or(i32::MAX)));
        // An end that a renewal did not move is not moved by another.
        let same_end = |end: &Timestamp| {
            let known =
                self.refresh_ends_at.filter(|known| known.duration_until(*end).abs() <= Self::CLOCK_SLACK);
            known.and(self.refresh_ends_since)
        };
        let refresh_ends_since = refresh_ends_at.as_ref().map(|end| same_end(end).unwrap_or(obtained_at));
        let own_end = refresh_ends_at
            .filter(|_| refresh_ends_since == Some(obtained_at))
            .map(|end| obtained_at.duration_until(end))
            .filter(|life| *life >= Self::KEPT_ALIVE)
            .map(half);
        let keep_alive_at = [idle, own_end].into_iter().flatten().min().filter(|_| renewable);
        Self {
            obtained_at: Some(obtained_at),
            jitter: u32::try_from(jitter).unwrap_or_default(),
            refresh_at,
            keep_alive_at,
            refresh_ends_at,
            refresh_ends_since,
            cool_down: None,
        }
    }

    /// After an answer that was lost: when tokens that die of rest are renewed once more, though that may end them. It is shortly
    /// before they would die anyway.
    #[must_use]
    pub fn last_keep_alive(&self, idle_days: Option<u32>) -> Option<Timestamp> {
        let obtained_at = self.obtained_at?;
        let idle = idle_days.map(|days| {
            later(obtained_at, SignedDuration::from_hours(24) * i32::try_from(days).unwrap_or(i32::MAX))
        });
        // One that renewals do not move is no reason.
        let moves = |end: &Timestamp| {
            self.refresh_ends_since.is_some_and(|since| since >= obtained_at)
                && obtained_at.duration_until(*end) >= Self::KEPT_ALIVE
        };
        let end = [idle, self.refresh_ends_at.filter(moves)].into_iter().flatten().min()?;
        let life = obtained_at.duration_until(end).max(SignedDuration::ZERO);
        Some(earlier(end, Self::LAST_LEAD.min(life / 10)))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the tokens were obtained at a time that is yet to come: the clock was set back, and their end says nothing.
    #[must_use]
    pub fn is_from_the_future(&self, now: Timestamp) -> bool {
        self.obtained_at.is_some_and(|at| at > later(now, Self::CLOCK_SLACK))
    }

    /// The cool-down that is still to be waited for.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Option<&CoolDown> {
        self.cool_down.as_ref().filter(|cool_down| cool_down.holds(now))
    }

    /// Whether the refresh token's own end is near enough to be told: within three days, or the last quarter of a shorter life.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        let Some(end) = self.refresh_ends_at else { return false };
        let life = self.refresh_ends_since.map(|since| since.duration_until(end));
        now.duration_until(end) <= life.map_or(ENDS_SOON, |life| ENDS_SOON.min(life / 4))
    }
}

/// How long before its end a credential that cannot be renewed is said to end soon.
pub const ENDS_SOON: SignedDuration = SignedDuration::from_hours(3 * 24);

/// `at`, later by `by`; the end of time where there is no such time.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
