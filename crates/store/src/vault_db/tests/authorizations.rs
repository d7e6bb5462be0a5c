//! Sign-ins on their way: one use, and an end.

use super::*;
use hearthkey_domain::authorization::{Answer, PendingAuthorization, Strategy};
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::ids::AuthorizationId;
use hearthkey_domain::ports::{AuthorizationEnd, StoreError};
use hearthkey_domain::server::AuthorizationServer;
use url::Url;

pub(super) fn pending(space: u8, number: u8, expires_at: Timestamp) -> PendingAuthorization {
    let url = |path: &str| Url::parse(&format!("https://server.example/{path}")).unwrap();
    PendingAuthorization {
        id: AuthorizationId::new(at(0), [number; 10]),
        workspace: workspace(space),
        connector: "github".into(),
        method: "oauth2".into(),
        label: None,
        reconnect: None,
        second: false,
        values: BTreeMap::new(),
        server: AuthorizationServer {
            issuer: "https://server.example".into(),
            authorization_endpoint: url("authorize"),
            token_endpoint: url("token"),
            userinfo_endpoint: None,
            revocation_endpoint: None,
            device_authorization_endpoint: None,
            client_authentication: Default::default(),
            iss_required: true,
        },
        client: ClientChoice::Bundled { client_id: "hearthkey".into() },
        answer: Answer::Redirect {
            strategy: Strategy::Loopback,
            redirect_uri: Url::parse("http://127.0.0.1:4242/callback").unwrap(),
        },
        scopes: vec!["repo".into()],
        state_digest: format!("digest-{number}"),
        created_at: at(0),
        expires_at,
    }
}

fn verifier(number: u8) -> Sealed {
    Sealed::from_bytes(vec![number; 32])
}

#[tokio::test]
async fn a_flow_is_taken_once_though_fifty_reach_for_it() {
    let place = Place::new();
    let db = std::sync::Arc::new(place.founded().await);
    let flow = pending(HOME, 1, at(600));
    db.begin_authorization(flow.clone(), verifier(1)).await.unwrap();
    db.begin_authorization(pending(HOME, 2, at(600)), verifier(2)).await.unwrap();
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let db = db.clone();
        takers.spawn(async move { db.take_authorization("digest-1").await.unwrap() });
    }
    let mut taken: Vec<_> = takers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken.remove(0), (flow, verifier(1)));
    let left = db.open_authorizations(at(0)).await.unwrap();
    assert_eq!(left, [pending(HOME, 2, at(600))]);
    // Nor is it there again after the next start.
    drop(db);
    assert!(place.open().take_authorization("digest-1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_digest_stands_for_one_flow() {
    let place = Place::new();
    let db = place.founded().await;
    db.begin_authorization(pending(HOME, 1, at(600)), verifier(1)).await.unwrap();
    let same_id = db.begin_authorization(pending(HOME, 1, at(600)), verifier(2)).await;
    assert!(matches!(same_id, Err(StoreError::Conflict)), "{same_id:?}");
    let same_digest = PendingAuthorization { state_digest: "digest-1".into(), ..pending(HOME, 2, at(600)) };
    let refused = db.begin_authorization(same_digest, verifier(2)).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(db.take_authorization("digest-1").await.unwrap().unwrap().1, verifier(1));
}

#[tokio::test]
async fn a_cancelled_flow_is_gone() {
    let place = Place::new();
    let db = place.founded().await;
    let flow = pending(HOME, 1, at(600));
    db.begin_authorization(flow.clone(), verifier(1)).await.unwrap();
    assert!(db.cancel_authorization(workspace(HOME), flow.id).await.unwrap());
    assert!(!db.cancel_authorization(workspace(HOME), flow.id).await.unwrap());
    assert!(db.take_authorization("digest-1").await.unwrap().is_none());
}

#[tokio::test]
async fn flows_past_their_end_are_forgotten() {
    let place = Place::new();
    let db = place.founded().await;
    for (number, end) in [(1, 600), (2, 601)] {
        db.begin_authorization(pending(HOME, number, at(end)), verifier(number)).await.unwrap();
    }
    assert_eq!(db.open_authorizations(at(599)).await.unwrap().len(), 2);
    assert_eq!(db.open_authorizations(at(600)).await.unwrap(), [pending(HOME, 2, at(601))]);
    assert!(db.take_authorization("digest-1").await.unwrap().is_none());
    assert!(db.take_authorization("digest-2").await.unwrap().is_some());
}

/// The digests of the flows that were taken and have not ended.
async fn left(db: &VaultDb) -> Vec<String> {
    db.taken_authorizations().await.unwrap().into_iter().map(|flow| flow.state_digest).collect()
}

#[tokio::test]
async fn a_flow_that_was_taken_stays_until_it_has_ended() {
    let place = Place::new();
    let db = place.founded().await;
    for number in 1..=3 {
        db.begin_authorization(pending(HOME, number, at(600)), verifier(number)).await.unwrap();
        db.take_authorization(&format!("digest-{number}")).await.unwrap().unwrap();
    }
    let flow = |number| pending(HOME, number, at(600)).id;
    // Nothing but its end takes it away, and it is nobody else's to answer, change or give up.
    assert_eq!(db.open_authorizations(at(0)).await.unwrap(), []);
    assert_eq!(db.open_authorizations(at(601)).await.unwrap(), []);
    assert!(db.authorization(workspace(HOME), flow(1)).await.unwrap().is_none());
    assert!(db.authorization_with_state("digest-1").await.unwrap().is_none());
    assert!(!db.update_authorization(pending(HOME, 1, at(600))).await.unwrap());
    assert!(!db.cancel_authorization(workspace(HOME), flow(1)).await.unwrap());
    drop(db);
    let db = place.open();
    assert_eq!(db.taken_authorizations().await.unwrap().len(), 3);

    let note = || activity(HOME, None, at(1));
    let (connection, credential) = (connection(HOME, 1, "Home"), credential(1, b"sealed"));
    let end = AuthorizationEnd::Connected(Box::new(connection.clone()), credential.clone());
    db.end_authorization(flow(1), end, note()).await.unwrap();
    // What cannot be written does not end it.
    let end = AuthorizationEnd::Connected(Box::new(connection), credential);
    assert!(db.end_authorization(flow(2), end, note()).await.is_err());
    assert_eq!(left(&db).await, ["digest-2", "digest-3"]);
    for number in [2, 3] {
        db.end_authorization(flow(number), AuthorizationEnd::Failed, note()).await.unwrap();
    }
    assert_eq!(left(&db).await, [""; 0]);
    assert_eq!(db.connections(workspace(HOME)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_flow_that_waits_is_found_and_changed() {
    let place = Place::new();
    let db = place.founded().await;
    let mut flow = pending(HOME, 1, at(600));
    db.begin_authorization(flow.clone(), verifier(1)).await.unwrap();
    assert_eq!(db.authorization(workspace(2), flow.id).await.unwrap(), None, "another workspace's");
    assert_eq!(db.authorization_with_state("digest-1").await.unwrap(), Some(flow.clone()));
    flow.scopes.push("more".into());
    assert!(db.update_authorization(flow.clone()).await.unwrap());
    assert_eq!(db.authorization(workspace(HOME), flow.id).await.unwrap(), Some((flow.clone(), verifier(1))));
    assert!(db.cancel_authorization(workspace(HOME), flow.id).await.unwrap());
    assert!(!db.update_authorization(flow).await.unwrap());
}
