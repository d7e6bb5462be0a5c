//! The operations: what each prepares, does while it is watched, and what must be true of it after a restart.

use crate::look;
use crate::owner::Answer;
use crate::plan::Operation;
use crate::world::{
    CROWD, FORGIVEN, LEAVING, PASSPHRASE, RENEWED, World, consented, disconnect, go_back, is_open, wish,
};
use hearthkey_api::SecretInput;
use hearthkey_api::operations::{connections, vault, workspaces};
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{RecoveryWord, VaultWord};
use hearthkey_domain::Secret;
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use hearthkey_tests::wait;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where an operation that was cut ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landed {
    /// As if it had never begun.
    Old,
    /// As if it had not been cut.
    New,
    /// The service took the old token and gave a new one, which never came to be stored, and the service forgives nothing: a
    /// new sign-in is needed, and the connection says why.
    Gap,
}

/// An operation about to begin.
pub(crate) enum Stage {
    Connect { label: String },
    Refresh,
    Forgiven,
    Rotate { generation: u32, under_way: Option<(String, String)> },
    Delete { label: String, id: String },
    Workspace { name: String, label: String },
    Passphrase { generation: u32 },
    Recovery { file: PathBuf, made: bool, generation: u32 },
}

impl Stage {
    /// Sets the scene.
    pub(crate) fn prepare(world: &mut World, operation: Operation) -> Self {
        match operation {
            Operation::Connect => Self::Connect { label: world.new_name("Connected") },
            Operation::Refresh => {
                world.ending.control().expire_access_tokens();
                world.ending.control().clear_journal();
                Self::Refresh
            }
            Operation::Forgiven => {
                world.forgiving.control().expire_access_tokens();
                world.forgiving.control().clear_journal();
                world.forgiving.control().set_faults(&[Fault {
                    route: "/token".to_owned(),
                    method: None,
                    nth: Nth::Only(1),
                    kind: FaultKind::SwallowReply,
                }]);
                Self::Forgiven
            }
            Operation::Rotate => {
                let generation = generation(world);
                let under_way = (world.there.len() < CROWD).then(|| {
                    let label = world.new_name("Under way");
                    let begun = world.talk.call(&wish(world.lasting.base(), &label));
                    (label, begun.result().expect("a sign-in begins").authorize_url)
                });
                Self::Rotate { generation, under_way }
            }
            Operation::Delete => {
                // The only one of its account: what others live by would not be ended with it.
                let known = world.there.iter().find(|label| label.starts_with(LEAVING));
                let label = known.cloned().unwrap_or_else(|| {
                    let label = world.new_name(LEAVING);
                    world.connect_ben(&label);
                    label
                });
                world.lasting.control().clear_journal();
                Self::Delete { id: identifier(world, &label), label }
            }
            Operation::Workspace => {
                let (name, label) = (world.new_name("Workspace"), world.new_name("Inside"));
                world.talk.call(&workspaces::Add { name: name.clone() }).result().expect("a workspace");
                world.sign_in(Some(&name), &wish(world.lasting.base(), &label)).result().expect("a sign-in");
                Self::Workspace { name, label }
            }
            Operation::Passphrase => Self::Passphrase { generation: generation(world) },
            Operation::Recovery => {
                let name = world.new_name("kit");
                let file = world.home.path().join(name);
                Self::Recovery { file, made: false, generation: generation(world) }
            }
            Operation::Export | Operation::ExportFile | Operation::Migrate => {
                unreachable!("{} is played elsewhere", operation.word())
            }
        }
    }

