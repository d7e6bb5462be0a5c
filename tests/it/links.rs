//! Answers that come as an address: handed over by the system, by way of a gateway, or pasted.

use crate::harness::{UNTAKABLE, World, browse, caller, sent_on};
use hearthkey_core::authorize::{Authorization, Delivered, FlowState, Wish};
use hearthkey_core::lock::Opener;
use hearthkey_core::{Error, ErrorKind};
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::ports::KeyStoreError;
use hearthkey_sandbox::{Fault, FaultKind, Nth, Options};
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) async fn begin(world: &World, strategy: Strategy) -> Authorization {
    let wish = Wish { strategy: Some(strategy), second: true, ..world.wish() };
    world.app.begin_authorization(&caller(), wish).await.unwrap()
}

pub(crate) async fn deliver(world: &World, address: &str) -> Delivered {
    world.app.deliver_link(Secret::new(address)).await.unwrap()
}

pub(crate) async fn ended(world: &World, flow: &Authorization) -> FlowState {
    let mut states = world.app.watch_authorization(&caller(), flow.id).await.unwrap();
    let mut last = FlowState::Waiting;
    while let Some(flow) = states.next().await {
        last = flow.state;
    }
    last
}

async fn state(world: &World, flow: &Authorization) -> FlowState {
    world.app.authorization(&caller(), flow.id).await.unwrap().state
}

async fn connections(world: &World) -> usize {
    world.app.connections(&caller()).await.unwrap().len()
}

#[tokio::test]
async fn a_link_ends_its_flow_once() {
    let world = World::new().await;
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await;
    assert!(link.starts_with("app.hearthkey:/oauth/callback?"), "{link}");
    assert_eq!(deliver(&world, &link).await, Delivered::Accepted);
    let end = ended(&world, &flow).await;
    assert!(matches!(end, FlowState::Connected(_)), "{end:?}");
    assert_eq!(world.desk.shown.load(Ordering::Relaxed), 1, "the window was asked for");
    // Again, and in the form that some browsers make of it.
    for again in [link.clone(), link.replace(":/oauth", ":///oauth")] {
        assert_eq!(deliver(&world, &again).await, Delivered::NotExpected);
    }
    assert_eq!(state(&world, &flow).await, end);
    assert_eq!(world.app.refused_links(), 2);
    assert_eq!(world.token_requests("authorization_code"), ["issued"]);
    // The same account once more renews its connection, and leaves no flow behind either.
    let wish = Wish { strategy: Some(Strategy::DeepLink), ..world.wish() };
    let flow = world.app.begin_authorization(&caller(), wish).await.unwrap();
    assert_eq!(deliver(&world, &sent_on(flow.authorize_url.as_str()).await).await, Delivered::Accepted);
    assert!(matches!(ended(&world, &flow).await, FlowState::AlreadyConnected(_)));
    let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
    let left: u32 = database.query_row("SELECT count(*) FROM authorizations", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_cold_start_by_the_link_finishes_the_flow() {
    let mut world = World::new().await;
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await.replace(":/oauth", ":///oauth");
    world.restart().await;
    assert_eq!(deliver(&world, &link).await, Delivered::Accepted);
    assert!(matches!(ended(&world, &flow).await, FlowState::Connected(_)));
}

#[tokio::test]
async fn a_link_that_comes_while_locked_waits_for_the_unlock() {
    let world = World::new().await;
    let [first, given_up] =
        [begin(&world, Strategy::DeepLink).await, begin(&world, Strategy::DeepLink).await];
    let links = [sent_on(first.authorize_url.as_str()).await, sent_on(given_up.authorize_url.as_str()).await];
    world.app.lock(&caller()).await.unwrap();
    for link in &links {
        assert_eq!(deliver(&world, link).await, Delivered::WaitsForUnlock);
        assert_eq!(deliver(&world, link).await, Delivered::WaitsForUnlock, "the same once more");
    }
    let FlowState::WaitingForUnlock(why) = state(&world, &first).await else { panic!("it does not wait") };
    assert_eq!(why.kind, ErrorKind::Locked);
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new());
    // Locked, a sign-in can be given up all the same.
    world.app.cancel_authorization(&caller(), given_up.id).await.unwrap();
    world.app.tick().await;
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    world.app.tick().await;
    assert!(matches!(ended(&world, &first).await, FlowState::Connected(_)));
    assert_eq!(state(&world, &given_up).await, FlowState::Cancelled);
    assert_eq!(world.token_requests("authorization_code"), ["issued"]);
}

#[tokio::test]
async fn a_keychain_that_does_not_open_is_said_and_costs_nothing() {
    let mut world = World::new().await;
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await;
    world.restart().await;
    *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
    assert_eq!(deliver(&world, &link).await, Delivered::WaitsForUnlock);
    let FlowState::WaitingForUnlock(why) = state(&world, &flow).await else { panic!("it does not wait") };
    assert_eq!((why.kind, why.message.as_str()), (ErrorKind::KeychainUnavailable, "the keychain is locked"));
    world.app.tick().await;
    *world.keychain.trouble.lock().unwrap() = None;
    world.app.vault_state(true).await.unwrap();
    world.app.tick().await;
    assert!(matches!(ended(&world, &flow).await, FlowState::Connected(_)));
}

#[tokio::test]
async fn a_vault_that_is_closed_costs_neither_a_pasted_nor_a_local_return() {
    for pasted in [true, false] {
        let mut world = World::new().await;
        let flow = begin(&world, Strategy::Loopback).await;
        let address = sent_on(flow.authorize_url.as_str()).await;
        world.restart().await;
        *world.keychain.trouble.lock().unwrap() = Some(KeyStoreError::Locked);
        world.app.resume_authorizations().await.unwrap();
        if pasted {
            let refused = world.app.paste_return(&caller(), Some(flow.id), &Secret::new(&*address)).await;
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::KeychainUnavailable);
        } else {
            let (status, page) = browse(&address).await;
            assert!(status == 503 && page.contains("Then load this page again"), "{page}");
        }
        assert_eq!(state(&world, &flow).await, FlowState::Waiting);
        *world.keychain.trouble.lock().unwrap() = None;
        world.app.vault_state(true).await.unwrap();
        // Locked by the person, it is the same.
        world.app.lock(&caller()).await.unwrap();
        if !pasted {
            assert_eq!(browse(&address).await.0, 503);
        }
        world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
        if pasted {
            paste(&world, &flow, &address).await.unwrap();
        } else {
            assert_eq!(browse(&address).await.0, 200);
        }
        assert!(matches!(state(&world, &flow).await, FlowState::Connected(_)));
    }
}

