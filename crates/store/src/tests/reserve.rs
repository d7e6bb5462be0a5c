//! The room kept for a full disk: what it is good for, and when it is there.

use super::disk::Disk;
use super::*;
use crate::reserve::{Reserve, SIZE};
use std::path::Path;

fn reserve_of(path: &Path) -> PathBuf {
    path.with_extension("db.reserve")
}

fn open_on(disk: &Disk) -> Database {
    Database::open(&disk.path().join("notes.db"), "notes", NOTES).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_is_made_of_bytes_that_take_room_and_is_kept() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    let database = place.open();
    let made = std::fs::metadata(reserve_of(&place.path())).unwrap();
    assert_eq!((made.len(), made.mode() & 0o777), (SIZE as u64, 0o600));
    assert!(made.blocks() * 512 >= SIZE as u64, "{} blocks", made.blocks());
    let bytes = std::fs::read(reserve_of(&place.path())).unwrap();
    let pages: std::collections::HashSet<_> = bytes.chunks(4096).collect();
    assert_eq!(pages.len(), SIZE / 4096, "no two pages are alike");
    assert!(database.has_reserve().await);
    drop(database);
    let database = place.open();
    assert!(database.has_reserve().await);
    assert_eq!(
        std::fs::metadata(reserve_of(&place.path())).unwrap().ino(),
        made.ino(),
        "it was not made again"
    );
}

#[tokio::test]
async fn one_that_is_missing_or_half_made_is_made_again() {
    let place = Place::new();
    let database = place.open();
    std::fs::remove_file(reserve_of(&place.path())).unwrap();
    assert!(database.has_reserve().await);
    std::fs::write(reserve_of(&place.path()), "half").unwrap();
    assert!(database.has_reserve().await);
    assert_eq!(std::fs::metadata(reserve_of(&place.path())).unwrap().len(), SIZE as u64);
}

#[tokio::test]
async fn a_group_that_finds_the_disk_full_is_written_with_its_room() {
    let Some(disk) = Disk::new(4096) else { return };
    let database = open_on(&disk);
    let path = disk.path().join("notes.db");
    disk.fill(0);
    let long = "long".repeat(10_000);
    let jobs: Vec<Work> =
        vec![Box::new(add(1, &long)), Box::new(|_| Err(StoreError::Conflict)), Box::new(add(3, &long))];
    let database = std::sync::Arc::new(database);
    let (outcomes, found) = as_one_group(&database, jobs).await;
    assert!(matches!(outcomes[..], [Ok(1), Err(StoreError::Conflict), Ok(3)]), "{outcomes:?}");
    assert_eq!(found, [1, 3]);
    assert!(!reserve_of(&path).exists());
    // What is left of its room goes on being used, and it is not said to be there; nor does the attempt to make it take room.
    assert!(!database.has_reserve().await);
    assert!(!reserve_of(&path).exists());
    database.write(add(4, &long)).await.unwrap();
    disk.clear();
    assert!(database.has_reserve().await);
    let database = std::sync::Arc::into_inner(database).unwrap();
    drop(database);
    assert_eq!(open_on(&disk).read(ids).await.unwrap(), [1, 3, 4]);
}

#[tokio::test]
async fn its_room_is_free_though_another_program_has_it_open() {
    let Some(disk) = Disk::new(4096) else { return };
    let database = open_on(&disk);
    let held = std::fs::File::open(reserve_of(&disk.path().join("notes.db"))).unwrap();
    disk.fill(0);
    database.write(add(1, &"long".repeat(10_000))).await.unwrap();
    drop(held);
}

