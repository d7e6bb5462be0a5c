//! What other processes, and what is left of this one, give away.

use crate::keychain::session::example;
use std::{
    fs::{self, File, Permissions},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{FileExt as _, PermissionsExt as _},
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Child, Command, Stdio},
};

/// Two users who are nobody in particular.
pub(crate) const USER: u32 = 65534;
pub(crate) const OTHER: u32 = 65533;

/// What one process may want to see of another.
const SIGHTS: [&str; 8] = ["environ", "maps", "auxv", "exe", "cwd", "root", "fd", "mem"];

/// The program where every user can run it.
pub(crate) struct Program {
    place: tempfile::TempDir,
}

impl Program {
    /// `None`, with a word about it, for those who cannot be several users.
    pub(crate) fn for_all_users() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can be several users");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        // Another process writes it: this one's open file could be inherited by another test's child, and then it does not
        // run ("text file busy").
        let copied = Command::new("cp").arg(example("process")).arg(place.path()).status();
        assert!(copied.unwrap().success());
        Some(Self { place })
    }

    /// Its directory, which everybody can enter and only root can write.
    pub(crate) fn dir(&self) -> &Path {
        self.place.path()
    }

    /// The program as this user, with the word `secret` on its standard input.
    fn start(&self, user: u32, arguments: &[&str], secret: &str) -> Running {
        let mut command = Command::new(self.dir().join("process"));
        command.uid(user).gid(user).current_dir("/");
        Running::start(command.args(arguments), secret)
    }

    /// What the program prints as this user.
    pub(crate) fn says(&self, user: u32, arguments: &[&str], input: &str) -> Vec<String> {
        let mut running = self.start(user, arguments, input);
        drop(running.child.stdin.take());
        let lines = running.lines.by_ref().map(Result::unwrap).collect();
        assert!(running.child.wait().unwrap().success());
        lines
    }
}

/// A process that stays until its input ends. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command, input: &str) -> Self {
        Self::try_start(command, input).expect("the program is there")
    }

    /// `None` when there is no such program.
    pub(crate) fn try_start(command: &mut Command, input: &str) -> Option<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        // One that takes no input may have come to its end.
        let _ = writeln!(child.stdin.as_mut().unwrap(), "{input}");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Some(Self { child, lines })
    }

    /// The next line that it prints: first its process, once it holds what it was given.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("it says something").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it has started ends with its input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[expect(clippy::print_stdout, reason = "who runs the tests has to know")]
pub(crate) fn skip(reason: &str) {
    println!("skipped: {reason}");
}

fn all(answer: &str, found: &str) -> Vec<String> {
    let sights = SIGHTS.iter().map(|sight| format!("{sight}: {answer}"));
    sights.chain([found.to_owned()]).collect()
}

/// Whether a debugger of this user can attach; `None` without one.
fn attaches(user: u32, pid: &str) -> Option<bool> {
    let mut strace = Command::new("strace");
    strace.args(["-e", "trace=none", "-p", pid]).uid(user).gid(user);
    let mut strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
    let mut line = String::new();
    BufReader::new(strace.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let _ = strace.kill();
    strace.wait().unwrap();
    let attached = line.contains("attached");
    assert!(attached || line.contains("Operation not permitted"), "{line}");
    Some(attached)
}

#[test]
fn the_memory_of_an_owner_is_closed_to_its_own_user_as_well() {
    let Some(program) = Program::for_all_users() else { return };
    let secret = "a secret of 24 letters..";
    for (verb, user, open) in [
        // What there is to be closed.
        ("plain", USER, true),
        ("client", USER, true),
        ("plain", OTHER, false),
        ("owner", USER, false),
        ("owner", OTHER, false),
        ("starter", USER, true),
    ] {
        let mut victim = program.start(USER, &[verb], secret);
        let pid = victim.line();
        let expected = if open { all("open", "found") } else { all("permission denied", "not found") };
        assert_eq!(program.says(user, &["pry", &pid], secret), expected, "{verb} by {user}");
        match attaches(user, &pid) {
            Some(attached) => assert_eq!(attached, open, "{verb} by {user}"),
            None => skip("there is no strace to attach with"),
        }
    }
}

#[test]
fn an_owner_still_finds_itself_and_names_its_clients() {
    let Some(program) = Program::for_all_users() else { return };
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(place.path(), Some(USER), Some(USER)).unwrap();
    let socket = place.path().join("socket");
    let socket = socket.to_str().unwrap();
    // A client that had closed its memory would have no name.
    for (how, name) in [("client", "process"), ("owner", "")] {
        let mut owner = program.start(USER, &["serve", socket], "");
        owner.line();
        let _client = program.start(USER, &["call", how, socket], "");
        let said = owner.line();
        assert_eq!(said, format!("{name} in {:?}", Some(program.dir())));
    }
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    let place = tempfile::tempdir().unwrap();
    for (verb, limit, dumps) in [("plain", "unlimited", true), ("client", "0", false), ("owner", "0", false)]
    {
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -c unlimited && exec "$0" "$@""#]).arg(example("process")).arg(verb);
        let mut running = Running::start(command.current_dir(place.path()), "secret");
        let Some(Ok(pid)) = running.lines.next() else {
            return skip("core dumps cannot be allowed here");
        };
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let words: Vec<_> = line.split_whitespace().skip(4).take(2).collect();
        assert_eq!(words, [limit, limit], "{verb}");
        let process = rustix::process::Pid::from_child(&running.child);
        rustix::process::kill_process(process, rustix::process::Signal::ABORT).unwrap();
        assert_eq!(running.child.wait().unwrap().core_dumped(), dumps, "{verb}");
    }
}

#[test]
fn a_panic_says_where_and_never_what() {
    let panic = |how: &str| {
        let mut child = Command::new(example("process"))
            .args(["panic", how])
            .env("RUST_BACKTRACE", "full")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "a payload that quotes a token").unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    };
    assert!(panic("plain").contains("a payload that quotes a token"));
    let said = panic("init");
    let place = Path::new("crates/platform/examples/process/linux.rs");
    assert!(said.starts_with(&format!("the thread named panicked at {}:", place.display())), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains("token"), "{said}");
}

#[test]
fn what_is_freed_is_wiped() {
    // The process gets it in digits, so that nothing but what is kept or freed ever held it.
    let secret: Vec<u8> = (0..=255_u8).map(|number| number.wrapping_mul(167).wrapping_add(43)).collect();
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for (verb, copies) in [("keep", 1), ("free", 0)] {
        let mut running = Running::start(Command::new(example("process")).arg(verb), &digits);
        let pid = running.line();
        // The ends of a freed block are used by the allocator itself.
        assert_eq!(copies_in(&pid, &secret[64..192]), copies, "{verb}");
    }
}

/// How often `bytes` are in the memory of a process that this one has started.
fn copies_in(pid: &str, bytes: &[u8]) -> usize {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let regions = maps.lines().filter(|line| line.contains(" rw-p "));
    let counts = regions.map(|line| {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut content = vec![0; usize::try_from(number(to) - number(from)).unwrap()];
        memory.read_exact_at(&mut content, number(from)).unwrap();
        content.windows(bytes.len()).filter(|part| *part == bytes).count()
    });
    counts.sum()
}
