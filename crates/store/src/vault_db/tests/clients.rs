//! Client registrations: kept as they were typed, used once they are proven.

use super::*;
use hearthkey_domain::authorization::PendingAuthorization;
use hearthkey_domain::client::{Client, ClientChoice};
use hearthkey_domain::connection::OAuthGrant;
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
        kept: false,
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

#[tokio::test]
async fn one_that_is_kept_is_for_use_before_it_is_proven() {
    let place = Place::new();
    let db = place.founded().await;
    let home = workspace(HOME);
    let kept = Client { proven: false, kept: true, ..client(HOME, 1) };
    db.add_client(kept.clone(), None).await.unwrap();
    let found = async || db.client_for(home, "github", "https://github.com").await.unwrap();
    assert_eq!(found().await, Some(kept.clone()));
    // It outlives what is typed an hour later, which an unproven one would not.
    let later = at(3600);
    let typed =
        Client { id: ClientId::new(later, [2; 10]), created_at: later, proven: false, ..client(HOME, 2) };
    db.add_client(typed, None).await.unwrap();
    assert_eq!(found().await, Some(kept.clone()));
    db.prove_client(home, kept.id).await.unwrap();
    assert_eq!(found().await, Some(Client { proven: true, ..kept }));
}

#[tokio::test]
async fn what_went_with_a_client_goes_on_with_the_one_in_its_place() {
    let place = Place::new();
    let db = place.founded().await;
    let home = workspace(HOME);
    let [old, other, new] = [1, 2, 3].map(|number| client(HOME, number));
    db.add_client(old.clone(), secret("one")).await.unwrap();
    db.add_client(other.clone(), secret("two")).await.unwrap();
    for (number, client) in [(1, &old), (2, &other)] {
        let grant = OAuthGrant {
            server: super::authorizations::pending(HOME, 1, at(600)).server,
            client: ClientChoice::Own { id: client.id },
            scopes_requested: vec![],
            scopes_granted: vec![],
            expires_at: None,
            renewable: true,
            renewal: Default::default(),
        };
        let made = Connection { oauth: Some(grant), ..connection(HOME, number, &format!("{number}")) };
        db.add_connection(made, credential(1, b"sealed"), activity(HOME, Some(number), at(1))).await.unwrap();
    }
    let flow = PendingAuthorization {
        client: ClientChoice::Own { id: old.id },
        ..super::authorizations::pending(HOME, 1, at(600))
    };
    db.begin_authorization(flow, Sealed::from_bytes(b"verifier".to_vec())).await.unwrap();
    db.replace_clients(vec![old.id], new.clone(), secret("three"), activity(HOME, None, at(2)))
        .await
        .unwrap();
    let client_of = async |number| {
        let found = db.connection(home, connection_id(number)).await.unwrap().unwrap();
        (found.oauth.unwrap().client, found.version)
    };
    assert_eq!(
        client_of(1).await,
        (ClientChoice::Own { id: new.id }, 2),
        "whoever read it before is refused"
    );
    assert_eq!(client_of(2).await, (ClientChoice::Own { id: other.id }, 1));
    assert_eq!(db.client(home, old.id).await.unwrap(), None);
    assert_eq!(db.client(home, new.id).await.unwrap(), Some((new.clone(), secret("three"))));
    let taken = db.take_authorization("digest-1").await.unwrap().unwrap().0;
    assert_eq!(taken.client, ClientChoice::Own { id: new.id });
}
