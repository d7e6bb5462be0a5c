//! The API's request limit: a fixed window of one minute per credential.

use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const WINDOW_SECONDS: i64 = 60;

#[derive(Default)]
struct Window {
    start: i64,
    used: HashMap<String, u32>,
}

/// Counts requests per credential.
#[derive(Default)]
pub(crate) struct Quota(Mutex<Window>);

/// What is left after one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// The end of the window, in seconds since the epoch.
    pub(crate) reset: i64,
    pub(crate) retry_after: i64,
    pub(crate) exceeded: bool,
}

impl Quota {
    /// Takes one request off the credential's minute.
    pub(crate) fn take(&self, credential: String, limit: u32, now: Timestamp) -> Allowance {
        let second = now.as_second();
        let start = second - second.rem_euclid(WINDOW_SECONDS);
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.start != start {
            *window = Window { start, used: HashMap::new() };
        }
        let used = window.used.entry(credential).or_default();
        *used = used.saturating_add(1);
        let reset = start + WINDOW_SECONDS;
        Allowance {
            limit,
            remaining: limit.saturating_sub(*used),
            reset,
            retry_after: reset - second,
            exceeded: *used > limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_has_its_own_minute() {
        let quota = Quota::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let take = |who: &str, second| {
            let allowance = quota.take(who.to_owned(), 2, at(second));
            (allowance.remaining, allowance.exceeded, allowance.retry_after)
        };
        assert_eq!(take("a", 61), (1, false, 59));
        assert_eq!(take("a", 62), (0, false, 58));
        assert_eq!(take("a", 119), (0, true, 1));
        assert_eq!(take("b", 119), (1, false, 1));
        assert_eq!(take("a", 120), (1, false, 60));
    }
}
