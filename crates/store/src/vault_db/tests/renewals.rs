//! Renewals: what was spent is known before it is, the pair before is kept as long as it may be needed, and what is due is
//! found.

use super::rotation::{furnished, start};
use super::*;
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::connection::OAuthGrant;
use hearthkey_domain::ports::{SealedPlace, SpentCredential, StoreError};
use hearthkey_domain::renewal::{CoolDown, FailureClass, Renewal};
use hearthkey_domain::server::AuthorizationServer;

const OTHER: u8 = 2;

/// A plan, as far as the store looks at it: when the tokens were obtained, when they are due, the share of a spread, and from
/// when until when it rests.
fn planned(obtained: i64, due: Option<i64>, jitter: u32, rest: Option<(i64, i64)>) -> Renewal {
    let cool_down = rest.map(|(since, until)| CoolDown {
        failures: 1,
        class: FailureClass::Unreachable,
        message: "no answer".into(),
        since: at(since),
        not_before: at(until),
        needed_person: None,
    });
    let refresh_at = due.map(at);
    Renewal { obtained_at: Some(at(obtained)), jitter, refresh_at, cool_down, ..Renewal::default() }
}

fn signed_in(space: u8, number: u8, label: &str, renewal: Renewal) -> Connection {
    let endpoint = "https://github.com/token".parse::<url::Url>().unwrap();
    let server = AuthorizationServer {
        issuer: "https://github.com".into(),
        authorization_endpoint: endpoint.clone(),
        token_endpoint: endpoint,
        userinfo_endpoint: None,
        revocation_endpoint: None,
        device_authorization_endpoint: None,
        client_authentication: Default::default(),
        iss_required: false,
    };
    let client = ClientChoice::Bundled { client_id: "hearthkey".into() };
    let (scopes_requested, scopes_granted) = (vec![], vec![]);
    let (expires_at, renewable) = (None, true);
    let grant =
        OAuthGrant { server, client, scopes_requested, scopes_granted, expires_at, renewable, renewal };
    Connection { oauth: Some(grant), ..connection(space, number, label) }
}

async fn add_signed_in(db: &VaultDb, number: u8, renewal: Renewal) -> Connection {
    let made = signed_in(HOME, number, &format!("Connection {number}"), renewal);
    let row = CredentialRow { sealed: envelope(1, &format!("pair 1 of {number}")), ..credential(1, b"") };
    db.add_connection(made.clone(), row, activity(HOME, Some(number), at(0))).await.unwrap();
    made
}

fn pair(version: u64) -> CredentialRow {
    CredentialRow { sealed: envelope(1, &format!("pair {version}")), ..credential(version, b"") }
}

/// What was spent, and the previous version with its envelope.
async fn state(db: &VaultDb, number: u8) -> (Option<SpentCredential>, Option<(u64, Sealed)>) {
    let state = db.refresh_state(workspace(HOME), connection_id(number)).await.unwrap();
    (state.spent, state.previous.map(|row| (row.version, row.sealed)))
}

fn spent(version: u64, when: i64) -> Option<SpentCredential> {
    Some(SpentCredential { version, at: at(when) })
}

