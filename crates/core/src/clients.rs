//! OAuth clients of the person's own: kept, looked at, given a new secret, tried out and removed.
//!
//! A client's row is never changed, because its secret is sealed for its place and connections were made with it: a new secret
//! comes in a new row, and whatever went with the one before goes on with that.

mod check;

use crate::authorize::OwnClient;
use crate::changes::Topic;
use crate::{Caller, Error, Hearthkey};
use hearthkey_connectors::Manifest;
use hearthkey_connectors::discovery::Discovered;
use hearthkey_connectors::manifest::{OAuth2, SecretRule};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::{Activity, Deed};
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ClientId, WorkspaceId};
use std::collections::BTreeMap;
use url::Url;

pub use hearthkey_connectors::client_check::Judgement;

/// A client and what goes with it.
#[derive(Debug, Clone)]
pub struct KnownClient {
    /// Its row; `None` for one that comes with its connector.
    pub id: Option<ClientId>,
    /// The connector.
    pub connector: String,
    /// The authorization server it is registered with, where one connector serves many; else what its manifest says.
    pub issuer: String,
    /// The `client_id`.
    pub client_id: String,
    /// Whether it has a secret.
    pub confidential: bool,
    /// When it was typed.
    pub created_at: Option<jiff::Timestamp>,
    /// Whether a sign-in has succeeded with it.
    pub proven: bool,
    /// Whether the next sign-in uses it.
    pub next: bool,
    /// How many connections go with it.
    pub used_by: usize,
    /// What to register at the service, best first.
    pub redirects: Vec<(Strategy, String)>,
    /// Whether the gateway has to be set before there is a redirect to register.
    pub needs_gateway: bool,
    /// The page where clients are registered.
    pub console: Option<Url>,
}

/// What a client is to be kept for.
#[derive(Debug)]
pub struct ClientOffer {
    /// The connector.
    pub connector: String,
    /// Its authentication method; its first with OAuth if left out.
    pub method: Option<String>,
    /// Answers to the connector's form, where the server depends on them.
    pub values: BTreeMap<String, String>,
    /// The registration.
    pub client: OwnClient,
}

/// What a service answered to an authorization request with a client.
#[derive(Debug, Clone)]
pub struct ClientReport {
    /// What that says.
    pub judgement: Judgement,
    /// The service's name.
    pub service: String,
    /// The redirect that was asked for.
    pub redirect: String,
    /// The exact text to register.
    pub register: String,
    /// The page where clients are registered.
    pub console: Option<Url>,
}

impl Hearthkey {
    /// The clients of the person's own, newest first, and those that come with their connectors.
    ///
    /// # Errors
    /// When the database cannot be read. The vault need not be open.
    pub async fn clients(&self, caller: &Caller) -> Result<Vec<KnownClient>, Error> {
        let Some(workspace) = self.known_workspace(caller).await? else { return Ok(vec![]) };
        let connections = self.ports.store.connections(workspace.id).await?;
        let bounce = self.bounce().await?;
        let rows = self.ports.store.clients(workspace.id).await?.into_iter().map(|(client, _)| client);
        let mut rows: Vec<Client> = rows.collect();
        rows.sort_by_key(|client| std::cmp::Reverse(client.id));
        let mut known = vec![];
        for client in &rows {
            let of_row = |row: &Client| users(&connections, row.id).count();
            // What was typed once and never worked is nobody's client. What was typed again is the same one.
            let listed = |one: &KnownClient| {
                one.connector == client.connector
                    && one.issuer == client.issuer
                    && one.client_id == client.client_id
            };
            if !(client.is_for_use() || of_row(client) > 0) || known.iter().any(listed) {
                continue;
            }
            let next = self.ports.store.client_for(workspace.id, &client.connector, &client.issuer).await?;
            let next = next.is_some_and(|next| is_same_registration(&next, client));
            let used_by = rows.iter().filter(|row| is_same_registration(row, client)).map(of_row).sum();
            known.push(self.known_client(client.clone(), next, used_by, bounce.as_ref()));
        }
        for (manifest, oauth) in
            self.catalog.iter().filter_map(|manifest| Some((manifest, oauth_of(manifest)?)))
        {
            let Some(client_id) = oauth.client.bundled() else { continue };
            let bundled = ClientChoice::Bundled { client_id: client_id.to_owned() };
            let of_it = |c: &&Connection| {
                c.connector == manifest.id && c.oauth.as_ref().is_some_and(|g| g.client == bundled)
            };
            let own = known.iter().any(|own| own.connector == manifest.id && own.next);
            known.push(KnownClient {
                id: None,
                connector: manifest.id.clone(),
                issuer: oauth.server.as_ref().map_or(String::new(), |server| server.issuer.clone()),
                client_id: client_id.to_owned(),
                confidential: false,
                created_at: None,
                proven: true,
                next: !own,
                used_by: connections.iter().filter(of_it).count(),
                redirects: oauth.redirects(bounce.as_ref()).collect(),
                needs_gateway: oauth.needs_gateway(bounce.as_ref()),
                console: None,
            });
        }
        Ok(known)
    }

