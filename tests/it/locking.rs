//! Locked, nobody comes in: not through any operation. And every way back in.

use crate::harness::{World, caller};
use hearthkey_api::operation::Access;
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::table;
use hearthkey_api::views::{VaultView, VaultWord};
use hearthkey_core::connections::UsageRequest;
use hearthkey_core::lock::Opener;
use hearthkey_core::{Error, ErrorKind};
use hearthkey_domain::Secret;
use hearthkey_domain::ports::KeyStoreError;
use hearthkey_sandbox::{Fault, FaultKind, Nth};
use jiff::SignedDuration;
use schemars::SchemaGenerator;
use std::sync::Arc;

const WORDS: &str = "ember hearth kettle slate willow";

fn passphrase(text: &str) -> Opener {
    Opener::Passphrase(Secret::new(text))
}

async fn view(world: &World) -> VaultView {
    world.app.vault_state(true).await.unwrap().into()
}

async fn use_it(world: &World) -> Result<u16, ErrorKind> {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let reply = world.app.request(&caller(), "Demo", wanted).await;
    reply.map(|reply| reply.status).map_err(|error| error.kind())
}

async fn set(world: &World, also_in_keychain: bool) {
    let new = Secret::new(WORDS);
    world.app.set_passphrase(&caller(), Opener::Keychain, new, also_in_keychain).await.unwrap();
}

/// What may be asked of a locked Hearthkey.
const WHILE_LOCKED: &[&str] = &[
    "app.status",
    // It lets nobody in and shows nothing; and a sign-in does not stay open because the person is outside.
    "authorizations.cancel",
    "changes.watch",
    "doctor.run",
    // What it finds waits for the unlock.
    "links.deliver",
    "owner.hand_over",
    "vault.lock",
    "vault.retry",
    "vault.unlock",
    "window.show",
];

#[tokio::test]
async fn every_operation_but_those_that_lead_out_is_refused() {
    let world = World::new().await;
    world.connected("Demo").await;
    world.app.lock(&caller()).await.unwrap();
    let mut asked = 0;
    for entry in table::catalogue(&mut SchemaGenerator::default()) {
        let (name, app) = (entry.name, Arc::clone(&world.app));
        if WHILE_LOCKED.contains(&name) {
            continue;
        }
        let any = |_: Access| true;
        let refused = match name {
            "blobs.read" => hearthkey_api::operations::blobs::read(&app, &caller(), "blob_x").await.map(drop),
            "blobs.write" => {
                let bytes = bytes::Bytes::from_static(b"x");
                hearthkey_api::operations::blobs::write(&app, &caller(), bytes, "x").await.map(drop)
            }
            _ if table::is_watch(name) => table::watch(name, any, b"{}", app, caller()).await.map(drop),
            _ => table::call(name, any, b"{}", app, caller()).await.map(drop),
        };
        assert_eq!(refused.unwrap_err().kind, ProblemKind::Locked, "{name}");
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
    let status = table::call("app.status", |_| true, b"{}", Arc::clone(&world.app), caller()).await.unwrap();
    assert_eq!(status["vault"]["state"], "locked");
    assert_eq!(status["vault"]["unlock"]["keychain"], true);
}

#[tokio::test]
async fn a_person_locks_and_unlocks() {
    let world = World::new().await;
    assert!(world.app.lock(&caller()).await.is_err(), "there is nothing to lock yet");
    world.connected("Demo").await;
    world.app.lock(&caller()).await.unwrap();
    assert_eq!(use_it(&world).await, Err(ErrorKind::Locked));
    // The background stands still too.
    world.app.tick().await;
    assert_eq!(view(&world).await.state, VaultWord::Locked);
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
}

#[tokio::test]
async fn the_keychain_itself_may_ask_the_person() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    world.restart().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    let seen = view(&world).await;
    assert_eq!((seen.state, seen.unlock.keychain), (VaultWord::KeychainLocked, true));
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Hanging { seconds: 5 });
    world.app.lock(&caller()).await.unwrap();
    let refused = world.app.unlock(&caller(), Opener::Keychain).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::KeychainUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_passphrase_doors_close_by_themselves_and_the_background_goes_on() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    set(&world, true).await;
    assert_eq!(use_it(&world).await, Ok(200), "whoever sets it is in");
    world.clock.advance(SignedDuration::from_mins(14));
    world.app.tick().await;
    assert_eq!(view(&world).await.state, VaultWord::Open);
    world.app.touch();
    world.clock.advance(SignedDuration::from_mins(14));
    world.app.tick().await;
    assert_eq!(view(&world).await.state, VaultWord::Open, "a person was there");
    world.clock.advance(SignedDuration::from_mins(2));
    world.app.tick().await;
    let seen = view(&world).await;
    assert!(seen.state == VaultWord::Locked && seen.working && seen.unlock.passphrase, "{seen:?}");
    // What is due is renewed all the same.
    let before = world.token_requests("refresh_token").len();
    for minutes in [60, 4] {
        world.clock.advance(SignedDuration::from_mins(minutes));
        world.app.tick().await;
    }
    hearthkey_tests::wait::until_true("the renewal", || world.token_requests("refresh_token").len() > before);
    // The keychain alone does not open the doors, nor does another passphrase, nor a restart.
    assert_eq!(
        world.app.unlock(&caller(), Opener::Keychain).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    let wrong = world.app.unlock(&caller(), passphrase("ember hearth kettle slate willows")).await;
    assert!(matches!(wrong, Err(Error::WrongPassphrase)));
    world.restart().await;
    world.app.tick().await;
    assert_eq!(view(&world).await.state, VaultWord::Locked);
    world.app.unlock(&caller(), passphrase(WORDS)).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    // Never, if a person says so.
    world.app.set_lock_after(0).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(48));
    world.app.tick().await;
    assert_eq!(view(&world).await.state, VaultWord::Open);
}

