//! Replacing the keys: nothing is lost, whatever fails on the way, and what was removed opens nowhere after.

use crate::harness::{World, caller};
use hearthkey_api::views::{VaultView, VaultWord};
use hearthkey_core::connections::UsageRequest;
use hearthkey_core::doctor::Finding;
use hearthkey_core::{Error, ErrorKind};
use hearthkey_domain::ports::KeyStoreError;
use jiff::SignedDuration;
use std::fs;

async fn works(world: &World, label: &str) -> bool {
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    world.app.request(&caller(), label, wanted).await.is_ok_and(|reply| reply.status == 200)
}

fn keychain(world: &World) -> String {
    let items = world.keychain.items.lock().unwrap();
    assert_eq!(items.len(), 1);
    items.values().next().unwrap().clone()
}

async fn state(world: &World) -> VaultWord {
    VaultView::from(world.app.vault_state(true).await.unwrap()).state
}

#[tokio::test]
async fn every_key_is_another_and_everything_opens() {
    let mut world = World::new().await;
    for label in ["One", "Two", "Three"] {
        world.connected(label).await;
    }
    // One that waits for its browser.
    let flow = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    let before = keychain(&world);
    let rotated = world.app.rotate(&caller()).await.unwrap();
    assert_eq!((rotated.generation, rotated.rows), (2, 4));
    let after = keychain(&world);
    assert!(after.starts_with("ks1;g=2:") && after.matches("g=").count() == 1, "only the new one is held");
    assert!(!after.contains(&before[8..]));
    for label in ["One", "Two", "Three"] {
        assert!(works(&world, label).await, "{label}");
    }
    assert_eq!(crate::harness::browse(flow.authorize_url.as_str()).await.0, 200);
    world.restart().await;
    assert_eq!(world.app.rotate(&caller()).await.unwrap().generation, 3);
    world.restart().await;
    for label in ["One", "Two", "Three"] {
        assert!(works(&world, label).await, "{label}");
    }
}

#[tokio::test]
async fn an_image_of_before_and_the_keychain_of_after_reveal_nothing_that_was_removed() {
    let mut world = World::new().await;
    world.connected("Kept").await;
    let gone = world.connected("Gone").await;
    let database = world.folder.path().join("vault.db");
    let image = world.folder.path().join("image.db");
    let sql = rusqlite::Connection::open(&database).unwrap();
    sql.execute("VACUUM INTO ?1", [image.display().to_string()]).unwrap();
    drop(sql);
    world.app.disconnect(&caller(), "Gone", true, false).await.unwrap();
    world.app.tick().await;
    assert!(works(&world, "Kept").await);
    // The whole image under the keychain of after.
    let present = fs::read(&database).unwrap();
    world
        .change_database(|file| {
            fs::copy(&image, file).unwrap();
        })
        .await;
    assert_eq!(state(&world).await, VaultWord::KeyMissing);
    // Its rows, put back into the database of after.
    world
        .change_database(|file| {
            fs::write(&file, present).unwrap();
            let sql = rusqlite::Connection::open(file).unwrap();
            sql.execute("ATTACH ?1 AS image", [image.display().to_string()]).unwrap();
            for table in ["connections", "credentials"] {
                let column = if table == "connections" { "id" } else { "connection" };
                let back = format!("INSERT INTO {table} SELECT * FROM image.{table} WHERE {column} = ?1");
                assert_eq!(sql.execute(&back, [gone.id.to_string()]).unwrap(), 1);
            }
        })
        .await;
    assert!(works(&world, "Kept").await);
    let wanted = UsageRequest { method: "GET".into(), path: "/api/profile".into(), ..Default::default() };
    let refused = world.app.request(&caller(), &gone.id.to_string(), wanted).await.unwrap_err();
    assert!(matches!(refused, Error::NotUsable { .. } | Error::Unreadable { .. }), "{refused}");
    let restored = world.app.restore_connection(&caller(), &gone.id.to_string()).await;
    drop(restored);
    let checks = world.app.examine().await;
    let vault = checks.iter().find(|check| check.id == "vault").unwrap();
    assert!(vault.detail.contains("unreadable: Gone"), "{}", vault.detail);
}

