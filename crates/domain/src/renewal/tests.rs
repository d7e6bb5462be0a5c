//! Tables of what is due when and what a failure is, and what holds for any of it.

use super::*;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn terms(life: Option<i64>, idle_days: Option<u32>, draw: u32) -> Terms {
    let expires_at = life.map(at);
    Terms { obtained_at: at(0), expires_at, renewable: true, refresh_ends_at: None, idle_days, draw }
}

fn after(from: Timestamp, to: Option<Timestamp>) -> Option<i64> {
    to.map(|to| from.duration_until(to).as_secs())
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

#[test]
fn tokens_are_renewed_ahead_of_their_end() {
    // The access token's life, the idle days, the least and the most draw.
    for (life, idle, first, last) in [
        (Some(5 * MINUTE), None, 4 * MINUTE - 30, 4 * MINUTE),
        (Some(HOUR), None, 46 * MINUTE, 48 * MINUTE),
        (Some(8 * HOUR), None, 8 * HOUR - 17 * MINUTE, 8 * HOUR - 15 * MINUTE),
        (Some(10), None, 60, 60),
        (Some(-5), None, 60, 60),
    ] {
        let plan = |draw| Renewal::default().planned(terms(life, idle, draw));
        let (early, late) = (plan(u32::MAX), plan(0));
        assert_eq!(after(at(0), early.refresh_at), Some(first), "{life:?}");
        assert_eq!(after(at(0), late.refresh_at), Some(last), "{life:?}");
        assert_eq!(late.keep_alive_at, None);
    }
    let never = Renewal::default().planned(terms(None, None, 0));
    assert_eq!((never.refresh_at, never.keep_alive_at), (None, None));
}

#[test]
fn tokens_that_die_of_rest_are_renewed_at_half_of_it() {
    for (life, days) in [(None, 30), (Some(HOUR), 30), (None, 60)] {
        let plan = Renewal::default().planned(terms(life, Some(days), 0));
        assert_eq!(after(at(0), plan.keep_alive_at), Some(i64::from(days) * DAY / 2));
    }
    let single = Renewal::default().planned(Terms { renewable: false, ..terms(Some(HOUR), Some(30), 7) });
    assert_eq!(
        (after(at(0), single.refresh_at), single.keep_alive_at),
        (Some(HOUR), None),
        "its end is told"
    );
}

#[test]
fn after_a_lost_answer_tokens_are_tried_shortly_before_they_die() {
    let ending = |end: i64| Terms { refresh_ends_at: Some(at(end)), ..terms(None, None, 0) };
    for (terms, idle_days, last) in [
        (terms(None, Some(30), 9), Some(30), Some(29 * DAY)),
        (terms(None, Some(1), 9), Some(1), Some(DAY * 9 / 10)),
        (terms(None, None, 9), None, None),
        (ending(60 * DAY), None, Some(59 * DAY)),
        (ending(60 * DAY), Some(30), Some(29 * DAY)),
        (ending(30 * MINUTE), None, None),
    ] {
        let plan = Renewal::default().planned(terms);
        assert_eq!(after(at(0), plan.last_keep_alive(idle_days)), last, "{terms:?}");
    }
    // An end that renewals do not move is none of this.
    let first = Renewal::default().planned(ending(60 * DAY));
    let fixed = first.planned(Terms { obtained_at: at(30 * DAY), ..ending(60 * DAY) });
    assert_eq!(fixed.last_keep_alive(None), None);
}

#[test]
fn a_refresh_tokens_own_end_is_moved_or_told() {
    let ending = |obtained: i64, end: i64| Terms {
        obtained_at: at(obtained),
        refresh_ends_at: Some(at(end)),
        ..terms(None, None, 0)
    };
    let first = Renewal::default().planned(ending(0, 60 * DAY));
    assert_eq!(after(at(0), first.keep_alive_at), Some(30 * DAY));
    let moved = first.planned(ending(30 * DAY, 90 * DAY));
    assert_eq!(after(at(0), moved.keep_alive_at), Some(60 * DAY));
    let fixed = first.planned(ending(30 * DAY, 60 * DAY));
    assert_eq!(fixed.keep_alive_at, None, "another renewal would not move it either");
    assert!(!fixed.ends_soon(at(57 * DAY - 1)) && fixed.ends_soon(at(57 * DAY)));
    // One that slides by half an hour is not always about to end.
    let short = Renewal::default().planned(ending(0, 30 * MINUTE));
    assert!(!short.ends_soon(at(20 * MINUTE)) && short.ends_soon(at(23 * MINUTE)));
    assert_eq!(short.keep_alive_at, None);
    assert!(!Renewal::default().ends_soon(at(0)));
}

#[test]
fn a_clock_that_was_set_back_is_noticed() {
    let plan = Renewal::default().planned(terms(Some(HOUR), None, 0));
    assert!(!plan.is_from_the_future(at(0)) && !plan.is_from_the_future(at(-60)));
    assert!(plan.is_from_the_future(at(-61)));
    assert!(!Renewal::default().is_from_the_future(Timestamp::MIN));
}

#[test]
fn every_failure_has_a_class_with_a_word_and_a_remedy() {
    for (code, class) in [
        ("invalid_grant", FailureClass::GrantEnded),
        ("bad_refresh_token", FailureClass::GrantEnded),
        ("interaction_required", FailureClass::GrantEnded),
        ("consent_required", FailureClass::GrantEnded),
        ("login_required", FailureClass::GrantEnded),
        ("token_rotated", FailureClass::RequestRefused),
        ("invalid_client", FailureClass::ClientRefused),
        ("unauthorized_client", FailureClass::ClientRefused),
        ("deleted_client", FailureClass::ClientRefused),
        ("invalid_client_id", FailureClass::ClientRefused),
        ("invalid_scope", FailureClass::RequestRefused),
        ("unsupported_grant_type", FailureClass::RequestRefused),
        ("invalid_request", FailureClass::RequestRefused),
        ("temporarily_unavailable", FailureClass::ProviderTrouble),
        ("server_error", FailureClass::ProviderTrouble),
        ("slow_down", FailureClass::RateLimited),
        ("ratelimited", FailureClass::RateLimited),
        ("", FailureClass::RequestRefused),
    ] {
        assert_eq!(FailureClass::of_code(code), class, "{code}");
    }
    for (status, class) in [
        (429, FailureClass::RateLimited),
        (408, FailureClass::ProviderTrouble),
        (425, FailureClass::ProviderTrouble),
        (500, FailureClass::ProviderTrouble),
        (503, FailureClass::ProviderTrouble),
        (400, FailureClass::RequestRefused),
        (404, FailureClass::RequestRefused),
        (307, FailureClass::Malformed),
        (302, FailureClass::Malformed),
    ] {
        assert_eq!(FailureClass::of_status(status), class, "{status}");
    }
    for (class, remedy, person) in [
        (FailureClass::GrantEnded, Remedy::Reconnect, true),
        (FailureClass::ReplyLost, Remedy::Reconnect, true),
        (FailureClass::NotRenewable, Remedy::Reconnect, true),
        (FailureClass::ClientRefused, Remedy::EditClient, true),
        (FailureClass::RequestRefused, Remedy::TryAgain, true),
        (FailureClass::RateLimited, Remedy::Wait, false),
        (FailureClass::ProviderTrouble, Remedy::Wait, false),
        (FailureClass::Unreachable, Remedy::TryAgain, false),
        (FailureClass::Malformed, Remedy::TryAgain, false),
        (FailureClass::KeyRefused, Remedy::UpdateKey, true),
    ] {
        assert_eq!((class.remedy(), class.needs_person()), (remedy, person), "{class:?}");
    }
    let words: std::collections::BTreeSet<_> = FailureClass::ALL.map(FailureClass::word).into();
    assert_eq!(words.len(), FailureClass::ALL.len());
}

#[test]
fn waits_double_within_their_bounds() {
    let wait = |class, failures: u32, draw, asked: Option<i64>| {
        let before = (failures > 1).then(|| CoolDown {
            failures: failures - 1,
            class,
            message: String::new(),
            since: at(-1),
            not_before: at(0),
            needed_person: None,
        });
        let asked = asked.map(at);
        let cool_down = CoolDown::after(before.as_ref(), class, String::new(), at(0), asked, draw);
        assert_eq!(cool_down.failures, failures);
        at(0).duration_until(cool_down.not_before).as_secs()
    };
    let (passing, refused) = (FailureClass::Unreachable, FailureClass::ClientRefused);
    for (class, failures, least, most) in [
        (passing, 1, 10, 15),
        (passing, 2, 20, 30),
        (passing, 3, 40, 60),
        (passing, 6, 320, 480),
        (passing, 7, 10 * MINUTE, 15 * MINUTE),
        (passing, 40, 10 * MINUTE, 15 * MINUTE),
        (passing, u32::MAX, 10 * MINUTE, 15 * MINUTE),
        (refused, 1, HOUR, HOUR + 30 * MINUTE),
        (refused, 4, 8 * HOUR, 12 * HOUR),
        (refused, 5, 16 * HOUR, 24 * HOUR),
        (refused, 9, 16 * HOUR, 24 * HOUR),
    ] {
        assert_eq!(wait(class, failures, 0, None), least, "{class:?} {failures}");
        assert_eq!(wait(class, failures, u32::MAX, None), most, "{class:?} {failures}");
        // No two draws are one wait: many that failed together come one after the other.
        let waits: std::collections::BTreeSet<_> =
            (0..=10).map(|tenth| wait(class, failures, u32::MAX / 10 * tenth, None)).collect();
        assert!(waits.len() >= 5, "{class:?} {failures}: {waits:?}");
    }
    // What the provider asks for is heeded, for a day.
    assert_eq!(wait(FailureClass::RateLimited, 1, 0, Some(HOUR)), HOUR);
    assert_eq!(wait(FailureClass::RateLimited, 1, 0, Some(5)), 10);
    assert_eq!(wait(FailureClass::RateLimited, 1, 0, Some(9 * DAY)), DAY);
    // Of another kind: counted anew.
    let blip = CoolDown::after(None, passing, String::new(), at(0), None, 0);
    assert_eq!(CoolDown::after(Some(&blip), refused, String::new(), at(0), None, 0).failures, 1);
}

#[test]
fn failures_that_pass_end_no_row_of_those_that_need_a_person() {
    let (passing, refused) = (FailureClass::Unreachable, FailureClass::ClientRefused);
    let (mut last, mut seen): (Option<CoolDown>, Vec<_>) = (None, vec![]);
    for class in [passing, refused, passing, passing, refused, FailureClass::RequestRefused, refused] {
        let news = CoolDown::is_news(last.as_ref(), class);
        let next = CoolDown::after(last.as_ref(), class, String::new(), at(0), None, 0);
        seen.push((next.failures, news));
        last = Some(next);
    }
    assert_eq!(seen, [(1, true), (1, true), (1, false), (2, false), (2, false), (3, true), (4, true)]);
}

#[test]
fn a_wait_from_another_clock_says_nothing() {
    let cool_down = CoolDown::after(None, FailureClass::Unreachable, String::new(), at(0), None, 0);
    for (second, holds) in [(0, true), (9, true), (10, false), (-60, true), (-61, false), (400 * DAY, false)]
    {
        assert_eq!(cool_down.holds(at(second)), holds, "{second}");
    }
}

proptest! {
    /// Followed for a while, a plan neither asks twice within a minute nor lets an access token end, where that is possible,
    /// nor rests longer than half of what is allowed.
    #[test]
    fn no_plan_storms_or_sleeps(
        life in prop::option::of(1_i64..400 * DAY),
        idle_days in prop::option::of(1_u32..400),
        draws in prop::collection::vec(any::<u32>(), 1..30),
    ) {
        let (mut now, mut plan) = (at(0), Renewal::default());
        for draw in draws {
            let expires_at = life.map(|life| later(now, SignedDuration::from_secs(life)));
            plan = plan.planned(Terms { obtained_at: now, expires_at, idle_days, ..terms(None, None, draw) });
            let Some(due) = [plan.refresh_at, plan.keep_alive_at].into_iter().flatten().min() else { break };
            prop_assert!(now.duration_until(due) >= Renewal::SOONEST);
            if let Some(end) = expires_at && life > Some(90) {
                prop_assert!(due < end);
            }
            if let Some(days) = idle_days {
                prop_assert!(now.duration_until(due) <= SignedDuration::from_hours(i64::from(days) * 12));
            }
            now = due;
        }
    }

    /// Failures in a row never wait longer than a day, nor shorter than ten seconds.
    #[test]
    fn no_failure_is_forgotten_or_repeated_at_once(
        steps in prop::collection::vec((0..FailureClass::ALL.len(), any::<u32>(), prop::option::of(-100_000_i64..1_000_000)), 1..40)
    ) {
        let (mut now, mut last) = (at(0), None);
        for (class, draw, asked) in steps {
            let asked = asked.map(|asked| later(now, SignedDuration::from_secs(asked)));
            let next = CoolDown::after(last.as_ref(), FailureClass::ALL[class], String::new(), now, asked, draw);
            let wait = now.duration_until(next.not_before);
            prop_assert!(wait >= SignedDuration::from_secs(10) && wait <= SignedDuration::from_hours(24));
            now = next.not_before;
            last = Some(next);
        }
    }
}
