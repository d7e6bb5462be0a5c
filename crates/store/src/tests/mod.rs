//! The file and its threads, with a table of their own instead of `vault.db`'s.

pub(crate) mod disk;
mod file;
mod reserve;
mod threads;

use crate::database::Database;
use crate::failure::failure;
use hearthkey_domain::ports::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use tempfile::TempDir;
use tokio::task::JoinSet;

const NOTES: &[&str] = &["CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"];

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("notes.db")
    }

    fn open(&self) -> Database {
        Database::open(&self.path(), "notes", NOTES).unwrap()
    }
}

fn add(id: i64, text: &str) -> impl Fn(&Connection) -> Result<i64, StoreError> + Send + 'static {
    let text = text.to_owned();
    move |sqlite| {
        sqlite.execute("INSERT INTO notes VALUES (?1, ?2)", (id, &text)).map(|_| id).map_err(failure)
    }
}

fn ids(sqlite: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut statement = sqlite.prepare("SELECT id FROM notes ORDER BY id").map_err(failure)?;
    let rows = statement.query_map([], |row| row.get(0)).map_err(failure)?;
    rows.collect::<Result<_, _>>().map_err(failure)
}

/// Holds the writer in a job until the returned sender is used or dropped, so that the jobs handed over meanwhile become
/// one group.
async fn hold_writer(database: &Arc<Database>, tasks: &mut JoinSet<()>) -> mpsc::Sender<()> {
    let (open, gate) = mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let (database, mut entered) = (database.clone(), Some(entered));
    tasks.spawn(async move {
        let held = database.write(move |_| {
            let _ = entered.take().map(|entered| entered.send(()));
            let _ = gate.recv();
            Ok(())
        });
        held.await.unwrap();
    });
    inside.await.unwrap();
    open
}

type Work = Box<dyn Fn(&Connection) -> Result<i64, StoreError> + Send>;

/// Runs `jobs` as one group and gives their outcomes in order.
async fn as_one_group(database: &Arc<Database>, jobs: Vec<Work>) -> (Vec<Result<i64, StoreError>>, Vec<i64>) {
    let mut tasks = JoinSet::new();
    let open = hold_writer(database, &mut tasks).await;
    // The first poll of each hands its job over; only then is the writer let go.
    let mut waiting = Vec::new();
    for job in jobs {
        let database = database.clone();
        waiting.push(tokio::spawn(async move { database.write(job).await }));
        tokio::task::yield_now().await;
    }
    drop(open);
    let mut outcomes = Vec::new();
    for outcome in waiting {
        outcomes.push(outcome.await.unwrap());
    }
    let found = database.read(ids).await.unwrap();
    (outcomes, found)
}
