//! A service of the test's own behind the real connectors: its answers are written down, and what it was asked is kept.

use crate::harness::{TestDesk, TestKeychain, caller, start_with};
use async_trait::async_trait;
use bytes::Bytes;
use hearthkey_api::{Problem, table};
use hearthkey_connectors::Catalog;
use hearthkey_core::authorize::{Authorization, FlowState, Wish};
use hearthkey_core::{Error, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ports::{Http, HttpError, HttpRequest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

/// One request, as the service saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) address: Url,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Whether it may have gone into a private network.
    pub(crate) private: bool,
}

impl Asked {
    /// A field of its form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    }
}

/// An answer: status, body and headers.
#[derive(Debug, Clone)]
struct Answer(u16, Value, Vec<(&'static str, &'static str)>);

/// Answers by the address without its query; 404 where none is written down.
#[derive(Default)]
pub(crate) struct Service {
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<Asked>>,
    /// The address whose next answers wait for a permit each.
    held: Mutex<Option<(String, Arc<Semaphore>)>>,
}

impl Service {
    /// Holds the answers of an address back until the test adds permits.
    pub(crate) fn hold(&self, address: &str) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        *self.held.lock().unwrap() = Some((address.to_owned(), Arc::clone(&permits)));
        permits
    }

    pub(crate) fn answers(&self, address: &str, status: u16, body: Value) {
        self.answers_with(address, status, body, &[]);
    }

    pub(crate) fn answers_with(
        &self,
        address: &str,
        status: u16,
        body: Value,
        headers: &[(&'static str, &'static str)],
    ) {
        self.answers.lock().unwrap().insert(address.to_owned(), Answer(status, body, headers.to_vec()));
    }

    /// What was asked at addresses that begin like this.
    pub(crate) fn asked(&self, beginning: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.address.as_str().starts_with(beginning)).cloned().collect()
    }
}

#[async_trait]
impl Http for Service {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<Bytes>, HttpError> {
        let HttpRequest { request, policy, .. } = request;
        let address = Url::parse(&request.uri().to_string()).unwrap();
        policy.check(&address).map_err(|error| HttpError::Blocked { reason: error.to_string() })?;
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        let mut bare = address.clone();
        bare.set_query(None);
        self.asked.lock().unwrap().push(Asked {
            address,
            headers: headers.collect(),
            body,
            private: policy.allows_private(),
        });
        let held = self.held.lock().unwrap().clone().filter(|(address, _)| *address == bare.as_str());
        let missing = || Answer(404, json!({}), vec![]);
        let Answer(status, body, headers) =
            self.answers.lock().unwrap().get(bare.as_str()).cloned().unwrap_or_else(missing);
        if let Some((_, permits)) = held {
            permits.acquire().await.unwrap().forget();
        }
        let mut reply = http::Response::builder().status(status);
        for (name, value) in headers {
            reply = reply.header(name, value);
        }
        Ok(reply.body(Bytes::from(body.to_string())).unwrap())
    }

    async fn forget(&self) {}
}

/// A home beside that service.
pub(crate) struct Home {
    pub(crate) app: Arc<Hearthkey>,
    pub(crate) service: Arc<Service>,
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::with(Catalog::built_in().unwrap()).await
    }

    pub(crate) async fn with(catalog: Catalog) -> Self {
        let service = Arc::<Service>::default();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(hearthkey_platform::clock::SystemClock);
        let (keychain, desk) = (Arc::<TestKeychain>::default(), Arc::<TestDesk>::default());
        let app = start_with(&folder, clock, service.clone(), &keychain, &desk, catalog);
        app.set_bounce(Some(Url::parse("https://gateway.example/oauth/bounce").unwrap())).await.unwrap();
        Self { app, service, folder }
    }

    /// Does a call.
    pub(crate) async fn call(&self, operation: &str, input: Value) -> Result<Value, Problem> {
        let input = input.to_string();
        table::call(operation, |_| true, input.as_bytes(), Arc::clone(&self.app), caller()).await
    }

    /// What was written down of everything that was done, oldest first.
    pub(crate) fn history(&self) -> Vec<Value> {
        let database = rusqlite::Connection::open(self.folder.path().join("vault.db")).unwrap();
        let mut rows = database.prepare("SELECT record FROM activity ORDER BY at, id").unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
    }

    /// Begins a sign-in, and gives it with the parameters of its authorization request.
    pub(crate) async fn begin(&self, wish: Wish) -> Result<(Authorization, BTreeMap<String, String>), Error> {
        let flow = self.app.begin_authorization(&caller(), wish).await?;
        let asked = flow.authorize_url.query_pairs();
        let asked = asked.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok((flow, asked))
    }

    /// Brings a sign-in its answer, with further parameters, and gives how it ended.
    pub(crate) async fn finish(&self, flow: &Authorization, further: &str) -> Authorization {
        let asked: BTreeMap<String, String> = flow
            .authorize_url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let address = format!("{}?code=c0de&state={}{further}", asked["redirect_uri"], asked["state"]);
        // Whether it was taken or refused, the flow says.
        let _ = self.app.paste_return(&caller(), Some(flow.id), &Secret::new(address)).await;
        let mut states = self.app.watch_authorization(&caller(), flow.id).await.unwrap();
        let mut last = flow.clone();
        while let Some(state) = states.next().await {
            last = state;
        }
        last
    }

    /// Signs in, to its end.
    pub(crate) async fn sign_in(&self, wish: Wish, further: &str) -> Authorization {
        let (flow, _) = self.begin(wish).await.unwrap();
        self.finish(&flow, further).await
    }

    /// The connection of a sign-in that succeeded.
    pub(crate) async fn connection(&self, flow: &Authorization) -> Connection {
        match &flow.state {
            FlowState::Connected(id) | FlowState::AlreadyConnected(id) => {
                self.app.connection(&caller(), &id.to_string()).await.unwrap().0
            }
            other => panic!("not connected: {other:?}"),
        }
    }
}

/// How a sign-in failed.
pub(crate) fn failure(flow: &Authorization) -> String {
    match &flow.state {
        FlowState::Failed(failure) => failure.message.clone(),
        other => panic!("not failed: {other:?}"),
    }
}
