//! The writer: one thread that owns the only connection that writes, and commits whatever waits as one group.
//!
//! A group costs one sync of the disk however many jobs it has. Each job has a savepoint, so that one that fails is undone
//! alone. Nobody hears of success before the commit. A group that finds the disk full gets the reserve's room and is run once
//! more, which is why a job can be run twice; what the first run did is undone by then.

use crate::database::checkpoint;
use crate::failure::{again, failed, failure, is_unsynced};
use crate::reserve::Reserve;
use hearthkey_domain::ports::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use tokio::sync::oneshot;

/// The most jobs of one group, so that the first of them does not wait for a crowd.
const GROUP_MAX: usize = 256;

/// The thread that writes. Dropping it writes what waits, takes the log in and closes the file.
pub(crate) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        name: &str,
        connection: Connection,
        reserve: Arc<Reserve>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = channel();
        let thread = Builder::new()
            .name(format!("{name} writer"))
            .spawn(move || serve(connection, reserve, &waiting))
            .map_err(failed)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job`, and returns what it returned once that is durable. A job that returns an error or panics leaves no trace.
    /// It runs to its end even if the caller stops waiting, and once more if the disk was full and now is not.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.submit(job, false)?;
        answer.await.map_err(|_| closed())?
    }

    /// As [`Writer::run`], then moves the log into the database and cuts it, so that nothing this job deleted stays in it.
    pub(crate) async fn run_and_cut_log<T: Send + 'static>(
        &self,
        job: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.submit(job, true)?;
        answer.await.map_err(|_| closed())?
    }

    /// Hands over a job that nobody waits for. It goes with the next group; its failure is only logged.
    pub(crate) fn post(&self, mut job: impl FnMut(&Connection) -> Result<(), StoreError> + Send + 'static) {
        let logged = move |connection: &Connection| {
            job(connection).inspect_err(|error| tracing::warn!(%error, "a lazy write was lost"))
        };
        if self.submit(logged, false).is_err() {
            tracing::warn!("a lazy write came after the end of the writer");
        }
    }

    fn submit<T: Send + 'static>(
        &self,
        job: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
        cuts_log: bool,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Task { work: job, outcome: None, reply, cuts_log });
        self.jobs.as_ref().and_then(|jobs| jobs.send(task).ok()).ok_or_else(closed)?;
        Ok(answer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the database ended by a panic");
        }
    }
}

/// One job, whatever it returns.
trait Job: Send {
    /// Does the work and keeps its outcome.
    fn work(&mut self, connection: &Connection);
    /// Why it did not do it; `None` after success.
    fn error(&self) -> Option<&StoreError>;
    /// Whether the log is cut after it.
    fn cuts_log(&self) -> bool;
    /// Tells the outcome: its own, unless that was success and `lost` says that the group came to nothing.
    fn reply(self: Box<Self>, lost: Option<&StoreError>);
}

struct Task<T, F> {
    work: F,
    /// Its own outcome, once it ran; of the last time, if it ran again.
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    cuts_log: bool,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, StoreError> + Send> Job for Task<T, F> {
    fn work(&mut self, connection: &Connection) {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        self.outcome = Some(outcome.unwrap_or_else(|_| Err(failed("a write panicked"))));
    }

    fn error(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    fn cuts_log(&self) -> bool {
        self.cuts_log
    }

    fn reply(self: Box<Self>, lost: Option<&StoreError>) {
        let outcome = match (self.outcome, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(again(error)),
            (Some(done), None) => done,
            (None, None) => Err(failed("the job was not run")),
        };
        // A caller that no longer waits is no failure.
        let _ = self.reply.send(outcome);
    }
}

fn serve(connection: Connection, reserve: Arc<Reserve>, waiting: &Receiver<Box<dyn Job>>) {
    let mut scribe = Scribe { connection, reserve, owes_cut: false, unsynced: None };
    while let Ok(first) = waiting.recv() {
        let mut jobs: VecDeque<_> =
            std::iter::once(first).chain(waiting.try_iter().take(GROUP_MAX - 1)).collect();
        while !jobs.is_empty() {
            scribe.write_group(&mut jobs);
        }
    }
    scribe.close();
}

/// The writing connection and what it still has to do.
struct Scribe {
    connection: Connection,
    reserve: Arc<Reserve>,
    /// A reader was in the way when the log was to be cut.
    owes_cut: bool,
    /// Set once the system failed to bring bytes to the disk. A later sync would report success without having done it, so
    /// nothing is written from then on.
    unsynced: Option<StoreError>,
}

impl Scribe {
    /// Runs jobs from the front until the group is committed or lost, and answers those it ran.
    fn write_group(&mut self, jobs: &mut VecDeque<Box<dyn Job>>) {
        let mut ran = Vec::with_capacity(jobs.len());
        let mut lost = self.commit_group(jobs, &mut ran).err();
        if matches!(lost, Some(StoreError::DiskFull)) && self.reserve.release() {
            tracing::warn!("the disk is full: the room kept for that was given up");
            for job in ran.drain(..).rev() {
                jobs.push_front(job);
            }
            lost = self.commit_group(jobs, &mut ran).err();
        }
        if let Some(error) = &lost {
            tracing::error!(%error, jobs = ran.len(), "a group of writes was not committed");
        }
        let (cutting, plain): (Vec<_>, Vec<_>) = ran.into_iter().partition(|job| job.cuts_log());
        for job in plain {
            job.reply(lost.as_ref());
        }
        self.owes_cut |= lost.is_none() && cutting.iter().any(|job| job.error().is_none());
        if self.owes_cut && self.unsynced.is_none() {
            self.cut_log();
        }
        for job in cutting {
            job.reply(lost.as_ref());
        }
    }

    fn commit_group(
        &mut self,
        jobs: &mut VecDeque<Box<dyn Job>>,
        ran: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StoreError> {
        // Nothing is open here, unless an earlier roll-back failed.
        self.roll_back();
        let begun = match &self.unsynced {
            Some(error) => Err(again(error)),
            None => self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failure),
        };
        if begun.is_err() {
            ran.extend(jobs.drain(..));
            return begun;
        }
        while let Some(mut job) = jobs.pop_front() {
            let kept = attempt(&self.connection, &mut *job);
            ran.push(job);
            if let Err(error) = kept {
                self.roll_back();
                return Err(error);
            }
        }
        self.connection.execute_batch("COMMIT").map_err(|error| {
            self.roll_back();
            self.note_unsynced(&error);
            failure(error)
        })
    }

    fn roll_back(&self) {
        if self.connection.is_autocommit() {
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn note_unsynced(&mut self, error: &rusqlite::Error) {
        if is_unsynced(error) {
            self.unsynced = Some(failed(format!(
                "a write could not be brought to the disk ({error}); nothing more is written until the next start"
            )));
        }
    }

    fn cut_log(&mut self) {
        let mut cut = self.checkpoint();
        if matches!(cut, Err(StoreError::DiskFull)) && self.reserve.release() {
            cut = self.checkpoint();
        }
        match cut {
            Ok(done) => self.owes_cut = !done,
            Err(error) => tracing::warn!(%error, "the log could not be cut"),
        }
        if self.owes_cut {
            tracing::warn!("deleted bytes stay in the log until the next write");
        }
    }

    fn checkpoint(&mut self) -> Result<bool, StoreError> {
        checkpoint(&self.connection).map_err(|error| {
            self.note_unsynced(&error);
            failure(error)
        })
    }

    fn close(mut self) {
        if self.unsynced.is_some() {
            let leave_log = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = leave_log {
                tracing::warn!(%error, "the log could not be left as it is");
            }
        } else {
            self.cut_log();
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the database could not be closed in order");
        }
    }
}

/// Runs one job in a savepoint and undoes it if it failed.
///
/// # Errors
/// When the whole transaction is gone or unusable: SQLite rolls it back by itself on some faults. A full disk counts as one,
/// whatever SQLite did, for the group may find room when it is run again.
fn attempt(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    connection.execute_batch("SAVEPOINT hearthkey_job").map_err(failure)?;
    job.work(connection);
    if connection.is_autocommit() {
        return Err(job.error().map_or_else(|| failed("a write ended its transaction"), again));
    }
    if let Some(StoreError::DiskFull) = job.error() {
        return Err(StoreError::DiskFull);
    }
    let end = match job.error() {
        None => "RELEASE hearthkey_job",
        Some(_) => "ROLLBACK TO hearthkey_job; RELEASE hearthkey_job",
    };
    connection.execute_batch(end).map_err(failure)
}

fn closed() -> StoreError {
    failed("the database is closed")
}