    /// Does it. What comes back is the owner's word.
    pub(crate) fn perform(&mut self, world: &World) -> Answer<()> {
        match self {
            Self::Connect { label } => world.sign_in(None, &wish(world.lasting.base(), label)),
            Self::Refresh => world.request(None, RENEWED).map(|status| assert_eq!(status, 200)),
            Self::Forgiven => match world.request(None, FORGIVEN) {
                Answer::Refused(problem) if problem.kind == ProblemKind::UpstreamUnavailable => {
                    world.talk.call(&renewal(FORGIVEN)).map(drop)
                }
                other => other.map(|status| panic!("the answer was swallowed, and there was one: {status}")),
            },
            Self::Rotate { .. } => world.talk.call(&vault::Rotate {}).map(drop),
            Self::Delete { label, .. } => world.talk.call(&disconnect(label)).map(drop),
            Self::Workspace { name, .. } => {
                let (workspace, confirm) = (name.clone(), name.clone());
                world.talk.call(&workspaces::Destroy { workspace, confirm }).map(drop)
            }
            Self::Passphrase { .. } => world.talk.call(&new_passphrase()).map(drop),
            Self::Recovery { file, made, .. } => {
                let path = file.display().to_string();
                let kit = vault::MakeRecoveryKit { file: path, passphrase: None, recovery_kit: None };
                match world.talk.call(&kit).map(drop) {
                    Answer::Done(()) => *made = true,
                    other => return other,
                }
                test_kit(world, file)
            }
        }
    }

    /// Waits for what the operation leaves to the background, as long as the owner lives.
    pub(crate) fn follow(&self, world: &mut World) {
        if matches!(self, Self::Delete { .. } | Self::Workspace { .. }) {
            let _ = wait::try_within(Duration::from_secs(5), || {
                if world.owner().is_dead() {
                    return Some(());
                }
                let safety = world.talk.call(&vault::Show {}).result().ok()?;
                (!safety.rotation_pending).then_some(())
            });
        }
    }

    /// What became of it, after a restart. What is there is taken over into the world.
    pub(crate) fn judge(self, world: &mut World, told: &Answer<()>) -> Result<Landed, String> {
        let done = told.is_done();
        match self {
            Self::Connect { label } => {
                let there = labels(world, None)?.contains(&label);
                match (there, done) {
                    (true, _) => world.there.insert(label),
                    (false, true) => return Err(format!("{label} was connected and is not there")),
                    (false, false) => return Ok(Landed::Old),
                };
                thin_out(world);
                Ok(Landed::New)
            }
            Self::Refresh => judge_refresh(world, done),
            Self::Forgiven => judge_forgiven(world, done),
            Self::Rotate { generation: before, under_way } => {
                let after = generation(world);
                let landed = match after - before {
                    0 if done => {
                        return Err(format!("the keys were replaced, and are of generation {after}"));
                    }
                    0 => Landed::Old,
                    1 => Landed::New,
                    _ => return Err(format!("generation {before} became {after}")),
                };
                let again =
                    world.talk.call(&vault::Rotate {}).result().map_err(|e| format!("rotate again: {e}"))?;
                if again.generation != after + 1 {
                    return Err(format!("generation {after} became {}", again.generation));
                }
                if let Some((label, address)) = under_way {
                    let back = go_back(&consented(&address)).result();
                    back.map_err(|error| format!("a sign-in under way was lost: {error}"))?;
                    world.there.insert(label);
                }
                Ok(landed)
            }
            Self::Delete { label, id } => judge_delete(world, label, id, done),
            Self::Workspace { name, label } => {
                let all = world.talk.call(&workspaces::List {}).result()?.workspaces;
                if !all.iter().any(|known| known.name == name) {
                    return Ok(Landed::New);
                }
                if done {
                    return Err(format!("{name} was removed and is there"));
                }
                match world.request(Some(&name), &label) {
                    Answer::Done(200) => {}
                    other => return Err(format!("{label} in {name} does not work: {other:?}")),
                }
                let destroy = workspaces::Destroy { workspace: name.clone(), confirm: name };
                world.talk.call(&destroy).result().map_err(|error| format!("remove again: {error}"))?;
                Ok(Landed::Old)
            }
            Self::Passphrase { generation } => judge_passphrase(world, generation, done),
            Self::Recovery { file, made, generation } => {
                let landed = judge_recovery(world, file, made, done)?;
                // The first kit takes nothing away from anybody.
                if landed == Landed::New && generation > 1 && world.kits > 1 {
                    replaced(world, generation, "the kit before")?;
                }
                Ok(landed)
            }
        }
    }
}

