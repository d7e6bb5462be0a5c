//! What can go wrong with a verb. `api` turns these into problem details, in one place, by [`Error::kind`].

use crate::refresh::ConnectionTrouble;
use crate::vault_gate::Trouble;
use hearthkey_connectors::form::AnswerError;
use hearthkey_connectors::request::RequestError;
use hearthkey_domain::authorization::{ProviderError, ReturnRefused};
use hearthkey_domain::ports::{FileError, HttpError, StoreError};
use hearthkey_domain::renewal::FailureClass;
use jiff::Timestamp;

/// The closed list of what a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input has to be changed.
    InvalidInput,
    /// There is no such thing.
    NotFound,
    /// It changed at the same time, or a name is taken.
    Conflict,
    /// It is not allowed now, or not to this caller.
    PermissionDenied,
    /// The person has to sign in again.
    ReauthorizationRequired,
    /// The provider refused.
    ProviderRejected,
    /// The provider asks to slow down.
    RateLimited,
    /// The provider cannot be reached or has a problem of its own.
    UpstreamUnavailable,
    /// The keychain is missing, locked or silent.
    KeychainUnavailable,
    /// The vault key is lost or another vault's.
    KeyLost,
    /// Hearthkey is locked.
    Locked,
    /// Another process owns the profile.
    ProfileInUse,
    /// The profile was written by a newer Hearthkey.
    IncompatibleProfile,
    /// A fault of Hearthkey's own.
    Internal,
}

