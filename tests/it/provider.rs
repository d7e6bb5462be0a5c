//! A provider in this process with a clock of its own, and a home whose clock can be wrong.

mod services;

use crate::harness::{TestDesk, TestKeychain, caller, start_with};
use async_trait::async_trait;
use bytes::Bytes;
use hearthkey_api::{Problem, operations, table};
use hearthkey_core::Hearthkey;
use hearthkey_core::connections::UsageRequest;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::ports::{Clock, Http, HttpError, HttpRequest};
use hearthkey_vault::{SlotIdentity, encrypt_to};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use services::{catalog, entry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The true time, and the home's clock beside it.
pub(crate) struct SimClock {
    /// The true time, and by how much the home's clock is ahead.
    times: tokio::sync::watch::Sender<(Timestamp, SignedDuration)>,
}

impl SimClock {
    fn new(now: Timestamp) -> Self {
        Self { times: tokio::sync::watch::Sender::new((now, SignedDuration::ZERO)) }
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.times.send_modify(|(now, _)| *now += by);
    }

    /// Sets the home's clock wrong.
    pub(crate) fn set_ahead(&self, ahead: SignedDuration) {
        self.times.send_modify(|times| times.1 = ahead);
    }

    pub(crate) fn true_now(&self) -> Timestamp {
        self.times.borrow().0
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let (now, ahead) = *self.times.borrow();
        now + ahead
    }

    async fn sleep_until(&self, when: Timestamp) {
        let mut moved = self.times.subscribe();
        while self.now() < when {
            if moved.changed().await.is_err() {
                return;
            }
        }
    }
}

/// What an account's tokens are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The life of an access token; it never ends if absent.
    pub(crate) life: Option<SignedDuration>,
    /// After how many days without a renewal the sign-in ends; the connector's manifest says the same.
    pub(crate) idle_days: Option<u32>,
    /// Whether a renewal gives another refresh token, and a second use of the old one ends the sign-in.
    pub(crate) rotates: bool,
    /// Whether there are refresh tokens.
    pub(crate) renewable: bool,
}

impl Terms {
    pub(crate) fn strict(minutes: i64) -> Self {
        let life = Some(SignedDuration::from_mins(minutes));
        Self { life, idle_days: None, rotates: true, renewable: true }
    }
}

struct Account {
    terms: Terms,
    /// The number of the newest refresh token, and of the newest access token.
    number: u32,
    renewed_at: Timestamp,
    dead: bool,
}

impl Account {
    fn has_died_of_rest(&self, now: Timestamp) -> bool {
        let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
        self.terms.idle_days.is_some_and(|idle| self.renewed_at.duration_until(now) > days(idle))
    }
}

/// What the token endpoint does with the next requests.
#[derive(Debug, Clone)]
pub(crate) enum Mood {
    /// It serves them.
    Well,
    /// It serves them, and the answer does not arrive.
    Swallows,
    /// It answers something else, without serving them.
    Says(u16, &'static str),
    /// It asks to wait for so many seconds.
    Busy(u32),
    /// Nobody is there.
    Away,
    /// It serves most, but not all; where a lost answer costs nothing, some are lost.
    Changes,
}

#[derive(Default)]
struct Seen {
    accounts: BTreeMap<String, Account>,
    token_requests: u32,
    refused: u32,
    failures: u32,
}

/// The provider.
pub(crate) struct Provider {
    clock: Arc<SimClock>,
    seen: Mutex<Seen>,
    mood: Mutex<Mood>,
}

impl Provider {
    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How many token requests there were, and how many of them were refused.
    pub(crate) fn token_requests(&self) -> (u32, u32) {
        let seen = self.seen.lock().unwrap();
        (seen.token_requests, seen.refused)
    }

    /// How many token requests failed in a mood that changes.
    pub(crate) fn failures(&self) -> u32 {
        self.seen.lock().unwrap().failures
    }

    /// Lets the newest tokens of an account never have been.
    pub(crate) fn roll_back(&self, account: &str) {
        self.seen.lock().unwrap().accounts.get_mut(account).unwrap().number -= 1;
    }

    /// Takes back that a sign-in was ended.
    pub(crate) fn back(&self, account: &str) {
        self.seen.lock().unwrap().accounts.get_mut(account).unwrap().dead = false;
    }

    /// Ends a sign-in.
    pub(crate) fn end(&self, account: &str) {
        self.seen.lock().unwrap().accounts.get_mut(account).unwrap().dead = true;
    }

