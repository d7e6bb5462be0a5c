//! Processes that a test starts: their output line by line, and their end.

use crate::wait::{self, SOON};
use crate::world;
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Which of the two streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

#[derive(Default)]
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
    ended: u8,
}

#[derive(Default)]
struct Ears(Mutex<Said>, Condvar);

impl Ears {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running program. Dropping it ends it.
pub struct Process {
    name: String,
    child: Child,
    ears: Arc<Ears>,
    listeners: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` with both output streams heard, and standard input open to [`Process::say`].
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let program = command.get_program().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{name} could not be started: {error}"));
        let ears = Arc::new(Ears::default());
        let out = child.stdout.take().map(|pipe| listen(pipe, Stream::Out, &ears));
        let err = child.stderr.take().map(|pipe| listen(pipe, Stream::Err, &ears));
        Self { name, child, ears, listeners: out.into_iter().chain(err).collect() }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input and leaves it open.
    pub fn say(&mut self, text: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text).and_then(|()| stdin.flush()).expect("the program reads its standard input");
    }

    /// Closes its standard input.
    pub fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// The first line so far, or to come, that `wanted` makes something of.
    #[track_caller]
    pub fn line<T>(&self, stream: Stream, what: impl Display, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = world::now() + SOON;
        let mut said = self.ears.lock();
        loop {
            let bytes = if stream == Stream::Out { &said.out } else { &said.err };
            let text = String::from_utf8_lossy(bytes);
            // A line that has not ended yet may still grow.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            if let Some(found) = whole.lines().find_map(&wanted) {
                return found;
            }
            let left = deadline.saturating_duration_since(world::now());
            let over = said.ended == 2 || left.is_zero();
            assert!(!over, "{} did not say {what}; it said:\n{}", self.name, both(&said));
            said = self.ears.1.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Everything it said so far, on both streams.
    #[must_use]
    pub fn said(&self) -> String {
        both(&self.ears.lock())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        send(self.id(), signal);
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for its end. Its output is complete then: both streams, as bytes.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, Vec<u8>, Vec<u8>) {
        let status = wait_for_end(&mut self.child, &self.name, &self.ears);
        for listener in self.listeners.drain(..) {
            // A child of its own that still holds the pipe keeps it open: what was said until now is enough then.
            wait::until_true(format_args!("the end of what {} says", self.name), || listener.is_finished());
        }
        let mut said = self.ears.lock();
        (status, std::mem::take(&mut said.out), std::mem::take(&mut said.err))
    }
}

#[track_caller]
fn wait_for_end(child: &mut Child, name: &str, ears: &Ears) -> ExitStatus {
    let deadline = world::now() + 2 * SOON;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        assert!(world::now() < deadline, "{name} did not end; it said:\n{}", both(&ears.lock()));
        world::pause();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(pipe: impl Read + Send + 'static, stream: Stream, ears: &Arc<Ears>) -> JoinHandle<()> {
    let ears = Arc::clone(ears);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = vec![];
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line);
            let mut said = ears.lock();
            match read {
                Ok(count) if count > 0 => match stream {
                    Stream::Out => said.out.extend_from_slice(&line),
                    Stream::Err => said.err.extend_from_slice(&line),
                },
                _ => said.ended += 1,
            }
            let over = line.is_empty();
            ears.1.notify_all();
            if over {
                return;
            }
        }
    })
}

fn both(said: &Said) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.out), String::from_utf8_lossy(&said.err))
}

/// Sends a signal to a process. One that is gone already is no error.
pub fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("process ids are positive");
    let _ = kill_process(pid, signal);
}

/// Whether a process runs, with any of its threads; one that has ended and is only not yet waited for does not.
#[must_use]
pub fn is_running(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}

/// Kills a process and waits until it is gone.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
    wait::until_true(format_args!("the end of process {pid}"), || !is_running(pid));
}

/// The processes whose environment names `home` as their home: those that a test with this home started, and theirs.
#[must_use]
pub fn processes_of(home: &Path) -> Vec<u32> {
    let wanted = [b"HOME=", home.as_os_str().as_encoded_bytes()].concat();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && is_running(*pid))
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == wanted)
        })
        .collect()
}
