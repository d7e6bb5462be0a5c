//! Connections: listing, naming, testing, using and removing them. (Making them: [`crate::authorize`] for sign-ins,
//! [`crate::credentials`] for keys.)

mod reconnect;
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
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<Connection>, Error> {
        // Before the vault was ever opened there is no workspace, and so nothing in it.
        match self.known_workspace(caller).await? {
            Some(workspace) => Ok(self.ports.store.connections(workspace.id).await?),
            None => Ok(vec![]),
        }
    }

    /// Up to `limit` connections, by label, beginning after the one labelled `after`.
    ///
    /// # Errors
    /// When the database cannot be read. The vault need not be open.
    pub async fn connections_page(
        &self,
        caller: &Caller,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Connection>, Error> {
        match self.known_workspace(caller).await? {
            Some(workspace) => Ok(self.ports.store.connections_page(workspace.id, after, limit).await?),
            None => Ok(vec![]),
        }
    }

    /// One connection, by identifier or label (whatever its case), with its newest history.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(Connection, Vec<Activity>), Error> {
        let connection = self.find(caller, name).await?;
        let history = self.ports.store.activity(connection.workspace, Some(connection.id), HISTORY).await?;
        Ok((connection, history))
    }

    /// Gives a connection another label.
    ///
    /// # Errors
    /// When the label is taken or no label.
    pub async fn rename_connection(
        &self,
        caller: &Caller,
        name: &str,
        label: &str,
    ) -> Result<Connection, Error> {
        let bad_label = |e| Error::Input { field: "label".into(), expected: format!("{e}") };
        let label = parse_label(label).map_err(bad_label)?;
        let found = self.find(caller, name).await?;
        self.amend(&found, None, |connection| connection.label.clone_from(&label)).await
    }

    /// The connection of the caller's workspace with this identifier or label; a label of other case only where it can mean
    /// one.
    pub(crate) async fn find(&self, caller: &Caller, name: &str) -> Result<Connection, Error> {
        let (id, name) = (name.parse::<ConnectionId>().ok(), name.trim());
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        let missing = || Error::NotFound { what: "connection", name: format!("{shown:?}") };
        let workspace = self.known_workspace(caller).await?.ok_or_else(missing)?.id;
        let store = &self.ports.store;
        if let Some(id) = id {
            return store.connection(workspace, id).await?.ok_or_else(missing);
        }
        if let Some(found) = store.connection_labelled(workspace, name.to_owned()).await? {
            return Ok(found);
        }
        if name.is_ascii() {
            return Err(missing());
        }
        // The database compares ASCII letters only.
        let folded = name.to_lowercase();
        let mut all = store.connections(workspace).await?;
        all.retain(|connection| connection.label.to_lowercase() == folded);
        match (all.pop(), all.is_empty()) {
            (Some(found), true) => Ok(found),
            (Some(_), false) => {
                let expected = format!("{shown:?} can mean several connections; write it in their case");
                Err(Error::Input { field: "connection".into(), expected })
            }
            (None, _) => Err(missing()),
        }
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
