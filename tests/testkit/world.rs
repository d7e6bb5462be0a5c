//! The one place of the tests that asks for the time, the environment and a pause.

use std::time::{Duration, Instant};

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a deadline of a test is real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// A pause between two looks at a condition; never a wait for something to have happened.
#[expect(clippy::disallowed_methods, reason = "files, ports and processes can only be looked at again")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(15));
}

/// A variable of the environment the tests were started in.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "where programs and the display are")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