/// Why a verb was not done. No variant carries a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An input has to be changed.
    #[error("{field}: {expected}")]
    Input {
        /// The JSON path of the input.
        field: String,
        /// What was expected.
        expected: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which name.
        name: String,
    },
    /// The vault is not open.
    #[error(transparent)]
    Vault(#[from] Trouble),
    /// A person locked Hearthkey, or it did so by itself.
    #[error("Hearthkey is locked")]
    Locked,
    /// A passphrase that does not open the vault.
    #[error("that is not this vault's passphrase")]
    WrongPassphrase,
    /// A recovery key that does not open the vault.
    #[error("that recovery kit is not of this vault, or was replaced by a newer one")]
    WrongRecoveryKey,
    /// An encrypted file could not be opened.
    #[error("the file does not open: {reason}")]
    FileClosed {
        /// Why.
        reason: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A sealed row does not open; the others do.
    #[error("the {what} of {name} cannot be read: its sealed row does not open")]
    Unreadable {
        /// What is sealed.
        what: &'static str,
        /// Of what.
        name: String,
    },
    /// The connection is paused or being removed.
    #[error("{label} is {status} and cannot be used")]
    NotUsable {
        /// Its label.
        label: String,
        /// Its status.
        status: &'static str,
    },
    /// A connection's tokens could not be renewed.
    #[error("{}", .0.message)]
    Renewal(Box<ConnectionTrouble>),
    /// A key did not pass its test.
    #[error("{message}")]
    KeyRefused {
        /// What the test found.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The provider's authorization server answered with an error.
    #[error("{connector} {}: {error}", refused_words(*class))]
    Provider {
        /// The connector's name.
        connector: String,
        /// Its own words.
        error: ProviderError,
        /// What it comes to.
        class: FailureClass,
    },
    /// A reconnect was signed in with another account.
    #[error("{label} belongs to {expected}, and the sign-in was as {found}")]
    OtherAccount {
        /// The connection's label.
        label: String,
        /// Who it is signed in as.
        expected: String,
        /// Who signed in now.
        found: String,
    },
    /// The return from the browser did not lead on.
    #[error("{0}")]
    Return(ReturnRefused),
    /// The provider does not know the redirect.
    #[error("{connector} does not know the redirect of this sign-in")]
    RedirectMismatch {
        /// The connector's name.
        connector: String,
        /// The exact redirect to register there.
        register: String,
    },
    /// The provider has a problem of its own.
    #[error("{connector} has a problem of its own (status {status})")]
    ProviderTrouble {
        /// The connector's name.
        connector: String,
        /// The status it answered with.
        status: u16,
    },
    /// The provider asks to slow down.
    #[error("{connector} asks to slow down{}", until.map_or(String::new(), |at| format!(" until {at:.0}")))]
    RateLimited {
        /// The connector's name.
        connector: String,
        /// Until when, where it said.
        until: Option<Timestamp>,
    },
    /// The provider's reply was not what its API says.
    #[error("{connector} did not answer as expected: {expected}")]
    Malformed {
        /// The connector's name.
        connector: String,
        /// What was expected.
        expected: String,
    },
    /// No reply.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Listening for the browser's return is not possible.
    #[error("the return from the browser cannot be awaited: {reason}")]
    NoRedirect {
        /// Why.
        reason: String,
    },
    /// The process or the browser would not.
    #[error("{reason}")]
    Declined {
        /// Why.
        reason: String,
    },
    /// The sandbox does not run.
    #[error("the sandbox could not be started: {reason}")]
    NoSandbox {
        /// Why, and what to do.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sign-in was cancelled.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// It failed a moment ago, and was not tried again yet.
    #[error("{}", .0.message)]
    Recent(Failure),
    /// A fault of Hearthkey's own.
    #[error("a fault in Hearthkey: {0}")]
    Internal(&'static str),
}

impl Error {
    /// What a caller can act on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Input { .. } => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Vault(trouble) if trouble.is_key_lost() => ErrorKind::KeyLost,
            Self::Vault(_) => ErrorKind::KeychainUnavailable,
            Self::Locked => ErrorKind::Locked,
            Self::WrongPassphrase | Self::WrongRecoveryKey => ErrorKind::PermissionDenied,
            Self::FileClosed { .. } => ErrorKind::InvalidInput,
            Self::File(FileError::Exists { .. }) => ErrorKind::Conflict,
            Self::File(_) => ErrorKind::InvalidInput,
            Self::Unreadable { .. } => ErrorKind::KeyLost,
            Self::NotUsable { .. } | Self::Declined { .. } => ErrorKind::PermissionDenied,
            Self::Renewal(trouble) => renewal_kind(trouble.class),
            Self::Provider { class: FailureClass::ProviderTrouble, .. } => ErrorKind::UpstreamUnavailable,
            Self::Return(ReturnRefused::Provider(error)) if passes(error) => ErrorKind::UpstreamUnavailable,
            Self::KeyRefused { .. }
            | Self::Provider { .. }
            | Self::RedirectMismatch { .. }
            | Self::Malformed { .. }
            | Self::Return(_) => ErrorKind::ProviderRejected,
            Self::OtherAccount { .. } => ErrorKind::Conflict,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Http(HttpError::Blocked { .. }) => ErrorKind::PermissionDenied,
            Self::ProviderTrouble { .. } | Self::Http(_) | Self::NoSandbox { .. } => {
                ErrorKind::UpstreamUnavailable
            }
            Self::Store(StoreError::Conflict | StoreError::LabelTaken { .. }) | Self::Cancelled => {
                ErrorKind::Conflict
            }
            Self::Store(StoreError::Newer { .. }) => ErrorKind::IncompatibleProfile,
            Self::Recent(failure) => failure.kind,
            Self::NoRedirect { .. } | Self::Store(_) | Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// Whether one sealed row is at fault, and no other.
    pub(crate) fn is_row_damage(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Internal(_) | Self::NotFound { .. })
    }

    /// A finer word than the kind, where a caller has other words or another button for it.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Return(ReturnRefused::Denied) => Some("authorization_denied"),
            Self::Return(ReturnRefused::Expired) => Some("authorization_expired"),
            Self::Return(ReturnRefused::WrongIssuer) => Some("wrong_issuer"),
            Self::Return(ReturnRefused::WrongSignature) => Some("wrong_signature"),
            Self::Return(ReturnRefused::Unusable { .. }) => Some("answer_unusable"),
            Self::Provider { class: FailureClass::ClientRefused, .. } => Some("invalid_client"),
            Self::RedirectMismatch { .. } => Some("redirect_uri_mismatch"),
            Self::OtherAccount { .. } => Some("other_account"),
            Self::WrongPassphrase => Some("wrong_passphrase"),
            Self::WrongRecoveryKey => Some("wrong_recovery_key"),
            Self::Renewal(trouble) => Some(trouble.class.word()),
            Self::Recent(failure) => failure.word,
            _ => None,
        }
    }

    /// What the person can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Vault(trouble) => trouble.fix(),
            Self::KeyRefused { hint, .. } => return hint.clone(),
            Self::Recent(failure) => return failure.hint.clone(),
            Self::Renewal(trouble) => return Some(trouble.hint.clone()),
            Self::Locked => "Unlock Hearthkey in its window, or with: hearthkey unlock",
            Self::WrongPassphrase => {
                "Try again. If you made a recovery kit, it opens the vault as well: hearthkey unlock --recovery FILE"
            }
            Self::WrongRecoveryKey => "Use the kit that was tested last.",
            Self::File(FileError::Exists { .. }) => "Choose another name, or move the file away.",
            Self::NotFound { what: "workspace", .. } => "hearthkey workspaces lists their names.",
            Self::NotFound { what: "connection", .. } => "The list of connections shows their names.",
            Self::NotFound { what: "connector", .. } => "The list of services shows their names.",
            Self::OtherAccount { .. } => {
                "Sign in with the same account, or connect the other one as a new connection."
            }
            Self::Return(ReturnRefused::Denied) => "Start again whenever you like; nothing was saved.",
            Self::Return(ReturnRefused::Expired) => "Start again, and approve within ten minutes.",
            Self::Return(ReturnRefused::WrongIssuer) => {
                "Nothing was saved. Start again; if it happens again, the service or the network cannot be trusted."
            }
            Self::Provider { class: FailureClass::ClientRefused, .. } => {
                "Check the client ID and client secret against the service's page for your client."
            }
            Self::RedirectMismatch { register, .. } => {
                return Some(format!("Register exactly this redirect there: {register}"));
            }
            Self::Provider { class: FailureClass::ProviderTrouble, .. } => {
                "Nothing is wrong here. Wait a little, then try again."
            }
            Self::Return(ReturnRefused::Provider(error)) if passes(error) => {
                "Nothing is wrong here. Wait a little, then try again."
            }
            Self::Http(HttpError::Blocked { .. }) => {
                "The hosts of a connection are fixed when it is made, and private addresses are allowed only where you typed one."
            }
            Self::ProviderTrouble { .. } => "Nothing is wrong here. Wait a little, then try again.",
            Self::Http(_) => "Check the network, then try again.",
            Self::RateLimited { .. } => "Wait a little, then try again.",
            Self::Store(StoreError::DiskFull) => "Free some space on the disk, then try again.",
            Self::Store(StoreError::LabelTaken { .. }) => "Choose another name.",
            Self::Store(StoreError::Conflict) => "Try again.",
            Self::Store(StoreError::Newer { .. }) => "Install the newer Hearthkey; this one changes nothing.",
            Self::Store(StoreError::Damaged { .. }) => {
                "With Hearthkey ended, hearthkey doctor --restore puts the newest copy in its place."
            }
            Self::Unreadable { .. } => {
                "Disconnect it and connect again; the other connections are not affected."
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Whether a provider's error is one of its own troubles, which pass.
fn passes(error: &ProviderError) -> bool {
    FailureClass::of_code(&error.code) == FailureClass::ProviderTrouble
}

/// What a provider did that answered with an error of a class.
fn refused_words(class: FailureClass) -> &'static str {
    match class {
        FailureClass::ClientRefused => "does not accept the client",
        FailureClass::ProviderTrouble => "has a problem of its own",
        _ => "refused",
    }
}

fn renewal_kind(class: FailureClass) -> ErrorKind {
    match class {
        _ if class.ends_sign_in() => ErrorKind::ReauthorizationRequired,
        FailureClass::RateLimited => ErrorKind::RateLimited,
        FailureClass::ProviderTrouble | FailureClass::Unreachable => ErrorKind::UpstreamUnavailable,
        _ => ErrorKind::ProviderRejected,
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        Self::Input { field: error.field, expected: error.problem }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        let field = match &error {
            RequestError::PathLeaves { .. } => "path",
            RequestError::Header { .. } => "headers",
            _ => "connection",
        };
        Self::Input { field: field.to_owned(), expected: error.to_string() }
    }
}

/// What is remembered of a failure after the error itself was handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: ErrorKind,
    /// A finer word, where there is one.
    pub word: Option<&'static str>,
    /// Its sentence.
    pub message: String,
    /// What the person can do.
    pub hint: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { kind: error.kind(), word: error.word(), message: error.to_string(), hint: error.hint() }
    }
}
