//! What must hold after every restart, whatever was cut.

use crate::owner::Answer;
use crate::tracer::Trace;
use crate::world::{World, is_open};
use hearthkey_api::operations::{app, connections, vault};
use hearthkey_api::views::{FindingWord, SafetyView, StatusWord};
use hearthkey_tests::wait;
use hearthkey_vault::KeychainKey;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long the background may take for what is due at once.
pub(crate) const BACKGROUND: Duration = Duration::from_secs(15);
/// The version of the tables.
pub(crate) const NEWEST: i64 = 4;

/// Takes from the log what the disk never confirmed, as a power cut would.
pub(crate) fn lose_unconfirmed(profile: &Path, trace: &Trace) {
    if let Some(from) = trace.unconfirmed_from("vault.db-wal") {
        let log = fs::File::options().write(true).open(profile.join("vault.db-wal"));
        let cut = log.and_then(|log| if log.metadata()?.len() > from { log.set_len(from) } else { Ok(()) });
        cut.expect("the log of a dead owner can be cut");
    }
}

/// The database as it was left, looked at in a copy: whether it is sound, and of one of these versions.
pub(crate) fn files(profile: &Path, versions: &[i64]) -> Vec<String> {
    let copy = tempfile::tempdir().expect("a folder for temporary files");
    for name in ["vault.db", "vault.db-wal"] {
        let from = profile.join(name);
        if from.exists() {
            fs::copy(&from, copy.path().join(name)).expect("a database can be copied");
        }
    }
    let look = || -> rusqlite::Result<(Vec<String>, i64)> {
        let sqlite = rusqlite::Connection::open(copy.path().join("vault.db"))?;
        let mut check = sqlite.prepare("PRAGMA integrity_check")?;
        let found = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let version = sqlite.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((found, version))
    };
    match look() {
        Ok((found, version)) if found == ["ok"] && versions.contains(&version) => vec![],
        Ok((found, version)) => vec![format!("the database: version {version}, {}", found.join("; "))],
        Err(error) => vec![format!("the database cannot be read: {error}")],
    }
}

/// What is wrong in a world whose owner was started again and whose vault is open, once the background has done its work.
pub(crate) fn everything(world: &World) -> Vec<String> {
    let mut wrong = at_once(world);
    wrong.extend(settled(world).err());
    wrong
}

/// The same without waiting for the background.
pub(crate) fn at_once(world: &World) -> Vec<String> {
    let mut wrong = vec![];
    match world.talk.vault().result() {
        Ok(vault) if is_open(&vault) => {}
        Ok(vault) => {
            let detail = vault.detail.unwrap_or_default();
            return vec![format!("the vault is not open: {:?} {detail}", vault.state)];
        }
        Err(reason) => return vec![format!("the vault was not opened: {reason}")],
    }
    wrong.extend(doctor(world));
    wrong.extend(listed(world));
    for label in &world.there {
        match world.request(None, label) {
            Answer::Done(200) => {}
            other => wrong.push(format!("{label} does not work: {other:?}")),
        }
    }
    wrong
}

/// Waits until nothing is left of a rotation: all rows under the newest keys, and the keychain with exactly that generation.
pub(crate) fn settled(world: &World) -> Result<SafetyView, String> {
    let mut last = String::new();
    let settled = wait::try_within(BACKGROUND, || {
        let safety = match world.talk.call(&vault::Show {}).result() {
            Ok(safety) => safety,
            Err(reason) => {
                last = reason;
                return None;
            }
        };
        if safety.rotation_pending {
            last = format!("generation {}, a rotation is pending", safety.generation);
            return None;
        }
        let held = world.home.vault_keys();
        let expected = usize::from(safety.keychain);
        let right = |text: &String| {
            KeychainKey::parse(text).is_ok_and(|key| !key.holds_others_than(safety.generation))
        };
        let tidy = held.len() == expected && held.iter().all(right);
        last = format!(
            "generation {}, {} keys in the keychain ({})",
            safety.generation,
            held.len(),
            held.iter().map(|text| generations(text)).collect::<Vec<_>>().join(" and ")
        );
        tidy.then_some(safety)
    });
    settled.ok_or_else(|| format!("not settled within {BACKGROUND:?}: {last}"))
}

/// The generations in a keychain's text, without the keys.
fn generations(text: &str) -> String {
    let parts = text.split(';').filter_map(|part| part.split_once(':').map(|(name, _)| name));
    parts.collect::<Vec<_>>().join(", ")
}

fn doctor(world: &World) -> Vec<String> {
    let report = match world.talk.call(&app::Doctor {}).result() {
        Ok(report) => report,
        Err(reason) => return vec![format!("the doctor did not answer: {reason}")],
    };
    let mut wrong: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.finding == FindingWord::Trouble)
        .map(|check| format!("doctor: {}: {}", check.title, check.detail))
        .collect();
    let readable =
        report.checks.iter().any(|check| check.id == "vault" && check.detail.ends_with("all readable"));
    if !readable && wrong.is_empty() {
        wrong.push("doctor: not every row was looked at".to_owned());
    }
    wrong
}

/// What was promised is there, what was removed is not, and nothing else is.
fn listed(world: &World) -> Vec<String> {
    let list = match world.talk.call(&connections::List::default()).result() {
        Ok(list) => list.connections,
        Err(reason) => return vec![format!("the list was not given: {reason}")],
    };
    let mut wrong = vec![];
    let labels: BTreeSet<_> = list.iter().map(|connection| connection.label.clone()).collect();
    wrong.extend(world.there.difference(&labels).map(|label| format!("{label} was connected and is gone")));
    wrong.extend(labels.difference(&world.there).map(|label| format!("{label} came from nowhere")));
    for connection in list {
        if world.gone.contains(&connection.id) {
            wrong.push(format!("{} was removed and is back", connection.label));
        }
        if connection.status != StatusWord::Active {
            let reason = connection.reason.unwrap_or_default();
            wrong.push(format!("{} is {}: {reason}", connection.label, connection.status.word()));
        }
    }
    wrong
}