#[tokio::test]
async fn what_is_spent_is_noted_before_and_until_the_answer_is_there() {
    let place = Place::new();
    let db = place.founded().await;
    let (home, id) = (workspace(HOME), connection_id(1));
    let mut made = add_signed_in(&db, 1, planned(0, None, 0, None)).await;
    assert_eq!(state(&db, 1).await, (None, None));
    for wrong in [0, 2] {
        let refused = db.begin_refresh(home, id, wrong, at(1)).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{wrong}: {refused:?}");
    }
    db.begin_refresh(home, id, 1, at(1)).await.unwrap();
    assert_eq!(state(&db, 1).await.0, spent(1, 1));
    // Another try says nothing about the first.
    db.begin_refresh(home, id, 1, at(2)).await.unwrap();
    db.cancel_refresh(home, id, 7).await.unwrap();
    drop(db);
    let db = place.open();
    assert_eq!(state(&db, 1).await.0, spent(1, 1));
    db.cancel_refresh(home, id, 1).await.unwrap();
    assert_eq!(state(&db, 1).await, (None, None));

    // The answer, what it cost, and that it was spent: all at once.
    db.begin_refresh(home, id, 1, at(3)).await.unwrap();
    for version in [1, 3] {
        let refused = db.finish_refresh(made.clone(), pair(version), None).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{version}: {refused:?}");
    }
    assert_eq!(state(&db, 1).await, (spent(1, 3), None));
    db.finish_refresh(made.clone(), pair(2), Some(activity(HOME, Some(1), at(4)))).await.unwrap();
    assert_eq!(state(&db, 1).await, (None, Some((1, envelope(1, "pair 1 of 1")))));
    assert_eq!(db.credential(home, id).await.unwrap().unwrap().sealed, envelope(1, "pair 2"));
    made.version += 1;
    db.finish_refresh(made.clone(), pair(3), None).await.unwrap();
    assert_eq!(state(&db, 1).await.1, Some((2, envelope(1, "pair 2"))));

    // A sign-in anew has nothing to do with what was.
    db.begin_refresh(home, id, 3, at(5)).await.unwrap();
    made.version += 1;
    db.replace_credential(made, pair(4), activity(HOME, Some(1), at(6))).await.unwrap();
    assert_eq!(state(&db, 1).await, (None, None));
}

#[tokio::test]
async fn the_pair_before_goes_when_the_newest_has_worked() {
    let place = Place::new();
    let db = place.founded().await;
    let (home, id) = (workspace(HOME), connection_id(1));
    let made = add_signed_in(&db, 1, planned(0, None, 0, None)).await;
    db.finish_refresh(made.clone(), pair(2), None).await.unwrap();
    for stale in [1, 3] {
        db.forget_previous(home, id, stale).await.unwrap();
        assert!(state(&db, 1).await.1.is_some(), "what worked is not the newest: {stale}");
    }
    db.forget_previous(home, id, 2).await.unwrap();
    assert_eq!(state(&db, 1).await, (None, None));
    db.forget_previous(home, id, 2).await.unwrap();
}

