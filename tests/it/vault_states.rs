//! The vault in trouble: each state has its name and its way out, nothing is regenerated over sealed data, and all is well
//! once the state is mended.

use crate::harness::{World, browse, caller};
use hearthkey_api::views::{VaultView, VaultWord};
use hearthkey_core::ErrorKind;
use hearthkey_core::changes::Topic;
use hearthkey_core::connections::UsageRequest;
use hearthkey_core::vault_gate::Glance;
use hearthkey_domain::ports::KeyStoreError;
use hearthkey_vault::KeychainKey;

async fn use_it(world: &World) -> Result<u16, ErrorKind> {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let reply = world.app.request(&caller(), "Demo", wanted).await;
    reply.map(|reply| reply.status).map_err(|error| error.kind())
}

async fn state(world: &World) -> VaultWord {
    VaultView::from(world.app.vault_state(true).await.unwrap()).state
}

#[tokio::test]
async fn a_keychain_in_trouble_is_named_and_all_is_well_after() {
    for (trouble, name) in [
        (KeyStoreError::Absent { reason: "no bus".into() }, VaultWord::KeychainAbsent),
        (KeyStoreError::Locked, VaultWord::KeychainLocked),
        (KeyStoreError::Hanging { seconds: 5 }, VaultWord::KeychainHanging),
        (KeyStoreError::Refused { reason: "x".into() }, VaultWord::KeychainRefused),
    ] {
        let mut world = World::new().await;
        world.connected("Demo").await;
        world.restart().await;
        *world.keychain.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(state(&world).await, name);
        assert_eq!(use_it(&world).await, Err(ErrorKind::KeychainUnavailable));
        assert_eq!(world.app.connections(&caller()).await.unwrap().len(), 1, "the list needs no key");
        *world.keychain.trouble.lock().unwrap() = None;
        assert_eq!(state(&world).await, VaultWord::Open);
        assert_eq!(use_it(&world).await, Ok(200));
    }
}

#[tokio::test]
async fn no_key_is_made_over_sealed_data() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    let kept = std::mem::take(&mut *world.keychain.items.lock().unwrap());
    world.restart().await;
    for _ in 0..10 {
        assert_eq!(state(&world).await, VaultWord::KeyMissing);
        assert_eq!(use_it(&world).await, Err(ErrorKind::KeyLost));
    }
    assert!(world.keychain.items.lock().unwrap().is_empty(), "nothing was written to the keychain");
    *world.keychain.items.lock().unwrap() = kept;
    assert_eq!(state(&world).await, VaultWord::Open);
    assert_eq!(use_it(&world).await, Ok(200));
}

#[tokio::test]
async fn another_vaults_key_is_not_a_corrupt_row() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    let foreign = KeychainKey::generate().unwrap().encode().to_string();
    for item in world.keychain.items.lock().unwrap().values_mut() {
        item.clone_from(&foreign);
    }
    world.restart().await;
    assert_eq!(state(&world).await, VaultWord::WrongKey);
    for item in world.keychain.items.lock().unwrap().values_mut() {
        *item = "not a key at all".to_owned();
    }
    assert_eq!(state(&world).await, VaultWord::WrongKey);
}

#[tokio::test]
async fn a_first_start_without_keychain_founds_nothing() {
    let world = World::new().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    assert_eq!(state(&world).await, VaultWord::KeychainLocked);
    assert!(world.app.workspace(&caller()).await.is_err());
    *world.keychain.trouble.lock().unwrap() = None;
    assert_eq!(state(&world).await, VaultWord::Open);
    assert_eq!(world.app.workspace(&caller()).await.unwrap().name, "Personal");
}

#[tokio::test]
async fn a_glance_asks_nobody_and_the_changes_tell_the_rest() {
    let world = World::new().await;
    let mut changes = world.app.watch_changes();
    assert_eq!(world.app.glance_at_vault().await.unwrap(), Glance::Opening);
    while changes.next().await.unwrap() != Topic::Vault {}
    assert_eq!(world.app.glance_at_vault().await.unwrap(), Glance::Open);
}

#[tokio::test]
async fn a_return_to_a_closed_vault_waits_for_it() {
    let mut world = World::new().await;
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    world.restart().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    world.app.resume_authorizations().await.unwrap();
    let (status, page) = browse(flow.authorize_url.as_str()).await;
    assert_eq!(status, 503, "{page}");
    assert!(page.contains("load this page again"), "{page}");
    *world.keychain.trouble.lock().unwrap() = None;
    assert_eq!(state(&world).await, VaultWord::Open);
    assert_eq!(browse(flow.authorize_url.as_str()).await.0, 200);
    assert_eq!(world.app.connections(&caller()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_removal_waits_for_the_vault_so_that_the_provider_is_told() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    world.app.disconnect(&caller(), "Demo", false, false).await.unwrap();
    world.restart().await;
    world.clock.advance(jiff::SignedDuration::from_secs(31));
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    world.app.tick().await;
    assert_eq!(world.app.connections(&caller()).await.unwrap().len(), 1);
    *world.keychain.trouble.lock().unwrap() = None;
    assert_eq!(state(&world).await, VaultWord::Open);
    world.app.tick().await;
    assert_eq!(world.app.connections(&caller()).await.unwrap(), []);
    assert!(world.sandbox.journal().iter().any(|entry| entry.path == "/revoke"));
}

#[tokio::test]
async fn the_doctor_founds_nothing() {
    let world = World::new().await;
    let checks = world.app.examine().await;
    assert!(checks.iter().any(|check| check.detail.contains("not founded yet")));
    assert!(world.keychain.items.lock().unwrap().is_empty());
}
