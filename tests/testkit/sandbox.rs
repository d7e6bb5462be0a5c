//! The sandbox as a process, and its control routes.

use crate::http;
use crate::process::{Process, Stream};
use crate::{Home, programs, wait};
use hearthkey_sandbox::{Fault, FaultKind, JournalEntry, Nth};
use std::process::Command;

/// A running sandbox at a port of its own. Dropping it ends it.
pub struct SandboxProcess {
    base: String,
    _process: Process,
}

impl SandboxProcess {
    /// Starts a sandbox with further flags.
    #[must_use]
    pub fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(programs::sandbox());
        command.args(["--port", "0", "--exit-with-stdin"]).args(flags);
        let process = Process::start(command);
        let base = process.line(Stream::Out, "where it listens", |line| {
            line.strip_prefix("hearthkey-sandbox listening on ").map(str::to_owned)
        });
        Self { base, _process: process }
    }

    /// Its address, which is also its issuer.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Signs in to this sandbox from `home` on the command line, in the browser as `account`, under the name `label`, whether
    /// or not that account is connected.
    #[track_caller]
    pub fn connect(&self, home: &Home, label: &str, account: &str) {
        let base = format!("base_url={}", self.base);
        let arguments =
            ["connect", "sandbox", "--value", &base, "--label", label, "--second", "--no-browser"];
        let process = home.spawn_cli(arguments);
        let page = crate::browse::approve(&crate::browse::address(&process), account);
        assert_eq!(page.status, 200, "{}", page.html);
        let _ = crate::Output::of(process.finish()).ok();
    }

    /// What was asked of it.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        control(&self.base).journal()
    }

    /// Its control routes.
    #[must_use]
    pub fn control(&self) -> Control<'_> {
        control(&self.base)
    }
}

/// The control routes of the sandbox at `base`, whoever started it.
#[must_use]
pub fn control(base: &str) -> Control<'_> {
    Control { base }
}

/// The control routes of a sandbox.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    base: &'a str,
}

impl Control<'_> {
    /// What was asked so far, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        let reply = http::get(&self.at("journal")).expect("the sandbox answers");
        serde_json::from_str(&reply.body).expect("the journal is JSON")
    }

    /// Forgets what was asked so far.
    pub fn clear_journal(&self) {
        self.done(http::send(http::client().delete(self.at("journal"))));
    }

    /// Ends every access token.
    pub fn expire_access_tokens(&self) {
        self.done(http::send(http::client().post(self.at("expire-access-tokens"))));
    }

    /// Ends every grant.
    pub fn revoke_grants(&self) {
        self.done(http::send(http::client().post(self.at("revoke-grants"))));
    }

    /// Every request to `route` meets this fault from now on, and no other.
    pub fn fault(&self, route: &str, kind: FaultKind) {
        let fault = Fault { route: route.to_owned(), method: None, nth: Nth::Every, kind };
        self.set_faults(&[fault]);
    }

    /// Puts these faults in place of the present ones.
    pub fn set_faults(&self, faults: &[Fault]) {
        let body = serde_json::to_vec(faults).expect("faults are JSON");
        self.done(http::send(http::client().put(self.at("faults")).body(body)));
    }

    /// The token requests so far, by what they led to, such as `refresh_token: rotated`.
    #[must_use]
    pub fn token_requests(&self) -> Vec<String> {
        let tokens = self.journal().into_iter().filter(|entry| entry.path == "/token");
        tokens.map(|entry| entry.outcome.unwrap_or_else(|| "not served".to_owned())).collect()
    }

    /// Waits for an entry of the journal.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&JournalEntry) -> bool) -> JournalEntry {
        wait::until(what, || self.journal().into_iter().find(&wanted))
    }

    fn at(&self, route: &str) -> String {
        format!("{}/_sandbox/{route}", self.base)
    }

    #[track_caller]
    fn done(self, reply: reqwest::Result<http::Reply>) {
        let reply = reply.expect("the sandbox answers");
        assert_eq!(reply.status, 204, "{}", reply.body);
    }
}
