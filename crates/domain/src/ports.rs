//! The ports: what the verbs in `core` need from the world, as signatures only.
//!
//! `platform` and `store` implement them; tests may. No runtime is named here.

mod notices;
mod store;

use crate::egress::EgressPolicy;
use crate::secret::Secret;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use url::Url;

pub use notices::{Notice, NoticeAnswer, Notices};
pub use store::{
    AuthorizationEnd, CredentialRow, RefreshState, RotationStart, SealedPlace, SealedRow, SpentCredential,
    Store, StoreError, StoreHealth, VaultRecord, VaultSettings, WorkspaceRow,
};

/// The wall clock.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// Waits until about `when`; at once if it is past.
    async fn sleep_until(&self, when: Timestamp);
}

/// Randomness for identifiers, `state`, PKCE verifiers and jitter. (Keys and nonces are drawn by the vault itself.)
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// One outgoing request. It never follows a redirect.
pub struct HttpRequest {
    /// The request, with an absolute address. Header values that carry secrets are marked sensitive.
    pub request: http::Request<Bytes>,
    /// The hosts it may go to; checked against the address, and against what the name resolves to.
    pub policy: EgressPolicy,
    /// From the first byte sent to the last received.
    pub timeout: Duration,
    /// The largest reply body, in bytes.
    pub max_reply: usize,
}

/// Why an outgoing request brought no reply. None of them carries header or body content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is outside the policy, or its name resolves to a private address that the policy does not allow.
    #[error("{reason}")]
    Blocked {
        /// What was refused.
        reason: String,
    },
    /// Nothing answers there, or the name does not resolve.
    #[error("{host} could not be reached: {reason}")]
    Unreachable {
        /// The host that was asked.
        host: String,
        /// The cause in a few words.
        reason: String,
    },
    /// No complete reply in time.
    #[error("{host} did not answer within {seconds} s")]
    Timeout {
        /// The host that was asked.
        host: String,
        /// The time allowed.
        seconds: u64,
    },
    /// The connection ended before the reply did. The request may have been carried out.
    #[error("{host} ended the connection before its answer was complete")]
    Cut {
        /// The host that was asked.
        host: String,
    },
    /// The reply is larger than allowed.
    #[error("{host} sent more than the {limit} bytes allowed")]
    TooLarge {
        /// The host that was asked.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The HTTP client for every outgoing call.
#[async_trait]
pub trait Http: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// [`HttpError`] when there is no complete reply; any status code is a reply.
    async fn send(&self, request: HttpRequest) -> Result<http::Response<Bytes>, HttpError>;

    /// Closes the connections that are kept open for later requests, for their buffers hold what was sent. Returns when they
    /// are gone; requests under way end undisturbed.
    async fn forget(&self);
}

/// What an OS keychain answered instead of an item.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// There is no keychain on this system or in this session.
    #[error("no keychain is running in this session ({reason})")]
    Absent {
        /// What the platform said.
        reason: String,
    },
    /// The keychain is there, and locked.
    #[error("the keychain is locked")]
    Locked,
    /// It did not answer in time.
    #[error("the keychain did not answer within {seconds} s")]
    Hanging {
        /// The time allowed.
        seconds: u64,
    },
    /// It answered with another error.
    #[error("the keychain refused: {reason}")]
    Refused {
        /// What the platform said.
        reason: String,
    },
}

/// The OS keychain, which holds one item: the vault key.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Reads the item of a vault. `None` only when the keychain is open and has no such item.
    ///
    /// # Errors
    /// [`KeyStoreError`] by the state of the keychain.
    async fn read(&self, vault: &str) -> Result<Option<Secret>, KeyStoreError>;

    /// Writes the item of a vault and reads it back: success means that it is there.
    ///
    /// # Errors
    /// [`KeyStoreError`] by the state of the keychain.
    async fn write(&self, vault: &str, value: Secret) -> Result<(), KeyStoreError>;

    /// Removes the item of a vault and looks that it is gone. One that is not there is removed.
    ///
    /// # Errors
    /// [`KeyStoreError`] by the state of the keychain.
    async fn remove(&self, vault: &str) -> Result<(), KeyStoreError>;

    /// Asks the system to unlock the keychain, which may show its own prompt to the person, and waits for that up to
    /// [`KEYCHAIN_PROMPT_DEADLINE`]. Nothing is asked of a keychain that is open.
    ///
    /// # Errors
    /// [`KeyStoreError::Locked`] when the person declined or nothing can prompt here; else by the state of the keychain.
    async fn unlock(&self) -> Result<(), KeyStoreError>;

    /// How well the keychain protects what it holds while the computer is off, as far as that can be seen.
    async fn protection(&self) -> KeychainProtection;
}

