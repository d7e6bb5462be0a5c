//! Sign-ins on their way: one use, and an end.

use super::*;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::ids::AuthorizationId;
use hearthkey_domain::ports::StoreError;
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
        values: BTreeMap::new(),
        server: AuthorizationServer {
            issuer: "https://server.example".into(),
            authorization_endpoint: url("authorize"),
            token_endpoint: url("token"),
            userinfo_endpoint: None,
            revocation_endpoint: None,
            client_authentication: Default::default(),
            iss_required: true,
        },
        client: ClientChoice::Bundled { client_id: "hearthkey".into() },
        redirect_uri: Url::parse("http://127.0.0.1:4242/callback").unwrap(),
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
