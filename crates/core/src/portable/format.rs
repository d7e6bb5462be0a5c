//! The content of an export, version 1: JSON, documented field by field in `docs/EXPORT.md`.
//!
//! The only place outside `codec` where secrets are written out; the buffer is wiped by its owner.

use crate::Error;
use crate::codec::Written;
use hearthkey_domain::Secret;
use hearthkey_domain::client::Client;
use hearthkey_domain::connection::{Connection, Identity, OAuthGrant, Status};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::ids::{ClientId, ConnectionId, WorkspaceId};
use hearthkey_domain::renewal::Renewal;
use hearthkey_domain::workspace::Workspace;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What `format` says.
pub const FORMAT: &str = "hearthkey-export";
/// The newest version this program writes and reads.
pub const VERSION: u32 = 1;

/// An export.
pub struct Export {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// By which program.
    pub made_by: String,
    /// What is in it.
    pub workspaces: Vec<WorkspaceExport>,
}

/// A workspace with what is in it.
pub struct WorkspaceExport {
    /// The workspace.
    pub workspace: Workspace,
    /// OAuth clients of the person's own.
    pub clients: Vec<ClientEntry>,
    /// Its connections.
    pub connections: Vec<ConnectionEntry>,
}

/// A client with its secret.
pub struct ClientEntry {
    /// The client.
    pub client: Client,
    /// Its secret, where it has one.
    pub secret: Option<Secret>,
}

/// A connection with its credential.
pub struct ConnectionEntry {
    /// The connection.
    pub connection: Connection,
    /// The canonical egress policy.
    pub policy: String,
    /// Who issued the credential.
    pub issuer: String,
    /// The credential.
    pub credential: Credential,
}

#[derive(Serialize, Deserialize)]
struct ExportText<'a> {
    format: Cow<'a, str>,
    version: u32,
    made_at: Timestamp,
    made_by: Cow<'a, str>,
    workspaces: Vec<WorkspaceText<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WorkspaceText<'a> {
    id: WorkspaceId,
    name: Cow<'a, str>,
    created_at: Timestamp,
    clients: Vec<ClientText<'a>>,
    connections: Vec<ConnectionText<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ClientText<'a> {
    id: ClientId,
    connector: Cow<'a, str>,
    issuer: Cow<'a, str>,
    client_id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<Cow<'a, str>>,
    server: Cow<'a, str>,
    policy: Cow<'a, str>,
    created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct ConnectionText<'a> {
    id: ConnectionId,
    connector: Cow<'a, str>,
    method: Cow<'a, str>,
    label: Cow<'a, str>,
    #[serde(flatten)]
    status: Cow<'a, Status>,
    identity: Cow<'a, Identity>,
    values: Cow<'a, BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oauth: Option<Cow<'a, OAuthGrant>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    masked_key: Option<Cow<'a, str>>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_tested_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_refreshed_at: Option<Timestamp>,
    policy: Cow<'a, str>,
    issuer: Cow<'a, str>,
    credential: Written<'a>,
}

impl Export {
    /// Writes it out.
    pub(crate) fn write(&self, into: &mut Vec<u8>) -> Result<(), Error> {
        let text = ExportText {
            format: self.format.as_str().into(),
            version: self.version,
            made_at: self.made_at,
            made_by: self.made_by.as_str().into(),
            workspaces: self.workspaces.iter().map(WorkspaceText::of).collect(),
        };
        serde_json::to_writer_pretty(into, &text)
            .map_err(|_| Error::Internal("an export could not be written"))
    }

    /// Reads what a file holds. It may come from anybody: nothing in it is believed but its shape.
    pub(crate) fn read(content: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let closed = |reason: String| Error::FileClosed { reason };
        let head: Head = serde_json::from_slice(content)
            .map_err(|_| closed("what is in it is not an export of Hearthkey".into()))?;
        if head.format != FORMAT {
            return Err(closed("what is in it is not an export of Hearthkey".into()));
        }
        if head.version > VERSION {
            return Err(closed(format!(
                "it was made by a newer Hearthkey (version {} of the format; this one reads {VERSION})",
                head.version
            )));
        }
        // serde's own words may quote what is in the file; place and kind do not.
        let text: ExportText<'_> = serde_json::from_slice(content).map_err(|error| {
            closed(format!("its content is malformed at line {}, column {}", error.line(), error.column()))
        })?;
        Ok(Self {
            format: text.format.into_owned(),
            version: text.version,
            made_at: text.made_at,
            made_by: text.made_by.into_owned(),
            workspaces: text.workspaces.into_iter().map(WorkspaceText::into_export).collect(),
        })
    }
}

