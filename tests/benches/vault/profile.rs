//! A profile with as many connections as asked for, and its owner at a real socket.

use crate::CREDENTIAL;
use crate::doubles::{Keychain, Nobody, Service};
use futures::future::try_join_all;
use hearthkey_api::doors::client::Client;
use hearthkey_api::doors::server::serve;
use hearthkey_api::operation::Call;
use hearthkey_connectors::Catalog;
use hearthkey_core::credentials::KeyOffer;
use hearthkey_core::{Caller, Hearthkey, Owner, OwnerKind, Ports};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::{Activity, Deed, Door};
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ActivityId, ConnectionId};
use hearthkey_domain::ports::{Clock, CredentialRow, Entropy, Store};
use hearthkey_domain::sealed::SealContext;
use hearthkey_platform::clock::SystemClock;
use hearthkey_platform::entropy::KernelEntropy;
use hearthkey_platform::files::DiskFiles;
use hearthkey_platform::loopback::LoopbackRedirects;
use hearthkey_platform::socket::{self, LocalListener};
use hearthkey_store::VaultDb;
use hearthkey_vault::{KeyCheck, KeychainKey, Vault, VaultId, WorkspaceKeys};
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// How many rows wait for one commit.
const CROWD: usize = 256;

const CONNECTOR: &str = r#"
schema = 1
id = "service"
name = "Service"
category = "demo"
icon = "hearthkey:sandbox"
summary = "A service with keys"

[api]
base = "https://api.example.com"

[[auth]]
id = "key"
name = "Key"
fields = [{ name = "key", label = "Key", kind = "secret" }]
api_key = { inject = [{ header = "X-Api-Key", field = "key" }] }

[test]
request = { path = "/v1/me" }
"#;

/// The label of the connection with this number.
pub(crate) fn label(number: usize) -> String {
    format!("Account {number:06}")
}

/// A profile that is built when it is first needed: a filter may leave out all that need it.
pub(crate) struct Lazily {
    count: usize,
    built: Option<Profile>,
}

impl Lazily {
    pub(crate) fn get(&mut self) -> &Profile {
        let count = self.count;
        self.built.get_or_insert_with(|| Profile::build(count))
    }
}

/// An owner with its profile.
pub(crate) struct Profile {
    runtime: Runtime,
    client: Mutex<Client>,
    /// A connection in the middle.
    pub(crate) identifier: String,
    _folder: TempDir,
}

impl Profile {
    pub(crate) fn lazily(count: usize) -> Lazily {
        Lazily { count, built: None }
    }

    /// Calls an operation over the socket.
    pub(crate) fn call<C: Call + Sync>(&self, input: &C) -> C::Output {
        let answer = self.runtime.block_on(async { self.client.lock().await.call(input).await });
        answer.unwrap_or_else(|error| panic!("{}: {error}", C::NAME))
    }

    fn build(count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let (client, identifier) = runtime.block_on(async {
            let (store, keychain) =
                (VaultDb::open(&folder.path().join("vault.db")), Arc::<Keychain>::default());
            let store = Arc::new(store.expect("a database"));
            let app = owner(&folder, Arc::clone(&store), Arc::clone(&keychain));
            let identifier = fill(&app, &*store, &keychain, count).await;
            let listener = LocalListener::bind(&folder.path().join("socket")).expect("a socket");
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&app), caller()));
                }
            });
            let stream = socket::connect(&folder.path().join("socket")).await.expect("the owner answers");
            (Client::new(stream).await.expect("a conversation"), identifier)
        });
        Self { runtime, client: Mutex::new(client), identifier, _folder: folder }
    }
}

fn caller() -> Caller {
    Caller { door: Door::Socket, program: Some("bench".into()), workspace: None }
}