#[tokio::test]
async fn a_database_that_fails_for_a_moment_costs_neither() {
    let world = World::new().await;
    for pasted in [true, false] {
        let flow = begin(&world, Strategy::Loopback).await;
        let address = sent_on(flow.authorize_url.as_str()).await;
        world.meddle(UNTAKABLE);
        if pasted {
            assert!(paste(&world, &flow, &address).await.is_err());
        } else {
            let (status, page) = browse(&address).await;
            assert!(status == 503 && page.contains("Then load this page again"), "{page}");
        }
        assert_eq!(state(&world, &flow).await, FlowState::Waiting);
        world.meddle("DROP INDEX stop");
        if pasted {
            paste(&world, &flow, &address).await.unwrap();
        } else {
            assert_eq!(browse(&address).await.0, 200);
        }
        assert!(matches!(state(&world, &flow).await, FlowState::Connected(_)));
    }
    assert_eq!(world.token_requests("authorization_code"), ["issued"; 2]);
}

#[tokio::test]
async fn what_waits_for_the_unlock_ends_by_its_time() {
    let world = World::new().await;
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await;
    world.app.lock(&caller()).await.unwrap();
    assert_eq!(deliver(&world, &link).await, Delivered::WaitsForUnlock);
    world.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(deliver(&world, &link).await, Delivered::NotExpected, "its time is over");
    world.app.unlock(&caller(), Opener::Keychain).await.unwrap();
    world.app.tick().await;
    world.app.settle().await;
    assert!(matches!(state(&world, &flow).await, FlowState::Failed(_)));
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_comes_back_by_the_way_it_was_asked_for_and_no_other() {
    let world = World::with(Options { auto_approve: true, ..Options::default() }).await;
    let [by_port, by_link] =
        [begin(&world, Strategy::Loopback).await, begin(&world, Strategy::DeepLink).await];
    let to_port = sent_on(by_port.authorize_url.as_str()).await;
    let to_app = sent_on(by_link.authorize_url.as_str()).await;
    let query = |address: &str| address.split_once('?').unwrap().1.to_owned();
    let port = by_port.answer.redirect_uri().unwrap();
    // The right answers at each other's doors.
    let crossed = format!("app.hearthkey:/oauth/callback?{}", query(&to_port));
    assert_eq!(deliver(&world, &crossed).await, Delivered::NotExpected);
    assert_eq!(browse(&format!("{port}?{}", query(&to_app))).await.0, 400);
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new());
    assert_eq!(browse(&to_port).await.0, 200);
    assert_eq!(deliver(&world, &to_app).await, Delivered::Accepted);
    assert!(matches!(ended(&world, &by_link).await, FlowState::Connected(_)));
    assert_eq!(connections(&world).await, 2);
}

