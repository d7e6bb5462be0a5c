//! The owner of the profile as a process of the sweep's own, and the conversation with it. Nothing here starts a second one.

use hearthkey_api::Problem;
use hearthkey_api::doors::client::{Client, ClientError};
use hearthkey_api::operation::Call;
use hearthkey_api::operations::vault;
use hearthkey_api::views::VaultView;
use hearthkey_tests::process::{self, Stream};
use hearthkey_tests::{Home, Process, programs, wait};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The longest an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// It was done: this is the word that has to be kept.
    Done(T),
    /// It was not done, and why.
    Refused(Problem),
    /// Nobody knows: the owner went away.
    Lost(String),
}

impl<T> Answer<T> {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Done(done) => Answer::Done(change(done)),
            Self::Refused(problem) => Answer::Refused(problem),
            Self::Lost(reason) => Answer::Lost(reason),
        }
    }

    /// What was done, or why not in words.
    pub(crate) fn result(self) -> Result<T, String> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Refused(problem) => Err(format!("refused: {problem}")),
            Self::Lost(reason) => Err(format!("lost: {reason}")),
        }
    }
}

/// A way to talk to whoever owns the profile.
pub(crate) struct Talk {
    runtime: Runtime,
    socket: PathBuf,
}

impl Talk {
    pub(crate) fn at(profile: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.expect("a runtime"), socket: profile.join("socket") }
    }

    pub(crate) fn call<C: Call + Sync>(&self, input: &C) -> Answer<C::Output> {
        self.call_in(None, input)
    }

    /// Calls in another workspace than the current one.
    pub(crate) fn call_in<C: Call + Sync>(&self, workspace: Option<&str>, input: &C) -> Answer<C::Output> {
        let conversation = async {
            let stream = hearthkey_platform::socket::connect(&self.socket).await;
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => return Answer::Lost(error.to_string()),
            };
            let answer = match Client::new(stream).await {
                Ok(client) => client.acting_in(workspace).call(input).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(done) => Answer::Done(done),
                Err(ClientError::Problem(problem)) => Answer::Refused(problem),
                Err(error) => Answer::Lost(error.to_string()),
            }
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, conversation).await });
        answer.unwrap_or_else(|_| Answer::Lost(format!("no answer in {PATIENCE:?}")))
    }

    /// How the vault is, once the owner has tried to open it.
    pub(crate) fn vault(&self) -> Answer<VaultView> {
        self.call(&vault::Retry {})
    }
}

/// A running `hearthkey serve`. Dropping it kills it.
pub(crate) struct Owner(Process);

impl Owner {
    /// Starts it and waits for its socket.
    pub(crate) fn start(home: &Home) -> Self {
        let mut command = home.command(programs::hearthkey());
        command.arg("serve");
        let process = Process::start(command);
        process
            .line(Stream::Err, "that it serves", |line| line.starts_with("Hearthkey serves").then_some(()));
        Self(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn is_dead(&mut self) -> bool {
        self.0.has_ended() || !process::is_running(self.pid())
    }

    /// Waits a moment for the end of an owner that broke off a conversation.
    pub(crate) fn dies(&mut self) -> bool {
        wait::try_within(Duration::from_secs(5), || self.is_dead().then_some(())).is_some()
    }

    /// Kills it, unless it is dead.
    pub(crate) fn kill(mut self) {
        if !self.is_dead() {
            process::kill(self.pid());
        }
    }

    pub(crate) fn said(&self) -> String {
        self.0.said()
    }
}
