//! The app itself as callers see it.

use super::WorkspaceView;
use hearthkey_core::changes::Topic;
use hearthkey_core::doctor::{Check, Finding};
use hearthkey_core::vault_gate::{Glance, Trouble, Ways};
use hearthkey_core::{Owner, OwnerKind};
use hearthkey_domain::ports::KeyStoreError;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The app at a glance.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    /// The version of Hearthkey.
    pub version: String,
    /// The workspace calls act in; `null` before the vault was first opened.
    pub workspace: Option<WorkspaceView>,
    /// The profile's directory.
    pub profile: String,
    /// The process that owns it.
    pub owner: OwnerView,
    /// How the vault is.
    pub vault: VaultView,
    /// Whether the sandbox can be started here.
    pub sandbox: bool,
}

/// The process that owns the profile.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OwnerView {
    /// What kind of process.
    pub kind: OwnerWord,
    /// Its process id.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

/// Kinds of owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerWord {
    /// The desktop app.
    Desktop,
    /// `hearthkey serve`.
    Serve,
}

impl From<&Owner> for OwnerView {
    fn from(owner: &Owner) -> Self {
        let kind = match owner.kind {
            OwnerKind::Desktop => OwnerWord::Desktop,
            OwnerKind::Serve => OwnerWord::Serve,
        };
        Self { kind, pid: owner.pid, since: owner.since }
    }
}

/// How the vault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VaultView {
    /// The state's word.
    pub state: VaultWord,
    /// What was seen, unless it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do, unless it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// What opens it, besides asking again.
    pub unlock: UnlockWays,
    /// While it is locked: whether the background work goes on.
    #[serde(default)]
    pub working: bool,
}

/// What a person can open the vault with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnlockWays {
    /// The passphrase.
    pub passphrase: bool,
    /// The recovery kit.
    pub recovery: bool,
    /// The keychain, which may ask the person itself.
    pub keychain: bool,
}

/// The states of the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VaultWord {
    /// Open.
    Open,
    /// Being opened; a change tells when it is.
    Opening,
    /// Locked: nobody comes in until a person unlocks it.
    Locked,
    /// There is no keychain.
    KeychainAbsent,
    /// The keychain is locked.
    KeychainLocked,
    /// The keychain does not answer.
    KeychainHanging,
    /// The keychain answered with another error.
    KeychainRefused,
    /// The keychain no longer holds the key.
    KeyMissing,
    /// The keychain holds another key.
    WrongKey,
    /// The workspace's key does not open.
    Unreadable,
}

impl VaultView {
    fn in_state(state: VaultWord) -> Self {
        Self { state, detail: None, fix: None, unlock: UnlockWays::default(), working: false }
    }

    fn in_trouble(trouble: &Trouble, ways: Ways) -> Self {
        let state = match trouble {
            Trouble::Keychain(KeyStoreError::Absent { .. }) => VaultWord::KeychainAbsent,
            Trouble::Keychain(KeyStoreError::Locked) => VaultWord::KeychainLocked,
            Trouble::Keychain(KeyStoreError::Hanging { .. }) => VaultWord::KeychainHanging,
            Trouble::Keychain(_) => VaultWord::KeychainRefused,
            Trouble::KeyMissing => VaultWord::KeyMissing,
            Trouble::WrongKey => VaultWord::WrongKey,
            Trouble::WorkspaceDamaged => VaultWord::Unreadable,
        };
        let unlock = UnlockWays {
            passphrase: ways.passphrase,
            recovery: ways.recovery,
            keychain: state == VaultWord::KeychainLocked,
        };
        let (detail, fix) = (Some(trouble.to_string()), Some(trouble.fix().to_owned()));
        Self { detail, fix, unlock, ..Self::in_state(state) }
    }
}

impl From<Glance> for VaultView {
    fn from(glance: Glance) -> Self {
        match glance {
            Glance::Open => Self::in_state(VaultWord::Open),
            Glance::Opening => Self::in_state(VaultWord::Opening),
            Glance::Locked { working, ways } => Self {
                unlock: UnlockWays {
                    passphrase: ways.passphrase,
                    recovery: ways.recovery,
                    keychain: !ways.passphrase,
                },
                working,
                ..Self::in_state(VaultWord::Locked)
            },
            Glance::Closed(trouble, ways) => Self::in_trouble(&trouble, ways),
        }
    }
}

/// What a watcher should fetch anew.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChangeView {
    /// What changed.
    pub topic: TopicView,
}

/// What can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopicView {
    /// Everything: the stream begins, or fell behind.
    All,
    /// The connections.
    Connections,
    /// What connectors need.
    Connectors,
    /// The state of the vault.
    Vault,
    /// The workspaces.
    Workspaces,
}

impl From<Topic> for ChangeView {
    fn from(topic: Topic) -> Self {
        let topic = match topic {
            Topic::All => TopicView::All,
            Topic::Connections => TopicView::Connections,
            Topic::Connectors => TopicView::Connectors,
            Topic::Vault => TopicView::Vault,
            Topic::Workspaces => TopicView::Workspaces,
        };
        Self { topic }
    }
}

/// What the doctor found.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// Whether nothing is in trouble.
    pub healthy: bool,
    /// Every check.
    pub checks: Vec<CheckView>,
}

/// One check.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// A word to name it by.
    pub id: String,
    /// What was looked at.
    pub title: String,
    /// What was found.
    pub finding: FindingWord,
    /// What was seen.
    pub detail: String,
    /// What to do, unless it is fine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingWord {
    /// As it should be.
    Fine,
    /// Works, and could be safer.
    Advice,
    /// Does not work.
    Trouble,
}

impl From<Vec<Check>> for DoctorReport {
    fn from(checks: Vec<Check>) -> Self {
        let healthy = checks.iter().all(|check| check.finding != Finding::Trouble);
        let checks = checks.into_iter().map(CheckView::from).collect();
        Self { healthy, checks }
    }
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        let finding = match check.finding {
            Finding::Fine => FindingWord::Fine,
            Finding::Advice => FindingWord::Advice,
            Finding::Trouble => FindingWord::Trouble,
        };
        let (id, title) = (check.id.to_owned(), check.title.to_owned());
        Self { id, title, finding, detail: check.detail, fix: check.fix }
    }
}
