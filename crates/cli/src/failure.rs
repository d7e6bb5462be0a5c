//! What a command fails with: the owner's problem, or trouble on the way to it; and the exit codes.

use hearthkey_api::Problem;
use hearthkey_api::doors::client::ClientError;
use hearthkey_api::problem::ProblemKind;
use hearthkey_engine::EngineError;

/// A failed command. What it had to say on standard output was said.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A problem to be told.
    Problem(Problem),
    /// Everything was told; only the exit code is left.
    Told(u8),
}

impl Failure {
    pub(crate) fn input(detail: impl Into<String>) -> Self {
        Self::Problem(Problem::new(ProblemKind::InvalidInput, Some(detail.into()), None))
    }

    pub(crate) fn with_hint(kind: ProblemKind, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Problem(Problem::new(kind, Some(detail.into()), Some(hint.into())))
    }

    /// Whether it is the owner's answer of this kind.
    pub(crate) fn is(&self, kind: ProblemKind) -> bool {
        matches!(self, Self::Problem(problem) if problem.kind == kind)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Told(code) => *code,
            Self::Problem(problem) => exit_code(problem.kind),
        }
    }
}

/// The exit code of a test that failed or a reply of 400 and above.
pub(crate) const REFUSED: u8 = 7;
/// The exit code of what is done but for sealed rows that do not open.
pub(crate) const KEY_LOST: u8 = 10;
/// The exit code of what a person gave up.
pub(crate) const INTERRUPTED: u8 = 130;

fn exit_code(kind: ProblemKind) -> u8 {
    match kind {
        ProblemKind::Internal => 1,
        ProblemKind::InvalidInput => 2,
        ProblemKind::NotFound => 3,
        ProblemKind::Conflict => 4,
        ProblemKind::PermissionDenied => 5,
        ProblemKind::ReauthorizationRequired => 6,
        ProblemKind::ProviderRejected => REFUSED,
        ProblemKind::RateLimited | ProblemKind::UpstreamUnavailable => 8,
        ProblemKind::KeychainUnavailable => 9,
        ProblemKind::KeyLost => KEY_LOST,
        ProblemKind::ProfileInUse => 11,
        ProblemKind::IncompatibleProfile => 12,
        ProblemKind::Locked => 13,
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => Self::Problem(problem),
            other => {
                let hint = "Try again; if it happens again, end the running Hearthkey and start it anew.";
                let kind = ProblemKind::Internal;
                Self::Problem(Problem::new(kind, Some(other.to_string()), Some(hint.to_owned())))
            }
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Problem(error.into())
    }
}