#[tokio::test]
async fn a_key_under_the_passphrase_alone_is_nowhere_else() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    set(&world, false).await;
    assert!(world.keychain.items.lock().unwrap().is_empty(), "it left the keychain");
    assert_eq!(use_it(&world).await, Ok(200));
    world.restart().await;
    assert_eq!(use_it(&world).await, Err(ErrorKind::Locked));
    world.app.unlock(&caller(), passphrase(WORDS)).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    assert_eq!(world.app.rotate(&caller()).await.unwrap().generation, 3, "moving it replaced the keys once");
    world.restart().await;
    world.app.unlock(&caller(), passphrase(WORDS)).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    // And back.
    let wrong = world.app.remove_passphrase(&caller(), passphrase("not this one at all")).await;
    assert!(matches!(wrong, Err(Error::WrongPassphrase)));
    world.app.remove_passphrase(&caller(), passphrase(WORDS)).await.unwrap();
    assert_eq!(world.keychain.items.lock().unwrap().len(), 1);
    world.restart().await;
    assert_eq!(use_it(&world).await, Ok(200));
}

#[tokio::test]
async fn without_any_keychain_a_passphrase_founds_the_vault() {
    let mut world = World::new().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Absent { reason: "no bus".into() });
    assert_eq!(view(&world).await.state, VaultWord::KeychainAbsent);
    let short = world.app.set_passphrase(&caller(), Opener::Keychain, Secret::new("short"), false).await;
    assert_eq!(short.unwrap_err().kind(), ErrorKind::InvalidInput);
    set(&world, false).await;
    world.connected("Demo").await;
    world.restart().await;
    assert_eq!(use_it(&world).await, Err(ErrorKind::Locked));
    world.app.unlock(&caller(), passphrase(WORDS)).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
}

#[tokio::test]
async fn a_recovery_kit_opens_what_the_keychain_lost() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    let file = world.folder.path().join("kit.txt").display().to_string();
    world.app.make_recovery_kit(&caller(), Opener::Keychain, &file).await.unwrap();
    let kit = || Secret::new(std::fs::read_to_string(&file).unwrap());
    let again = world.app.make_recovery_kit(&caller(), Opener::Keychain, &file).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict, "a file is never replaced");
    // It counts once it was tested.
    assert!(!view(&world).await.unlock.recovery);
    world.app.test_recovery_kit(&caller(), kit()).await.unwrap();
    world.app.rotate(&caller()).await.unwrap();
    let held = std::mem::take(&mut *world.keychain.items.lock().unwrap());
    world.restart().await;
    let seen = view(&world).await;
    assert!(seen.state == VaultWord::KeyMissing && seen.unlock.recovery, "{seen:?}");
    let foreign = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let wrong = world.app.unlock(&caller(), Opener::Recovery(Secret::new(foreign))).await;
    assert!(matches!(wrong, Err(Error::WrongRecoveryKey)));
    world.app.unlock(&caller(), Opener::Recovery(kit())).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    assert_eq!(*world.keychain.items.lock().unwrap(), held, "the key is back where it was");
    world.restart().await;
    assert_eq!(use_it(&world).await, Ok(200));
    // A newer kit takes its place once it was tested.
    let newer = world.folder.path().join("newer.txt").display().to_string();
    world.app.make_recovery_kit(&caller(), Opener::Keychain, &newer).await.unwrap();
    world.app.test_recovery_kit(&caller(), kit()).await.unwrap();
    world.app.make_recovery_kit(&caller(), Opener::Keychain, &(newer.clone() + ".2")).await.unwrap();
    let second = Secret::new(std::fs::read_to_string(newer + ".2").unwrap());
    world.app.test_recovery_kit(&caller(), second).await.unwrap();
    let old = world.app.test_recovery_kit(&caller(), kit()).await;
    assert!(matches!(old, Err(Error::WrongRecoveryKey)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_on_their_way_when_a_person_locks_are_not_lost() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    world.sandbox.expire_access_tokens();
    let slow = FaultKind::Delay { ms: 400 };
    world.sandbox.set_faults(vec![Fault {
        route: "/token".into(),
        method: None,
        nth: Nth::Every,
        kind: slow,
    }]);
    let asked = || world.sandbox.journal().iter().filter(|entry| entry.path == "/token").count();
    let before = asked();
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let (app, me) = (Arc::clone(&world.app), caller());
    let call = tokio::spawn(async move { app.request(&me, "Demo", wanted).await.map(|reply| reply.status) });
    while asked() == before {
        tokio::task::yield_now().await;
    }
    world.app.lock(&caller()).await.unwrap();
    // Whoever asked before is answered; the rotated pair is stored.
    assert_eq!(call.await.unwrap().unwrap(), 200);
    assert_eq!(use_it(&world).await, Err(ErrorKind::Locked));
    // Locked is locked, over a restart too.
    world.restart().await;
    world.app.tick().await;
    assert_eq!(use_it(&world).await, Err(ErrorKind::Locked));
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    assert_eq!(use_it(&world).await, Ok(200));
    assert_eq!(world.token_requests("refresh_token"), ["rotated"]);
}