#[tokio::test]
async fn without_it_a_full_disk_is_said_and_nothing_is_half_written() {
    let Some(disk) = Disk::new(4096) else { return };
    let database = open_on(&disk);
    let path = disk.path().join("notes.db");
    database.write(add(1, "before")).await.unwrap();
    std::fs::remove_file(reserve_of(&path)).unwrap();
    disk.fill(0);
    let long = "long".repeat(10_000);
    for _ in 0..3 {
        let refused = database.write(add(2, &long)).await;
        assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
        assert!(!database.has_reserve().await);
    }
    assert_eq!(database.read(ids).await.unwrap(), [1], "it can be read");
    disk.clear();
    database.write(add(3, &long)).await.unwrap();
    assert!(database.has_reserve().await);
    drop(database);
    assert_eq!(open_on(&disk).read(ids).await.unwrap(), [1, 3]);
}

#[tokio::test]
async fn deleting_works_on_a_full_disk_and_the_log_is_cut() {
    let Some(disk) = Disk::new(6144) else { return };
    let database = open_on(&disk);
    database.write(add(1, &"SECRET-MARK".repeat(10_000))).await.unwrap();
    disk.fill(0);
    let delete = |sqlite: &Connection| sqlite.execute("DELETE FROM notes", []).map_err(failure);
    assert_eq!(database.writer().run_and_cut_log(delete).await.unwrap(), 1);
    for entry in std::fs::read_dir(disk.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"SECRET-MARK"), "{path:?}");
    }
}

#[tokio::test]
async fn the_log_is_cut_with_its_room() {
    let Some(disk) = Disk::new(4096) else { return };
    let database = open_on(&disk);
    database.write(add(1, &"long".repeat(100_000))).await.unwrap();
    // Enough for the next row, but not for what the log holds to be moved into the database.
    disk.fill(64);
    database.writer().run_and_cut_log(add(2, "short")).await.unwrap();
    assert_eq!(std::fs::metadata(disk.path().join("notes.db-wal")).unwrap().len(), 0);
    assert!(!reserve_of(&disk.path().join("notes.db")).exists());
}

#[tokio::test]
async fn a_job_that_says_the_disk_is_full_is_run_again() {
    let place = Place::new();
    let database = place.open();
    let mut runs = 0;
    let job = move |sqlite: &Connection| {
        runs += 1;
        add(runs, "once")(sqlite)?;
        if runs == 1 { Err(StoreError::DiskFull) } else { Ok(runs) }
    };
    assert_eq!(database.write(job).await.unwrap(), 2);
    assert_eq!(database.read(ids).await.unwrap(), [2], "the first run is undone");
    assert!(!reserve_of(&place.path()).exists());
}

#[tokio::test]
async fn a_full_disk_is_no_reason_not_to_start() {
    // What is left free when Hearthkey starts, in KiB: nothing at all, or less than the log's index takes.
    for left in [0, 4, 16] {
        let Some(disk) = Disk::new(4096) else { return };
        let path = disk.path().join("notes.db");
        drop(open_on(&disk));
        assert!(reserve_of(&path).exists());
        disk.fill(left);
        let database = open_on(&disk);
        assert!(database.read(ids).await.unwrap().is_empty());
        database.write(add(1, "written")).await.unwrap();
        drop(database);
        assert_eq!(open_on(&disk).read(ids).await.unwrap(), [1]);
    }
}

#[test]
fn without_it_a_full_disk_is_said_at_the_start() {
    let Some(disk) = Disk::new(4096) else { return };
    let path = disk.path().join("notes.db");
    drop(open_on(&disk));
    std::fs::remove_file(reserve_of(&path)).unwrap();
    disk.fill(0);
    let before = std::fs::read(&path).unwrap();
    let refused = Database::open(&path, "notes", NOTES).err();
    assert!(matches!(refused, Some(StoreError::DiskFull)), "{refused:?}");
    assert!(std::fs::read(&path).unwrap() == before);
    assert!(!reserve_of(&path).exists());
}

#[test]
fn one_that_finds_no_room_leaves_nothing() {
    let Some(disk) = Disk::new(1024) else { return };
    let reserve = Reserve::beside(&disk.path().join("notes.db"));
    disk.fill(512);
    assert!(!reserve.ensure());
    assert!(!reserve_of(&disk.path().join("notes.db")).exists());
    assert!(!reserve.release(), "there is nothing to give up");
}