fn judge_refresh(world: &mut World, done: bool) -> Result<Landed, String> {
    let renewals = |world: &World| {
        let rotated = |outcome: &String| outcome == "refresh_token: rotated";
        world.ending.control().token_requests().iter().filter(|outcome| rotated(outcome)).count()
    };
    let used = world.ending.journal().iter().any(|e| e.path == "/api/profile" && e.status == Some(200));
    let asked = |world: &World| world.ending.control().token_requests().len();
    let (before, asked_before) = (renewals(world), asked(world));
    let answer = world.request(None, RENEWED);
    let (after, asked_after) = (renewals(world), asked(world));
    if asked_before > 1 || asked_after - asked_before > 1 {
        return Err(format!(
            "one renewal, and {asked_before} and {} token requests",
            asked_after - asked_before
        ));
    }
    match answer {
        Answer::Done(200) if before == 1 && after == 1 => Ok(Landed::New),
        Answer::Done(200) if before == 0 && after == 1 && !done && !used => Ok(Landed::Old),
        Answer::Refused(problem) if problem.kind == ProblemKind::ReauthorizationRequired => {
            if done || used || before != 1 || !problem.uri.ends_with(":reply_lost") {
                return Err(format!("needs a new sign-in after {before} renewals (used: {used}): {problem}"));
            }
            world.give_up(RENEWED);
            let base = world.ending.base().to_owned();
            world.sign_in(None, &wish(&base, RENEWED)).result()?;
            world.there.insert(RENEWED.to_owned());
            Ok(Landed::Gap)
        }
        other => Err(format!(
            "{RENEWED}: {other:?} after {before} renewals and {} more (told: {done}, used: {used})",
            after - before
        )),
    }
}

/// Whatever was cut where, nothing is lost at a service that forgives.
fn judge_forgiven(world: &mut World, done: bool) -> Result<Landed, String> {
    let asked = |world: &World| world.forgiving.control().token_requests().len();
    let before = asked(world);
    world.forgiving.control().set_faults(&[]);
    let renewed = world.talk.call(&renewal(FORGIVEN)).result();
    renewed.map_err(|error| format!("{FORGIVEN} is not renewed: {error}"))?;
    let after = asked(world) - before;
    if before > 2 || after != 1 {
        return Err(format!("two renewals and one, and {before} and {after} token requests"));
    }
    match world.request(None, FORGIVEN) {
        Answer::Done(200) if asked(world) == before + 1 => Ok(if done { Landed::New } else { Landed::Old }),
        other => Err(format!("{FORGIVEN}: {other:?} after {} token requests", asked(world))),
    }
}

fn renewal(label: &str) -> connections::Refresh {
    connections::Refresh { connection: label.to_owned() }
}

fn judge_delete(world: &mut World, label: String, id: String, done: bool) -> Result<Landed, String> {
    let list = world.talk.call(&connections::List::default()).result()?.connections;
    let found = list.iter().find(|connection| connection.id == id);
    if done && found.is_some() {
        return Err(format!("{label} was removed and is there"));
    }
    let leaving = found.is_none_or(|connection| connection.purge_after.is_some());
    if !leaving {
        return Ok(Landed::Old);
    }
    world.there.remove(&label);
    let gone = wait::try_within(Duration::from_secs(10), || {
        let labels = labels(world, None).ok()?;
        (!labels.contains(&label)).then_some(())
    });
    gone.ok_or_else(|| format!("the removal of {label} was not finished"))?;
    let revoked = world.lasting.journal().iter().any(|e| e.path == "/revoke" && e.status == Some(200));
    if !revoked {
        return Err(format!("{label} is gone and its grant lives on"));
    }
    world.gone.insert(id);
    Ok(Landed::New)
}