    fn known_client(&self, client: Client, next: bool, used_by: usize, bounce: Option<&Url>) -> KnownClient {
        let oauth = self.catalog.get(&client.connector).and_then(oauth_of);
        KnownClient {
            id: Some(client.id),
            connector: client.connector,
            issuer: client.issuer,
            client_id: client.client_id,
            confidential: client.confidential,
            created_at: Some(client.created_at),
            proven: client.proven,
            next,
            used_by,
            redirects: oauth.map(|oauth| oauth.redirects(bounce).collect()).unwrap_or_default(),
            needs_gateway: oauth.is_some_and(|oauth| oauth.needs_gateway(bounce)),
            console: oauth.and_then(|oauth| oauth.client.console.clone()),
        }
    }

    /// Keeps a client without signing in. The next sign-in uses it.
    ///
    /// # Errors
    /// A registration that cannot be right or is kept already, or a vault that is not open.
    pub async fn add_client(&self, caller: &Caller, offer: ClientOffer) -> Result<KnownClient, Error> {
        self.vault().await?;
        let workspace = self.workspace_id(caller).await?;
        let ClientOffer { connector, method, values, client } = offer;
        let (manifest, oauth, Discovered { server, .. }) =
            self.client_place(&connector, method.as_deref(), &values).await?;
        let (client, secret) = self.typed_client(workspace, manifest, oauth, &server, client)?;
        let client = Client { kept: true, ..client };
        let rows = self.ports.store.clients(workspace).await?;
        if rows.iter().any(|(other, _)| other.is_for_use() && is_same_registration(other, &client)) {
            let expected =
                "a client that is not kept yet was expected; this one can be given a new secret".to_owned();
            return Err(Error::Input { field: "client_id".into(), expected });
        }
        let sealing = self.sealing().await?;
        let sealed = sealing.client_secret(&client, secret.as_ref())?;
        self.ports.store.add_client(client.clone(), sealed).await?;
        drop(sealing);
        let entry = self.client_entry(caller, &client, Deed::ClientAdded);
        self.ports.store.record(entry).await?;
        self.changes.tell(Topic::Connectors);
        let bounce = self.bounce().await?;
        Ok(self.known_client(client, true, 0, bounce.as_ref()))
    }

    /// Gives a client a new secret. Its connections go on with it.
    ///
    /// # Errors
    /// When it is not known, its service's clients have no secret, or the vault is not open.
    pub async fn update_client(
        &self,
        caller: &Caller,
        name: &str,
        secret: Secret,
    ) -> Result<KnownClient, Error> {
        self.vault().await?;
        let workspace = self.workspace_id(caller).await?;
        let known = self.find_client(workspace, name).await?;
        let oauth = self.catalog.get(&known.connector).and_then(oauth_of);
        let refused = oauth.is_none_or(|oauth| oauth.client.secret == SecretRule::None);
        if refused || secret.is_empty() {
            let expected = "the secret that the service shows was expected; some have none".to_owned();
            return Err(Error::Input { field: "client_secret".into(), expected });
        }
        let missing = || Error::NotFound { what: "client", name: known.client_id.clone() };
        let meant = self.meant(known.clone()).await?.ok_or_else(missing)?;
        let rows = self.ports.store.clients(workspace).await?;
        let old = rows.iter().filter(|(other, _)| is_same_registration(other, &known));
        let old: Vec<ClientId> = old.map(|(other, _)| other.id).collect();
        let now = self.now();
        let id = ClientId::new(now, self.random());
        let client = Client { id, confidential: true, kept: true, ..meant };
        let sealing = self.sealing().await?;
        let sealed = sealing.client_secret(&client, Some(&secret))?;
        let entry = self.client_entry(caller, &client, Deed::ClientChanged);
        self.ports.store.replace_clients(old, client.clone(), sealed, entry).await?;
        drop(sealing);
        self.changes.tell(Topic::Connectors);
        self.changes.tell(Topic::Connections);
        let used_by = users(&self.ports.store.connections(workspace).await?, client.id).count();
        let bounce = self.bounce().await?;
        Ok(self.known_client(client, true, used_by, bounce.as_ref()))
    }

