//! The wall clock.
//!
//! Waiting follows the wall clock in short steps, because the timers of a runtime stand still while a laptop sleeps and do
//! not notice a changed clock.

use async_trait::async_trait;
use hearthkey_domain::ports::Clock;
use jiff::Timestamp;
use std::time::Duration;

/// The longest time between two looks at the wall clock.
const STEP: Duration = Duration::from_secs(1);

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, when: Timestamp) {
        while let Some(step) = next_step(self.now(), when) {
            pause(step).await;
        }
    }
}

/// Waits for a short while that no suspended laptop should lengthen.
#[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

fn next_step(now: Timestamp, when: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(when.duration_since(now)).ok()?;
    (!left.is_zero()).then(|| left.min(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_long_wait_looks_at_the_clock_every_second() {
        let now = Timestamp::UNIX_EPOCH;
        for (left, step) in [
            (SignedDuration::from_secs(-1), None),
            (SignedDuration::ZERO, None),
            (SignedDuration::from_millis(3), Some(Duration::from_millis(3))),
            (SignedDuration::from_secs(1), Some(STEP)),
            (SignedDuration::from_hours(8), Some(STEP)),
        ] {
            assert_eq!(next_step(now, now + left), step, "{left}");
        }
    }

    #[tokio::test]
    async fn waiting_ends_when_the_time_has_come() {
        let when = SystemClock.now() + SignedDuration::from_millis(5);
        SystemClock.sleep_until(when).await;
        assert!(SystemClock.now() >= when);
        SystemClock.sleep_until(when).await;
    }
}