impl<'a> WorkspaceText<'a> {
    fn of(export: &'a WorkspaceExport) -> Self {
        Self {
            id: export.workspace.id,
            name: export.workspace.name.as_str().into(),
            created_at: export.workspace.created_at,
            clients: export.clients.iter().map(ClientText::of).collect(),
            connections: export.connections.iter().map(ConnectionText::of).collect(),
        }
    }

    fn into_export(self) -> WorkspaceExport {
        let Self { id, name, created_at, clients, connections } = self;
        let workspace = Workspace { id, name: name.into_owned(), created_at };
        WorkspaceExport {
            clients: clients.into_iter().map(|client| client.into_entry(id)).collect(),
            connections: connections.into_iter().map(|connection| connection.into_entry(id)).collect(),
            workspace,
        }
    }
}

impl<'a> ClientText<'a> {
    fn of(entry: &'a ClientEntry) -> Self {
        let client = &entry.client;
        Self {
            id: client.id,
            connector: client.connector.as_str().into(),
            issuer: client.issuer.as_str().into(),
            client_id: client.client_id.as_str().into(),
            client_secret: entry.secret.as_ref().map(|secret| secret.expose().into()),
            server: client.server.as_str().into(),
            policy: client.policy.as_str().into(),
            created_at: client.created_at,
        }
    }

    fn into_entry(self, workspace: WorkspaceId) -> ClientEntry {
        let secret = self.client_secret.map(crate::codec::take);
        let client = Client {
            id: self.id,
            workspace,
            connector: self.connector.into_owned(),
            issuer: self.issuer.into_owned(),
            client_id: self.client_id.into_owned(),
            confidential: secret.is_some(),
            server: self.server.into_owned(),
            policy: self.policy.into_owned(),
            created_at: self.created_at,
            proven: false,
            kept: false,
        };
        ClientEntry { client, secret }
    }
}

impl<'a> ConnectionText<'a> {
    fn of(entry: &'a ConnectionEntry) -> Self {
        let connection = &entry.connection;
        Self {
            id: connection.id,
            connector: connection.connector.as_str().into(),
            method: connection.method.as_str().into(),
            label: connection.label.as_str().into(),
            status: Cow::Borrowed(&connection.status),
            identity: Cow::Borrowed(&connection.identity),
            values: Cow::Borrowed(&connection.values),
            // When it is renewed is a matter of the place where that is done.
            oauth: connection
                .oauth
                .clone()
                .map(|g| Cow::Owned(OAuthGrant { renewal: Renewal::default(), ..g })),
            masked_key: connection.masked_key.as_deref().map(Cow::Borrowed),
            created_at: connection.created_at,
            last_used_at: connection.last_used_at,
            last_tested_at: connection.last_tested_at,
            last_refreshed_at: connection.last_refreshed_at,
            policy: entry.policy.as_str().into(),
            issuer: entry.issuer.as_str().into(),
            credential: Written::of(&entry.credential),
        }
    }

    fn into_entry(self, workspace: WorkspaceId) -> ConnectionEntry {
        let connection = Connection {
            id: self.id,
            workspace,
            connector: self.connector.into_owned(),
            method: self.method.into_owned(),
            label: self.label.into_owned(),
            status: self.status.into_owned(),
            identity: self.identity.into_owned(),
            values: self.values.into_owned(),
            oauth: self.oauth.map(Cow::into_owned),
            masked_key: self.masked_key.map(Cow::into_owned),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            last_tested_at: self.last_tested_at,
            last_refreshed_at: self.last_refreshed_at,
            version: 1,
        };
        let (policy, issuer) = (self.policy.into_owned(), self.issuer.into_owned());
        ConnectionEntry { connection, policy, issuer, credential: self.credential.into_credential() }
    }
}
