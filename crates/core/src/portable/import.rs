//! Reading an export. The file may come from anybody: its size, its cost and every value are checked, and what is not sure is
//! left out with its reason.

use super::CONTENT_MAX;
use super::format::{ClientEntry, ConnectionEntry, Export};
use crate::changes::Topic;
use crate::lock::Opener;
use crate::tokens::token_policy;
use crate::vault_gate::place;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::manifest::{AuthMethod, FieldKind};
use hearthkey_connectors::request::{api_base, egress_policy};
use hearthkey_connectors::{discovery, form, told};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::connection::{Connection, Identity, Status, numbered_label, parse_label};
use hearthkey_domain::credential::Credential;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::{BlobId, ClientId, ConnectionId, WorkspaceId};
use hearthkey_domain::ports::StoreError;
use hearthkey_domain::renewal::Renewal;
use hearthkey_domain::workspace::{Workspace, parse_name};
use hearthkey_vault::{AgeError, FileKey, SlotIdentity, decrypt};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One connection of a file, and what becomes of it.
#[derive(Debug, Clone)]
pub struct ImportItem {
    /// The workspace it goes to.
    pub workspace: String,
    /// Its label in the file.
    pub label: String,
    /// The connector's name.
    pub connector: String,
    /// Who it is signed in as.
    pub account: Option<String>,
    /// Where its credential may go.
    pub hosts: Vec<String>,
    /// What becomes of it.
    pub outcome: ImportOutcome,
}

/// What becomes of one connection of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It is new, and is or was added under this label.
    New {
        /// The label.
        label: String,
    },
    /// It is here already, under this label; it is left as it is.
    Present {
        /// The label.
        label: String,
    },
    /// It is left out.
    LeftOut {
        /// Why.
        reason: String,
    },
}

impl Hearthkey {
    /// Reads an export and says what is in it; with `apply`, adds what is new.
    ///
    /// Nothing that is here is changed. Workspaces are met by identifier, else by name, else made.
    ///
    /// # Errors
    /// A file that does not open, or a vault that does not. A connection that cannot be taken is left out with its reason.
    pub async fn import(
        &self,
        caller: &Caller,
        file: BlobId,
        opener: Opener,
        apply: bool,
    ) -> Result<Vec<ImportItem>, Error> {
        let content = self.decrypted(file, opener).await?;
        let export = Export::read(&content)?;
        drop(content);
        // All of it is looked at before any of it is added.
        for part in &export.workspaces {
            parse_name(&part.workspace.name)
                .map_err(|_| Error::FileClosed { reason: "a workspace in it has no usable name".into() })?;
        }
        self.vault().await?;
        let home = self.workspace(caller).await?;
        let mut known = Known::default();
        for row in self.ports.store.workspaces().await? {
            for connection in self.ports.store.connections(row.workspace.id).await? {
                known.ids.push(connection.id);
                known.connections.entry(row.workspace.id).or_default().push(connection);
            }
        }
        let mut items = vec![];
        for part in export.workspaces {
            let target = self.target(caller, &part.workspace, apply).await?;
            let mut clients = BTreeMap::new();
            for entry in part.clients {
                if !self.is_client_fine(&entry.client) {
                    continue;
                }
                let from = entry.client.id;
                let here = match &target {
                    Some(target) if apply => self.take_client(target.id, entry).await?,
                    _ => from,
                };
                clients.insert(from, here);
            }
            let name = target.as_ref().map_or(part.workspace.name, |target| target.name.clone());
            for entry in part.connections {
                let item =
                    self.take(caller, &name, target.as_ref(), entry, &clients, &mut known, apply).await?;
                items.push(item);
            }
        }
        if apply {
            let added = items.iter().filter(|item| matches!(item.outcome, ImportOutcome::New { .. })).count();
            let entry = self.entry(caller, home.id, None, Deed::Imported, format!("{added} connections"));
            self.ports.store.record(entry).await?;
            self.changes.tell(Topic::All);
        }
        Ok(items)
    }

