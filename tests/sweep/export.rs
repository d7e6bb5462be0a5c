//! `hearthkey export FILE`, with the owner cut or the command itself: the file is whole, or it is not there.

use crate::kills::after_restart;
use crate::operations::Landed;
use crate::plan::{Operation, Point};
use crate::report::Ending;
use crate::tracer::{Trace, Tracer};
use crate::world::World;
use hearthkey_tests::{process, programs, wait};
use hearthkey_vault::{FileKey, SlotIdentity, decrypt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// More than any content here.
const CONTENT_MAX: usize = 1024 * 1024;

/// Counts the calls of an export without harm.
pub(crate) fn rehearse(world: &mut World, operation: Operation) -> BTreeMap<String, u32> {
    let played = export(world, operation, None);
    assert!(played.told, "export without harm");
    assert_eq!(judge(&played, world), Ok(Landed::New));
    played.trace.counts()
}

/// Plays one point.
pub(crate) fn play(world: &mut World, point: &Point) -> Ending {
    let played = export(world, point.operation, Some(point));
    let mut ending = Ending { hit: played.hit, landed: None, wrong: vec![] };
    match judge(&played, world) {
        Ok(landed) => ending.landed = Some(landed),
        Err(reason) => ending.wrong.push(reason),
    }
    if point.operation == Operation::Export {
        world.take_owner().kill();
        // The command may have started one in the place of the one that was killed.
        if let Some(other) = world.home.owner() {
            process::kill(other);
        }
        after_restart(world, point, &played.trace, &mut ending);
    }
    ending
}

struct Played {
    file: PathBuf,
    identity: SlotIdentity,
    /// Whether the command said that it was done.
    told: bool,
    hit: bool,
    trace: Trace,
}

fn export(world: &mut World, operation: Operation, point: Option<&Point>) -> Played {
    let identity = SlotIdentity::generate().expect("an identity");
    let (name, recipient) = (world.new_name("export"), identity.recipient());
    let file = world.home.path().join(name);
    let path = file.display().to_string();
    let arguments = ["export", &path, "--to", &recipient];
    if operation == Operation::ExportFile {
        let mut tracer = Tracer::start(&world.home, &programs::hearthkey(), &arguments, point);
        tracer.process().close_input();
        wait::until_true("the export to end", || tracer.process().has_ended());
        let told = tracer.process().said().contains("encrypted");
        let trace = tracer.finish();
        return Played { file, identity, told, hit: trace.was_killed(), trace };
    }
    let pid = world.owner().pid();
    let tracer = Tracer::attach(&world.home, pid, point);
    let output = world.home.cli(arguments);
    let hit = world.owner().is_dead();
    Played { file, identity, told: output.code == 0, hit, trace: tracer.finish() }
}

fn judge(played: &Played, world: &World) -> Result<Landed, String> {
    if !played.file.exists() {
        return if played.told {
            Err("an export was told, and is not there".into())
        } else {
            Ok(Landed::Old)
        };
    }
    let labels = labels(&played.file, &played.identity)?;
    if labels != world.there {
        return Err(format!("the export holds {labels:?}, and not {:?}", world.there));
    }
    Ok(Landed::New)
}

/// The connections in an export.
fn labels(file: &Path, identity: &SlotIdentity) -> Result<BTreeSet<String>, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let identity = SlotIdentity::parse(identity.encode().expose()).map_err(|error| error.to_string())?;
    let content = decrypt(&bytes, &FileKey::Identity(identity), CONTENT_MAX);
    let content = content.map_err(|error| format!("the export is there and does not open: {error}"))?;
    let content: Value = serde_json::from_slice(&content).map_err(|error| format!("the export: {error}"))?;
    let of = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let connections = of(&content, "workspaces")
        .iter()
        .flat_map(|workspace| of(workspace, "connections"))
        .collect::<Vec<_>>();
    Ok(connections.iter().filter_map(|connection| Some(connection["label"].as_str()?.to_owned())).collect())
}
