//! strace: it sees what a program asks of the system, and kills the program or fails the call at the one that was chosen.

use crate::plan::{Harm, Point};
use hearthkey_tests::{Home, Process, process, wait};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What changes something outside the program: files, and what it says to others.
const CALLS: &str = "pwrite64,write,writev,fdatasync,fsync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
                     sendmsg,sendto,connect";

/// A program being watched. Dropping it lets the program go on unwatched.
pub(crate) struct Tracer {
    strace: Process,
    log: PathBuf,
}

impl Tracer {
    /// Watches a running process with all its threads, and hurts it at `point`. Returns once it is watched, or dead already.
    pub(crate) fn attach(home: &Home, pid: u32, point: Option<&Point>) -> Self {
        let (mut command, log) = strace(home, point);
        command.args(["-p", &pid.to_string()]);
        let tracer = Self { strace: Process::start(command), log };
        wait::until(format_args!("strace to watch process {pid}"), || {
            let strace_lives = process::is_running(tracer.strace.id());
            let settled = is_traced(pid) || !process::is_running(pid);
            assert!(settled || strace_lives, "strace ended: {}", tracer.strace.said());
            settled.then_some(())
        });
        tracer
    }

    /// Starts a program of `home` watched from its first moment.
    pub(crate) fn start(home: &Home, program: &Path, arguments: &[&str], point: Option<&Point>) -> Self {
        let (mut command, log) = strace(home, point);
        command.arg(program).args(arguments);
        Self { strace: Process::start(command), log }
    }

    /// strace, which ends with the program and says what that says.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.strace
    }

    /// What was seen so far.
    pub(crate) fn so_far(&self) -> Trace {
        Trace::read(&fs::read_to_string(&self.log).unwrap_or_default())
    }

    /// Lets the program go on unwatched, if it still runs, and tells what was seen.
    pub(crate) fn finish(self) -> Trace {
        let Self { mut strace, log } = self;
        strace.signal(Signal::TERM);
        // Now and then it waits forever for a thread to stop. Without it the system lets the program go.
        if wait::try_within(Duration::from_secs(2), || strace.has_ended().then_some(())).is_none() {
            strace.signal(Signal::KILL);
            wait::until_true("strace to end", || strace.has_ended());
        }
        Trace::read(&fs::read_to_string(log).unwrap_or_default())
    }
}

/// strace with what it is to do, but not yet to whom.
fn strace(home: &Home, point: Option<&Point>) -> (Command, PathBuf) {
    let log = home.path().join("strace.log");
    let _ = fs::remove_file(&log);
    let mut command = home.command("strace");
    command.args(["-f", "-qq", "-y", "-s", "0", "-o"]).arg(&log).arg("-e").arg(format!("trace={CALLS}"));
    if let Some(Point { syscall, nth, harm, .. }) = point {
        let harm = match harm {
            Harm::Kill | Harm::Cut => format!("signal=KILL:when={nth}"),
            Harm::Unsynced => format!("error=EIO:when={nth}"),
            Harm::Full => format!("error=ENOSPC:when={nth}+"),
        };
        command.arg("-e").arg(format!("inject={syscall}:{harm}"));
    }
    (command, log)
}

/// Says what is missing here for all of this to work.
pub(crate) fn require() {
    let answers =
        Command::new("strace").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        answers,
        "strace is not installed (apt-get install strace; `cargo xtask test --only tools` does that)"
    );
    assert!(
        rustix::process::geteuid().is_root(),
        "the owner lets no other program look into it, but root may: run this as root"
    );
}

fn is_traced(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut statuses =
        threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default());
    let traced = |status: String| !status.lines().any(|line| line == "TracerPid:\t0");
    statuses.all(traced) && process::is_running(pid)
}

/// One call, as the log has it.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    thread: u32,
    name: String,
    /// What stands between the parentheses, and after them.
    rest: String,
}

impl Call {
    /// The file its first argument is.
    fn file(&self) -> &str {
        let file = self.rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        file.map_or("", |(file, _)| file)
    }

    fn succeeded(&self) -> bool {
        let result = self.rest.rsplit_once(" = ").map(|(_, result)| result.trim());
        result.is_some_and(|result| !result.starts_with(['-', '?']))
    }

    fn was_failed(&self) -> bool {
        self.rest.ends_with("(INJECTED)") && !self.succeeded()
    }

    /// The place in the file that a `pwrite64` writes to.
    fn offset(&self) -> Option<u64> {
        let arguments = self.rest.split(')').next()?;
        arguments.rsplit(',').next()?.trim().parse().ok()
    }
}

/// What strace saw, in order.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    calls: Vec<Call>,
    killed: bool,
}