    async fn decrypted(&self, file: BlobId, opener: Opener) -> Result<Zeroizing<Vec<u8>>, Error> {
        let bytes = self.blob(file)?.bytes;
        let key = match opener {
            Opener::Passphrase(passphrase) => FileKey::Passphrase(passphrase),
            Opener::Recovery(identity) => {
                let parsed = SlotIdentity::parse(identity.expose());
                let expected = "an age identity (AGE-SECRET-KEY-1…) was expected".to_owned();
                let field = "identity".to_owned();
                FileKey::Identity(parsed.map_err(|_| Error::Input { field, expected })?)
            }
            Opener::Keychain => {
                let expected = "the file's passphrase, or an age identity, was expected".to_owned();
                return Err(Error::Input { field: "passphrase".into(), expected });
            }
        };
        let opened = tokio::task::spawn_blocking(move || decrypt(&bytes, &key, CONTENT_MAX));
        let opened = opened.await.map_err(|_| Error::Internal("a file was not decrypted"))?;
        opened.map_err(|error| match error {
            AgeError::DoesNotOpen => {
                Error::FileClosed { reason: "another passphrase or key locked it".into() }
            }
            other => Error::FileClosed { reason: other.to_string() },
        })
    }

    /// The workspace a part of a file goes to. Made if need be and `make`; else `None`.
    async fn target(
        &self,
        caller: &Caller,
        wanted: &Workspace,
        make: bool,
    ) -> Result<Option<Workspace>, Error> {
        let all = self.ports.store.workspaces().await?;
        let here = |meets: &dyn Fn(&Workspace) -> bool| {
            all.iter().map(|row| &row.workspace).find(|workspace| meets(workspace)).cloned()
        };
        let by_name = |workspace: &Workspace| workspace.name.to_lowercase() == wanted.name.to_lowercase();
        if let Some(found) = here(&|workspace| workspace.id == wanted.id).or_else(|| here(&by_name)) {
            return Ok(Some(found));
        }
        let name = parse_name(&wanted.name)
            .map_err(|_| Error::FileClosed { reason: "a workspace in it has no usable name".into() })?;
        if !make {
            return Ok(None);
        }
        Ok(Some(self.add_workspace(caller, &name).await?.workspace))
    }

    /// Whether a client of a file can be one.
    fn is_client_fine(&self, client: &Client) -> bool {
        let policy = client.policy.parse::<EgressPolicy>();
        let texts = [&client.client_id, &client.issuer, &client.server];
        texts.into_iter().all(|text| is_plain(text, 500))
            && policy.is_ok_and(|policy| policy.to_string() == client.policy)
            && self.catalog.get(&client.connector).is_some()
    }

    /// Keeps a client of a file under an identifier of its own, unless it is here; gives its identifier here.
    async fn take_client(&self, workspace: WorkspaceId, entry: ClientEntry) -> Result<ClientId, Error> {
        let ClientEntry { client, secret } = entry;
        let known = self.ports.store.clients(workspace).await?;
        let same = known.iter().find(|(other, _)| {
            other.connector == client.connector
                && other.issuer == client.issuer
                && other.client_id == client.client_id
                && other.policy == client.policy
        });
        if let Some((same, _)) = same {
            return Ok(same.id);
        }
        let now = self.now();
        let id = ClientId::new(now, self.random());
        let client = Client { id, workspace, created_at: now, ..client };
        let (ws, row) = (workspace.to_string(), id.to_string());
        let place = place::client_secret(&ws, &row, &client.server, &client.policy);
        let sealing = self.sealing().await?;
        let sealed = secret.map(|secret| sealing.seal(place, &secret)).transpose()?;
        self.ports.store.add_client(client, sealed).await?;
        Ok(id)
    }

