//! The writer and the readers: groups, failures, panics.

use super::*;

#[tokio::test]
async fn a_failing_job_is_undone_alone() {
    let place = Place::new();
    let half_done: Work = Box::new(|sqlite| {
        add(2, "half")(sqlite)?;
        Err(StoreError::Conflict)
    });
    let jobs: Vec<Work> =
        vec![Box::new(add(1, "a")), half_done, Box::new(add(1, "twice")), Box::new(add(3, "c"))];
    let (outcomes, found) = as_one_group(&Arc::new(place.open()), jobs).await;
    assert!(
        matches!(outcomes[..], [Ok(1), Err(StoreError::Conflict), Err(StoreError::Failed { .. }), Ok(3)]),
        "{outcomes:?}"
    );
    assert_eq!(found, [1, 3]);
}

#[tokio::test]
async fn a_panicking_job_harms_neither_the_writer_nor_its_group() {
    let place = Place::new();
    let panicking: Work = Box::new(|sqlite| {
        add(2, "half")(sqlite)?;
        panic!("secret words of a caller")
    });
    let jobs: Vec<Work> = vec![Box::new(add(1, "a")), panicking, Box::new(add(3, "c"))];
    let (outcomes, found) = as_one_group(&Arc::new(place.open()), jobs).await;
    let Err(StoreError::Failed { reason }) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert!(!reason.contains("secret"), "{reason}");
    assert!(matches!((&outcomes[0], &outcomes[2]), (Ok(1), Ok(3))), "{outcomes:?}");
    assert_eq!(found, [1, 3]);
}

#[tokio::test]
async fn a_group_that_cannot_be_committed_fails_as_a_whole() {
    let place = Place::new();
    let database = place.open();
    let orphan: Work = Box::new(|sqlite| {
        sqlite
            .execute_batch(
                "CREATE TABLE child (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED);
                 INSERT INTO child VALUES (99)",
            )
            .map(|()| 0)
            .map_err(failure)
    });
    let refused: Work = Box::new(|_| Err(StoreError::Conflict));
    let jobs: Vec<Work> = vec![Box::new(add(1, "a")), orphan, refused];
    let (outcomes, found) = as_one_group(&Arc::new(database), jobs).await;
    assert!(
        matches!(
            outcomes[..],
            [Err(StoreError::Failed { .. }), Err(StoreError::Failed { .. }), Err(StoreError::Conflict)]
        ),
        "{outcomes:?}"
    );
    assert!(found.is_empty());
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_writer_goes_on() {
    let place = Place::new();
    let database = place.open();
    database
        .write(|sqlite| {
            // The limit is kept by this connection; it stands for a disk with room for a page or two.
            sqlite.query_row("PRAGMA max_page_count = 5", [], |_| Ok(())).map_err(failure)
        })
        .await
        .unwrap();
    let jobs: Vec<Work> =
        vec![Box::new(add(1, "a")), Box::new(add(2, &"large".repeat(20_000))), Box::new(add(3, "c"))];
    let (outcomes, found) = as_one_group(&Arc::new(database), jobs).await;
    // SQLite gives up the whole transaction, and the first job with it; the third then has one of its own.
    assert!(
        matches!(outcomes[..], [Err(StoreError::DiskFull), Err(StoreError::DiskFull), Ok(3)]),
        "{outcomes:?}"
    );
    assert_eq!(found, [3]);
}

#[tokio::test]
async fn jobs_that_could_not_begin_hear_why_and_the_next_ones_run() {
    let place = Place::new();
    let database = place.open();
    let hasty = |sqlite: &Connection| sqlite.busy_timeout(std::time::Duration::ZERO).map_err(failure);
    database.write(hasty).await.unwrap();
    let beside = Connection::open(place.path()).unwrap();
    beside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = database.write(add(1, "a")).await;
    assert!(
        matches!(&refused, Err(StoreError::Failed { reason }) if reason.contains("locked")),
        "{refused:?}"
    );
    beside.execute_batch("ROLLBACK").unwrap();
    database.write(add(2, "b")).await.unwrap();
    assert_eq!(database.read(ids).await.unwrap(), [2]);
}

#[tokio::test]
async fn nobody_hears_of_success_before_the_commit() {
    let place = Place::new();
    let database = Arc::new(place.open());
    let mut tasks = JoinSet::new();
    let open = hold_writer(&database, &mut tasks).await;
    let writing = tokio::spawn({
        let database = database.clone();
        async move { database.write(add(1, "a")).await }
    });
    tokio::task::yield_now().await;
    assert!(!writing.is_finished());
    assert!(database.read(ids).await.unwrap().is_empty());
    drop(open);
    writing.await.unwrap().unwrap();
    assert_eq!(database.read(ids).await.unwrap(), [1]);
}

#[tokio::test]
async fn what_was_handed_over_is_written_though_nobody_waits() {
    let place = Place::new();
    {
        let database = Arc::new(place.open());
        let mut tasks = JoinSet::new();
        let open = hold_writer(&database, &mut tasks).await;
        let abandoned = tokio::spawn({
            let database = database.clone();
            async move { database.write(add(1, "a")).await }
        });
        tokio::task::yield_now().await;
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        database.writer().post(|sqlite| add(2, "lazy")(sqlite).map(drop));
        drop(open);
        while tasks.join_next().await.is_some() {}
    }
    assert_eq!(place.open().read(ids).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn readers_cannot_write_and_outlive_a_panic() {
    let place = Place::new();
    let database = place.open();
    let refused = database.read(add(1, "a")).await;
    assert!(matches!(refused, Err(StoreError::Failed { .. })), "{refused:?}");
    for _ in 0..10 {
        let panicked = database.read(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(StoreError::Failed { .. })));
    }
    assert!(database.read(ids).await.unwrap().is_empty());
}