impl Trace {
    fn read(log: &str) -> Self {
        let mut calls: Vec<Call> = vec![];
        // A call that waits while others go on is written in two parts.
        let mut begun: BTreeMap<u32, usize> = BTreeMap::new();
        for line in log.lines() {
            let Some((thread, text)) = line.split_once(char::is_whitespace) else { continue };
            let (Ok(thread), text) = (thread.parse(), text.trim_start()) else { continue };
            if let Some(rest) = text.strip_prefix("<... ") {
                let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
                if let Some(call) = begun.remove(&thread).and_then(|at| calls.get_mut(at)) {
                    call.rest.push_str(rest);
                }
            } else if let Some((name, rest)) = text.split_once('(')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                let (name, waits) = (name.to_owned(), rest.contains("<unfinished ...>"));
                if waits {
                    begun.insert(thread, calls.len());
                }
                let rest = rest.replace(" <unfinished ...>", "").replace("<unfinished ...>", "");
                calls.push(Call { thread, name, rest });
            }
        }
        Self { calls, killed: log.contains("+++ killed by SIGKILL") }
    }

    /// Whether the program was killed while it was watched.
    pub(crate) fn was_killed(&self) -> bool {
        self.killed
    }

    /// How often one thread made each call, at most.
    pub(crate) fn counts(&self) -> BTreeMap<String, u32> {
        let mut by_thread: BTreeMap<(&str, u32), u32> = BTreeMap::new();
        for call in &self.calls {
            *by_thread.entry((&call.name, call.thread)).or_default() += 1;
        }
        let mut most: BTreeMap<String, u32> = BTreeMap::new();
        for ((name, _), count) in by_thread {
            let known = most.entry(name.to_owned()).or_default();
            *known = count.max(*known);
        }
        most
    }

    /// The files at which a call was failed.
    pub(crate) fn failed_at(&self) -> Vec<String> {
        self.calls.iter().filter(|call| call.was_failed()).map(|call| call.file().to_owned()).collect()
    }

    /// From where on the file `name` holds what the disk never confirmed; `None` if all of it is there.
    pub(crate) fn unconfirmed_from(&self, name: &str) -> Option<u64> {
        let mut from: Option<u64> = None;
        for call in self.calls.iter().filter(|call| call.file().ends_with(name)) {
            match call.name.as_str() {
                "pwrite64" => from = call.offset().into_iter().chain(from).min(),
                // What failed once is never tried again by the system.
                "fdatasync" | "fsync" if call.was_failed() => return from,
                "fdatasync" | "fsync" if call.succeeded() => from = None,
                _ => {}
            }
        }
        from
    }
}

#[test]
fn a_log_is_read_with_calls_that_others_interrupt() {
    let log = "\
10 pwrite64(9</p/vault.db-wal>, \"\"..., 32, 0) = 32
10 pwrite64(9</p/vault.db-wal>, \"\"..., 24, 32 <unfinished ...>
11 write(4<socket:[77]>, \"\"..., 5) = 5
10 <... pwrite64 resumed>)             = 24
10 fdatasync(9</p/vault.db-wal>) = 0
10 pwrite64(9</p/vault.db-wal>, \"\"..., 24, 4152) = 24
10 pwrite64(9</p/vault.db-wal>, \"\"..., 4096, 4176 <unfinished ...>
11 write(4<socket:[77]>, \"\"..., 5) = 5
12 +++ killed by SIGKILL +++
10 <... pwrite64 resumed>) = ?
";
    let trace = Trace::read(log);
    assert_eq!(
        trace.counts(),
        BTreeMap::from([("fdatasync".into(), 1), ("pwrite64".into(), 4), ("write".into(), 2)])
    );
    assert_eq!(trace.unconfirmed_from("vault.db-wal"), Some(4152));
    assert_eq!(trace.unconfirmed_from("vault.db"), None);
    assert_eq!((trace.failed_at(), trace.was_killed()), (vec![], true));
}

#[test]
fn what_was_failed_stays_unconfirmed() {
    let log = "\
10 pwrite64(9</p/vault.db-wal>, \"\"..., 24, 4152) = 24
10 fdatasync(9</p/vault.db-wal>) = -1 EIO (Input/output error) (INJECTED)
10 pwrite64(9</p/vault.db-wal>, \"\"..., 24, 32) = 24
10 fdatasync(9</p/vault.db-wal>) = 0
";
    let trace = Trace::read(log);
    assert_eq!(trace.failed_at(), ["/p/vault.db-wal"]);
    assert_eq!(trace.unconfirmed_from("vault.db-wal"), Some(4152));
}
