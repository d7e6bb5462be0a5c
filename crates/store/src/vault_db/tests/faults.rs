//! A disk that fails, fills up or loses its power at every write: what was acknowledged is there, and nothing by halves.
//!
//! Each case runs this program anew, as [`child`], under strace, which makes one of its system calls fail or kills it there.

use super::backups::copies;
use super::migration::{assert_all_there, write_version_1};
use super::mutations::shown;
use super::rotation::{furnished, start};
use super::*;
use hearthkey_domain::ports::StoreError;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

/// Where the child is told what to do, says what was acknowledged, one line each, and where strace notes what it did.
const ACT: &str = "act";
const ACKNOWLEDGED: &str = "acknowledged";
const TRACE: &str = "trace";

/// What the writing child does, in this order; each is one transaction, or more that change nothing that is shown.
const STEPS: usize = 5;

async fn step(db: &VaultDb, number: usize) -> Result<(), StoreError> {
    let home = workspace(HOME);
    match number {
        0 => {
            let made = connection(HOME, 3, "Third");
            let row = CredentialRow { sealed: envelope(1, &"third".repeat(4000)), ..credential(1, b"") };
            db.add_connection(made, row, activity(HOME, Some(3), at(100))).await
        }
        1 => db.begin_rotation(start(1, &[HOME, 2], &[1, 2])).await,
        2 => {
            let rows = db.retiring_rows(home, 99).await?;
            db.rewrap_rows(home, rows.into_iter().map(|row| (row, envelope(2, "renewed"))).collect()).await
        }
        3 => db.finish_rotation(home).await.map(|is_finished| assert!(is_finished)),
        _ => db
            .destroy_workspace(workspace(2), activity(HOME, None, at(101)))
            .await
            .map(|was_there| assert!(was_there)),
    }
}

/// The program under test. Does nothing unless it is told to by the directory it is started in.
#[test]
#[ignore = "the other tests run it under strace"]
fn child() {
    let place = std::env::current_dir().unwrap();
    let Ok(act) = std::fs::read_to_string(place.join(ACT)) else { return };
    let path = place.join("vault.db");
    let acknowledge = |what: &str| {
        let mut file =
            std::fs::File::options().create(true).append(true).open(place.join(ACKNOWLEDGED)).unwrap();
        writeln!(file, "{what}").unwrap();
    };
    if act == "restore" {
        if VaultDb::restore_backup(&path, at(100)).is_ok() {
            acknowledge("restored");
        }
        return;
    }
    let Ok(db) = VaultDb::open(&path) else { return };
    acknowledge("opened");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        if act == "back up" && db.back_up(at(100)).await.is_ok() {
            acknowledge("backed up");
        }
        for number in 0..STEPS {
            if act != "write" {
                break;
            }
            if step(&db, number).await.is_ok() {
                acknowledge(&format!("step {number}"));
                continue;
            }
            if db.record(activity(HOME, None, at(102))).await.is_ok() {
                acknowledge("went on");
            }
            if db.has_reserve().await {
                acknowledge("has a reserve");
            }
            break;
        }
    });
}

/// What became of a child.
struct Outcome {
    /// The lines it acknowledged.
    lines: Vec<String>,
    /// The calls it made, as strace notes them.
    trace: Vec<String>,
    /// Whether it met the fault.
    met: bool,
}

/// Runs the child with a fault in one kind of call; `None`, said aloud, where there is no strace. With `only`, calls for these
/// files alone.
fn run(place: &Place, act: &str, calls: &str, fault: &str, only: &[&str]) -> Option<Outcome> {
    std::fs::write(place.0.path().join(ACT), act).unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "0", "-o", TRACE, "-e", "trace=pwrite64,fsync,rename,copy_file_range"]);
    strace.args(["-e", &format!("inject={calls}:{fault}")]);
    for part in only {
        strace.arg("-P").arg(place.part(part));
    }
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "vault_db::tests::faults::child", "--ignored", "--test-threads=1"]);
    let Ok(output) = strace.current_dir(place.0.path()).output() else {
        println!("skipped: there is no strace");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("ptrace") || said.contains("PTRACE") {
        println!("skipped: {said}");
        return None;
    }
    let lines = std::fs::read_to_string(place.0.path().join(ACKNOWLEDGED)).unwrap_or_default();
    let trace = std::fs::read_to_string(place.0.path().join(TRACE)).unwrap();
    let met = trace.contains("INJECTED") || trace.contains("killed by SIGKILL");
    let list = |text: &str| text.lines().map(str::to_owned).collect();
    Some(Outcome { lines: list(&lines), trace: list(&trace), met })
}

/// Copies a directory's files into a new one.
fn cloned(from: &Place) -> Place {
    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let to = Place::in_memory();
    copy(from.0.path(), to.0.path());
    to
}

