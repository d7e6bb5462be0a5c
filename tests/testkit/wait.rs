//! Waiting for a condition, with a deadline that says what was waited for.

use crate::world;
use std::fmt::Display;
use std::time::Duration;

/// How long anything may take that a person would call instant. Generous: several tests share few processors.
pub const SOON: Duration = Duration::from_secs(30);

/// The first `Some` of `probe`, which is asked again and again until [`SOON`] is over.
#[track_caller]
pub fn until<T>(what: impl Display, probe: impl FnMut() -> Option<T>) -> T {
    until_within(what, SOON, probe)
}

/// The first `Some` of `probe`, which is asked again and again until `patience` is over.
#[track_caller]
pub fn until_within<T>(what: impl Display, patience: Duration, probe: impl FnMut() -> Option<T>) -> T {
    ask(patience, probe).unwrap_or_else(|| panic!("waited {patience:?} for {what}"))
}

/// As [`until`], for a caller who says better than this what is missing after [`SOON`].
pub fn try_until<T>(probe: impl FnMut() -> Option<T>) -> Option<T> {
    ask(SOON, probe)
}

/// The first `Some` of `probe`, if one comes before `patience` is over.
pub fn try_within<T>(patience: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
    ask(patience, probe)
}

fn ask<T>(patience: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = world::now() + patience;
    loop {
        let found = probe();
        if found.is_some() || world::now() >= deadline {
            return found;
        }
        world::pause();
    }
}

/// Waits until `probe` is true.
#[track_caller]
pub fn until_true(what: impl Display, mut probe: impl FnMut() -> bool) {
    until_within(what, SOON, || probe().then_some(()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "for a pig that flies")]
    fn a_deadline_says_what_was_waited_for() {
        until_within("a pig that flies", Duration::from_millis(1), || None::<()>);
    }
}
