//! The keeper: one thread for what concerns whole files beside the database, so that neither a write nor a read waits for it.

use crate::failure::failed;
use hearthkey_domain::ports::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one thing at a time. Dropping it waits until all that was handed over is done.
pub(crate) struct Keeper {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(name: &str) -> Result<Self, StoreError> {
        let (jobs, waiting) = channel::<Job>();
        let thread = Builder::new()
            .name(format!("{name} keeper"))
            .spawn(move || waiting.into_iter().for_each(|job| job()))
            .map_err(failed)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job`. It runs to its end even if the caller stops waiting. A panic in it is its own failure only.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            // A caller that no longer waits is no failure.
            let _ = reply.send(outcome.unwrap_or_else(|_| Err(failed("the keeper of the copies panicked"))));
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper of the database's copies ended by a panic");
        }
    }
}

fn closed() -> StoreError {
    failed("the database is closed")
}
