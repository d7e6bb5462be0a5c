//! Services that know one fixed port: sign-ins that need the same one do not keep each other out, and leave it free.

use crate::harness::{TestDesk, TestKeychain, caller, sent_on, start_with};
use crate::links::begin;
use hearthkey_api::Hearthkey;
use hearthkey_connectors::Catalog;
use hearthkey_core::authorize::{Authorization, FlowState, Wish};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::ports::Clock;
use hearthkey_platform::clock::SystemClock;
use hearthkey_platform::http::HttpClient;
use hearthkey_sandbox::{Options, Sandbox};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A Hearthkey with two services that have the same fixed port.
struct Fixed {
    app: Arc<Hearthkey>,
    sandbox: Sandbox,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Fixed {
    async fn new() -> Self {
        let sandbox = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let text = include_str!("../../crates/connectors/catalog/sandbox.toml");
        let service = |id: &str| {
            let text = text.replace("id = \"sandbox\"", &format!("id = \"{id}\""));
            text.replace("[auth.oauth2]\n", &format!("[auth.oauth2]\nloopback = {{ port = {port} }}\n"))
        };
        let [first, second] = ["first", "second"].map(service);
        let catalog = Catalog::read([("first.toml", first.as_str()), ("second.toml", second.as_str())]);
        let folder = tempfile::tempdir().unwrap();
        let (keychain, desk) = (Arc::new(TestKeychain::default()), Arc::new(TestDesk::default()));
        let (clock, http): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), HttpClient::new().unwrap());
        let app = start_with(&folder, clock, Arc::new(http), &keychain, &desk, catalog.unwrap());
        Self { app, sandbox, port, _folder: folder }
    }

    async fn begin(&self, connector: &str, instead_of: Option<&Authorization>) -> Authorization {
        let values = [("base_url".to_owned(), self.sandbox.base_url())].into();
        let wish = Wish {
            connector: connector.into(),
            values,
            second: true,
            strategy: Some(Strategy::Loopback),
            instead_of: instead_of.map(|earlier| earlier.id),
            ..Wish::default()
        };
        self.app.begin_authorization(&caller(), wish).await.unwrap()
    }

    async fn state(&self, flow: &Authorization) -> FlowState {
        self.app.authorization(&caller(), flow.id).await.unwrap().state
    }

    async fn is_freed(&self) {
        is_freed(self.port).await;
    }
}

async fn is_freed(port: u16) {
    let free = async {
        while TcpListener::bind(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free).await.expect("the port is free again");
}

/// The browser's way back, to the page that ends it.
async fn come_back(flow: &Authorization) -> (u16, String) {
    crate::harness::browse(&sent_on(flow.authorize_url.as_str()).await).await
}

#[tokio::test]
async fn two_services_with_one_port_are_signed_in_to_at_once() {
    let world = Fixed::new().await;
    let [first, second] = [world.begin("first", None).await, world.begin("second", None).await];
    for flow in [&second, &first] {
        let (status, page) = come_back(flow).await;
        assert!(status == 200 && page.contains("You can close this tab"), "{status} {page}");
        assert!(matches!(world.state(flow).await, FlowState::Connected(_)));
    }
    world.is_freed().await;
}

#[tokio::test]
async fn the_same_way_once_more_takes_the_port_over() {
    let world = Fixed::new().await;
    let first = world.begin("first", None).await;
    let second = world.begin("first", Some(&first)).await;
    assert_eq!(world.state(&first).await, FlowState::Cancelled);
    let (status, page) = come_back(&second).await;
    assert_eq!(status, 200, "{page}");
    assert!(matches!(world.state(&second).await, FlowState::Connected(_)));
    assert!(page.contains("You can close this tab"), "{page}");
}

#[tokio::test]
async fn a_pasted_return_leaves_the_port_free() {
    let world = Fixed::new().await;
    for fails in [false, true] {
        let flow = world.begin("second", None).await;
        let address = if fails {
            let state = flow.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1;
            format!("error=access_denied&state={state}&iss={}", world.sandbox.base_url())
        } else {
            sent_on(flow.authorize_url.as_str()).await
        };
        let ended = world.app.paste_return(&caller(), Some(flow.id), &Secret::new(address)).await.unwrap();
        assert_eq!(matches!(ended.state, FlowState::Connected(_)), !fails, "{:?}", ended.state);
        world.is_freed().await;
    }
}

#[tokio::test]
async fn a_port_of_its_own_is_freed_by_a_pasted_return_as_well() {
    let world = crate::harness::World::new().await;
    let flow = begin(&world, Strategy::Loopback).await;
    let address = Secret::new(sent_on(flow.authorize_url.as_str()).await);
    world.app.paste_return(&caller(), Some(flow.id), &address).await.unwrap();
    is_freed(flow.answer.redirect_uri().unwrap().port().unwrap()).await;
}
