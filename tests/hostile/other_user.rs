//! Another user of the same machine: no file, no socket, no process of the owner's, and no harm at the port that all can reach.

use crate::root;
use hearthkey_tests::browse::{self, ANNA, parameter};
use hearthkey_tests::process::Stream;
use hearthkey_tests::{Home, Output, Process, SandboxProcess, http};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody else.
const OTHER: u32 = 65534;
/// Wrong calls at the redirect's port.
const CALLS: usize = 200;

/// Tries every path it is given, and prints those it gets something of.
const TRY: &str = r#"
for my $path (@ARGV) {
    if (opendir(my $dir, $path)) { print "$path\n" if defined readdir($dir); next }
    if (open(my $file, "<", $path)) { print "$path\n"; next }
    if (open(my $file, ">>", $path)) { print "$path\n"; next }
    my $s = IO::Socket::UNIX->new(Peer => $path) or next;
    print $s "POST /v1/app.status HTTP/1.1\r\nhost: hearthkey\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    my $said = <$s>;
    print "$path\n" if defined $said;
}
"#;

/// What of these paths a user gets something of.
fn reached(paths: &BTreeSet<PathBuf>, user: u32) -> BTreeSet<PathBuf> {
    let mut command = Command::new("perl");
    command.args(["-MIO::Socket::UNIX", "-e", TRY]).args(paths).uid(user).gid(user).current_dir("/");
    let output = command.output().expect("perl");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect()
}

/// A folder and everything below it.
fn below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    found.insert(folder.to_owned());
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            below(&entry.path(), found);
        } else {
            found.insert(entry.path());
        }
    }
}

fn let_all_in(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
}

/// An owner with a connection, and a sign-in that waits for its browser.
struct Victim {
    home: Home,
    serve: Process,
    connect: Process,
    address: String,
    _sandbox: SandboxProcess,
}

impl Victim {
    fn new() -> Self {
        let (home, sandbox) = (Home::start(), SandboxProcess::start(&[]));
        let serve = home.spawn_cli(["serve"]);
        serve.line(Stream::Err, "that it serves", |line| line.starts_with("Hearthkey serves").then_some(()));
        sandbox.connect(&home, "Anna", ANNA);
        let base = format!("base_url={}", sandbox.base());
        let connect = home.spawn_cli(["connect", "sandbox", "--value", &base, "--no-browser"]);
        let address = browse::address(&connect);
        Self { home, serve, connect, address, _sandbox: sandbox }
    }

    /// What is nobody else's: files, sockets, and what there is to see of the processes.
    fn paths(&self) -> BTreeSet<PathBuf> {
        let mut paths = BTreeSet::new();
        below(&self.home.profile(), &mut paths);
        below(&self.home.path().join("run"), &mut paths);
        for pid in [self.serve.id(), self.connect.id()] {
            paths.extend(["mem", "environ", "maps", "fd"].map(|name| format!("/proc/{pid}/{name}").into()));
        }
        paths
    }

    /// Comes back from the browser, and the sign-in is done.
    fn sign_in(self) {
        let page = browse::approve(&self.address, ANNA);
        assert_eq!(page.status, 200, "{}", page.html);
        let _ = Output::of(self.connect.finish()).ok();
        self.serve.signal(Signal::TERM);
        let _ = Output::of(self.serve.finish()).ok();
    }
}

#[test]
fn another_user_gets_nothing_of_it() {
    if !root("another user is played") {
        return;
    }
    let victim = Victim::new();
    // What stands before the profile is a careless person's: Hearthkey's own folder keeps others out.
    for folder in ["", "data"] {
        let_all_in(&victim.home.path().join(folder));
    }
    let paths = victim.paths();
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert!(["vault.db", "socket", "mem"].iter().all(|name| names.contains(name)), "{names:?}");
    let own = reached(&paths, 0);
    // The bus and the keychain have sockets too, and speak otherwise.
    let session = victim.home.path().join("run");
    let unseen: Vec<_> = paths.difference(&own).filter(|path| !path.starts_with(&session)).collect();
    assert!(unseen.is_empty(), "the owner's own user gets at all of it: {unseen:?}");
    assert_eq!(reached(&paths, OTHER), BTreeSet::new());

    // Somebody opened the folder too: each file in it, and the socket, are closed by themselves.
    let profile = victim.home.profile();
    let_all_in(&profile);
    assert_eq!(reached(&paths, OTHER), BTreeSet::from([profile]));
    victim.sign_in();
}

#[test]
fn strangers_at_the_redirect_port_change_nothing() {
    let victim = Victim::new();
    let redirect = parameter(&victim.address, "redirect_uri").expect("where the browser comes back to");
    let state = parameter(&victim.address, "state").expect("a state");
    let origin = redirect.split("/oauth").next().unwrap();
    let cut = &state[..state.len() - 1];
    let wrong = [
        format!("{origin}/"),
        format!("{origin}/oauth"),
        format!("{origin}/favicon.ico"),
        format!("{origin}/../../etc/passwd"),
        format!("{origin}/oauth/callback/../x?code=sbx_code_1&state={state}x"),
        redirect.clone(),
        format!("{redirect}?state={cut}&code=sbx_code_1"),
        format!("{redirect}?state=&code=sbx_code_1"),
        format!("{redirect}?code=sbx_code_1"),
        format!("{redirect}?state={state}x&error=access_denied"),
        format!("{redirect}?error=access_denied"),
        format!("{redirect}?state={}&code=1", "a".repeat(6_000)),
    ];
    for call in 0..CALLS {
        let address = &wrong[call % wrong.len()];
        let request = if call % 5 == 4 { http::client().post(address) } else { http::client().get(address) };
        let reply = http::send(request).unwrap_or_else(|error| panic!("call {call}: {error}"));
        assert!((400..500).contains(&reply.status), "{address}: {}", reply.status);
        assert!(!reply.body.contains(&state), "{address}: {}", reply.body);
        assert_eq!(reply.location, None, "{address}");
    }
    victim.sign_in();
}
