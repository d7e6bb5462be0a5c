//! The readers: a few threads with a read-only connection each, and the async door to them.
//!
//! A read waits for a free reader, never for the writer.

use crate::failure::{failed, failure};
use hearthkey_domain::ports::StoreError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

/// How many reads run at once. The statements are short; more would only hold more page caches.
const READERS: usize = 4;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Threads that read. Dropping them waits for the reads in progress.
pub(crate) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts the threads, each with a connection from `open`.
    pub(crate) fn start(
        name: &str,
        open: impl Fn() -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut readers = Self { jobs: Some(jobs), threads: Vec::with_capacity(READERS) };
        for _ in 0..READERS {
            let connection = open()?;
            let waiting = Arc::clone(&waiting);
            let thread = Builder::new()
                .name(format!("{name} reader"))
                .spawn(move || serve(connection, &waiting))
                .map_err(failed)?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs `job` in a read transaction, so that its statements see one state. A panic in it is its own failure only.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if reply.is_closed() {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let state = connection.transaction().map_err(failure)?;
                job(&state)
            }));
            // A caller that no longer waits is no failure.
            let _ = reply.send(outcome.unwrap_or_else(|_| Err(failed("a read panicked"))));
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }

    /// Hands over a job that nobody waits for.
    pub(crate) fn post(&self, job: fn(&Connection)) {
        let job: Job = Box::new(move |connection| {
            if catch_unwind(AssertUnwindSafe(|| job(connection))).is_err() {
                tracing::error!("a read panicked");
            }
        });
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            tracing::warn!("a read came after the end of the readers");
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the database ended by a panic");
            }
        }
    }
}

fn serve(mut connection: Connection, waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting, by one idle reader, and released before the job runs.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(&mut connection),
            Err(_) => return,
        }
    }
}

fn closed() -> StoreError {
    failed("the database is closed")
}
