//! A Hearthkey in this process: real database, HTTP client, loopback and sandbox. Only the clock, the keychain and the browser
//! are stood in for: time has to be moved, and the rest is tested with real ones in the command line's tests.

use async_trait::async_trait;
use hearthkey_api::doors::client::Client;
use hearthkey_api::{Caller, Hearthkey};
use hearthkey_connectors::Catalog;
use hearthkey_core::authorize::{FlowState, Wish};
use hearthkey_core::{Error, Owner, OwnerKind, Ports};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Door;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ports::{
    Browser, Clock, Host, Http, KeyStore, KeyStoreError, KeychainProtection, Notice, NoticeAnswer, Notices,
};
use hearthkey_platform::entropy::KernelEntropy;
use hearthkey_platform::http::HttpClient;
use hearthkey_platform::loopback::LoopbackRedirects;
use hearthkey_sandbox::{Options, Sandbox};
use hearthkey_store::VaultDb;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use url::Url;

/// The wall clock, moved by hand. Waiting ends when the clock is moved far enough.
pub(crate) struct TestClock(tokio::sync::watch::Sender<SignedDuration>);

impl TestClock {
    pub(crate) fn advance(&self, by: SignedDuration) {
        self.0.send_modify(|ahead| *ahead += by);
    }
}

#[async_trait]
impl Clock for TestClock {
    /// Real time, so that real servers agree, and what it was moved by.
    fn now(&self) -> Timestamp {
        hearthkey_platform::clock::SystemClock.now() + *self.0.borrow()
    }