#[tokio::test]
async fn a_keychain_that_fails_on_the_way_costs_nothing() {
    let mut world = World::new().await;
    world.connected("Demo").await;
    // Not even begun.
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    assert_eq!(world.app.rotate(&caller()).await.unwrap_err().kind(), ErrorKind::KeychainUnavailable);
    *world.keychain.trouble.lock().unwrap() = None;
    assert!(keychain(&world).starts_with("ks1;g=1:"));
    assert!(works(&world, "Demo").await);
    // A rotation that did not get further than the keychain.
    let present = keychain(&world);
    let newer = hearthkey_vault::KeychainKey::parse(&present).unwrap().succeeded(1).unwrap();
    for item in world.keychain.items.lock().unwrap().values_mut() {
        item.clone_from(&newer.encode());
    }
    world.restart().await;
    assert!(works(&world, "Demo").await);
    world.app.tick().await;
    assert_eq!(keychain(&world), present, "what never came to be used is dropped");
    world.restart().await;
    assert!(works(&world, "Demo").await);
    assert_eq!(world.app.rotate(&caller()).await.unwrap().generation, 2);
    // One that did not get to tidy up.
    let (present, held) = (keychain(&world), newer.encode().to_string());
    let old = held.split_once(";g=1:").unwrap().1;
    for item in world.keychain.items.lock().unwrap().values_mut() {
        *item = format!("{present};g=1:{old}");
    }
    world.restart().await;
    assert!(works(&world, "Demo").await);
    world.app.tick().await;
    assert_eq!(keychain(&world), present, "the old key does not stay");
}

#[tokio::test]
async fn one_row_that_opens_under_no_key_keeps_its_chance_and_costs_no_other() {
    let mut world = World::new().await;
    world.connected("Good").await;
    let bad = world.connected("Bad").await;
    let policy = "UPDATE credentials SET policy = ?2 WHERE connection = ?1";
    let read = |file: &std::path::Path| -> String {
        let sql = rusqlite::Connection::open(file).unwrap();
        let select = "SELECT policy FROM credentials WHERE connection = ?1";
        sql.query_row(select, [bad.id.to_string()], |row| row.get(0)).unwrap()
    };
    let right = read(&world.folder.path().join("vault.db"));
    let change = |text: String| {
        let id = bad.id.to_string();
        move |file: std::path::PathBuf| {
            let sql = rusqlite::Connection::open(file).unwrap();
            assert_eq!(sql.execute(policy, [id, text]).unwrap(), 1);
        }
    };
    world.change_database(change("https://evil.example".into())).await;
    world.app.rotate(&caller()).await.unwrap();
    assert!(works(&world, "Good").await);
    assert!(!works(&world, "Bad").await);
    // A further rotation would take its key away.
    let refused = world.app.rotate(&caller()).await.unwrap_err();
    assert!(refused.to_string().contains("Bad"), "{refused}");
    let checks = world.app.examine().await;
    assert!(checks.iter().any(|check| check.id == "keys" && check.finding == Finding::Advice));
    // Mended, it opens, and the rotation is finished.
    world.change_database(change(right)).await;
    assert!(works(&world, "Bad").await);
    assert_eq!(world.app.rotate(&caller()).await.unwrap().generation, 3);
    assert!(works(&world, "Bad").await && works(&world, "Good").await);
}

#[tokio::test]
async fn a_rotation_among_refreshes_loses_no_token() {
    let world = World::new().await;
    for number in 0..6 {
        world.connected(&format!("Demo {number}")).await;
    }
    for _ in 0..3 {
        world.clock.advance(SignedDuration::from_mins(1));
        world.sandbox.expire_access_tokens();
        let labels: Vec<String> = (0..6).map(|number| format!("Demo {number}")).collect();
        let calls = labels.iter().map(|label| works(&world, label));
        let all = futures::future::join_all(calls);
        let me = caller();
        let (rotated, worked) = tokio::join!(world.app.rotate(&me), all);
        rotated.unwrap();
        assert!(worked.iter().all(|worked| *worked), "{worked:?}");
    }
    assert_eq!(world.token_requests("refresh_token").iter().filter(|o| *o == "rotated").count(), 18);
}
