//! Connections: listing, naming, testing, using and removing them. (Making them: [`crate::authorize`] for sign-ins,
//! [`crate::credentials`] for keys.)

mod removal;
mod request;
mod test;

use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::Manifest;
use hearthkey_domain::activity::Activity;
use hearthkey_domain::connection::{Connection, parse_label};
use hearthkey_domain::ids::ConnectionId;
use hearthkey_domain::ports::StoreError;

pub use request::{Body, Reply, UsageRequest};
pub use test::TestReport;
pub(crate) use test::json_of;

/// How much history a connection's page shows.
const HISTORY: u32 = 50;

impl Hearthkey {
    /// The connections, by label.
    ///
    /// # Errors
    /// When the database cannot be read. The vault need not be open.
    pub async fn connections(&self) -> Result<Vec<Connection>, Error> {
        // Before the vault was ever opened there is no workspace, and so nothing in it.
        match self.ports.store.workspaces().await?.into_iter().next() {
            Some(row) => Ok(self.ports.store.connections(row.workspace.id).await?),
            None => Ok(vec![]),
        }
    }

    /// One connection, by identifier or label (whatever its case), with its newest history.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection(&self, name: &str) -> Result<(Connection, Vec<Activity>), Error> {
        let connection = self.find(name).await?;
        let history = self.ports.store.activity(connection.workspace, Some(connection.id), HISTORY).await?;
        Ok((connection, history))
    }

    /// Gives a connection another label.
    ///
    /// # Errors
    /// When the label is taken or no label.
    pub async fn rename_connection(&self, name: &str, label: &str) -> Result<Connection, Error> {
        let bad_label = |e| Error::Input { field: "label".into(), expected: format!("{e}") };
        let label = parse_label(label).map_err(bad_label)?;
        let found = self.find(name).await?;
        self.amend(&found, None, |connection| connection.label.clone_from(&label)).await
    }

    pub(crate) async fn find(&self, name: &str) -> Result<Connection, Error> {
        let id = name.parse::<ConnectionId>().ok();
        let wanted = name.trim().to_lowercase();
        let mut all = self.connections().await?.into_iter();
        all.find(|c| Some(c.id) == id || c.label.to_lowercase() == wanted).ok_or_else(|| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
            Error::NotFound { what: "connection", name: format!("{shown:?}") }
        })
    }

    /// Changes a connection and writes it, again if it was changed meanwhile.
    pub(crate) async fn amend(
        &self,
        connection: &Connection,
        entry: Option<Activity>,
        change: impl Fn(&mut Connection),
    ) -> Result<Connection, Error> {
        let (workspace, id) = (connection.workspace, connection.id);
        for _ in 0..5 {
            let missing = || Error::NotFound { what: "connection", name: id.to_string() };
            let mut fresh = self.ports.store.connection(workspace, id).await?.ok_or_else(missing)?;
            change(&mut fresh);
            match self.ports.store.update_connection(fresh.clone(), entry.clone()).await {
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.changes.tell(crate::changes::Topic::Connections);
                    fresh.version += 1;
                    return Ok(fresh);
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    pub(crate) fn manifest_of(&self, connection: &Connection) -> Result<&Manifest, Error> {
        let missing = || Error::NotFound { what: "connector", name: connection.connector.clone() };
        self.catalog.get(&connection.connector).ok_or_else(missing)
    }

    /// The hosts a connection's credential may go to, for a person's eyes.
    pub async fn hosts(&self, connection: &Connection) -> Vec<String> {
        let row = self.ports.store.credential(connection.workspace, connection.id).await.ok().flatten();
        let policy = row.and_then(|row| row.policy.parse::<hearthkey_domain::egress::EgressPolicy>().ok());
        policy.map(|policy| policy.hosts().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The caller's own words in the audit log.
    pub(crate) fn note_use(&self, caller: &Caller, connection: &Connection, detail: String) {
        let deed = hearthkey_domain::activity::Deed::Used;
        self.ports.store.note_use(self.entry_for(caller, connection, deed, detail));
    }
}