    #[expect(clippy::too_many_arguments, reason = "they are what one connection of a file meets")]
    async fn take(
        &self,
        caller: &Caller,
        workspace: &str,
        target: Option<&Workspace>,
        entry: ConnectionEntry,
        clients: &BTreeMap<ClientId, ClientId>,
        known: &mut Known,
        apply: bool,
    ) -> Result<ImportItem, Error> {
        let policy: Option<EgressPolicy> = entry.policy.parse().ok();
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        let mut item = ImportItem {
            workspace: workspace.to_owned(),
            label: shown(&entry.connection.label),
            connector: shown(&self.connector_name(&entry.connection)),
            account: entry.connection.identity.display().map(shown),
            hosts: policy.as_ref().map(|p| p.hosts().map(str::to_owned).collect()).unwrap_or_default(),
            outcome: ImportOutcome::LeftOut { reason: String::new() },
        };
        let here = target.and_then(|target| known.connections.get(&target.id));
        if let Some(same) = here.and_then(|here| here.iter().find(|c| is_same(c, &entry.connection))) {
            item.outcome = ImportOutcome::Present { label: same.label.clone() };
            return Ok(item);
        }
        let policy = match self.checked_policy(&entry, policy) {
            Ok(policy) => policy,
            Err(reason) => {
                item.outcome = ImportOutcome::LeftOut { reason };
                return Ok(item);
            }
        };
        let taken =
            |label: &str| here.is_some_and(|here| here.iter().any(|c| c.label.eq_ignore_ascii_case(label)));
        let label = (1..1000).map(|number| numbered_label(&entry.connection.label, number));
        let label = label.into_iter().find(|label| !taken(label)).unwrap_or_default();
        let mut connection = entry.connection;
        // Planned anew here.
        if let Some(grant) = &mut connection.oauth {
            grant.renewal = Renewal::default();
        }
        if let Some(grant) = &mut connection.oauth
            && let ClientChoice::Own { id } = grant.client
        {
            match clients.get(&id) {
                Some(here) => grant.client = ClientChoice::Own { id: *here },
                None => {
                    let reason = "the client it was made with is not in the file".to_owned();
                    item.outcome = ImportOutcome::LeftOut { reason };
                    return Ok(item);
                }
            }
        }
        item.outcome = ImportOutcome::New { label: label.clone() };
        let (true, Some(target)) = (apply, target) else { return Ok(item) };
        if known.ids.contains(&connection.id) {
            connection.id = ConnectionId::new(self.now(), self.random());
        }
        (connection.workspace, connection.label, connection.version) = (target.id, label, 1);
        let sealing = self.sealing().await?;
        let row = sealing.credential(&connection, 1, entry.issuer, &policy, &entry.credential)?;
        let activity = self.entry_for(caller, &connection, Deed::Imported, "");
        match self.ports.store.add_connection(connection.clone(), row, activity).await {
            Ok(()) => {
                known.ids.push(connection.id);
                known.connections.entry(target.id).or_default().push(connection);
            }
            Err(StoreError::LabelTaken { .. } | StoreError::Conflict) => {
                item.outcome = ImportOutcome::LeftOut { reason: "its name was taken meanwhile".into() };
            }
            Err(error) => return Err(error.into()),
        }
        Ok(item)
    }