/// How well a keychain protects what it holds while the computer is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeychainProtection {
    /// Encrypted, as far as can be seen.
    Encrypted,
    /// In clear: whoever reads this file reads the vault key.
    InClear {
        /// The file.
        file: String,
    },
    /// It cannot be seen from here.
    Unknown,
}

/// Why a file was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is such a file; it was left alone.
    #[error("{path} is there already")]
    Exists {
        /// The path.
        path: String,
    },
    /// It could not be written. Nothing is left of it.
    #[error("{path} could not be written: {reason}")]
    Failed {
        /// The path.
        path: String,
        /// The cause in a few words.
        reason: String,
    },
}

/// Files that a person asks for, outside the profile.
#[async_trait]
pub trait Files: Send + Sync {
    /// Writes a new file at an absolute path, readable to nobody else, and makes it durable. It is there whole or not at
    /// all; one that exists is never replaced.
    ///
    /// # Errors
    /// [`FileError`].
    async fn write_new(&self, path: &str, content: Secret) -> Result<(), FileError>;
}

/// Opens addresses in the person's browser.
#[async_trait]
pub trait Browser: Send + Sync {
    /// Opens `address`.
    ///
    /// # Errors
    /// A few words when no browser could be started.
    async fn open(&self, address: &Url) -> Result<(), String>;

    /// Whether the person has a browser in this session: not without a display, nor far away.
    fn is_here(&self) -> bool {
        true
    }
}

/// What is told to the browser tab that returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPage {
    /// The HTTP status code.
    pub status: u16,
    /// A complete HTML document without scripts.
    pub html: String,
}

/// Answers one return of a browser. It is handed the query string without its question mark.
#[async_trait]
pub trait RedirectHandler: Send + Sync {
    /// Whether a return is this flow's, where several wait at one port.
    fn awaits(&self, _query: &str) -> bool {
        true
    }

    /// Handles the return and says what the tab shows, and whether the flow is over and the listener can close.
    async fn arrived(&self, query: String) -> (EndPage, bool);

    /// Resolves when the flow was given up and the listener can close.
    async fn given_up(&self) {
        std::future::pending().await
    }
}

/// Loopback redirects (RFC 8252 section 7.3).
#[async_trait]
pub trait Loopback: Send + Sync {
    /// Listens on `127.0.0.1` (on `port`, else any free one) for one flow, until its handler says it is over or `until`. The
    /// redirect's host is written as `host`: `127.0.0.1`, or `localhost`, for which `[::1]` is listened at as well. Flows may
    /// have the same `port`. Requests for other hosts or paths are answered and change nothing.
    ///
    /// # Errors
    /// A few words when the port cannot be had.
    async fn listen(
        &self,
        host: &str,
        port: Option<u16>,
        until: Timestamp,
        handler: std::sync::Arc<dyn RedirectHandler>,
    ) -> Result<Url, String>;
}

/// Starts the bundled sandbox.
#[async_trait]
pub trait SandboxHost: Send + Sync {
    /// Makes sure that the sandbox answers at `base`, starting it if it does not.
    ///
    /// # Errors
    /// A sentence saying what is missing and what to do.
    async fn ensure_running(&self, base: &Url) -> Result<(), String>;
}

/// What the process that owns the profile can be asked to do with itself.
pub trait Host: Send + Sync {
    /// Ends in favour of the desktop app, after what is under way has settled.
    ///
    /// # Errors
    /// A sentence when this kind of process does not give way.
    fn hand_over(&self) -> Result<(), String>;

    /// Brings the window to the front.
    ///
    /// # Errors
    /// A sentence when this kind of process has none.
    fn show_window(&self) -> Result<(), String>;

    /// Whether the system hands the app's own addresses to the owner of this profile, or to one that takes it over.
    fn receives_links(&self) -> bool {
        false
    }
}

/// How long the OS keychain may take where no prompt is shown.
pub const KEYCHAIN_DEADLINE: SignedDuration = SignedDuration::from_secs(5);

/// How long the OS keychain may take where it prompts the person.
pub const KEYCHAIN_PROMPT_DEADLINE: SignedDuration = SignedDuration::from_secs(60);
