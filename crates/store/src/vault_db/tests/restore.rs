//! A damaged file: it is refused as it is, set aside, and a copy takes its place.

use super::backups::copies;
use super::*;
use crate::Restored;
use crate::tests::disk::Disk;
use hearthkey_domain::ports::StoreError;

/// A vault with two copies: one connection at the first, two at the second, three now.
async fn backed_up(place: &Place) {
    let db = place.founded().await;
    for number in 1..=3 {
        add(&db, HOME, number, &format!("Connection {number}")).await;
        if number < 3 {
            db.back_up(at(i64::from(number))).await.unwrap();
        }
    }
}

async fn count(place: &Place) -> usize {
    place.open().connections(workspace(HOME)).await.unwrap().len()
}

fn restore(place: &Place) -> Result<Restored, StoreError> {
    VaultDb::restore_backup(&place.path(), at(100))
}

fn copy(place: &Place, second: i64) -> PathBuf {
    place.0.path().join(format!("backups/vault-20260921T1413{}Z.db", 20 + second))
}

#[tokio::test]
async fn what_is_no_database_is_damaged_and_left_as_it_is() {
    let place = Place::new();
    backed_up(&place).await;
    let sound = std::fs::read(place.path()).unwrap();
    let without_schema = [&sound[..100], &vec![0xA5; 3996], &sound[4096..]].concat();
    let other = Place::new();
    rusqlite::Connection::open(other.path()).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let cases: [(&str, Vec<u8>); 8] = [
        ("a letter", b"Dear reader".repeat(900)),
        ("nothing", Vec::new()),
        ("one byte", vec![0]),
        ("half a header", sound[..50].to_vec()),
        ("zeros", vec![0; sound.len()]),
        ("a page of schema that is none", without_schema),
        ("the first page only", sound[..4096].to_vec()),
        ("another database", std::fs::read(other.path()).unwrap()),
    ];
    for (what, bytes) in cases {
        std::fs::write(place.path(), &bytes).unwrap();
        std::fs::write(log_of(&place.path()), b"no log").unwrap();
        let refused = VaultDb::open(&place.path()).err();
        assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{what}: {refused:?}");
        assert!(std::fs::read(place.path()).unwrap() == bytes, "{what} was changed");
        assert_eq!(std::fs::read(log_of(&place.path())).unwrap(), b"no log", "{what}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_begun_anew_where_there_are_copies_or_a_log() {
    let place = Place::new();
    backed_up(&place).await;
    std::fs::remove_file(place.path()).unwrap();
    let refused = VaultDb::open(&place.path()).err();
    assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
    assert!(!place.path().exists());
    let restored = restore(&place).unwrap();
    assert_eq!((restored.made_at, restored.set_aside), (at(2), None));
    assert_eq!(count(&place).await, 2);

    let place = Place::new();
    std::fs::write(place.path(), "").unwrap();
    std::fs::write(log_of(&place.path()), "what was acknowledged").unwrap();
    let refused = VaultDb::open(&place.path()).err();
    assert!(matches!(refused, Some(StoreError::Damaged { .. })), "{refused:?}");
    assert!(log_of(&place.path()).exists());
    std::fs::remove_file(log_of(&place.path())).unwrap();
    place.founded().await;
}

#[tokio::test]
async fn the_newest_copy_takes_the_place_of_the_damaged_file_which_is_kept() {
    let place = Place::new();
    backed_up(&place).await;
    for (part, content) in [("", "damaged"), ("-wal", "its log"), ("-shm", "its index")] {
        std::fs::write(place.0.path().join(format!("vault.db{part}")), content).unwrap();
    }
    let restored = restore(&place).unwrap();
    let aside = place.0.path().join("vault.db.damaged-20260921T141500Z");
    assert_eq!(restored, Restored { copy: copy(&place, 2), made_at: at(2), set_aside: Some(aside.clone()) });
    assert_eq!(std::fs::read(&aside).unwrap(), b"damaged");
    assert_eq!(
        std::fs::read(log_of(&place.path()).with_file_name("vault.db.damaged-20260921T141500Z-wal")).unwrap(),
        b"its log"
    );
    assert_eq!(copies(place.0.path()).len(), 2, "the copy is still there");
    assert_eq!(count(&place).await, 2);
    // Once more in the same second: nothing is overwritten.
    std::fs::write(place.path(), "damaged again").unwrap();
    let again = restore(&place).unwrap().set_aside.unwrap();
    assert_eq!(std::fs::read(again).unwrap(), b"damaged again");
    assert_eq!(std::fs::read(&aside).unwrap(), b"damaged");
    assert_eq!(count(&place).await, 2);
    assert!(!place.0.path().join("vault.db.restoring").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_was_restored() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    backed_up(&place).await;
    std::fs::set_permissions(copy(&place, 2), std::fs::Permissions::from_mode(0o644)).unwrap();
    restore(&place).unwrap();
    assert_eq!(std::fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_copy_that_is_not_sound_is_passed_over() {
    let place = Place::new();
    backed_up(&place).await;
    let sound = std::fs::read(copy(&place, 2)).unwrap();
    let holed = [&sound[..sound.len() - 4096], &[0xA5; 4096]].concat();
    let newer = Place::new();
    std::fs::write(newer.path(), &sound).unwrap();
    newer.meddle("PRAGMA user_version = 99");
    let unfounded = Place::new();
    drop(unfounded.open());
    let cases: [(&str, Vec<u8>); 6] = [
        ("damaged in one page", holed),
        ("cut short", sound[..sound.len() - 4096].to_vec()),
        ("empty", Vec::new()),
        ("no database", b"Dear reader".repeat(900)),
        ("of a newer Hearthkey", std::fs::read(newer.path()).unwrap()),
        ("of a vault that was not founded", std::fs::read(unfounded.path()).unwrap()),
    ];
    for (what, bytes) in cases {
        std::fs::write(copy(&place, 2), bytes).unwrap();
        std::fs::write(place.path(), "damaged").unwrap();
        let restored = restore(&place).unwrap();
        assert_eq!(restored.copy, copy(&place, 1), "{what}");
        assert_eq!(count(&place).await, 1, "{what}");
    }
}

#[tokio::test]
async fn without_a_sound_copy_everything_stays_as_it_was() {
    let place = Place::new();
    std::fs::write(place.path(), "damaged").unwrap();
    for content in [None, Some("no database either")] {
        if let Some(content) = content {
            std::fs::create_dir(place.0.path().join("backups")).unwrap();
            std::fs::write(copy(&place, 2), content).unwrap();
        }
        let refused = restore(&place);
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
        assert_eq!(std::fs::read(place.path()).unwrap(), b"damaged");
        assert!(!place.0.path().join("vault.db.restoring").exists());
    }
}

#[tokio::test]
async fn without_room_for_it_everything_stays_as_it_was() {
    let Some(disk) = Disk::new(4096) else { return };
    let path = disk.path().join("vault.db");
    let db = VaultDb::open(&path).unwrap();
    db.found_vault(vault_record(), workspace_row(HOME), Vec::new()).await.unwrap();
    db.back_up(at(2)).await.unwrap();
    drop(db);
    std::fs::write(&path, "damaged").unwrap();
    disk.fill(0);
    // The reserve has room for a small vault.
    let reserve = std::fs::read(disk.path().join("vault.db.reserve")).unwrap();
    std::fs::remove_file(disk.path().join("vault.db.reserve")).unwrap();
    disk.fill(0);
    let refused = VaultDb::restore_backup(&path, at(100));
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
    disk.clear();
    std::fs::write(disk.path().join("vault.db.reserve"), reserve).unwrap();
    disk.fill(0);
    VaultDb::restore_backup(&path, at(100)).unwrap();
    assert!(VaultDb::open(&path).unwrap().vault_record().await.unwrap().is_some());
}
