//! Client registrations: one for each workspace, connector and issuer.

use super::*;
use hearthkey_domain::client::Client;
use hearthkey_domain::ids::ClientId;
use hearthkey_domain::ports::StoreError;

pub(super) fn client(space: u8, number: u8, version: u64) -> Client {
    Client {
        id: ClientId::new(at(0), [number; 10]),
        workspace: workspace(space),
        connector: "github".into(),
        issuer: "https://github.com".into(),
        client_id: format!("client {number}.{version}"),
        confidential: true,
        created_at: at(0),
        version,
    }
}

fn secret(text: &str) -> Option<Sealed> {
    Some(Sealed::from_bytes(text.into()))
}

#[tokio::test]
async fn a_client_is_found_by_what_it_is_for_and_by_id() {
    let place = Place::new();
    let db = place.founded().await;
    let made = client(HOME, 1, 1);
    db.put_client(made.clone(), secret("one")).await.unwrap();
    let public = Client {
        connector: "gitlab".into(),
        issuer: String::new(),
        confidential: false,
        ..client(HOME, 2, 1)
    };
    db.put_client(public.clone(), None).await.unwrap();
    let home = workspace(HOME);
    assert_eq!(db.client_for(home, "github", "https://github.com").await.unwrap(), Some(made.clone()));
    assert_eq!(db.client_for(home, "gitlab", "").await.unwrap(), Some(public.clone()));
    assert_eq!(db.client_for(home, "github", "").await.unwrap(), None);
    assert_eq!(db.client(home, made.id).await.unwrap(), Some((made, secret("one"))));
    assert_eq!(db.client(home, public.id).await.unwrap(), Some((public, None)));
}

#[tokio::test]
async fn a_client_is_replaced_by_its_next_version_or_by_another() {
    let place = Place::new();
    let db = place.founded().await;
    let home = workspace(HOME);
    db.put_client(client(HOME, 1, 1), secret("one")).await.unwrap();
    for wrong in [1, 3] {
        let refused = db.put_client(client(HOME, 1, wrong), secret("wrong")).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{wrong}: {refused:?}");
    }
    let next = client(HOME, 1, 2);
    db.put_client(next.clone(), secret("two")).await.unwrap();
    assert_eq!(db.client(home, next.id).await.unwrap(), Some((next.clone(), secret("two"))));
    let other = client(HOME, 2, 1);
    db.put_client(other.clone(), None).await.unwrap();
    assert_eq!(db.client(home, next.id).await.unwrap(), None);
    assert_eq!(db.client_for(home, "github", "https://github.com").await.unwrap(), Some(other.clone()));
    // An identifier names one client.
    let moved = Client { connector: "gitlab".into(), ..other };
    assert!(matches!(db.put_client(moved, None).await, Err(StoreError::Conflict)));
}