/// The states of the vault before the first step and after each.
async fn states(base: &Place) -> Vec<BTreeSet<(String, String)>> {
    let place = cloned(base);
    let db = place.open();
    let mut states = vec![shown(&db).await];
    for number in 0..STEPS {
        step(&db, number).await.unwrap();
        states.push(shown(&db).await);
    }
    // The entries' identifiers are counted up by the process, so the child's are others.
    states.iter().map(without_entries).collect()
}

fn without_entries(state: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    state.iter().filter(|(name, _)| !name.contains("act_")).cloned().collect()
}

#[tokio::test]
async fn every_step_is_done_or_not_done_wherever_the_disk_fails() {
    let base = Place::in_memory();
    drop(furnished(&base).await);
    let states = states(&base).await;
    // The calls, what becomes of them, whether a step that was refused may have been done all the same, and whether all steps
    // are to be done in spite of it. The last is so where it is only the room of one write that is missing.
    let faults = [
        ("pwrite64", "signal=KILL", "", true, false),
        ("fsync", "signal=KILL", "", true, false),
        ("pwrite64", "error=ENOSPC", "+", false, false),
        ("pwrite64", "error=ENOSPC", "", false, true),
        ("pwrite64", "error=EIO", "", false, false),
        ("pwrite64", "error=EIO", "+", false, false),
        ("fsync", "error=EIO", "", true, false),
        ("fsync", "error=EIO", "+", true, false),
    ];
    for (calls, what, on, may_be_done, all_done) in faults {
        let (mut when, mut met) = (1, 0);
        loop {
            let fault = format!("{what}:when={when}{on}");
            let place = cloned(&base);
            let outcome = run(&place, "write", calls, &fault, &["", "-wal"]);
            let Some(Outcome { lines, trace, met: is_met }) = outcome else { return };
            let fault = format!("{calls} {fault}, {lines:?}");
            let done = lines.iter().filter(|line| line.starts_with("step")).count();
            assert!(lines.first().is_some_and(|line| line == "opened"), "{fault}");
            // After a sync that failed nothing is written any more, whatever the next one says.
            let failed = trace.iter().position(|call| call.contains("fsync") && call.contains("INJECTED"));
            let after =
                trace.iter().skip(failed.unwrap_or(trace.len())).find(|call| call.contains("pwrite64"));
            assert_eq!(after, None, "{fault}: it went on");
            assert!(calls != "fsync" || lines.len() == done + 1, "{fault}: it says that it went on");
            let found = VaultDb::open(&place.path()).unwrap_or_else(|error| panic!("{fault}: {error}"));
            let state = without_entries(&shown(&found).await);
            let damage = found.health().await.unwrap().damage;
            assert!(damage.is_empty(), "{fault}: {damage:?}");
            let is_next = done < STEPS && state == states[done + 1];
            assert!(state == states[done] || (may_be_done && is_next), "{fault}: another state");
            assert!(!all_done || done == STEPS, "{fault}: it had room");
            // What follows works: the disk is whole again.
            let from = states.iter().position(|known| *known == state).unwrap();
            for number in from..STEPS {
                step(&found, number).await.unwrap_or_else(|error| panic!("{fault}, then {number}: {error}"));
            }
            assert!(without_entries(&shown(&found).await) == states[STEPS], "{fault}");
            if !is_met {
                assert_eq!(done, STEPS, "{fault}");
                break;
            }
            (when, met) = (when + 1 + when / 5, met + 1);
        }
        assert!(met > 8, "{calls} {what}{on}: {met} faults only");
    }
}

#[tokio::test]
async fn a_migration_is_done_or_not_done_wherever_the_disk_fails() {
    let base = Place::in_memory();
    write_version_1(&base.path());
    for (calls, what) in [
        ("pwrite64", "signal=KILL"),
        ("fsync", "signal=KILL"),
        ("pwrite64", "error=ENOSPC"),
        ("pwrite64", "error=EIO"),
        ("fsync", "error=EIO"),
    ] {
        let (mut when, mut met) = (1, 0);
        loop {
            let fault = format!("{what}:when={when}");
            let place = cloned(&base);
            let Some(Outcome { lines, met: is_met, .. }) = run(&place, "open", calls, &fault, &[]) else {
                return;
            };
            let copied = copies(place.0.path());
            assert_all_there(&place.open()).await;
            let whole = |name: &String| name.ends_with(".db");
            assert!(
                lines.is_empty() || copied.iter().filter(|name| whole(name)).count() == 1,
                "{fault}: {copied:?}"
            );
            for name in copied.iter().filter(|name| whole(name)) {
                let copy = Place::in_memory();
                std::fs::copy(place.0.path().join("backups").join(name), copy.path()).unwrap();
                assert_all_there(&copy.open()).await;
            }
            assert!(copies(place.0.path()).iter().all(whole), "{fault}: something unfinished is left");
            if !is_met {
                assert_eq!(lines, ["opened"], "{fault}");
                break;
            }
            (when, met) = (when + 1 + when / 5, met + 1);
        }
        assert!(met > 5, "{calls} {what}: {met} faults only");
    }
}

