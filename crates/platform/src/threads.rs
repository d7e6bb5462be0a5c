//! Work that may never end, each piece on a thread of its own.
//!
//! Nothing can stop a thread. One whose caller has gone is left behind and counted; it is told so, and takes back what it
//! has done when it comes to an end.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The threads of one thing that can get stuck.
#[derive(Debug)]
pub(crate) struct Threads {
    name: &'static str,
    /// How many may be out before no more are started.
    most: usize,
    /// A token of every thread that has not come back.
    out: Mutex<Vec<Weak<()>>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Too many threads have not come back. The work was not begun.
    Crowded,
    /// The system starts no more threads. The work was not begun.
    Unstarted(io::ErrorKind),
    /// The work has panicked.
    Died,
}

/// What work comes to: its answer, and how to take back what it has done if the answer finds nobody.
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    pub(crate) take_back: Option<Box<dyn FnOnce()>>,
}

impl<T> From<T> for Done<T> {
    fn from(answer: T) -> Self {
        Self { answer, take_back: None }
    }
}

impl Threads {
    pub(crate) const fn new(name: &'static str, most: usize) -> Self {
        Self { name, most, out: Mutex::new(Vec::new()) }
    }

    /// Does `work` on a thread and waits for it. `kept` is held until the answer is here, or nothing is left to take back.
    ///
    /// Dropping the future leaves the thread behind: its token is cancelled, and its answer is taken back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        kept: impl Send + 'static,
        work: impl FnOnce(&CancellationToken) -> Done<T> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let place = (self.admit().ok_or(NoAnswer::Crowded)?, kept);
        let gone = CancellationToken::new();
        let _waiting = gone.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name(self.name.to_owned())
            .spawn(move || {
                // After a panic the place is free before the caller hears of it.
                let tell = tell;
                let place = place;
                let done = work(&gone);
                let (back, returned) = mpsc::channel();
                // What cannot be told any more comes back as well.
                let _ = tell.send(Delivery { content: Some((done.answer, place)), back });
                if let Some(take_back) = done.take_back
                    && let Ok(_place) = returned.recv()
                {
                    take_back();
                }
            })
            .map_err(|error| NoAnswer::Unstarted(error.kind()))?;
        let delivery = told.await.map_err(|_| NoAnswer::Died)?;
        delivery.take().ok_or(NoAnswer::Died)
    }

    /// A token for one more thread, unless too many have not come back.
    fn admit(&self) -> Option<Arc<()>> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.retain(|thread| thread.strong_count() > 0);
        (out.len() < self.most).then(|| {
            let place = Arc::new(());
            out.push(Arc::downgrade(&place));
            place
        })
    }
}

/// An answer on its way, with the place of its thread. Dropped on the way, it sends the place back.
struct Delivery<T, P> {
    content: Option<(T, P)>,
    back: mpsc::Sender<P>,
}

impl<T, P> Delivery<T, P> {
    fn take(mut self) -> Option<T> {
        self.content.take().map(|(answer, _place)| answer)
    }
}

impl<T, P> Drop for Delivery<T, P> {
    fn drop(&mut self) {
        if let Some((_, place)) = self.content.take() {
            // A thread with nothing to take back does not wait for it.
            let _ = self.back.send(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        task::{Context, Wake},
        time::Duration,
    };
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn stuck_threads_are_limited_and_come_back() {
        let threads = Threads::new("test", 3);
        let mut stuck = Vec::new();
        for _ in 0..3 {
            let (release, wait) = mpsc::channel::<()>();
            let work = move |_: &_| Done::from(wait.recv().is_err());
            assert!(timeout(SHORT, threads.run((), work)).await.is_err(), "the deadline is far shorter");
            stuck.push(release);
        }
        // No fourth thread: the work is not even begun.
        let fourth = threads.run((), |_| -> Done<()> { unreachable!("three threads are stuck") });
        assert_eq!(fourth.await, Err(NoAnswer::Crowded));
        // One comes back, and one more may go.
        stuck.pop();
        let answer = async {
            loop {
                match threads.run((), |_| 7.into()).await {
                    Ok(number) => break number,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        assert_eq!(answer.await, 7);
    }

    #[tokio::test]
    async fn quick_work_is_never_taken_for_stuck() {
        let threads = Threads::new("test", 1);
        for number in 0..100 {
            let work = move |_: &_| Done { answer: number, take_back: Some(Box::new(|| {})) };
            assert_eq!(threads.run((), work).await, Ok(number));
        }
    }

    #[tokio::test]
    async fn work_that_panics_is_an_answer() {
        let threads = Threads::new("test", 1);
        for _ in 0..3 {
            let answer = threads.run((), |_| -> Done<()> { panic!("as planned") }).await;
            assert_eq!(answer, Err(NoAnswer::Died));
        }
    }

    #[tokio::test]
    async fn an_answer_that_finds_nobody_is_taken_back_before_anything_is_let_go() {
        let threads = Threads::new("test", 1);
        let (release, wait) = mpsc::channel::<()>();
        let (taking, taken) = mpsc::channel();
        let (finish, finishing) = mpsc::channel::<()>();
        let kept = Arc::new(());
        let held = Arc::downgrade(&kept);
        let work = move |gone: &CancellationToken| {
            let gone = gone.clone();
            let _ = wait.recv();
            let take_back = move || {
                taking.send(gone.is_cancelled()).unwrap();
                let _ = finishing.recv();
            };
            Done { answer: (), take_back: Some(Box::new(take_back)) }
        };
        assert!(timeout(SHORT, threads.run(kept, work)).await.is_err());
        drop(release);
        assert!(taken.recv().unwrap(), "it was told that nobody waits");
        // While it takes back, its place and what it keeps are not free.
        assert!(held.upgrade().is_some());
        assert_eq!(threads.run((), |_| ().into()).await, Err(NoAnswer::Crowded));
        drop(finish);
        while held.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn an_answer_that_was_sent_and_never_taken_is_taken_back() {
        /// Says when the answer is there.
        struct Arrived(mpsc::SyncSender<()>);
        impl Wake for Arrived {
            fn wake(self: Arc<Self>) {
                self.0.send(()).unwrap();
            }
        }
        let threads = Threads::new("test", 1);
        let (took, taken) = mpsc::channel();
        let (arrive, arrived) = mpsc::sync_channel(1);
        let (begin, beginning) = mpsc::channel::<()>();
        let work = move |_: &_| {
            let _ = beginning.recv();
            Done { answer: (), take_back: Some(Box::new(move || took.send(()).unwrap())) }
        };
        let mut run = Box::pin(threads.run((), work));
        let waker = Arc::new(Arrived(arrive)).into();
        assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(begin);
        arrived.recv().unwrap();
        drop(run);
        taken.recv().unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_was_taken_stays() {
        let threads = Threads::new("test", 1);
        let work = |_: &_| Done { answer: 7, take_back: Some(Box::new(|| panic!("it was taken"))) };
        assert_eq!(threads.run((), work).await, Ok(7));
    }
}
