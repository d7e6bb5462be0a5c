//! Kills: the owner is ended in the middle, and what it left is looked at.

use crate::look;
use crate::operations::Stage;
use crate::owner::Answer;
use crate::plan::{Harm, Operation, Plan, Point};
use crate::report::{Ending, Report};
use crate::tracer::{Trace, Tracer};
use crate::world::World;
use crate::{export, migration};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Plays every point of the plan.
pub(crate) fn sweep(plan: &Plan) -> Report {
    let mut report = Report::new(plan.seed);
    let mut world = None;
    for operation in plan.operations() {
        let play: fn(&mut World, &Point) -> Ending = match operation {
            Operation::Migrate => {
                migration::sweep(plan, &mut report);
                continue;
            }
            Operation::Export | Operation::ExportFile => export::play,
            _ => play,
        };
        let world = world.get_or_insert_with(World::new);
        let calls = match operation {
            Operation::Export | Operation::ExportFile => export::rehearse(world, operation),
            _ => rehearse(world, operation),
        };
        for point in plan.points(operation, &calls) {
            play_on(world, &point, &mut report, play);
        }
    }
    report
}

/// Plays a point. One that goes wrong, or ends in a panic, leaves a world that nothing more is learnt from: a new one takes its
/// place, and the answer is false.
pub(crate) fn play_on(
    world: &mut World,
    point: &Point,
    report: &mut Report,
    play: impl FnOnce(&mut World, &Point) -> Ending,
) -> bool {
    let begun = hearthkey_tests::world::now();
    let ending = catch_unwind(AssertUnwindSafe(|| play(world, point)));
    let ending =
        ending.unwrap_or_else(|panic| Ending { hit: false, landed: None, wrong: vec![words(&*panic)] });
    report.note(point, &ending, begun);
    let well = ending.wrong.is_empty();
    if !well {
        *world = World::new();
    }
    well
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// Does an operation without harm, and counts its calls.
pub(crate) fn rehearse(world: &mut World, operation: Operation) -> BTreeMap<String, u32> {
    let mut stage = Stage::prepare(world, operation);
    let pid = world.owner().pid();
    let tracer = Tracer::attach(&world.home, pid, None);
    let told = stage.perform(world);
    stage.follow(world);
    let calls = tracer.finish().counts();
    assert!(told.is_done(), "{} without harm: {told:?}\n{}", operation.word(), world.owner().said());
    // The passphrase is asked for by the next owner only.
    world.take_owner().kill();
    world.start().expect("an owner");
    let landed = stage.judge(world, &told);
    assert!(landed.is_ok(), "{} without harm: {landed:?}", operation.word());
    let wrong = look::everything(world);
    assert!(wrong.is_empty(), "{} without harm: {wrong:?}", operation.word());
    calls
}

fn play(world: &mut World, point: &Point) -> Ending {
    let mut stage = Stage::prepare(world, point.operation);
    let pid = world.owner().pid();
    let tracer = Tracer::attach(&world.home, pid, Some(point));
    let told = stage.perform(world);
    if !matches!(told, Answer::Lost(_)) {
        stage.follow(world);
    }
    let hit = match &told {
        Answer::Lost(_) => world.owner().dies(),
        _ => world.owner().is_dead(),
    };
    let trace = tracer.finish();
    world.take_owner().kill();
    let mut wrong = vec![];
    match &told {
        Answer::Lost(reason) if !hit => wrong.push(format!("the owner broke off and lives: {reason}")),
        Answer::Refused(problem) => wrong.push(format!("refused: {problem}")),
        _ => {}
    }
    after_the_end(world, point, stage, &told, &trace, Ending { hit, landed: None, wrong })
}

/// Looks at what a dead owner left, starts the next one, and looks again.
pub(crate) fn after_the_end(
    world: &mut World,
    point: &Point,
    stage: Stage,
    told: &Answer<()>,
    trace: &Trace,
    mut ending: Ending,
) -> Ending {
    if !start_again(world, point, trace, &mut ending) {
        return ending;
    }
    match stage.judge(world, told) {
        Ok(landed) => ending.landed = Some(landed),
        Err(reason) => ending.wrong.push(reason),
    }
    ending.wrong.extend(look::everything(world));
    ending
}

/// The same, for what was judged already.
pub(crate) fn after_restart(world: &mut World, point: &Point, trace: &Trace, ending: &mut Ending) {
    if start_again(world, point, trace, ending) {
        ending.wrong.extend(look::everything(world));
    }
}

fn start_again(world: &mut World, point: &Point, trace: &Trace, ending: &mut Ending) -> bool {
    let profile = world.home.profile();
    if matches!(point.harm, Harm::Cut | Harm::Unsynced) {
        look::lose_unconfirmed(&profile, trace);
    }
    ending.wrong.extend(look::files(&profile, &[look::NEWEST]));
    let started = world.start();
    ending
        .wrong
        .extend(started.as_ref().err().map(|reason| format!("the next owner does not answer: {reason}")));
    started.is_ok()
}
