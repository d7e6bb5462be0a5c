//! Taking connections along: an encrypted file (age-encryption.org/v1) that other programs open as well, and reading one.
//!
//! The file holds secrets in its encrypted content, field by field as [`mod@format`] documents. Never in it: code verifiers,
//! sign-ins under way, keys of the vault, history.

pub mod format;
mod import;

pub use import::{ImportItem, ImportOutcome};

use crate::lock::Opener;
use crate::{Caller, Error, Hearthkey};
use bytes::Bytes;
use format::{ClientEntry, ConnectionEntry, Export, WorkspaceExport};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::connection::Status;
use hearthkey_domain::ids::BlobId;
use hearthkey_domain::workspace::Workspace;
use hearthkey_vault::{AgeError, encrypt_to, encrypt_with_passphrase};
use zeroize::Zeroizing;

/// The media type of an export.
pub const MEDIA_TYPE: &str = "application/age";
/// The largest plain content that is written or read, in bytes.
pub(crate) const CONTENT_MAX: usize = 24 * 1024 * 1024;
/// The shortest passphrase of a file, in characters.
const PASSPHRASE_MIN: usize = 12;

/// Who can open an export.
pub enum Lock {
    /// Whoever knows a passphrase (scrypt).
    Passphrase(Secret),
    /// The holders of these age recipients (`age1…`).
    Recipients(Vec<String>),
}

/// What an export holds.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The encrypted file, as a blob.
    pub blob: BlobId,
    /// How many connections are in it.
    pub connections: usize,
    /// The workspaces in it.
    pub workspaces: Vec<String>,
    /// The connections that are not: their sealed rows do not open.
    pub unreadable: Vec<String>,
}

impl Hearthkey {
    /// Writes the connections of the caller's workspace, or of all, into an encrypted file. Connections on their way out are
    /// not in it.
    ///
    /// Where a passphrase is set, it asks for that (or the recovery kit): a file with every secret is not for whoever finds
    /// Hearthkey open.
    ///
    /// # Errors
    /// A lock that is too weak or malformed, a wrong passphrase, a vault that is not open, or more than fits into one file.
    pub async fn export(
        &self,
        caller: &Caller,
        opener: Opener,
        all: bool,
        lock: Lock,
    ) -> Result<Exported, Error> {
        check_lock(&lock)?;
        self.vault().await?;
        if self.ways().await?.passphrase {
            let slots = self.ports.store.key_slots().await?;
            self.open_by_slot(&self.founded().await?, &slots, opener).await?;
        }
        let acting = self.workspace(caller).await?;
        let mut exported = Exported {
            blob: BlobId::new(self.now(), self.random()),
            connections: 0,
            workspaces: vec![],
            unreadable: vec![],
        };
        // What is written out on the way is wiped with this.
        let mut content = Zeroizing::new(Vec::with_capacity(64 * 1024));
        let mut workspaces = vec![];
        for row in self.ports.store.workspaces().await? {
            if all || row.workspace.id == acting.id {
                exported.workspaces.push(row.workspace.name.clone());
                workspaces.push(self.export_workspace(row.workspace, &mut exported).await?);
            }
        }
        let file = Export {
            format: format::FORMAT.into(),
            version: format::VERSION,
            made_at: self.now(),
            made_by: format!("Hearthkey {}", self.owner().version),
            workspaces,
        };
        file.write(&mut content)?;
        drop(file);
        if content.len() > CONTENT_MAX {
            let expected = format!(
                "{} MiB at most fit into one file; export one workspace at a time",
                CONTENT_MAX / 1024 / 1024
            );
            return Err(Error::Input { field: "all_workspaces".into(), expected });
        }
        let sealed = tokio::task::spawn_blocking(move || match lock {
            Lock::Passphrase(passphrase) => encrypt_with_passphrase(&passphrase, &content),
            Lock::Recipients(recipients) => encrypt_to(&recipients, &content),
        });
        let sealed = sealed.await.map_err(|_| Error::Internal("an export did not finish"))?;
        let sealed = sealed.map_err(|error| match error {
            AgeError::BadRecipient { .. } => {
                Error::Input { field: "recipients".into(), expected: error.to_string() }
            }
            _ => Error::Internal("an export could not be encrypted"),
        })?;
        exported.blob = self.keep_blob(Bytes::from(sealed), MEDIA_TYPE.to_owned())?;
        let entry = self.entry(
            caller,
            acting.id,
            None,
            Deed::Exported,
            format!("{} connections", exported.connections),
        );
        self.ports.store.record(entry).await?;
        Ok(exported)
    }

    async fn export_workspace(
        &self,
        workspace: Workspace,
        exported: &mut Exported,
    ) -> Result<WorkspaceExport, Error> {
        let mut clients = vec![];
        for (client, sealed) in self.ports.store.clients(workspace.id).await? {
            let Some(client) = self.meant(client).await? else { continue };
            let secret = match sealed {
                None => None,
                Some(sealed) => match self.client_secret(&client, &sealed).await {
                    Ok(secret) => Some(secret),
                    Err(error) if error.is_row_damage() => {
                        exported.unreadable.push(format!("client {}", client.client_id));
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            clients.push(ClientEntry { client, secret });
        }
        let mut connections = vec![];
        for connection in self.ports.store.connections(workspace.id).await? {
            if matches!(connection.status, Status::Deleting { .. }) {
                continue;
            }
            let row = self.ports.store.credential(workspace.id, connection.id).await?;
            match (self.open_credential(workspace.id, connection.id).await, row) {
                (Ok(opened), Some(row)) => {
                    let (policy, issuer) = (row.policy, row.issuer);
                    let credential = opened.credential;
                    connections.push(ConnectionEntry {
                        connection: opened.connection,
                        policy,
                        issuer,
                        credential,
                    });
                    exported.connections += 1;
                }
                (Err(error), _) if !error.is_row_damage() => return Err(error),
                _ => exported.unreadable.push(connection.label),
            }
        }
        Ok(WorkspaceExport { workspace, clients, connections })
    }
}

fn check_lock(lock: &Lock) -> Result<(), Error> {
    let refuse = |field: &str, expected: String| Err(Error::Input { field: field.to_owned(), expected });
    match lock {
        Lock::Passphrase(passphrase) if passphrase.expose().chars().count() < PASSPHRASE_MIN => {
            refuse("passphrase", format!("at least {PASSPHRASE_MIN} characters were expected"))
        }
        Lock::Recipients(recipients) if recipients.is_empty() => {
            refuse("recipients", "at least one age recipient (age1…) was expected".into())
        }
        Lock::Recipients(recipients) => {
            match recipients.iter().find(|text| !hearthkey_vault::is_recipient(text)) {
                Some(_) => refuse("recipients", "an age recipient begins with age1".into()),
                None => Ok(()),
            }
        }
        Lock::Passphrase(_) => Ok(()),
    }
}
