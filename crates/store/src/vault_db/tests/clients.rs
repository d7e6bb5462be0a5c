//! Client registrations: kept as they were typed, used once they are proven.

use super::*;
use hearthkey_domain::client::Client;
use hearthkey_domain::ids::ClientId;
use hearthkey_domain::ports::StoreError;

pub(super) fn client(space: u8, number: u8) -> Client {
    Client {
        id: ClientId::new(at(0), [number; 10]),
        workspace: workspace(space),
        connector: "github".into(),
        issuer: "https://github.com".into(),
        client_id: format!("client {number}"),
        confidential: true,
        server: "https://github.com".into(),
        policy: "github.com".into(),
        created_at: at(0),
        proven: true,
    }
}

fn secret(text: &str) -> Option<Sealed> {
    Some(Sealed::from_bytes(text.into()))
}

#[tokio::test]
async fn a_client_is_found_by_what_it_is_for_and_by_id() {
    let place = Place::new();
    let db = place.founded().await;
    let made = client(HOME, 1);
    db.add_client(made.clone(), secret("one")).await.unwrap();
    let public =
        Client { connector: "gitlab".into(), issuer: String::new(), confidential: false, ..client(HOME, 2) };
    db.add_client(public.clone(), None).await.unwrap();
    let home = workspace(HOME);
    assert_eq!(db.client_for(home, "github", "https://github.com").await.unwrap(), Some(made.clone()));
    assert_eq!(db.client_for(home, "gitlab", "").await.unwrap(), Some(public.clone()));
    assert_eq!(db.client_for(home, "github", "").await.unwrap(), None);
    assert_eq!(db.client(home, made.id).await.unwrap(), Some((made.clone(), secret("one"))));
    assert_eq!(db.client(home, public.id).await.unwrap(), Some((public.clone(), None)));
    assert_eq!(db.clients(home).await.unwrap(), [(made, secret("one")), (public, None)]);
}

#[tokio::test]
async fn the_newest_proven_client_is_used_and_none_is_changed() {
    let place = Place::new();
    let db = place.founded().await;
    let home = workspace(HOME);
    let [first, second] = [client(HOME, 1), Client { proven: false, ..client(HOME, 2) }];
    db.add_client(first.clone(), secret("one")).await.unwrap();
    db.add_client(second.clone(), secret("two")).await.unwrap();
    let found =
        async || db.client_for(home, "github", "https://github.com").await.unwrap().map(|client| client.id);
    assert_eq!(found().await, Some(first.id), "what was only typed is not used yet");
    db.prove_client(home, second.id).await.unwrap();
    assert_eq!(found().await, Some(second.id));
    assert_eq!(db.client(home, first.id).await.unwrap(), Some((first.clone(), secret("one"))));
    let again = db.add_client(Client { connector: "gitlab".into(), ..first }, None).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "an identifier names one client");
}