    /// Counts a token request, and gives what is done with it.
    fn mood_for(&self, body: &[u8]) -> Mood {
        let mut seen = self.seen.lock().unwrap();
        seen.token_requests += 1;
        let mood = self.mood.lock().unwrap().clone();
        if !matches!(mood, Mood::Changes) {
            return mood;
        }
        let rotates = seen.accounts[&spent(body).0].terms.rotates;
        let draw = (seen.token_requests.wrapping_mul(2_654_435_761) >> 16) & 31;
        seen.failures += u32::from(draw < 4 || (draw < 6 && !rotates));
        match draw {
            0 | 1 => Mood::Away,
            2 => Mood::Says(503, r#"{"error":"temporarily_unavailable"}"#),
            3 => Mood::Says(500, ""),
            4 | 5 if !rotates => Mood::Swallows,
            _ => Mood::Well,
        }
    }

    fn token(&self, body: &[u8]) -> (u16, Value) {
        let (name, number) = spent(body);
        let now = self.clock.true_now();
        let mut seen = self.seen.lock().unwrap();
        let account = seen.accounts.get_mut(&name).unwrap();
        let known = account.number == number;
        if account.terms.rotates && number < account.number {
            account.dead = true;
        }
        if account.dead || !known || account.has_died_of_rest(now) {
            seen.refused += 1;
            return (400, json!({ "error": "invalid_grant" }));
        }
        account.renewed_at = now;
        let life = account.terms.life.map(|life| life.as_secs());
        let mut reply = json!({ "token_type": "bearer", "expires_in": life });
        if account.terms.rotates {
            account.number += 1;
            reply["refresh_token"] = json!(format!("{name}.{}", account.number));
        }
        reply["access_token"] = json!(format!("{name}.{}.{}", account.number, now.as_second()));
        (200, reply)
    }

    fn api(&self, authorization: &str) -> (u16, Value) {
        let now = self.clock.true_now();
        let token = authorization.trim_start_matches("Bearer ");
        let Some((name, rest)) = token.split_once('.') else { return (401, json!({})) };
        let (_, issued) = rest.split_once('.').unwrap();
        let issued = Timestamp::from_second(issued.parse().unwrap()).unwrap();
        let seen = self.seen.lock().unwrap();
        let account = &seen.accounts[name];
        let ended = account.terms.life.is_some_and(|life| issued + life <= now);
        let fine = !account.dead && !ended && !account.has_died_of_rest(now);
        (if fine { 200 } else { 401 }, json!({}))
    }
}

/// Whose refresh token a token request spends, and its number.
fn spent(body: &[u8]) -> (String, u32) {
    let form: BTreeMap<String, String> =
        url::form_urlencoded::parse(body).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let (name, number) = form["refresh_token"].rsplit_once('.').unwrap();
    (name.to_owned(), number.parse().unwrap())
}

#[async_trait]
impl Http for Provider {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<Bytes>, HttpError> {
        let HttpRequest { request, .. } = request;
        let host = request.uri().host().unwrap().to_owned();
        let mut retry_after = None;
        let (status, body) = if request.uri().path() == "/token" {
            let mood = self.mood_for(request.body());
            match mood {
                Mood::Well => self.token(request.body()),
                Mood::Swallows => {
                    self.token(request.body());
                    return Err(HttpError::Cut { host });
                }
                Mood::Says(status, body) => {
                    (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
                }
                Mood::Busy(seconds) => {
                    retry_after = Some(seconds);
                    (429, json!({}))
                }
                Mood::Away | Mood::Changes => {
                    return Err(HttpError::Unreachable { host, reason: "nobody is there".into() });
                }
            }
        } else if request.uri().path() == "/closed" {
            // Whoever asks.
            (401, json!({}))
        } else {
            let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
            self.api(&header("authorization").or_else(|| header("x-key")).unwrap_or_default())
        };
        let mut reply = http::Response::builder().status(status);
        if let Some(seconds) = retry_after {
            reply = reply.header("retry-after", seconds);
        }
        Ok(reply.body(Bytes::from(body.to_string())).unwrap())
    }

    async fn forget(&self) {}
}

/// A home beside that provider.
pub(crate) struct Home {
    pub(crate) app: Arc<Hearthkey>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) desk: Arc<TestDesk>,
    folder: tempfile::TempDir,
    keychain: Arc<TestKeychain>,
}

impl Home {
    /// A home with these accounts connected a moment ago.
    pub(crate) async fn with(accounts: &[(&str, Terms)]) -> Self {
        let clock = Arc::new(SimClock::new("2026-03-01T12:00:00Z".parse().unwrap()));
        let (seen, mood) = (Mutex::default(), Mutex::new(Mood::Well));
        let provider = Arc::new(Provider { clock: Arc::clone(&clock), seen, mood });
        // In memory, where there is such a directory: a month of renewals would wait for the disk.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let keychain = Arc::default();
        let desk = Arc::default();
        let app = open(&folder, &clock, &provider, &keychain, &desk);
        let home = Self { app, clock, provider, desk, folder, keychain };
        home.connect(accounts).await;
        home
    }

    pub(crate) async fn restart(&mut self) {
        self.app.settle().await;
        self.app = open(&self.folder, &self.clock, &self.provider, &self.keychain, &self.desk);
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("vault.db")
    }

