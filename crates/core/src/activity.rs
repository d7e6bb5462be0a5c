//! Writing the audit log.

use crate::{Caller, Hearthkey};
use hearthkey_domain::activity::{Activity, Deed};
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ActivityId, ConnectionId, WorkspaceId};

impl Hearthkey {
    /// An entry of the audit log, made now.
    pub(crate) fn entry(
        &self,
        caller: &Caller,
        workspace: WorkspaceId,
        connection: Option<ConnectionId>,
        deed: Deed,
        detail: impl Into<String>,
    ) -> Activity {
        let at = self.now();
        Activity {
            id: ActivityId::new(at, self.random()),
            workspace,
            connection,
            at,
            deed,
            door: caller.door,
            program: caller.program.clone(),
            detail: detail.into(),
        }
    }

    /// An entry about one connection.
    pub(crate) fn entry_for(
        &self,
        caller: &Caller,
        connection: &Connection,
        deed: Deed,
        detail: impl Into<String>,
    ) -> Activity {
        self.entry(caller, connection.workspace, Some(connection.id), deed, detail)
    }
}