    /// Removes a client. With `force` even if connections go with it: they work until their access tokens end.
    ///
    /// # Errors
    /// When it is not known, or connections go with it.
    pub async fn remove_client(&self, caller: &Caller, name: &str, force: bool) -> Result<(), Error> {
        self.vault().await?;
        let workspace = self.workspace_id(caller).await?;
        let client = self.find_client(workspace, name).await?;
        let connections = self.ports.store.connections(workspace).await?;
        // It may have been typed more than once: another row of it would take its place.
        let rows = self.ports.store.clients(workspace).await?.into_iter().map(|(other, _)| other);
        let rows: Vec<Client> = rows.filter(|other| is_same_registration(other, &client)).collect();
        let using = rows.iter().flat_map(|row| users(&connections, row.id));
        let using: Vec<&str> = using.map(|connection| connection.label.as_str()).collect();
        if !using.is_empty() && !force {
            let shown = using.iter().take(3).copied().collect::<Vec<_>>().join(", ");
            let more = if using.len() > 3 { format!(" and {} more", using.len() - 3) } else { String::new() };
            return Err(Error::Declined {
                reason: format!("{shown}{more} cannot be renewed without this client"),
            });
        }
        for row in &rows {
            self.ports.store.remove_client(workspace, row.id).await?;
        }
        let entry = self.client_entry(caller, &client, Deed::ClientRemoved);
        self.ports.store.record(entry).await?;
        self.changes.tell(Topic::Connectors);
        Ok(())
    }

    /// Connector, rules and server a client is registered for.
    async fn client_place(
        &self,
        connector: &str,
        method: Option<&str>,
        values: &BTreeMap<String, String>,
    ) -> Result<(&Manifest, &OAuth2, Discovered), Error> {
        let missing = || Error::NotFound { what: "connector", name: connector.to_owned() };
        let manifest = self.catalog.get(connector).ok_or_else(missing)?;
        let with_oauth = manifest.auth.iter().find(|method| method.oauth2.is_some());
        let method = method.or(with_oauth.map(|method| method.id.as_str()));
        let prepared = self.prepare(connector, method, values, None).await?;
        let oauth = prepared.method.oauth2.as_ref().ok_or_else(|| Error::Input {
            field: "connector".into(),
            expected: format!("{} is connected with a key, which needs no client", manifest.name),
        })?;
        let discovered = self.server_of(manifest, oauth, &prepared.values).await?;
        Ok((manifest, oauth, discovered))
    }

    /// The client of a workspace with this identifier or `client_id`; of several of one `client_id`, the newest.
    async fn find_client(&self, workspace: WorkspaceId, name: &str) -> Result<Client, Error> {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        let missing = || Error::NotFound { what: "client", name: format!("{shown:?}") };
        if let Ok(id) = name.parse::<ClientId>() {
            let found = self.ports.store.client(workspace, id).await?;
            return found.map(|(client, _)| client).ok_or_else(missing);
        }
        let mut rows = self.ports.store.clients(workspace).await?;
        rows.retain(|(client, _)| client.client_id == name.trim());
        rows.sort_by_key(|(client, _)| (client.is_for_use(), client.id));
        let others = rows.iter().any(|(client, _)| !is_same_registration(client, &rows[rows.len() - 1].0));
        if others {
            let expected = "several services know this client ID; use the identifier of the list".to_owned();
            return Err(Error::Input { field: "client".into(), expected });
        }
        rows.pop().map(|(client, _)| client).ok_or_else(missing)
    }

    fn client_entry(&self, caller: &Caller, client: &Client, deed: Deed) -> Activity {
        let service =
            self.catalog.get(&client.connector).map_or(&client.connector, |manifest| &manifest.name);
        self.entry(caller, client.workspace, None, deed, format!("{service}: {}", client.client_id))
    }
}

/// The rules of a connector's way to sign in with OAuth.
fn oauth_of(manifest: &Manifest) -> Option<&OAuth2> {
    manifest.auth.iter().find_map(|method| method.oauth2.as_ref())
}

/// The connections that go with a client.
fn users(connections: &[Connection], id: ClientId) -> impl Iterator<Item = &Connection> {
    let own = ClientChoice::Own { id };
    connections
        .iter()
        .filter(move |connection| connection.oauth.as_ref().is_some_and(|grant| grant.client == own))
}

/// Whether two rows are the same registration at the same server.
fn is_same_registration(one: &Client, other: &Client) -> bool {
    one.connector == other.connector && one.issuer == other.issuer && one.client_id == other.client_id
}