#[tokio::test]
async fn what_belongs_to_a_renewal_goes_with_its_connection_and_workspace() {
    let place = Place::new();
    let db = place.founded().await;
    add_workspace(&db, OTHER).await;
    let renewal = planned(0, Some(0), 0, None);
    let here = add_signed_in(&db, 1, renewal.clone()).await;
    let there = signed_in(OTHER, 2, "There", renewal);
    db.add_connection(there.clone(), pair(1), activity(OTHER, Some(2), at(0))).await.unwrap();
    for (connection, space) in [(&here, HOME), (&there, OTHER)] {
        db.finish_refresh(connection.clone(), pair(2), None).await.unwrap();
        db.begin_refresh(workspace(space), connection.id, 2, at(1)).await.unwrap();
    }
    // Nothing of it is reachable from another workspace.
    let (home, other) = (workspace(HOME), workspace(OTHER));
    let seen = db.refresh_state(home, there.id).await.unwrap();
    assert!(seen.spent.is_none() && seen.previous.is_none());
    assert!(matches!(db.begin_refresh(home, there.id, 2, at(2)).await, Err(StoreError::Conflict)));
    db.cancel_refresh(home, there.id, 2).await.unwrap();
    db.forget_previous(home, there.id, 2).await.unwrap();
    let stolen = Connection { workspace: home, version: 2, ..there.clone() };
    let refused = db.finish_refresh(stolen, pair(3), None).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let seen = db.refresh_state(other, there.id).await.unwrap();
    assert!(seen.spent.is_some() && seen.previous.is_some());

    let rows = || {
        let shell = rusqlite::Connection::open(place.path()).unwrap();
        let count = |table: &str| {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            shell.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        (count("spent_credentials"), count("previous_credentials"))
    };
    assert_eq!(rows(), (2, 2));
    db.destroy_workspace(other, activity(HOME, None, at(3))).await.unwrap();
    assert_eq!(rows(), (1, 1));
    let leaving = Connection { version: 2, ..deleting(&here, at(3)) };
    db.update_connection(leaving, None).await.unwrap();
    db.purge_connection(home, here.id).await.unwrap();
    assert_eq!(rows(), (0, 0));
    assert_eq!(findable(&place, &[b"pair 1".as_slice(), b"pair 2"]), [""; 0]);
}

#[tokio::test]
async fn the_pair_before_moves_to_new_keys_too() {
    let place = Place::new();
    let db = furnished(&place).await;
    let home = workspace(HOME);
    let made = db.connection(home, connection_id(1)).await.unwrap().unwrap();
    db.finish_refresh(made, pair(2), None).await.unwrap();
    db.begin_rotation(start(1, &[HOME, OTHER], &[1, 2])).await.unwrap();
    let rows = db.retiring_rows(home, 9).await.unwrap();
    let previous = rows.iter().find_map(|row| match &row.place {
        SealedPlace::PreviousCredential { connection, version, issuer, policy } => {
            Some((*connection, *version, issuer.as_str(), policy.as_str()))
        }
        _ => None,
    });
    assert_eq!(previous, Some((connection_id(1), 1, "https://github.com", "api.github.com")));
    let (old, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| matches!(row.place, SealedPlace::PreviousCredential { .. }));
    let anew = |rows: Vec<_>| rows.into_iter().map(|row| (row, envelope(2, "renewed"))).collect();
    db.rewrap_rows(home, anew(others)).await.unwrap();
    assert!(!db.finish_rotation(home).await.unwrap(), "the pair before hangs from the old key");
    db.rewrap_rows(workspace(OTHER), anew(old.clone())).await.unwrap();
    assert!(!db.finish_rotation(home).await.unwrap(), "not from another workspace");
    db.rewrap_rows(home, anew(old)).await.unwrap();
    assert!(db.finish_rotation(home).await.unwrap());
    assert_eq!(state(&db, 1).await.1, Some((1, envelope(2, "renewed"))));
}

#[tokio::test]
async fn unreadable_rows_of_a_renewal_are_named_and_cost_nothing() {
    let place = Place::new();
    let db = place.founded().await;
    let made = add_signed_in(&db, 1, planned(0, None, 0, None)).await;
    db.finish_refresh(made, pair(2), None).await.unwrap();
    db.begin_refresh(workspace(HOME), connection_id(1), 2, at(1)).await.unwrap();
    place.meddle("UPDATE spent_credentials SET version = -1; UPDATE previous_credentials SET version = -1");
    let damage = db.health().await.unwrap().damage;
    let id = connection_id(1);
    let named = |table: &str| format!("{table} {id}: its version is below zero");
    assert_eq!(damage, [named("spent_credentials"), named("previous_credentials")]);
    place.meddle("DELETE FROM spent_credentials");
    assert_eq!(state(&db, 1).await, (None, None), "the newest pair can be used without the one before");
}

#[tokio::test]
async fn what_is_due_is_found() {
    let place = Place::new();
    let db = place.founded().await;
    let home = workspace(HOME);
    let cases = [
        ("due", planned(0, Some(900), 0, None), true),
        ("due at this moment", planned(0, Some(1000), 0, None), true),
        ("not yet", planned(0, Some(1001), 0, None), false),
        ("never", planned(0, None, 0, None), false),
        ("resting after a failure", planned(0, Some(900), 0, Some((990, 1001))), false),
        ("rested", planned(0, Some(900), 0, Some((900, 1000))), true),
        ("resting by another clock", planned(0, Some(900), 0, Some((2000, 3000))), true),
        ("never planned", Renewal::default(), true),
        ("obtained at a time to come", planned(1061, Some(5000), 0, None), true),
        ("obtained a moment ahead", planned(1060, Some(5000), 0, None), false),
    ];
    for (number, (what, renewal, _)) in cases.iter().enumerate() {
        let number = number as u8 + 1;
        let mut made = add_signed_in(&db, number, renewal.clone()).await;
        made.label = (*what).into();
        db.update_connection(made, None).await.unwrap();
    }
    // Those that only their person can help, or nobody.
    for (number, status) in [
        (20, Status::NeedsReconnect { reason: "gone".into(), class: FailureClass::GrantEnded }),
        (21, Status::Deleting { purge_after: at(1), before: Box::new(Status::Active), keep_sign_in: false }),
        (22, Status::Paused),
    ] {
        let made = add_signed_in(&db, number, planned(0, Some(900), 0, None)).await;
        db.update_connection(Connection { status, ..made }, None).await.unwrap();
    }
    let asleep = add_signed_in(&db, 23, planned(0, Some(900), 0, None)).await;
    let mut kept = Connection { status: Status::Paused, ..asleep };
    kept.label = "paused, and dying of it".into();
    kept.oauth.as_mut().unwrap().renewal.keep_alive_at = Some(at(950));
    db.update_connection(kept, None).await.unwrap();
    add(&db, HOME, 24, "with a key").await;

    let due = async |now, woke, limit| {
        let found = db.due_for_refresh(at(now), at(woke), limit).await.unwrap();
        found.into_iter().map(|connection| connection.label).collect::<Vec<_>>()
    };
    let mut found = due(1000, 0, 99).await;
    assert_eq!(due(1000, 0, 2).await, found[..2], "those first whose time came first");
    assert_eq!(due(1000, 0, 0).await, [""; 0]);
    found.sort();
    let mut expected: Vec<&str> = cases.iter().filter(|case| case.2).map(|case| case.0).collect();
    expected.push("paused, and dying of it");
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(db.connections(home).await.unwrap().len(), cases.len() + 5);
}

#[tokio::test]
async fn after_a_sleep_they_come_one_after_the_other() {
    let place = Place::new();
    let db = place.founded().await;
    for number in 1..=12 {
        let jitter = u32::from(number) * 10_000;
        add_signed_in(&db, number, planned(0, Some(900), jitter, None)).await;
    }
    let fresh = add_signed_in(&db, 13, planned(0, Some(1005), 119_000, None)).await;
    // The clock was set back behind its tokens: due since then, and so one of the spread.
    add_signed_in(&db, 14, planned(99_000, Some(100_000), 60_000, None)).await;
    let due = async |now| db.due_for_refresh(at(now), at(1000), 99).await.unwrap();
    let count = async |now| due(now).await.len();
    assert_eq!(count(1000).await, 0, "they were due before the computer woke");
    assert_eq!(count(1010).await, 2, "and the one that came due since, at its time");
    assert!(due(1010).await.iter().any(|found| found.id == fresh.id));
    assert_eq!((count(1059).await, count(1060).await, count(1119).await, count(1120).await), (6, 8, 13, 14));
    // Also those whose share is larger than any can be.
    place.meddle("UPDATE connections SET refresh_jitter = 4000000000");
    assert_eq!((count(1119).await, count(1120).await), (1, 14));
}

#[tokio::test]
async fn what_was_connected_before_renewals_were_planned_is_looked_at_once() {
    let place = Place::new();
    let shell = rusqlite::Connection::open(place.path()).unwrap();
    shell.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    shell.execute_batch(super::migration::VERSION_1).unwrap();
    let old = signed_in(HOME, 1, "Work", Renewal::default());
    let mut record = serde_json::to_value(&old).unwrap();
    record["oauth"].as_object_mut().unwrap().remove("renewal");
    let sql = "UPDATE connections SET record = ?1 WHERE id = ?2";
    shell.execute(sql, [record.to_string(), old.id.to_string()]).unwrap();
    drop(shell);
    let db = place.open();
    let due = db.due_for_refresh(at(0), at(-999), 9).await.unwrap();
    assert_eq!(due.iter().map(|found| found.id).collect::<Vec<_>>(), [old.id]);
    assert_eq!(due[0].oauth, old.oauth);
}
