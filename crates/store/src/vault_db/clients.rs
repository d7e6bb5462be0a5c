//! OAuth client registrations of the person's own, with their sealed secrets.

use super::connections;
use super::rows::{column, execute, one, readable, record, same, to_record};
use crate::failure::{failure, is_present};
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::ids::{ClientId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::sealed::Sealed;
use rusqlite::{Connection as Sqlite, Row, named_params};

const CLIENTS: &str = "clients";

/// The newest client for use for a connector and issuer.
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
    insert(sqlite, client, secret)
}

fn insert(sqlite: &Sqlite, client: &Client, secret: Option<&Sealed>) -> Result<(), StoreError> {
    let sql = "INSERT INTO clients (id, workspace, connector, issuer, proven, record, secret)
               VALUES (:id, :workspace, :connector, :issuer, :proven, :record, :secret)";
    let values = named_params! {
        ":id": client.id.to_string(),
        ":workspace": client.workspace.to_string(),
        ":connector": client.connector,
        ":issuer": client.issuer,
        ":proven": client.is_for_use(),
        ":record": to_record(client)?,
        ":secret": secret.map(Sealed::as_bytes),
    };
    match execute(sqlite, sql, values) {
        Ok(_) => Ok(()),
        Err(error) if is_present(&error) => Err(StoreError::Conflict),
        Err(error) => Err(failure(error)),
    }
}

/// Puts a client in the place of others: whatever went with them goes with it.
pub(super) fn replace(
    sqlite: &Sqlite,
    old: &[ClientId],
    client: &Client,
    secret: Option<&Sealed>,
) -> Result<(), StoreError> {
    insert(sqlite, client, secret)?;
    for mut connection in connections::list(sqlite, client.workspace)? {
        let choice = connection.oauth.as_ref().map(|grant| &grant.client);
        if matches!(choice, Some(ClientChoice::Own { id }) if old.contains(id)) {
            connection.use_client(ClientChoice::Own { id: client.id });
            connections::update(sqlite, &connection)?;
        }
    }
    for id in old {
        let sql = "UPDATE authorizations SET record = json_set(record, '$.client.id', ?3)
                   WHERE workspace = ?1 AND json_valid(record) AND json_extract(record, '$.client.id') = ?2";
        let values = [client.workspace.to_string(), id.to_string(), client.id.to_string()];
        execute(sqlite, sql, values).map_err(failure)?;
        remove(sqlite, client.workspace, *id)?;
    }
    Ok(())
}

/// Removes a client.
pub(super) fn remove(sqlite: &Sqlite, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
    let sql = "DELETE FROM clients WHERE workspace = ?1 AND id = ?2";
    execute(sqlite, sql, [workspace.to_string(), id.to_string()]).map(drop).map_err(failure)
}

/// Notes that a sign-in has succeeded with a client. One that is gone is no error.
pub(super) fn prove(sqlite: &Sqlite, workspace: WorkspaceId, id: ClientId) -> Result<(), StoreError> {
    let sql = "UPDATE clients SET proven = TRUE,
                   record = CASE WHEN json_valid(record) THEN json_set(record, '$.proven', json('true')) ELSE record END
               WHERE workspace = ?1 AND id = ?2";
    execute(sqlite, sql, [workspace.to_string(), id.to_string()]).map(drop).map_err(failure)
}

/// Reads a row of the table.
pub(super) fn read(row: &Row<'_>) -> Result<Client, StoreError> {
    let mut client: Client = record(row, CLIENTS)?;
    same(row, CLIENTS, "id", &client.id)?;
    same(row, CLIENTS, "workspace", &client.workspace)?;
    // The column says whether it is for use; of one that was kept, the record says whether it is proven.
    let for_use: bool = column(row, CLIENTS, "proven")?;
    client.proven = for_use && (client.proven || !client.kept);
    Ok(client)
}

fn read_with_secret(row: &Row<'_>) -> Result<(Client, Option<Sealed>), StoreError> {
    let secret: Option<Vec<u8>> = column(row, CLIENTS, "secret")?;
    Ok((read(row)?, secret.map(Sealed::from_bytes)))
}