    async fn sleep_until(&self, when: Timestamp) {
        let mut moved = self.0.subscribe();
        while self.now() < when {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A keychain in memory, in any state.
#[derive(Default)]
pub(crate) struct TestKeychain {
    pub(crate) items: Mutex<BTreeMap<String, String>>,
    pub(crate) trouble: Mutex<Option<KeyStoreError>>,
    pub(crate) protection: Mutex<Option<KeychainProtection>>,
}

#[async_trait]
impl KeyStore for TestKeychain {
    async fn read(&self, vault: &str) -> Result<Option<Secret>, KeyStoreError> {
        match &*self.trouble.lock().unwrap() {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(self.items.lock().unwrap().get(vault).map(|item| Secret::new(item.as_str()))),
        }
    }

    async fn write(&self, vault: &str, value: Secret) -> Result<(), KeyStoreError> {
        match &*self.trouble.lock().unwrap() {
            Some(trouble) => Err(trouble.clone()),
            None => {
                self.items.lock().unwrap().insert(vault.to_owned(), value.expose().to_owned());
                Ok(())
            }
        }
    }

    async fn remove(&self, vault: &str) -> Result<(), KeyStoreError> {
        match &*self.trouble.lock().unwrap() {
            Some(trouble) => Err(trouble.clone()),
            None => {
                self.items.lock().unwrap().remove(vault);
                Ok(())
            }
        }
    }

    /// The person types the right password.
    async fn unlock(&self) -> Result<(), KeyStoreError> {
        let mut trouble = self.trouble.lock().unwrap();
        match trouble.take() {
            None | Some(KeyStoreError::Locked) => Ok(()),
            Some(other) => Err(trouble.insert(other).clone()),
        }
    }

    async fn protection(&self) -> KeychainProtection {
        self.protection.lock().unwrap().clone().unwrap_or(KeychainProtection::Encrypted)
    }
}

/// The person's screen: notices wait on it until the test chooses their button, and a browser opens only once it is there.
pub(crate) struct TestDesk {
    pub(crate) notices: tokio::sync::watch::Sender<Vec<Notice>>,
    pub(crate) withdrawn: Mutex<Vec<String>>,
    pub(crate) choose: tokio::sync::Notify,
    /// What the browser opened; `None` while there is no browser.
    pub(crate) opened: tokio::sync::watch::Sender<Option<Vec<Url>>>,
    /// Whether the system hands the app's addresses over.
    pub(crate) receives_links: AtomicBool,
    /// How often the window was asked for.
    pub(crate) shown: AtomicU32,
    asked: tokio::sync::Notify,
}

impl TestDesk {
    /// Returns once the window was asked for.
    pub(crate) async fn window_asked(&self) {
        self.asked.notified().await;
    }
}

impl Default for TestDesk {
    fn default() -> Self {
        let (notices, opened) =
            (tokio::sync::watch::Sender::default(), tokio::sync::watch::Sender::default());
        let (receives_links, shown) = (AtomicBool::new(true), AtomicU32::new(0));
        let (withdrawn, choose) = (Mutex::default(), tokio::sync::Notify::new());
        let asked = tokio::sync::Notify::new();
        Self { notices, withdrawn, choose, opened, receives_links, shown, asked }
    }
}

#[async_trait]
impl Notices for TestDesk {
    async fn show(&self, notice: Notice) -> Result<NoticeAnswer, String> {
        self.notices.send_modify(|notices| notices.push(notice));
        self.choose.notified().await;
        Ok(NoticeAnswer::Chosen)
    }

    async fn withdraw(&self, about: &str) {
        self.withdrawn.lock().unwrap().push(about.to_owned());
    }
}

#[async_trait]
impl Browser for TestDesk {
    async fn open(&self, address: &Url) -> Result<(), String> {
        let mut there = false;
        self.opened.send_modify(|opened| {
            there = opened.is_some();
            opened.iter_mut().for_each(|opened| opened.push(address.clone()));
        });
        if there { Ok(()) } else { Err("none in tests".to_owned()) }
    }
}

impl Host for TestDesk {
    fn hand_over(&self) -> Result<(), String> {
        Err("tests do not give way".to_owned())
    }

    fn show_window(&self) -> Result<(), String> {
        self.shown.fetch_add(1, Ordering::Relaxed);
        self.asked.notify_one();
        Err("tests have no window".to_owned())
    }

    fn receives_links(&self) -> bool {
        self.receives_links.load(Ordering::Relaxed)
    }
}

/// Has a database refuse to take a sign-in, until the index `stop` is dropped.
pub(crate) const UNTAKABLE: &str =
    "CREATE INDEX stop ON authorizations (json_extract(iif(taken, 'no JSON', '{}'), '$'))";

/// A Hearthkey and the sandbox beside it.
pub(crate) struct World {
    pub(crate) app: Arc<Hearthkey>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) keychain: Arc<TestKeychain>,
    pub(crate) desk: Arc<TestDesk>,
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: Arc<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options { auto_approve: true, ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(TestClock(tokio::sync::watch::Sender::new(SignedDuration::ZERO)));
        let keychain = Arc::new(TestKeychain::default());
        let desk = Arc::new(TestDesk::default());
        let app = start(&folder, &clock, &keychain, &desk);
        Self { app, clock, keychain, desk, sandbox, folder }
    }

    /// Ends this Hearthkey and starts one over the same profile.
    pub(crate) async fn restart(&mut self) {
        self.app.settle().await;
        self.app = start(&self.folder, &self.clock, &self.keychain, &self.desk);
    }

    /// Closes the database, so that a test can change it, and starts again.
    pub(crate) async fn change_database(&mut self, change: impl FnOnce(PathBuf)) {
        self.app.settle().await;
        let elsewhere = Arc::new(tempfile::tempdir().unwrap());
        self.app = start(&elsewhere, &self.clock, &Arc::default(), &self.desk);
        change(self.folder.path().join("vault.db"));
        self.app = start(&self.folder, &self.clock, &self.keychain, &self.desk);
    }

    /// Changes the database while it is open, as trouble with the disk would.
    pub(crate) fn meddle(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.folder.path().join("vault.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }

    pub(crate) fn wish(&self) -> Wish {
        let values = BTreeMap::from([("base_url".to_owned(), self.sandbox.base_url())]);
        Wish { connector: "sandbox".into(), values, ..Wish::default() }
    }

    /// Signs in at the sandbox, whose page approves by itself, and gives the state the flow ended in.
    pub(crate) async fn sign_in(&self, wish: Wish) -> Result<FlowState, Error> {
        let flow = self.app.begin_authorization(&caller(), wish).await?;
        browse(flow.authorize_url.as_str()).await;
        let mut states = self.app.watch_authorization(&caller(), flow.id).await?;
        let mut last = FlowState::Waiting;
        while let Some(flow) = states.next().await {
            last = flow.state;
        }
        Ok(last)
    }

    /// A sandbox connection.
    pub(crate) async fn connected(&self, label: &str) -> Connection {
        let wish = Wish { label: Some(label.to_owned()), second: true, ..self.wish() };
        match self.sign_in(wish).await.unwrap() {
            FlowState::Connected(id) => self.app.connection(&caller(), &id.to_string()).await.unwrap().0,
            other => panic!("not connected: {other:?}"),
        }
    }

    /// How often the token endpoint was asked for a grant, and with what outcome.
    pub(crate) fn token_requests(&self, grant: &str) -> Vec<String> {
        let journal = self.sandbox.journal();
        let asked = journal.iter().filter(|entry| entry.grant_type.as_deref() == Some(grant));
        let outcome = |text: &str| text.split_once(": ").map_or(text, |(_, outcome)| outcome).to_owned();
        asked.map(|entry| outcome(entry.outcome.as_deref().unwrap_or_default())).collect()
    }

    /// A client at the socket's door, over a stream in memory.
    pub(crate) async fn client(&self) -> Client {
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(hearthkey_api::doors::server::serve(far, Arc::clone(&self.app), caller()));
        Client::new(near).await.unwrap()
    }
}

fn start(
    folder: &tempfile::TempDir,
    clock: &Arc<TestClock>,
    keychain: &Arc<TestKeychain>,
    desk: &Arc<TestDesk>,
) -> Arc<Hearthkey> {
    let http = Arc::new(HttpClient::new().unwrap());
    start_with(folder, clock.clone(), http, keychain, desk, catalog())
}

/// A Hearthkey with a clock, an HTTP client and services of the test's own.
pub(crate) fn start_with(
    folder: &tempfile::TempDir,
    clock: Arc<dyn Clock>,
    http: Arc<dyn Http>,
    keychain: &Arc<TestKeychain>,
    desk: &Arc<TestDesk>,
    catalog: Catalog,
) -> Arc<Hearthkey> {
    let ports = Ports {
        clock: clock.clone(),
        entropy: Arc::new(KernelEntropy),
        http,
        keys: keychain.clone(),
        store: Arc::new(VaultDb::open(&folder.path().join("vault.db")).unwrap()),
        files: Arc::new(hearthkey_platform::files::DiskFiles::default()),
        browser: desk.clone(),
        loopback: Arc::new(LoopbackRedirects::default()),
        notices: desk.clone(),
        sandbox: None,
        host: desk.clone(),
    };
    let owner = Owner {
        kind: OwnerKind::Serve,
        pid: std::process::id(),
        since: clock.now(),
        version: "0.0.0".into(),
        profile: folder.path().display().to_string(),
    };
    Hearthkey::new(ports, catalog, owner)
}

/// The sandbox as the built-in connector has it, as a service with clients of one's own, and as one with keys.
fn catalog() -> Catalog {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/connectors/catalog/sandbox.toml");
    let sandbox = std::fs::read_to_string(file).unwrap();
    let openid = sandbox.replace("id = \"sandbox\"", "id = \"openid-connect\"").replace("base_url", "issuer");
    let own = sandbox
        .replace("id = \"sandbox\"", "id = \"sandbox-own\"")
        .replace("secret = \"none\"", "secret = \"optional\"")
        .replace(", bundled = \"hearthkey\"", "");
    let openid =
        openid.replace("secret = \"none\"", "secret = \"optional\"").replace(", bundled = \"hearthkey\"", "");
    let stripe = include_str!("../../crates/connectors/catalog/stripe.toml");
    Catalog::read([
        ("sandbox.toml", sandbox.as_str()),
        ("sandbox-own.toml", own.as_str()),
        ("openid-connect.toml", openid.as_str()),
        ("sandbox-key.toml", KEYED),
        ("stripe.toml", stripe),
    ])
    .unwrap()
}

const KEYED: &str = r#"
schema = 1
id = "sandbox-key"
name = "Keyed sandbox"
category = "demo"
icon = "hearthkey:sandbox"
summary = "Keys at the sandbox"
api = { base = { field = "base_url" } }

[[auth]]
id = "key"
name = "Key"
fields = [
  { name = "base_url", label = "Address", kind = "url" },
  { name = "key", label = "Key", kind = "secret" },
]
api_key = { inject = [{ header = "X-Api-Key", field = "key" }] }

[test]
request = { path = "/api/key-profile" }
"#;

pub(crate) fn caller() -> Caller {
    Caller { door: Door::Socket, program: Some("test".into()), workspace: None }
}

/// Lets real time pass, for servers that are real.
pub(crate) async fn moment(milliseconds: i64) {
    let clock = hearthkey_platform::clock::SystemClock;
    clock.sleep_until(clock.now() + SignedDuration::from_millis(milliseconds)).await;
}

/// Where a page sends the browser on to.
pub(crate) async fn sent_on(address: &str) -> String {
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let reply = browser.get(address).send().await.unwrap();
    reply.headers()["location"].to_str().unwrap().to_owned()
}

/// The consent page of the sandbox, approved as an account: where the browser is sent.
pub(crate) async fn approved(world: &World, address: &str, account: &str) -> String {
    let page = reqwest::get(address).await.unwrap().text().await.unwrap();
    let form = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answers = [("form", form), ("account", account), ("decision", "approve")];
    let reply =
        browser.post(format!("{}/authorize", world.sandbox.base_url())).form(&answers).send().await.unwrap();
    reply.headers()["location"].to_str().unwrap().to_owned()
}

/// Follows redirects as a browser does, and gives the last page.
pub(crate) async fn browse(address: &str) -> (u16, String) {
    let reply = reqwest::get(address).await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}