fn owner(folder: &TempDir, store: Arc<VaultDb>, keychain: Arc<Keychain>) -> Arc<Hearthkey> {
    let ports = Ports {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(KernelEntropy),
        http: Arc::new(Service),
        keys: keychain,
        store,
        files: Arc::new(DiskFiles::default()),
        browser: Arc::new(Nobody),
        loopback: Arc::new(LoopbackRedirects::default()),
        notices: Arc::new(Nobody),
        sandbox: None,
        host: Arc::new(Nobody),
    };
    let owner = Owner {
        kind: OwnerKind::Serve,
        pid: std::process::id(),
        since: SystemClock.now(),
        version: "0.0.0".into(),
        profile: folder.path().display().to_string(),
    };
    Hearthkey::new(ports, Catalog::read([("service.toml", CONNECTOR)]).expect("a manifest"), owner)
}

/// Makes one connection as a person would, and the others after it. The identifier of one in the middle.
async fn fill(app: &Arc<Hearthkey>, store: &dyn Store, keychain: &Keychain, count: usize) -> String {
    let key = "k".repeat(CREDENTIAL);
    let offer = KeyOffer {
        connector: "service".into(),
        label: Some("First".into()),
        secrets: BTreeMap::from([("key".to_owned(), Secret::new(key.as_str()))]),
        ..KeyOffer::default()
    };
    let first = app.add_key(&caller(), offer).await.expect("a connection");
    let row = store.credential(first.workspace, first.id).await.expect("a row").expect("it is there");
    let vault = open(store, keychain).await;
    let (workspace, of_first) = (first.workspace.to_string(), first.id.to_string());
    let plain = vault.unseal(place(&workspace, &of_first, &row), &row.sealed).expect("its own key opens");
    let mut middle = String::new();
    let numbers: Vec<usize> = (0..count).collect();
    for crowd in numbers.chunks(CROWD) {
        let added = crowd.iter().map(|number| {
            let id = ConnectionId::new(first.created_at, random());
            let connection = Connection { id, label: label(*number), ..first.clone() };
            let sealed = vault.seal(place(&workspace, &id.to_string(), &row), &plain).expect("it seals");
            let credential = CredentialRow { sealed, ..row.clone() };
            let activity = Activity {
                id: ActivityId::new(first.created_at, random()),
                workspace: first.workspace,
                connection: Some(id),
                at: first.created_at,
                deed: Deed::Connected,
                door: Door::Socket,
                program: None,
                detail: String::new(),
            };
            if *number == count / 2 {
                middle = id.to_string();
            }
            store.add_connection(connection, credential, activity)
        });
        try_join_all(added.collect::<Vec<_>>()).await.expect("rows are written");
    }
    middle
}

/// The place of a credential, as the owner seals it.
fn place<'a>(workspace: &'a str, row: &'a str, credential: &'a CredentialRow) -> SealContext<'a> {
    let CredentialRow { version, issuer, policy, .. } = credential;
    SealContext {
        workspace,
        table: "credentials",
        row,
        field: "credential",
        version: *version,
        issuer,
        policy,
    }
}

async fn open(store: &dyn Store, keychain: &Keychain) -> Vault {
    let record = store.vault_record().await.expect("a record").expect("a vault");
    let text = keychain.with(|items| items[&record.vault_id].clone());
    let (id, key) = (VaultId::parse(&record.vault_id), KeychainKey::parse(&text));
    let check = record.key_check.as_slice().try_into().expect("a check value");
    let check = KeyCheck::from_stored(record.generation, check);
    let vault =
        Vault::open(id.expect("an identifier"), key.expect("a key"), &[check]).expect("the vault opens");
    for row in store.workspaces().await.expect("workspaces") {
        let workspace = row.workspace.id.to_string();
        let (generation, retiring) = (row.generation, row.retiring_key.as_ref());
        let keys = WorkspaceKeys { workspace: &workspace, generation, sealed: &row.sealed_key, retiring };
        vault.admit_workspace(&keys).expect("its key opens");
    }
    vault
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    KernelEntropy.fill(&mut bytes);
    bytes
}
