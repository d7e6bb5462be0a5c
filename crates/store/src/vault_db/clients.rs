//! OAuth client registrations of the person's own, with their sealed secrets.

use super::rows::{column, execute, one, readable, record, same, to_record};
use crate::failure::{failure, is_present};
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::Client;
use hearthkey_domain::ids::{ClientId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::sealed::Sealed;
use rusqlite::{Connection as Sqlite, Row, named_params};

const CLIENTS: &str = "clients";

/// The newest proven client for a connector and issuer.
pub(super) fn find_for(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    connector: &str,
    issuer: &str,
) -> Result<Option<Client>, StoreError> {
    let sql = "SELECT * FROM clients WHERE workspace = ?1 AND connector = ?2 AND issuer = ?3 AND proven
               ORDER BY id DESC LIMIT 1";
    one(sqlite, sql, [workspace.to_string().as_str(), connector, issuer], read)
}

/// A client with its sealed secret.
pub(super) fn find(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
    id: ClientId,
) -> Result<Option<(Client, Option<Sealed>)>, StoreError> {
    let sql = "SELECT * FROM clients WHERE workspace = ?1 AND id = ?2";
    one(sqlite, sql, [workspace.to_string(), id.to_string()], read_with_secret)
}

/// Every client of a workspace with its sealed secret, the oldest first.
pub(super) fn list(
    sqlite: &Sqlite,
    workspace: WorkspaceId,
) -> Result<Vec<(Client, Option<Sealed>)>, StoreError> {
    let sql = "SELECT * FROM clients WHERE workspace = ?1 ORDER BY id";
    readable(sqlite, sql, [workspace.to_string()], read_with_secret)
}

/// Adds a client. Those that were typed before, never proven, and that no connection or sign-in goes with, are over and go.
pub(super) fn add(sqlite: &Sqlite, client: &Client, secret: Option<&Sealed>) -> Result<(), StoreError> {
    let over = ClientId::new(client.created_at - PendingAuthorization::LIFETIME, [0; 10]);
    let sql = "DELETE FROM clients WHERE workspace = ?1 AND NOT proven AND id < ?2
               AND NOT EXISTS (SELECT 1 FROM connections WHERE connections.workspace = ?1
                   AND json_valid(connections.record)
                   AND json_extract(connections.record, '$.oauth.client.id') = clients.id)
               AND NOT EXISTS (SELECT 1 FROM authorizations WHERE authorizations.workspace = ?1
                   AND json_valid(authorizations.record)
                   AND json_extract(authorizations.record, '$.client.id') = clients.id)";
    execute(sqlite, sql, [client.workspace.to_string(), over.to_string()]).map_err(failure)?;
    let sql = "INSERT INTO clients (id, workspace, connector, issuer, proven, record, secret)
               VALUES (:id, :workspace, :connector, :issuer, :proven, :record, :secret)";
    let values = named_params! {
        ":id": client.id.to_string(),
        ":workspace": client.workspace.to_string(),
        ":connector": client.connector,
        ":issuer": client.issuer,
        ":proven": client.proven,
        ":record": to_record(client)?,
        ":secret": secret.map(Sealed::as_bytes),
    };
    match execute(sqlite, sql, values) {
        Ok(_) => Ok(()),
        Err(error) if is_present(&error) => Err(StoreError::Conflict),
        Err(error) => Err(failure(error)),
    }
}

/// Removes a client.
pub(super) fn remove(sqlite: &Sqlite, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
    let sql = "DELETE FROM clients WHERE workspace = ?1 AND id = ?2";
    execute(sqlite, sql, [workspace.to_string(), id.to_string()]).map(drop).map_err(failure)
}

/// Notes that a sign-in has succeeded with a client. One that is gone is no error.
pub(super) fn prove(sqlite: &Sqlite, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
    let sql = "UPDATE clients SET proven = TRUE WHERE workspace = ?1 AND id = ?2";
    execute(sqlite, sql, [workspace.to_string(), id.to_string()]).map(drop).map_err(failure)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<Client, StoreError> {
    let mut client: Client = record(row, CLIENTS)?;
    same(row, CLIENTS, "id", &client.id)?;
    same(row, CLIENTS, "workspace", &client.workspace)?;
    client.proven = column(row, CLIENTS, "proven")?;
    Ok(client)
}

fn read_with_secret(row: &Row<'_>) -> Result<(Client, Option<Sealed>), StoreError> {
    let secret: Option<Vec<u8>> = column(row, CLIENTS, "secret")?;
    Ok((read(row)?, secret.map(Sealed::from_bytes)))
}