/// What opened the vault before and is not to open it any more opens older copies until the keys are others.
fn replaced(world: &World, generation: u32, what: &str) -> Result<(), String> {
    let now = look::settled(world)?.generation;
    if now > generation {
        return Ok(());
    }
    Err(format!("{what} is out, and the keys it opens are still those of generation {now}"))
}

fn judge_passphrase(world: &mut World, generation: u32, done: bool) -> Result<Landed, String> {
    let seen = world.talk.vault().result()?;
    if is_open(&seen) {
        return if done {
            Err("a passphrase was set, and nobody asks for it".into())
        } else {
            Ok(Landed::Old)
        };
    }
    if seen.state != VaultWord::Locked {
        return Err(format!("neither open nor locked: {:?} {}", seen.state, seen.detail.unwrap_or_default()));
    }
    let unlock = vault::Unlock { passphrase: Some(secret(PASSPHRASE)), recovery_kit: None };
    world.talk.call(&unlock).result().map_err(|error| format!("the passphrase does not unlock: {error}"))?;
    let safety = look::settled(world)?;
    if done && safety.keychain {
        return Err("the keychain still has the key".into());
    }
    if !safety.keychain {
        replaced(world, generation, "the keychain")?;
    }
    let remove = vault::RemovePassphrase { current: Some(secret(PASSPHRASE)), recovery_kit: None };
    world.talk.call(&remove).result().map_err(|error| format!("the passphrase is not removed: {error}"))?;
    Ok(Landed::New)
}

fn judge_recovery(world: &mut World, file: PathBuf, made: bool, done: bool) -> Result<Landed, String> {
    let state = world.talk.call(&vault::Show {}).result()?.recovery;
    if done && state != RecoveryWord::Tested {
        return Err(format!("the kit was tested, and counts as {state:?}"));
    }
    if made && !file.exists() {
        return Err("the kit was made, and its file is not there".into());
    }
    let opens = file.exists() && test_kit(world, &file).is_done();
    if made && !opens {
        return Err("the kit was made, and does not open the vault".into());
    }
    if opens {
        world.kit = Some(file);
        world.kits += 1;
        return Ok(Landed::New);
    }
    if let Some(old) = &world.kit
        && !test_kit(world, old).is_done()
    {
        return Err("neither the old kit nor the new one opens the vault".into());
    }
    let _ = std::fs::remove_file(file);
    Ok(Landed::Old)
}

/// Proves a kit.
fn test_kit(world: &World, file: &Path) -> Answer<()> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap_or_default();
    world.talk.call(&vault::TestRecoveryKit { recovery_kit: secret(key) }).map(drop)
}

fn new_passphrase() -> vault::SetPassphrase {
    let (current, recovery_kit) = (None, None);
    vault::SetPassphrase { passphrase: secret(PASSPHRASE), current, recovery_kit, keychain: false }
}

fn secret(text: &str) -> SecretInput {
    SecretInput(Secret::new(text))
}

fn generation(world: &World) -> u32 {
    world.talk.call(&vault::Show {}).result().expect("the vault is open").generation
}

fn labels(world: &World, workspace: Option<&str>) -> Result<Vec<String>, String> {
    let list = world.talk.call_in(workspace, &connections::List::default()).result()?.connections;
    Ok(list.into_iter().map(|connection| connection.label).collect())
}

fn identifier(world: &World, label: &str) -> String {
    let list = world.talk.call(&connections::List::default()).result().expect("the list").connections;
    list.into_iter().find(|connection| connection.label == label).expect("it is listed").id
}

/// Removes what makes the world too large to be looked at after every point.
fn thin_out(world: &mut World) {
    let numbered = |label: &&String| label.ends_with(|c: char| c.is_ascii_digit());
    while world.there.len() > CROWD {
        let Some(label) = world.there.iter().find(numbered).cloned() else { return };
        world.give_up(&label);
    }
}
