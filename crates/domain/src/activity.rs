//! Activity: the audit log of what was done with connections, by which door and program.

use crate::ids::{ActivityId, ConnectionId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The door a call came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The desktop window.
    Desktop,
    /// The local socket: the command line and other local programs.
    Socket,
    /// A redirect from the browser.
    Redirect,
    /// The button of a notice.
    Notice,
    /// Hearthkey's own background work.
    Background,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A connection was made.
    Connected,
    /// A connection got new secrets in place.
    Reconnected,
    /// A sign-in did not succeed.
    ConnectFailed,
    /// New tokens were fetched.
    Refreshed,
    /// Fetching new tokens failed.
    RefreshFailed,
    /// The connection was tested.
    Tested,
    /// A request was sent through it.
    Used,
    /// Its removal began.
    Disconnected,
    /// Its removal was undone.
    Restored,
    /// Its credential was ended at the provider.
    Revoked,
    /// Ending its credential at the provider failed.
    RevokeFailed,
    /// The vault was locked, by a person or for want of one.
    Locked,
    /// The vault was unlocked.
    Unlocked,
    /// The vault's keys were replaced.
    KeysRotated,
    /// A passphrase was set or changed.
    PassphraseSet,
    /// The passphrase was removed.
    PassphraseRemoved,
    /// A recovery kit was written.
    RecoveryKitMade,
    /// A recovery kit was shown to open the vault.
    RecoveryKitTested,
    /// An OAuth client was kept.
    ClientAdded,
    /// An OAuth client got a new secret.
    ClientChanged,
    /// An OAuth client was removed.
    ClientRemoved,
    /// A workspace was made.
    WorkspaceAdded,
    /// A workspace got another name.
    WorkspaceRenamed,
    /// A workspace was destroyed with everything in it.
    WorkspaceDestroyed,
    /// Connections were written to an encrypted file.
    Exported,
    /// Connections were taken from an encrypted file.
    Imported,
}

/// One entry of the audit log. Holds no secret and no payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Its identifier, ordered by time.
    pub id: ActivityId,
    /// The workspace it happened in.
    pub workspace: WorkspaceId,
    /// The connection it concerns.
    pub connection: Option<ConnectionId>,
    /// When it happened.
    pub at: Timestamp,
    /// What was done.
    pub deed: Deed,
    /// Through which door.
    pub door: Door,
    /// By which program, where the door knows.
    pub program: Option<String>,
    /// What the deed alone does not say: as whom, to where, with what outcome. May be empty.
    pub detail: String,
}
