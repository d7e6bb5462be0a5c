//! The vault in trouble: each state has its name and its way out, nothing is regenerated over sealed data, and all is well
//! once the state is mended.

use crate::harness::{World, caller};
use hearthkey_core::ErrorKind;
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::ports::KeyStoreError;
use hearthkey_vault::KeychainKey;

async fn use_it(world: &World) -> Result<u16, ErrorKind> {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let reply = world.app.request(&caller(), "Demo", wanted).await;
    reply.map(|reply| reply.status).map_err(|error| error.kind())
}

async fn word(world: &World) -> Option<&'static str> {
    world.app.vault_state(true).await.unwrap().map(|trouble| trouble.word())
}

#[tokio::test]
async fn a_keychain_in_trouble_is_named_and_all_is_well_after() {
    for (trouble, name) in [
        (KeyStoreError::Absent { reason: "no bus".into() }, "keychain_absent"),
        (KeyStoreError::Locked, "keychain_locked"),
        (KeyStoreError::Hanging { seconds: 5 }, "keychain_hanging"),
        (KeyStoreError::Refused { reason: "x".into() }, "keychain_refused"),
    ] {
        let mut world = World::new().await;
        world.connected("Demo").await;
        world.restart().await;
        *world.keychain.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(word(&world).await, Some(name));
        assert_eq!(use_it(&world).await, Err(ErrorKind::KeychainUnavailable));
        assert_eq!(world.app.connections().await.unwrap().len(), 1, "the list needs no key");
        *world.keychain.trouble.lock().unwrap() = None;
        assert_eq!(word(&world).await, None);
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
        assert_eq!(word(&world).await, Some("key_missing"));
        assert_eq!(use_it(&world).await, Err(ErrorKind::KeyLost));
    }
    assert!(world.keychain.items.lock().unwrap().is_empty(), "nothing was written to the keychain");
    *world.keychain.items.lock().unwrap() = kept;
    assert_eq!(word(&world).await, None);
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
    assert_eq!(word(&world).await, Some("wrong_key"));
    for item in world.keychain.items.lock().unwrap().values_mut() {
        *item = "not a key at all".to_owned();
    }
    assert_eq!(word(&world).await, Some("wrong_key"));
}

#[tokio::test]
async fn a_first_start_without_keychain_founds_nothing() {
    let world = World::new().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    assert_eq!(word(&world).await, Some("keychain_locked"));
    assert!(world.app.workspace().await.is_err());
    *world.keychain.trouble.lock().unwrap() = None;
    assert_eq!(word(&world).await, None);
    assert_eq!(world.app.workspace().await.unwrap().name, "Personal");
}
