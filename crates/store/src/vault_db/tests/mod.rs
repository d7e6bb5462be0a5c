//! `vault.db` through its port. Test data and shared steps; the tests are in the modules below, by subject.

mod activity;
mod authorizations;
mod backups;
mod clients;
mod connections;
mod durability;
#[cfg(target_os = "linux")]
mod faults;
mod isolation;
mod migration;
mod mutations;
mod renewals;
mod restore;
mod rotation;
mod settings;
mod slots;
mod workspaces;

use super::VaultDb;
use hearthkey_domain::activity::{Activity, Deed, Door};
use hearthkey_domain::connection::{Connection, Identity, Status};
use hearthkey_domain::ids::{ActivityId, ConnectionId, SlotId, WorkspaceId};
use hearthkey_domain::key_slot::{KeySlot, SlotKind, SlotRow};
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

    /// One in memory, where there is such a directory: for tests of many files, which would wait for the disk.
    fn in_memory() -> Self {
        tempfile::tempdir_in("/dev/shm").map_or_else(|_| Self::new(), Self)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("vault.db")
    }

    /// The file that belongs to the database and ends in `suffix`.
    fn part(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("vault.db{suffix}"))
    }

    fn open(&self) -> VaultDb {
        VaultDb::open(&self.path()).unwrap()
    }

    /// A founded vault.
    async fn founded(&self) -> VaultDb {
        let db = self.open();
        db.found_vault(vault_record(), workspace_row(HOME), Vec::new()).await.unwrap();
        db
    }

    /// Runs SQL beside Hearthkey, as a hand or a fault would.
    fn meddle(&self, sql: &str) {
        let shell = rusqlite::Connection::open(self.path()).unwrap();
        shell.execute_batch(sql).unwrap();
    }

    /// Overwrites the first page of a table in a file that nobody has open.
    fn damage(&self, table: &str) {
        let shell = rusqlite::Connection::open(self.path()).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let root: u32 = shell.query_row(sql, [table], |row| row.get(0)).unwrap();
        drop(shell);
        let mut bytes = std::fs::read(self.path()).unwrap();
        bytes[4096 * (root as usize - 1)..4096 * root as usize].fill(0xA5);
        std::fs::write(self.path(), bytes).unwrap();
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
    VaultRecord {
        vault_id: "vault-of-tests".into(),
        generation: 1,
        key_check: vec![1, 2, 3],
        in_keychain: true,
        rotated_at: at(0),
        rotation_due: false,
    }
}

fn workspace_row(number: u8) -> WorkspaceRow {
    WorkspaceRow {
        workspace: Workspace {
            id: workspace(number),
            name: format!("Workspace {number}"),
            created_at: at(0),
        },
        generation: 1,
        sealed_key: Sealed::from_bytes(vec![number; 40]),
        retiring_key: None,
    }
}

/// Bytes that, as an envelope does, name a generation of the key they hang from.
fn envelope(generation: u32, text: &str) -> Sealed {
    let parts = [b"KSE1\x01\x00".as_slice(), &generation.to_be_bytes(), text.as_bytes()];
    Sealed::from_bytes(parts.concat())
}

fn slot_id(number: u8) -> SlotId {
    SlotId::new(at(0), [number; 10])
}

fn slot_row(number: u8, kind: SlotKind, confirmed_at: Option<Timestamp>) -> SlotRow {
    SlotRow {
        slot: KeySlot {
            id: slot_id(number),
            kind,
            recipient: format!("age1{number}"),
            passphrase: None,
            created_at: at(0),
            confirmed_at,
        },
        identity: (kind == SlotKind::Passphrase).then(|| Sealed::from_bytes(vec![number; 5])),
        key: vec![number; 6],
        proof_key: Sealed::from_bytes(vec![number; 7]),
        proof: vec![number; 8],
    }
}

/// The sides of a slot's row, to be compared.
fn sides(row: &SlotRow) -> (KeySlot, Option<Sealed>, Vec<u8>, Sealed, Vec<u8>) {
    (row.slot.clone(), row.identity.clone(), row.key.clone(), row.proof_key.clone(), row.proof.clone())
}

/// Another workspace.
async fn add_workspace(db: &VaultDb, number: u8) {
    db.add_workspace(workspace_row(number), activity(HOME, None, at(0))).await.unwrap();
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

/// Whether a rotation is asked for.
async fn is_rotation_due(db: &VaultDb) -> bool {
    db.vault_record().await.unwrap().unwrap().rotation_due
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
    Connection { status: Status::Deleting { purge_after, before, keep_sign_in: false }, ..connection.clone() }
}

/// Those of `marks` that are in any file of the directory.
fn findable<'a>(place: &Place, marks: &[&'a [u8]]) -> Vec<&'a str> {
    let files: Vec<_> = std::fs::read_dir(place.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let is_in = |mark: &[u8]| files.iter().any(|file| file.windows(mark.len()).any(|part| part == mark));
    marks.iter().filter(|mark| is_in(mark)).map(|mark| str::from_utf8(mark).unwrap()).collect()
}
