//! A disk that does not confirm, and one that is full: nothing is promised that is not there, and it goes on as soon as it can.

use crate::kills::{after_the_end, play_on, rehearse};
use crate::operations::{Landed, Stage};
use crate::owner::Answer;
use crate::plan::{Harm, Operation, Plan, Point};
use crate::report::{Ending, Report};
use crate::tracer::{Trace, Tracer};
use crate::world::{RENEWED, World};
use hearthkey_api::operations::connections;
use hearthkey_tests::wait;
use std::time::Duration;

/// Plays every point of the plan.
pub(crate) fn sweep(plan: &Plan) -> Report {
    let mut report = Report::new(plan.seed);
    let mut world = None;
    for operation in plan.operations() {
        let world = world.get_or_insert_with(World::new);
        let calls = rehearse(world, operation);
        for point in plan.points(operation, &calls) {
            play_on(world, &point, &mut report, play);
        }
    }
    report
}

fn play(world: &mut World, point: &Point) -> Ending {
    let mut stage = Stage::prepare(world, point.operation);
    let pid = world.owner().pid();
    let tracer = Tracer::attach(&world.home, pid, Some(point));
    let told = stage.perform(world);
    let at_word = tracer.so_far();
    if at_word.failed_at().is_empty() {
        stage.follow(world);
    }
    let mut wrong = vec![];
    if let Answer::Lost(reason) = &told {
        wrong.push(format!("the owner broke off: {reason}"));
    }
    let (trace, hit) = match point.harm {
        Harm::Unsynced => unsynced(world, point, &told, &at_word, tracer, &mut wrong),
        _ => full(world, point, &told, tracer, &mut wrong),
    };
    world.take_owner().kill();
    let ending = Ending { hit, landed: None, wrong };
    let mut ending = after_the_end(world, point, stage, &told, &trace, ending);
    if point.harm == Harm::Full && ending.landed == Some(Landed::Gap) {
        ending.wrong.push("tokens were lost that only waited for room".to_owned());
    }
    ending
}

/// After a sync that failed, nothing is promised any more until the next start, and everything can still be read.
fn unsynced(
    world: &World,
    point: &Point,
    told: &Answer<()>,
    at_word: &Trace,
    tracer: Tracer,
    wrong: &mut Vec<String>,
) -> (Trace, bool) {
    // What these do last is not what they were asked for: a use is noted, the new keys come later if they cannot come now.
    let does_more =
        matches!(point.operation, Operation::Refresh | Operation::Workspace | Operation::Recovery);
    let waits = !at_word.failed_at().is_empty() && at_word.unconfirmed_from("vault.db-wal").is_some();
    if waits && told.is_done() && !does_more {
        wrong.push("it was told to be done, after its sync had failed".to_owned());
    }
    let trace = tracer.finish();
    let failed = trace.failed_at();
    if failed.iter().any(|file| file.ends_with("vault.db-wal") || file.ends_with("vault.db")) {
        if rename(world, "Lasting", "Renamed").is_done() {
            wrong.push("a write was promised after a sync that had failed".to_owned());
        }
        if !world.talk.call(&connections::List::default()).is_done() {
            wrong.push("after a sync that failed not even the list was given".to_owned());
        }
    }
    (trace, !failed.is_empty())
}

/// Without room it says so; with room it goes on by itself.
fn full(
    world: &World,
    point: &Point,
    told: &Answer<()>,
    tracer: Tracer,
    wrong: &mut Vec<String>,
) -> (Trace, bool) {
    let hit = !tracer.so_far().failed_at().is_empty();
    if !world.talk.call(&connections::List::default()).is_done() {
        wrong.push("on a full disk not even the list was given".to_owned());
    }
    if let Answer::Refused(problem) = told
        && hit
    {
        let text = format!("{problem} {}", problem.hint.as_deref().unwrap_or_default());
        if !(text.contains("full") && text.contains("space")) && point.operation != Operation::Connect {
            wrong.push(format!("what is full, and what helps, is not said: {text}"));
        }
    }
    let trace = tracer.finish();
    if point.operation == Operation::Refresh {
        let works = || matches!(world.request(None, RENEWED), Answer::Done(200)).then_some(());
        if wait::try_within(Duration::from_secs(20), works).is_none() {
            wrong.push(format!("{RENEWED} does not work again once there is room"));
        }
    }
    for (from, to) in [("Lasting", "Renamed"), ("Renamed", "Lasting")] {
        if let Err(reason) = rename(world, from, to).result() {
            wrong.push(format!("with room, nothing is written: {reason}"));
        }
    }
    (trace, hit)
}

fn rename(world: &World, from: &str, to: &str) -> Answer<()> {
    world.talk.call(&connections::Rename { connection: from.into(), label: to.into() }).map(drop)
}
