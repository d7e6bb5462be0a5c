//! `vault.db` through its port. Test data and shared steps; the tests are in the modules below, by subject.

mod activity;
mod authorizations;
mod clients;
mod connections;
mod durability;
mod isolation;

use super::VaultDb;
use hearthkey_domain::activity::{Activity, Deed, Door};
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::ids::{ActivityId, ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{CredentialRow, Store, VaultRecord, WorkspaceRow};
use hearthkey_domain::sealed::Sealed;
use hearthkey_domain::workspace::Workspace;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

/// The workspace of the tests.
const HOME: u8 = 1;

/// A directory for one `vault.db`.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("vault.db")
    }

    fn open(&self) -> VaultDb {
        VaultDb::open(&self.path()).unwrap()
    }

    /// A founded vault.
    async fn founded(&self) -> VaultDb {
        let db = self.open();
        db.found_vault(vault_record(), workspace_row(HOME)).await.unwrap();
        db
    }

    /// Runs SQL beside Hearthkey, as a hand or a fault would.
    fn meddle(&self, sql: &str) {
        let shell = rusqlite::Connection::open(self.path()).unwrap();
        shell.execute_batch(sql).unwrap();
    }
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn workspace(number: u8) -> WorkspaceId {
    WorkspaceId::new(at(0), [number; 10])
}

fn connection_id(number: u8) -> ConnectionId {
    ConnectionId::new(at(0), [number; 10])
}

fn vault_record() -> VaultRecord {
    VaultRecord { vault_id: "vault-of-tests".into(), generation: 1, key_check: vec![1, 2, 3] }
}

fn workspace_row(number: u8) -> WorkspaceRow {
    WorkspaceRow {
        workspace: Workspace {
            id: workspace(number),
            name: format!("Workspace {number}"),
            created_at: at(0),
        },
        sealed_key: Sealed::from_bytes(vec![number; 40]),
    }
}

/// A second workspace, which no method of the port makes yet.
fn add_workspace(place: &Place, number: u8) {
    let row = workspace_row(number);
    let record = serde_json::to_string(&row.workspace).unwrap();
    place.meddle(&format!("INSERT INTO workspaces VALUES ('{}', '{record}', x'00')", row.workspace.id));
}

fn connection(space: u8, number: u8, label: &str) -> Connection {
    Connection {
        id: connection_id(number),
        workspace: workspace(space),
        connector: "github".into(),
        method: "oauth2".into(),
        label: label.into(),
        status: Status::Active,
        identity: Identity::default(),
        values: BTreeMap::new(),
        oauth: None,
        masked_key: None,
        created_at: at(0),
        last_used_at: None,
        last_tested_at: None,
        last_refreshed_at: None,
        version: 1,
    }
}

fn credential(version: u64, bytes: &[u8]) -> CredentialRow {
    CredentialRow {
        version,
        policy: "api.github.com".into(),
        issuer: "https://github.com".into(),
        sealed: Sealed::from_bytes(bytes.to_vec()),
    }
}

/// An entry with an identifier of its own.
fn activity(space: u8, connection: Option<u8>, when: Timestamp) -> Activity {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    Activity {
        id: ActivityId::new(when, [NEXT.fetch_add(1, Ordering::Relaxed); 10]),
        workspace: workspace(space),
        connection: connection.map(connection_id),
        at: when,
        deed: Deed::Used,
        door: Door::Socket,
        program: Some("curl".into()),
        detail: "GET /user: 200".into(),
    }
}

async fn add(db: &VaultDb, space: u8, number: u8, label: &str) -> Connection {
    let made = connection(space, number, label);
    db.add_connection(made.clone(), credential(1, &[number; 64]), activity(space, Some(number), at(0)))
        .await
        .unwrap();
    made
}

/// The same connection, being removed, as it is to be written.
fn deleting(connection: &Connection, purge_after: Timestamp) -> Connection {
    let before = Box::new(connection.status.clone());
    Connection { status: Status::Deleting { purge_after, before }, ..connection.clone() }
}
