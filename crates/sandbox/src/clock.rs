//! Reading the time and waiting: the sandbox is a piece of the outside world, so it may, and only here.

use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall clock, to the millisecond.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox stands for a provider, which has a clock of its own"
)]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

/// Waits, for the faults that are about time.
#[expect(clippy::disallowed_methods, reason = "a slow provider is one of the faults")]
pub(crate) async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// `moment` and so many seconds; the end of time when that overflows.
pub(crate) fn after(moment: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    moment.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