    /// Where a credential of a file may go: nowhere that a connection made here could not.
    fn checked_policy(
        &self,
        entry: &ConnectionEntry,
        policy: Option<EgressPolicy>,
    ) -> Result<EgressPolicy, String> {
        let connection = &entry.connection;
        let unusable = || "its address is not one of the service's".to_owned();
        let manifest = self.catalog.get(&connection.connector);
        let manifest = manifest.ok_or("this Hearthkey does not know the service")?;
        let method = manifest.method(Some(&connection.method));
        let method = method.ok_or("this Hearthkey does not know its way to sign in")?;
        parse_label(&connection.label).map_err(|_| "its name cannot be used".to_owned())?;
        if matches!(connection.status, Status::Deleting { .. }) {
            return Err("it was being removed".to_owned());
        }
        let misfit = || "its settings cannot be right".to_owned();
        let answers = told::without_told(method, &connection.values).map_err(|_| misfit())?;
        form::check_values(manifest, method, &answers).map_err(|_| misfit())?;
        let server = connection.oauth.as_ref().map(|grant| &grant.server);
        if let (Some(server), Some(oauth)) = (server, &method.oauth2) {
            let known = match discovery::known_server(oauth, &connection.values) {
                Some(known) => known == *server,
                None if oauth.server.is_some() => false,
                None => {
                    let issuer =
                        oauth.discover.as_ref().and_then(|address| address.resolve(&connection.values));
                    let bare = |text: &str| text.trim_end_matches('/').to_owned();
                    issuer.is_some_and(|issuer| bare(issuer.as_str()) == bare(&server.issuer))
                }
            };
            if !known || token_policy(server).is_err() {
                return Err("its authorization server is not the service's".to_owned());
            }
        }
        if server.map_or("", |server| &server.issuer) != entry.issuer {
            return Err("its credential is of another issuer".to_owned());
        }
        check_credential(method, server.is_some(), &entry.credential)?;
        check_texts(connection)?;
        let base = api_base(manifest, &connection.values).map_err(|_| unusable())?;
        let widest = egress_policy(manifest, &base, server).map_err(|_| unusable())?;
        policy.filter(|policy| policy.is_within(&widest)).ok_or_else(unusable)
    }
}

/// A credential that the way to sign in could have given, and that can be sent.
fn check_credential(method: &AuthMethod, has_grant: bool, credential: &Credential) -> Result<(), String> {
    let other_kind = || "its credential is of another kind than the service's".to_owned();
    let unusable = || "its credential cannot be right".to_owned();
    match credential {
        Credential::OAuth2(tokens) if method.oauth2.is_some() && has_grant => {
            let sendable = |token: &Secret| {
                let text = token.expose();
                (1..=64 * 1024).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7F).contains(&byte))
            };
            let fine = sendable(&tokens.access_token)
                && tokens.refresh_token.as_ref().is_none_or(sendable)
                && are_plain(&tokens.scopes);
            if fine { Ok(()) } else { Err(unusable()) }
        }
        Credential::Keys(keys) if method.api_key.is_some() && !has_grant => {
            let fields = || method.fields.iter().filter(|field| field.kind == FieldKind::Secret);
            if keys.keys().any(|name| !fields().any(|field| field.name == **name)) {
                return Err(unusable());
            }
            for field in fields() {
                let key = keys.get(&field.name).map_or("", Secret::expose);
                form::check_secret(field, key).map_err(|_| unusable())?;
            }
            if keys.is_empty() { Err(unusable()) } else { Ok(()) }
        }
        _ => Err(other_kind()),
    }
}

/// Every text that is shown is one line of a bounded length, as a service's own words are when they are taken in.
fn check_texts(connection: &Connection) -> Result<(), String> {
    let Identity { external_id, email, name } = &connection.identity;
    let shown = [external_id, email, name, &connection.masked_key].into_iter().flatten();
    let said = connection.status.reason().into_iter();
    let grant = connection.oauth.as_ref();
    let scopes =
        grant.is_none_or(|grant| are_plain(&grant.scopes_requested) && are_plain(&grant.scopes_granted));
    let fine = shown.map(String::as_str).all(|text| is_plain(text, 200))
        && said.into_iter().all(|text| is_plain(text, 500))
        && connection.values.values().all(|text| is_plain(text, 2000))
        && scopes;
    if fine { Ok(()) } else { Err("its texts cannot be right".to_owned()) }
}

fn is_plain(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

fn are_plain(scopes: &[String]) -> bool {
    scopes.len() <= 500 && scopes.iter().all(|scope| is_plain(scope, 200))
}

/// What is here already.
#[derive(Default)]
struct Known {
    ids: Vec<ConnectionId>,
    connections: BTreeMap<WorkspaceId, Vec<Connection>>,
}

/// Whether two connections are the same: made once, or the same account of the same service.
fn is_same(here: &Connection, other: &Connection) -> bool {
    let account = |connection: &Connection| connection.identity.external_id.clone();
    here.id == other.id
        || (here.connector == other.connector
            && here.values == other.values
            && account(here).is_some()
            && account(here) == account(other))
}