    /// Does a call.
    pub(crate) async fn ask(&self, operation: &str, input: Value) -> Result<Value, Problem> {
        let input = input.to_string();
        table::call(operation, |_| true, input.as_bytes(), Arc::clone(&self.app), caller()).await
    }

    /// The connection as a caller sees it.
    pub(crate) async fn shown(&self, label: &str) -> Value {
        let shown = self.ask("connections.show", json!({ "connection": label })).await.unwrap();
        shown["connection"].clone()
    }

    pub(crate) async fn refresh(&self, label: &str) -> Result<Value, Problem> {
        self.ask("connections.refresh", json!({ "connection": label })).await
    }

    /// One use: the status, or the word for why there is none.
    pub(crate) async fn used(&self, label: &str) -> String {
        self.used_at(label, "/me").await
    }

    /// How often the person was told of a connection.
    pub(crate) async fn told(&self, label: &str) -> usize {
        // What tells is a task of its own, and this test's runtime has one thread.
        tokio::task::yield_now().await;
        let about = self.shown(label).await["id"].as_str().unwrap().to_owned();
        self.desk.notices.borrow().iter().filter(|notice| notice.about == about).count()
    }

    /// The same at a path.
    pub(crate) async fn used_at(&self, label: &str, path: &str) -> String {
        let wanted = UsageRequest { method: "GET".into(), path: path.into(), ..Default::default() };
        match self.app.request(&caller(), label, wanted).await {
            Ok(reply) => reply.status.to_string(),
            Err(error) => error.word().map_or_else(|| format!("{:?}", error.kind()), str::to_owned),
        }
    }

    /// Connects an account with a key.
    pub(crate) async fn connect_with_key(&self, name: &str) {
        let now = self.clock.true_now();
        let terms = Terms { life: None, idle_days: None, rotates: false, renewable: false };
        let account = Account { terms, number: 0, renewed_at: now, dead: false };
        self.provider.seen.lock().unwrap().accounts.insert(name.to_owned(), account);
        let secrets = json!({ "key": format!("{name}.0.{}", now.as_second()) });
        let input = json!({ "connector": "sim-key", "label": name, "secrets": secrets });
        self.ask("connections.add", input).await.unwrap();
    }

    /// Time passes, and then a round of the background work runs to its end.
    pub(crate) async fn after(&self, by: SignedDuration) {
        self.clock.advance(by);
        self.app.tick().await;
        self.app.settle().await;
    }

    /// Time passes in steps that are no sleep.
    pub(crate) async fn awake(&self, by: SignedDuration) {
        let step = SignedDuration::from_mins(4);
        let mut left = by;
        while left.is_positive() {
            self.after(left.min(step)).await;
            left -= step;
        }
    }

    /// Takes the accounts' connections in, as a file from elsewhere brings them.
    async fn connect(&self, accounts: &[(&str, Terms)]) {
        let now = self.clock.true_now();
        let connections: Vec<Value> = accounts.iter().map(|(name, terms)| entry(name, *terms, now)).collect();
        for (name, terms) in accounts {
            let account = Account { terms: *terms, number: 0, renewed_at: now, dead: false };
            self.provider.seen.lock().unwrap().accounts.insert((*name).to_owned(), account);
        }
        let workspace = WorkspaceId::new(now, [7; 10]).to_string();
        let content = json!({
            "format": "hearthkey-export", "version": 1, "made_at": now, "made_by": "test",
            "workspaces": [{
                "id": workspace, "name": "Personal", "created_at": now, "clients": [],
                "connections": connections,
            }],
        });
        self.ask("vault.retry", json!({})).await.unwrap();
        let identity = SlotIdentity::generate().unwrap();
        let file = encrypt_to(&[identity.recipient()], content.to_string().as_bytes()).unwrap();
        let file = Bytes::from(file);
        let kept = operations::blobs::write(&self.app, &caller(), file, "application/age").await.unwrap();
        let key = identity.encode();
        let input = json!({ "blob": kept.blob, "identity": key.expose(), "apply": true });
        let report = self.ask("vault.import", input).await.unwrap();
        let items = report["items"].as_array().unwrap();
        let left_out: Vec<_> = items.iter().filter(|item| item["outcome"] != "new").collect();
        assert!(left_out.is_empty() && items.len() == accounts.len(), "{left_out:?}");
        // Their renewal is planned at first sight.
        for _ in 0..=accounts.len() / 8 {
            self.after(SignedDuration::from_secs(1)).await;
        }
    }
}

fn open(
    folder: &tempfile::TempDir,
    clock: &Arc<SimClock>,
    provider: &Arc<Provider>,
    keychain: &Arc<TestKeychain>,
    desk: &Arc<TestDesk>,
) -> Arc<Hearthkey> {
    start_with(folder, Arc::clone(clock) as _, Arc::clone(provider) as _, keychain, desk, catalog())
}
