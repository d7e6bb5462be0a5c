//! The audit log as callers see it.

use crate::words::words;
use hearthkey_domain::activity::{Activity, Deed, Door};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of the audit log.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ActivityView {
    /// `act_…`
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was done.
    pub deed: DeedWord,
    /// Through which door.
    pub door: DoorWord,
    /// By which program, where the door knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// What the deed alone does not say: as whom, to where, with what outcome. May be empty.
    pub detail: String,
}

words! {
    /// What was done.
    DeedWord of Deed {
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
        /// It was tested.
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
        /// Hearthkey was locked, by a person or for want of one.
        Locked,
        /// Hearthkey was unlocked.
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
        /// It was taken from an encrypted file.
        Imported,
    }
}

words! {
    /// The door a call came through.
    DoorWord of Door {
        /// The desktop window.
        Desktop,
        /// The local socket.
        Socket,
        /// A redirect from the browser.
        Redirect,
        /// The button of a notice.
        Notice,
        /// Background work.
        Background,
    }
}

impl From<Activity> for ActivityView {
    fn from(activity: Activity) -> Self {
        Self {
            id: activity.id.to_string(),
            at: activity.at,
            deed: activity.deed.into(),
            door: activity.door.into(),
            program: activity.program,
            detail: activity.detail,
        }
    }
}
