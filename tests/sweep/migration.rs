//! The start on a database of version 1: it stays as it is or becomes one of the present version, and a copy is left of what
//! it was.

use crate::kills::play_on;
use crate::look;
use crate::operations::Landed;
use crate::plan::{Harm, Operation, Plan, Point};
use crate::report::{Ending, Report};
use crate::tracer::{Trace, Tracer};
use crate::world::World;
use hearthkey_tests::{process, programs, wait};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// The tables as the code of version 1 made them, with made-up rows.
const VERSION_1: &str = include_str!("../../crates/store/src/vault_db/tests/fixtures/version-1.sql");

/// The tables of version 1 and what becomes of the rows of today's in them.
const ROWS: [(&str, &str); 7] = [
    ("vault", "only_row, vault_id, generation, key_check"),
    ("workspaces", "id, record, sealed_key"),
    ("connections", "id, workspace, connector, label, status, version, purge_after, last_used_at, record"),
    ("credentials", "*"),
    (
        "clients",
        "id, workspace, connector, issuer, proven, json_remove(record, '$.server', '$.policy'), secret",
    ),
    ("authorizations", "id, workspace, state_digest, expires_at, record, verifier"),
    ("activity", "*"),
];

/// A profile as version 1 left it: its files, and the key in the keychain.
struct Old {
    files: Vec<(&'static str, Vec<u8>)>,
    key: String,
}

/// Plays every point of the plan.
pub(crate) fn sweep(plan: &Plan, report: &mut Report) {
    let mut world = World::new();
    let mut old = Old::of(&mut world);
    world.take_owner().kill();
    let (told, trace) = start(&world, &old, None);
    told.expect("an owner starts on a database of version 1");
    let landed = after(&mut world, None, &trace, Ending { hit: false, landed: None, wrong: vec![] });
    assert_eq!((landed.landed, &landed.wrong[..]), (Some(Landed::New), &[][..]));
    for point in plan.points(Operation::Migrate, &trace.counts()) {
        if !play_on(&mut world, &point, report, |world, point| play(world, &old, point)) {
            old = Old::of(&mut world);
        }
    }
}

#[test]
fn a_vault_of_version_1_gets_new_keys() {
    let mut world = World::new();
    let old = Old::of(&mut world);
    world.take_owner().kill();
    old.put_back(&world);
    world.start().expect("an owner");
    // They are due at once, for this one never had any.
    let renewed = wait::try_within(look::BACKGROUND, || {
        look::settled(&world).ok().filter(|safety| safety.generation == 2)
    });
    assert!(renewed.is_some(), "{:?}", look::settled(&world));
    let wrong = look::everything(&world);
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn play(world: &mut World, old: &Old, point: &Point) -> Ending {
    world.take_owner().kill();
    let (told, trace) = start(world, old, Some(point));
    let hit = trace.was_killed();
    let wrong = told.err().filter(|_| !hit).into_iter().collect();
    after(world, Some(point), &trace, Ending { hit, landed: None, wrong })
}

/// Starts an owner on the old files under watch, until it serves or dies, and kills it.
fn start(world: &World, old: &Old, point: Option<&Point>) -> (Result<(), String>, Trace) {
    old.put_back(world);
    let mut tracer = Tracer::start(&world.home, &programs::hearthkey(), &["serve"], point);
    let strace = tracer.process();
    let served = wait::try_until(|| {
        let served = strace.said().contains("Hearthkey serves");
        (served || strace.has_ended()).then_some(served)
    });
    let told = match served {
        Some(true) => Ok(()),
        _ => Err(format!("it neither serves nor was it killed: {}", strace.said())),
    };
    // strace asks what it started to end in good order, which is not what is wanted here.
    world.home.owner().into_iter().for_each(process::kill);
    (told, tracer.finish())
}

/// Looks at what a dead owner left, and at what the next one makes of it.
fn after(world: &mut World, point: Option<&Point>, trace: &Trace, mut ending: Ending) -> Ending {
    let profile = world.home.profile();
    if point.is_some_and(|point| point.harm == Harm::Cut) {
        look::lose_unconfirmed(&profile, trace);
    }
    ending.wrong.extend(look::files(&profile, &(1..=look::NEWEST).collect::<Vec<_>>()));
    ending.landed = Some(if version(&profile) == 1 { Landed::Old } else { Landed::New });
    if let Err(reason) = world.start() {
        ending.wrong.push(format!("the next owner does not answer: {reason}"));
        return ending;
    }
    ending.wrong.extend(look::files(&profile, &[look::NEWEST]));
    ending.wrong.extend(copies(&profile));
    ending.wrong.extend(look::at_once(world));
    ending
}

fn version(profile: &Path) -> i64 {
    let read = || {
        let sqlite = Connection::open_with_flags(
            profile.join("vault.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?;
        sqlite.query_row("PRAGMA user_version", [], |row| row.get(0))
    };
    read().unwrap_or(-1)
}

/// There is a whole copy of what was, and nothing that only looks like one.
fn copies(profile: &Path) -> Vec<String> {
    let entries = fs::read_dir(profile.join("backups")).into_iter().flatten().flatten();
    let names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let mut wrong = vec![];
    if !names
        .iter()
        .any(|name| name.starts_with(&format!("before-v{}-", look::NEWEST)) && name.ends_with(".db"))
    {
        wrong.push(format!("no copy was left of what was: {names:?}"));
    }
    for name in names.iter().filter(|name| name.starts_with("before-")) {
        let path = profile.join("backups").join(name);
        let look = || -> rusqlite::Result<(String, i64)> {
            let sqlite = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let check = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
            Ok((check, sqlite.query_row("PRAGMA user_version", [], |row| row.get(0))?))
        };
        // One that was cut between two migrations is copied again, as it is then.
        if !matches!(look(), Ok((check, version)) if check == "ok" && (1..look::NEWEST).contains(&version)) {
            wrong.push(format!("the copy {name} is not whole: {:?}", look()));
        }
    }
    wrong
}

impl Old {
    /// Makes the old form of a world's profile. Its owner is another after.
    fn of(world: &mut World) -> Self {
        world.home.end_owner();
        world.take_owner().kill();
        let (profile, place) =
            (world.home.profile(), tempfile::tempdir().expect("a folder for temporary files"));
        let made = make(&profile.join("vault.db"), &place.path().join("vault.db"));
        made.expect("a database of version 1");
        let read = |name: &'static str| Some((name, fs::read(place.path().join(name)).ok()?));
        let files = ["vault.db", "vault.db-wal"].into_iter().filter_map(read).collect();
        let keys = world.home.vault_keys();
        assert!(matches!(&keys[..], [key] if key.starts_with("ks1;g=1:")), "a vault that was never rotated");
        world.start().expect("an owner");
        Self { files, key: keys.into_iter().next().unwrap_or_default() }
    }

    fn put_back(&self, world: &World) {
        let profile = world.home.profile();
        let _ = fs::remove_dir_all(profile.join("backups"));
        for name in ["vault.db", "vault.db-wal", "vault.db-shm"] {
            let _ = fs::remove_file(profile.join(name));
        }
        for (name, bytes) in &self.files {
            fs::write(profile.join(name), bytes).expect("the profile can be written");
        }
        world.home.replace_vault_key(&self.key);
    }
}

/// Writes a file of version 1 with the rows of today's, and leaves its log beside it.
fn make(today: &Path, old: &Path) -> rusqlite::Result<()> {
    let sqlite = Connection::open(old)?;
    sqlite.execute_batch("PRAGMA journal_mode = WAL")?;
    sqlite.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    sqlite.execute_batch(VERSION_1)?;
    sqlite.execute("ATTACH ?1 AS today", [today.display().to_string()])?;
    sqlite.execute_batch("PRAGMA foreign_keys = OFF; BEGIN")?;
    for (table, columns) in ROWS {
        sqlite.execute_batch(&format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT {columns} FROM today.{table};"
        ))?;
    }
    sqlite.execute_batch("COMMIT")
}