#[tokio::test]
async fn somebody_elses_answer_signs_nobody_in() {
    let (victim, attacker) = (World::new().await, World::new().await);
    let waits = begin(&victim, Strategy::DeepLink).await;
    let theirs = begin(&attacker, Strategy::DeepLink).await;
    let link = sent_on(theirs.authorize_url.as_str()).await;
    assert_eq!(deliver(&victim, &link).await, Delivered::NotExpected);
    let pasted = victim.app.paste_return(&caller(), Some(waits.id), &Secret::new(link.as_str())).await;
    assert_eq!(pasted.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(victim.token_requests("authorization_code"), Vec::<String>::new());
    assert_eq!(connections(&victim).await, 0);
    assert_eq!(deliver(&attacker, &link).await, Delivered::Accepted, "it was a good one");
    let own = sent_on(waits.authorize_url.as_str()).await;
    assert_eq!(deliver(&victim, &own).await, Delivered::Accepted);
    assert!(matches!(ended(&victim, &waits).await, FlowState::Connected(_)));
}

async fn paste(world: &World, flow: &Authorization, address: &str) -> Result<FlowState, String> {
    let pasted = world.app.paste_return(&caller(), Some(flow.id), &Secret::new(address)).await;
    let told = |error: Error| {
        let told = format!("{error} {}", error.hint().unwrap_or_default());
        let quoted = address.split(['?', '&', '=']).any(|part| part.len() > 12 && told.contains(part));
        assert!(!quoted, "it is quoted: {told}");
        told
    };
    pasted.map(|flow| flow.state).map_err(told)
}

#[tokio::test]
async fn an_address_can_be_pasted() {
    let world = World::new().await;
    for (way, whole) in [(Strategy::Loopback, true), (Strategy::DeepLink, true), (Strategy::Loopback, false)]
    {
        let flow = begin(&world, way).await;
        let address = sent_on(flow.authorize_url.as_str()).await;
        let query = address.split_once('?').unwrap().1;
        let other = begin(&world, way).await;
        let elsewhere = format!("http://127.0.0.1:1/oauth/callback?{query}");
        for (wrong, words) in [
            (flow.authorize_url.as_str(), "has no code in it; copy it from the browser's address bar"),
            (flow.answer.redirect_uri().unwrap().as_str(), "has no code in it"),
            ("", "has no code in it"),
            (elsewhere.as_str(), "not the address this sign-in returns to"),
            (
                "https://evil.example/?code=aaaaaaaaaaaaaaaa&state=bbbbbbbbbbbbbbbbbbbb",
                "belongs to another sign-in",
            ),
            ("?code=a&code=b&state=cccccccccccccccccccc", "not an address a sign-in returns to"),
        ] {
            let told = paste(&world, &flow, wrong).await.unwrap_err();
            assert!(told.contains(words), "{wrong}: {told}");
        }
        let told = paste(&world, &other, &address).await.unwrap_err();
        assert!(told.contains("belongs to another sign-in"), "{told}");
        let pasted = if whole { format!("  {address}\n") } else { format!("?{query}") };
        let state = paste(&world, &flow, &pasted).await.unwrap();
        assert!(matches!(state, FlowState::Connected(_)), "{way:?} {state:?}");
        let told = paste(&world, &flow, &pasted).await.unwrap_err();
        assert!(told.contains("one that has ended"), "{told}");
    }
    assert_eq!(world.token_requests("authorization_code"), ["issued"; 3]);
}

#[tokio::test]
async fn an_address_pasted_without_a_name_finds_its_own() {
    let world = World::new().await;
    let flow = begin(&world, Strategy::Loopback).await;
    let address = sent_on(flow.authorize_url.as_str()).await;
    let pasted = world.app.paste_return(&caller(), None, &Secret::new(address)).await.unwrap();
    assert_eq!(pasted.id, flow.id);
    assert!(matches!(pasted.state, FlowState::Connected(_)));
}

/// A gateway's page: it sends whoever comes on to the app, with what they brought.
async fn bounce() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/oauth/callback", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let query = head.split([' ', '?']).nth(2).unwrap_or_default().to_owned();
            let to = format!("app.hearthkey:/oauth/callback?{query}");
            let reply = format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_gateway_sends_the_browser_on_to_the_app() {
    let world = World::new().await;
    let wish = || Wish { strategy: Some(Strategy::HttpsBounce), second: true, ..world.wish() };
    let missing = world.app.begin_authorization(&caller(), wish()).await.unwrap_err();
    assert!(missing.to_string().contains("set its address: hearthkey gateway URL"), "{missing}");
    for refused in ["http://gateway.example/x", "https://gateway.example/x?y=1", "ftp://gateway.example/x"] {
        let refused = world.app.set_bounce(Some(refused.parse().unwrap())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }
    world.app.set_bounce(Some(bounce().await.parse().unwrap())).await.unwrap();
    let flow = world.app.begin_authorization(&caller(), wish()).await.unwrap();
    let page = sent_on(flow.authorize_url.as_str()).await;
    let link = sent_on(&page).await;
    assert!(link.starts_with("app.hearthkey:/oauth/callback?"), "{link}");
    assert_eq!(deliver(&world, &link).await, Delivered::Accepted);
    assert!(matches!(ended(&world, &flow).await, FlowState::Connected(_)));
    // The code was redeemed with the redirect that was asked for, and the page's address can be pasted as well.
    let flow = world.app.begin_authorization(&caller(), wish()).await.unwrap();
    let page = sent_on(flow.authorize_url.as_str()).await;
    assert!(matches!(paste(&world, &flow, &page).await.unwrap(), FlowState::Connected(_)));
    assert_eq!(world.token_requests("authorization_code"), ["issued"; 2]);
    world.app.set_bounce(None).await.unwrap();
    assert!(world.app.begin_authorization(&caller(), wish()).await.is_err());
}

#[tokio::test]
async fn the_best_way_that_works_here_is_taken() {
    let world = World::new().await;
    let begun = world.app.begin_authorization(&caller(), world.wish()).await.unwrap();
    assert_eq!(begun.answer.strategy(), Strategy::Loopback);
    assert_eq!(begun.others, [Strategy::DeepLink, Strategy::Device]);
    let far = Wish { has_browser: Some(false), ..world.wish() };
    let begun = world.app.begin_authorization(&caller(), far).await.unwrap();
    assert_eq!(begun.answer.strategy(), Strategy::Device);
    world.desk.receives_links.store(false, Ordering::Relaxed);
    let link = Wish { strategy: Some(Strategy::DeepLink), ..world.wish() };
    let refused = world.app.begin_authorization(&caller(), link).await.unwrap_err();
    assert!(refused.to_string().contains("start the desktop app"), "{refused}");
}

#[tokio::test]
async fn another_way_takes_the_place_of_a_sign_in_that_waits() {
    let world = World::new().await;
    let mut wish = Wish { label: Some("Ours".into()), ..world.wish() };
    wish.connector = "sandbox-own".into();
    wish.client = Some(hearthkey_core::authorize::OwnClient {
        client_id: "hearthkey-confidential".into(),
        client_secret: Some(Secret::new("sandbox-secret")),
    });
    let first = world.app.begin_authorization(&caller(), wish).await.unwrap();
    // Nothing is typed again: not the address, not the label, not the client.
    let instead = |earlier: &Authorization, strategy| Wish {
        connector: "sandbox-own".into(),
        instead_of: Some(earlier.id),
        strategy: Some(strategy),
        ..Wish::default()
    };
    let other = Wish { connector: "sandbox".into(), ..instead(&first, Strategy::DeepLink) };
    assert!(world.app.begin_authorization(&caller(), other).await.is_err());
    assert_eq!(state(&world, &first).await, FlowState::Waiting, "it waits until the other one does");
    let second = world.app.begin_authorization(&caller(), instead(&first, Strategy::DeepLink)).await.unwrap();
    assert_eq!(state(&world, &first).await, FlowState::Cancelled);
    let link = sent_on(second.authorize_url.as_str()).await;
    assert_eq!(deliver(&world, &link).await, Delivered::Accepted);
    assert!(matches!(ended(&world, &second).await, FlowState::Connected(_)));
    assert!(world.app.connection(&caller(), "Ours").await.is_ok());
    let late = world.app.begin_authorization(&caller(), instead(&second, Strategy::Loopback)).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::NotFound, "it has ended");
}

#[tokio::test]
async fn an_exchange_that_was_cut_short_is_said_once() {
    let mut world = World::new().await;
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await;
    // As a process leaves it that ended in the middle of the exchange.
    world
        .change_database(|file| {
            let database = rusqlite::Connection::open(file).unwrap();
            assert_eq!(database.execute("UPDATE authorizations SET taken = 1", []).unwrap(), 1);
        })
        .await;
    for _ in 0..2 {
        world.app.resume_authorizations().await.unwrap();
        assert_eq!(deliver(&world, &link).await, Delivered::NotExpected, "a state works once");
        let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
        let sql = "SELECT record ->> '$.detail' FROM activity WHERE record ->> '$.deed' = 'connect_failed'";
        let mut select = database.prepare(sql).unwrap();
        let told: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let words = "the sign-in at Sandbox was interrupted while its code was exchanged; start again";
        assert_eq!(told, [words]);
        world.restart().await;
    }
    assert_eq!(world.token_requests("authorization_code"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_under_exchange_leaves_its_mark_until_the_end() {
    let world = World::new().await;
    let rows = || -> Vec<bool> {
        let database = rusqlite::Connection::open(world.folder.path().join("vault.db")).unwrap();
        let mut select = database.prepare("SELECT taken FROM authorizations").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for (kind, connected) in [
        (FaultKind::Delay { ms: 600 }, true),
        (FaultKind::ErrorInside200 { error: "invalid_grant".into() }, false),
    ] {
        let flow = begin(&world, Strategy::DeepLink).await;
        assert_eq!(rows(), [false]);
        let fault = Fault { route: "/token".into(), method: None, nth: Nth::Every, kind };
        world.sandbox.set_faults(vec![fault]);
        world.sandbox.clear_journal();
        let link = sent_on(flow.authorize_url.as_str()).await;
        assert_eq!(deliver(&world, &link).await, Delivered::Accepted);
        while !world.sandbox.journal().iter().any(|entry| entry.path == "/token") {
            tokio::task::yield_now().await;
        }
        if connected {
            assert_eq!(rows(), [true], "a crash now would be told");
        }
        assert_eq!(matches!(ended(&world, &flow).await, FlowState::Connected(_)), connected);
        assert_eq!(rows(), [false; 0]);
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_registered_is_named() {
    let world = World::with(Options { auto_approve: false, ..Options::default() }).await;
    for (way, register) in [
        (Strategy::Loopback, "http://127.0.0.1/oauth/callback"),
        (Strategy::DeepLink, "app.hearthkey:/oauth/callback"),
    ] {
        let flow = begin(&world, way).await;
        let state =
            flow.authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let issuer = world.sandbox.base_url();
        let refused = format!("error=redirect_uri_mismatch&state={state}&iss={issuer}");
        let FlowState::Failed(failure) = paste(&world, &flow, &refused).await.unwrap() else { panic!() };
        assert_eq!(failure.word, Some("redirect_uri_mismatch"));
        assert_eq!(failure.hint.unwrap(), format!("Register exactly this redirect there: {register}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_handed_over_many_times_at_once_works_once() {
    let world = Arc::new(World::new().await);
    let flow = begin(&world, Strategy::DeepLink).await;
    let link = sent_on(flow.authorize_url.as_str()).await;
    let mut deliveries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (world, link) = (Arc::clone(&world), link.clone());
        deliveries.spawn(async move { deliver(&world, &link).await });
    }
    deliveries.join_all().await;
    assert!(matches!(ended(&world, &flow).await, FlowState::Connected(_)), "the others do not disturb it");
    assert_eq!(connections(&world).await, 1);
    assert_eq!(world.token_requests("authorization_code"), ["issued"]);
}
