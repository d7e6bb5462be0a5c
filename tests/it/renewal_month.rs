//! A month of a computer that sleeps, and whose clock is sometimes wrong by more than a year, with two hundred connections of
//! every kind.

use crate::provider::{Home, Mood, Terms};
use hearthkey_domain::ports::Clock;
use jiff::SignedDuration;
use serde_json::Value;

/// How many connections of a kind: the access token's life in minutes, the idle days, and whether renewals rotate, where
/// there are any.
type Kind = (usize, Option<i64>, Option<u32>, Option<bool>);

/// Two hundred in all.
const KINDS: &[Kind] = &[
    (2, Some(5), None, Some(true)),
    (1, Some(5), None, Some(false)),
    (16, Some(60), None, Some(true)),
    (10, Some(60), Some(60), Some(false)),
    (25, Some(8 * 60), None, Some(true)),
    (25, Some(12 * 60), Some(30), Some(true)),
    (56, None, Some(30), Some(true)),
    (55, None, Some(60), Some(false)),
    (5, Some(90 * 24 * 60), None, None),
    (5, None, None, None),
];

const CONNECTIONS: u32 = 200;

/// Draws that are the same in every run.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

struct Month {
    home: Home,
    names: Vec<(String, Terms)>,
    draws: Draws,
    /// Uses, each of which has to succeed.
    uses: u32,
}

impl Month {
    async fn begin() -> Self {
        let kinds = KINDS.iter().enumerate();
        let of_kind = |(kind, &(count, life, idle_days, rotates)): (usize, &Kind)| {
            let life = life.map(SignedDuration::from_mins);
            let terms =
                Terms { life, idle_days, rotates: rotates == Some(true), renewable: rotates.is_some() };
            (0..count).map(move |number| (format!("kind-{kind}-{number}"), terms))
        };
        let accounts: Vec<(String, Terms)> = kinds.flat_map(of_kind).collect();
        let named: Vec<_> = accounts.iter().map(|(name, terms)| (name.as_str(), *terms)).collect();
        let home = Home::with(&named).await;
        home.provider.is(Mood::Changes);
        Self { home, names: accounts, draws: Draws(1), uses: 0 }
    }

    fn requests(&self) -> u32 {
        self.home.provider.token_requests().0
    }

    /// Uses some connection: whatever it is, and however long it rested, it works.
    async fn use_some(&mut self) {
        let at = usize::try_from(self.draws.below(i64::from(CONNECTIONS))).unwrap();
        self.use_one(at).await;
    }

    async fn use_one(&mut self, at: usize) {
        let ((name, terms), when) = (&self.names[at], self.home.clock.true_now());
        // By a clock that is ahead its end is past, and it cannot be moved.
        let over = !terms.renewable && terms.life.is_some() && self.home.clock.now() > when;
        let expected = if over { "not_renewable" } else { "200" };
        let mut outcome = self.home.used(name).await;
        // A renewal may fail, and is tried again.
        for _ in 0..5 {
            if matches!(outcome.as_str(), "unreachable" | "provider_trouble") {
                self.home.after(SignedDuration::from_mins(4)).await;
                outcome = self.home.used(name).await;
            }
        }
        assert_eq!(outcome, expected, "{name}, {when}");
        self.uses += 1;
    }

    /// The computer wakes, after a sleep or with another clock: what is due comes one after the other.
    async fn wake(&mut self) {
        let before = self.requests();
        self.home.after(SignedDuration::ZERO).await;
        let mut second = 0;
        while second < 150 {
            let step = if second < 20 { 1 } else { 5 };
            self.home.after(SignedDuration::from_secs(step)).await;
            second += step;
            let asked = self.requests() - before;
            if second == 20 {
                assert!(asked <= CONNECTIONS / 3, "not all at once: {asked}");
            }
            if second == 60 {
                assert!(asked <= CONNECTIONS + CONNECTIONS / 10, "a storm: {asked}");
            }
        }
        self.use_some().await;
    }

    /// A person works for a while.
    async fn work(&mut self, minutes: i64) {
        for _ in 0..minutes / 4 {
            self.home.after(SignedDuration::from_mins(4)).await;
            if self.draws.below(4) == 0 {
                self.use_some().await;
            }
        }
    }

    async fn jump(&mut self, days: i64) {
        self.home.clock.set_ahead(SignedDuration::from_hours(24 * days));
        self.wake().await;
        for _ in 0..5 {
            self.use_some().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_of_sleep_and_wrong_clocks_costs_no_connection() {
    let mut month = Month::begin().await;
    assert_eq!(month.names.len(), CONNECTIONS as usize);
    for day in 0..30 {
        let minutes = 60 + month.draws.below(60);
        month.work(minutes).await;
        match day {
            9 => month.jump(400).await,
            10 | 20 => month.jump(0).await,
            19 => month.jump(-400).await,
            _ => {}
        }
        // Over the middle of the month, nobody is there for three days.
        let hours = if day == 15 { 72 } else { 14 + month.draws.below(8) };
        month.home.clock.advance(SignedDuration::from_hours(hours));
        month.wake().await;
    }
    for at in 0..CONNECTIONS as usize {
        month.use_one(at).await;
    }
    let (asked, refused) = month.home.provider.token_requests();
    assert_eq!(refused, 0, "no token was spent twice, and none died of rest");
    assert!(asked > 1000 && month.uses > 300, "there was something to renew: {asked}, {}", month.uses);
    let failures = month.home.provider.failures();
    assert!(failures > asked / 10, "and failures to live through: {failures} of {asked}");
    let list = month.home.ask("connections.list", serde_json::json!({})).await.unwrap();
    let connections = list["connections"].as_array().unwrap();
    assert!(connections.iter().all(|c| c["status"] == "active"));
    // What is left of the failures is waited for.
    let troubles: Vec<_> = connections.iter().map(|c| &c["trouble"]).filter(|t| !t.is_null()).collect();
    let passes =
        |trouble: &&&Value| matches!(trouble["class"].as_str(), Some("unreachable" | "provider_trouble"));
    assert_eq!(troubles.iter().filter(passes).count(), troubles.len(), "{troubles:?}");
}