#[tokio::test]
async fn a_copy_is_whole_or_none_wherever_the_disk_fails() {
    let base = Place::in_memory();
    let db = base.founded().await;
    for number in 1..20 {
        add(&db, HOME, number, &format!("Connection {number}")).await;
    }
    db.back_up(at(0)).await.unwrap();
    drop(db);
    for calls in ["pwrite64", "fsync", "rename"] {
        for what in ["signal=KILL", "error=EIO"] {
            for when in 1.. {
                let place = cloned(&base);
                let fault = format!("{what}:when={when}");
                let outcome = run(&place, "back up", calls, &fault, &[]);
                let Some(Outcome { lines, met, .. }) = outcome else { return };
                let is_made = lines.iter().any(|line| line == "backed up");
                std::fs::write(place.path(), "damaged").unwrap();
                let restored = VaultDb::restore_backup(&place.path(), at(200)).unwrap();
                assert!(!is_made || restored.made_at == at(100), "{calls} {fault}: {restored:?}");
                let db = place.open();
                assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 19, "{calls} {fault}");
                db.back_up(at(300)).await.unwrap();
                let unfinished = copies(place.0.path()).into_iter().filter(|name| !name.ends_with(".db"));
                assert_eq!(unfinished.count(), 0, "{calls} {fault}");
                if !met {
                    assert!(is_made && when > 1, "{calls} {fault}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_restore_that_is_cut_short_is_done_again_and_loses_nothing() {
    // In the file no connection, in the copy one, in the log the second.
    let place = Place::in_memory();
    drop(place.founded().await);
    let db = place.open();
    add(&db, HOME, 1, "FIRST-MARK").await;
    db.back_up(at(0)).await.unwrap();
    add(&db, HOME, 2, "SECOND-MARK").await;
    let base = cloned(&place);
    let count = async |db: VaultDb| db.connections(workspace(HOME)).await.unwrap().len();
    assert_eq!(count(cloned(&base).open()).await, 2);
    let mut faults = 0;
    for calls in ["rename", "fsync", "copy_file_range"] {
        for what in ["signal=KILL", "error=EIO"] {
            for when in 1.. {
                let place = cloned(&base);
                let fault = format!("{calls} {what}:when={when}");
                let outcome = run(&place, "restore", calls, &format!("{what}:when={when}"), &[]);
                let Some(Outcome { lines, met, .. }) = outcome else { return };
                let found = match VaultDb::open(&place.path()) {
                    Ok(db) => count(db).await,
                    Err(StoreError::Damaged { .. }) if lines.is_empty() => {
                        VaultDb::restore_backup(&place.path(), at(200)).unwrap();
                        count(place.open()).await
                    }
                    Err(error) => panic!("{fault}: {error:?}"),
                };
                // As it was with its log, or the copy; never the file without its log.
                assert!(found == 1 || (found == 2 && lines.is_empty()), "{fault}: {found}");
                assert_eq!(findable(&place, &[b"SECOND-MARK"]), ["SECOND-MARK"], "{fault}");
                if !met {
                    break;
                }
                faults += 1;
            }
        }
    }
    assert!(faults > 12, "{faults} faults only");
}

#[tokio::test]
async fn what_takes_a_name_is_on_the_disk_before_and_its_name_after() {
    for (act, bytes, name) in [("back up", "db.part", "backups"), ("restore", "vault.db.restoring", "")] {
        let place = Place::in_memory();
        let db = place.founded().await;
        db.back_up(at(0)).await.unwrap();
        drop(db);
        // A fault that is never met.
        let Some(Outcome { trace, .. }) = run(&place, act, "rename", "error=EIO:when=99", &[]) else {
            return;
        };
        let directory = place.0.path().join(name);
        let directory = format!("{}>", directory.display().to_string().trim_end_matches('/'));
        let last = |call: &str, of: &str| {
            let found = trace.iter().rposition(|line| line.contains(call) && line.contains(of));
            found.unwrap_or_else(|| panic!("{act}: no {call} of {of} in {trace:#?}"))
        };
        let (written, named, kept) =
            (last("fsync", &format!("{bytes}>")), last("rename", bytes), last("fsync", &directory));
        assert!(written < named && named < kept, "{act}: {trace:#?}");
    }
}
