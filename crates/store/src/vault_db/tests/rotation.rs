//! Rotation: all at once to the next generation, then row by row, and nothing lost on the way.

use super::authorizations::pending;
use super::clients::client;
use super::*;
use hearthkey_domain::ports::{AuthorizationEnd, RotationStart, SealedPlace, SealedRow, StoreError};

const OTHER: u8 = 2;

/// What begins the rotation that leaves `from`, as it is for `spaces` and `slots` of the tests.
pub(super) fn start(from: u32, spaces: &[u8], slots: &[u8]) -> RotationStart {
    let renewed = |number: &u8| WorkspaceRow {
        generation: from + 1,
        sealed_key: envelope(from + 1, &format!("new key {number}")),
        retiring_key: Some(envelope(from + 1, &format!("old key {number}"))),
        ..workspace_row(*number)
    };
    let slot = |number: &u8| SlotRow {
        key: vec![90 + number; 6],
        proof_key: Sealed::from_bytes(vec![91 + number; 7]),
        proof: vec![92 + number; 8],
        ..slot_row(*number, SlotKind::Passphrase, None)
    };
    RotationStart {
        from,
        key_check: vec![9, 9, 9],
        at: at(50),
        workspaces: spaces.iter().map(renewed).collect(),
        slots: slots.iter().map(slot).collect(),
        activity: activity(HOME, None, at(50)),
    }
}

/// Two workspaces and two slots, of which one is confirmed; in the first workspace a row of each kind, all of generation 1.
pub(super) async fn furnished(place: &Place) -> VaultDb {
    let db = place.open();
    let slots = vec![slot_row(1, SlotKind::Passphrase, Some(at(1))), slot_row(2, SlotKind::Recovery, None)];
    db.found_vault(vault_record(), workspace_row(HOME), slots).await.unwrap();
    add_workspace(&db, OTHER).await;
    for number in 1..=2 {
        let row =
            CredentialRow { sealed: envelope(1, &format!("credential {number}")), ..credential(1, b"") };
        let made = connection(HOME, number, &format!("Connection {number}"));
        db.add_connection(made, row, activity(HOME, Some(number), at(0))).await.unwrap();
    }
    db.add_client(client(HOME, 1), Some(envelope(1, "secret"))).await.unwrap();
    db.add_client(client(HOME, 2), None).await.unwrap();
    db.begin_authorization(pending(HOME, 1, at(600)), envelope(1, "code verifier")).await.unwrap();
    db
}

fn ids(rows: &[SealedRow]) -> Vec<String> {
    let id = |row: &SealedRow| match &row.place {
        SealedPlace::Credential { connection, .. } | SealedPlace::PreviousCredential { connection, .. } => {
            connection.to_string()
        }
        SealedPlace::ClientSecret { client, .. } => client.to_string(),
        SealedPlace::Verifier(pending) => pending.id.to_string(),
    };
    rows.iter().map(id).collect()
}

/// Everything a rotation may touch.
async fn state(db: &VaultDb) -> String {
    let slots: Vec<_> = db.key_slots().await.unwrap().iter().map(sides).collect();
    let keys = |row: &WorkspaceRow| {
        let retiring = row.retiring_key.as_ref().map(|key| key.as_bytes().to_vec());
        (row.workspace.clone(), row.generation, row.sealed_key.as_bytes().to_vec(), retiring)
    };
    let workspaces: Vec<_> = db.workspaces().await.unwrap().iter().map(keys).collect();
    let entries = db.activity(workspace(HOME), None, 99).await.unwrap().len();
    format!("{:?} {workspaces:?} {slots:?} {entries}", db.vault_record().await.unwrap())
}

#[tokio::test]
async fn a_rotation_moves_everything_to_the_next_generation_at_once() {
    let place = Place::new();
    let db = furnished(&place).await;
    place.meddle("UPDATE vault SET rotation_due = TRUE");
    // In any order, and with a name that was changed meanwhile.
    db.rename_workspace(workspace(OTHER), "Renamed".into(), activity(HOME, None, at(1))).await.unwrap();
    db.begin_rotation(start(1, &[OTHER, HOME], &[2, 1])).await.unwrap();
    drop(db);
    let db = place.open();
    let expected = VaultRecord {
        generation: 2,
        key_check: vec![9, 9, 9],
        rotated_at: at(50),
        rotation_due: false,
        ..vault_record()
    };
    assert_eq!(db.vault_record().await.unwrap(), Some(expected));
    for (row, (number, name)) in
        db.workspaces().await.unwrap().into_iter().zip([(HOME, "Workspace 1"), (OTHER, "Renamed")])
    {
        assert_eq!((row.workspace.id, row.workspace.name.as_str()), (workspace(number), name));
        assert_eq!(row.generation, 2);
        assert_eq!(row.sealed_key, envelope(2, &format!("new key {number}")));
        assert_eq!(row.retiring_key, Some(envelope(2, &format!("old key {number}"))));
    }
    // A slot's identity and whether it is confirmed are not the rotation's business.
    for (row, before) in db
        .key_slots()
        .await
        .unwrap()
        .iter()
        .zip([slot_row(1, SlotKind::Passphrase, Some(at(1))), slot_row(2, SlotKind::Recovery, None)])
    {
        let renewed = start(1, &[], &[if row.slot.id == slot_id(1) { 1 } else { 2 }]).slots.remove(0);
        let expected =
            SlotRow { key: renewed.key, proof_key: renewed.proof_key, proof: renewed.proof, ..before };
        assert_eq!(sides(row), sides(&expected));
    }
    assert_eq!(db.activity(workspace(HOME), None, 1).await.unwrap()[0].at, at(50));
}

#[tokio::test]
async fn a_rotation_that_does_not_fit_changes_nothing() {
    let good = || start(1, &[HOME, OTHER], &[1, 2]);
    let odd_generation = |generation| {
        let mut start = good();
        start.workspaces[1].generation = generation;
        start
    };
    let without_old_key = || {
        let mut start = good();
        start.workspaces[0].retiring_key = None;
        start
    };
    let cases: [(&str, RotationStart); 13] = [
        ("an older generation", RotationStart { from: 0, ..good() }),
        ("a newer generation", RotationStart { from: 2, ..good() }),
        ("a workspace is missing", start(1, &[HOME], &[1, 2])),
        ("no workspace", start(1, &[], &[1, 2])),
        ("an unknown workspace", start(1, &[HOME, 3], &[1, 2])),
        ("one workspace more", start(1, &[HOME, OTHER, 3], &[1, 2])),
        ("a workspace twice", start(1, &[HOME, HOME], &[1, 2])),
        ("a workspace's key is of another generation", odd_generation(3)),
        ("a workspace's key is of the same generation", odd_generation(1)),
        ("rows would lose their key", without_old_key()),
        ("a slot is missing", start(1, &[HOME, OTHER], &[1])),
        ("an unknown slot", start(1, &[HOME, OTHER], &[1, 3])),
        ("a slot twice", start(1, &[HOME, OTHER], &[1, 1])),
    ];
    let place = Place::new();
    let db = furnished(&place).await;
    let before = state(&db).await;
    for (what, start) in cases {
        let refused = db.begin_rotation(start).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{what}: {refused:?}");
        assert_eq!(state(&db).await, before, "{what}");
    }
    db.begin_rotation(good()).await.unwrap();
    let unfinished = db.begin_rotation(start(2, &[HOME, OTHER], &[1, 2])).await;
    assert!(matches!(unfinished, Err(StoreError::Conflict)), "{unfinished:?}");
}

#[tokio::test]
async fn an_unreadable_row_is_not_left_behind_by_a_rotation() {
    // With and without the row that nobody could have read.
    for (fault, table, start) in [
        (
            "UPDATE workspaces SET record = '' WHERE name = 'Workspace 2'",
            "workspaces",
            start(1, &[HOME], &[1, 2]),
        ),
        ("UPDATE workspaces SET sealed_key = ''", "workspaces", start(1, &[HOME, OTHER], &[1, 2])),
        (
            "UPDATE key_slots SET kind = 'x' WHERE kind = 'recovery'",
            "key_slots",
            start(1, &[HOME, OTHER], &[1]),
        ),
        ("UPDATE vault SET generation = -1", "vault", start(1, &[HOME, OTHER], &[1, 2])),
    ] {
        let place = Place::new();
        let db = furnished(&place).await;
        // The types of a strict table are as good as its other damage.
        place.meddle(&format!(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')')
            WHERE type = 'table'; PRAGMA writable_schema = RESET; {fault}"
        ));
        let refused = db.begin_rotation(start).await;
        assert!(
            matches!(&refused, Err(StoreError::Unreadable { table: found, .. }) if *found == table),
            "{fault}: {refused:?}"
        );
        let generations = "SELECT max(generation) FROM workspaces";
        let shell = rusqlite::Connection::open(place.path()).unwrap();
        assert_eq!(shell.query_row(generations, [], |row| row.get::<_, i64>(0)).unwrap(), 1, "{fault}");
    }
}

#[tokio::test]
async fn rows_are_rewrapped_one_after_the_other_until_the_old_key_can_go() {
    let place = Place::new();
    let db = furnished(&place).await;
    let home = workspace(HOME);
    assert!(db.retiring_rows(home, 9).await.unwrap().is_empty(), "nothing retires yet");
    db.begin_rotation(start(1, &[HOME, OTHER], &[1, 2])).await.unwrap();
    let all = db.retiring_rows(home, 9).await.unwrap();
    assert_eq!(
        ids(&all),
        [
            connection_id(1).to_string(),
            connection_id(2).to_string(),
            client(HOME, 1).id.to_string(),
            pending(HOME, 1, at(600)).id.to_string()
        ]
    );
    let SealedPlace::Credential { version: 1, issuer, policy, .. } = &all[0].place else { panic!("{all:?}") };
    assert_eq!((issuer.as_str(), policy.as_str()), ("https://github.com", "api.github.com"));
    let SealedPlace::ClientSecret { issuer, policy, .. } = &all[2].place else { panic!("{all:?}") };
    assert_eq!((issuer.as_str(), policy.as_str()), ("https://github.com", "github.com"));
    let SealedPlace::Verifier(flow) = &all[3].place else { panic!("{all:?}") };
    assert_eq!(**flow, pending(HOME, 1, at(600)));
    assert_eq!(all[2].sealed, envelope(1, "secret"));

    // The old key goes with the last of them, and each other workspace's is its own.
    assert!(db.finish_rotation(workspace(OTHER)).await.unwrap());
    for (limit, left) in [(0, 4), (1, 3), (2, 1), (5, 0)] {
        assert!(!db.finish_rotation(home).await.unwrap(), "{left}");
        assert!(db.workspaces().await.unwrap()[0].retiring_key.is_some());
        let some = db.retiring_rows(home, limit).await.unwrap();
        let renewed = some.into_iter().map(|row| (row, envelope(2, "renewed"))).collect();
        db.rewrap_rows(home, renewed).await.unwrap();
        assert_eq!(db.retiring_rows(home, 9).await.unwrap().len(), left);
    }
    assert!(db.finish_rotation(home).await.unwrap());
    assert!(db.workspaces().await.unwrap().iter().all(|row| row.retiring_key.is_none()));
    assert!(db.finish_rotation(home).await.unwrap(), "finished is finished");
    assert!(
        db.finish_rotation(workspace(9)).await.unwrap(),
        "nothing hangs in a workspace that is not there"
    );

    let row = db.credential(home, connection_id(1)).await.unwrap().unwrap();
    assert_eq!((row.version, row.sealed), (1, envelope(2, "renewed")));
    assert_eq!(db.clients(home).await.unwrap()[0].1, Some(envelope(2, "renewed")));
    assert_eq!(db.take_authorization("digest-1").await.unwrap().unwrap().1, envelope(2, "renewed"));
    db.begin_rotation(start(2, &[HOME, OTHER], &[1, 2])).await.unwrap();
}

#[tokio::test]
async fn what_changed_meanwhile_is_not_overwritten_by_a_rewrap() {
    let place = Place::new();
    let db = furnished(&place).await;
    let home = workspace(HOME);
    db.begin_rotation(start(1, &[HOME, OTHER], &[1, 2])).await.unwrap();
    let rows = db.retiring_rows(home, 9).await.unwrap();
    // New tokens for the first; the flow is over; and nothing of it is reachable from the other workspace.
    let fresh = CredentialRow { sealed: envelope(2, "new tokens"), ..credential(2, b"") };
    let made = db.connection(home, connection_id(1)).await.unwrap().unwrap();
    db.replace_credential(made, fresh, activity(HOME, Some(1), at(60))).await.unwrap();
    let with = |text: &str| {
        rows.iter().cloned().map(|row| (row, envelope(2, text))).collect::<Vec<(SealedRow, Sealed)>>()
    };
    db.rewrap_rows(workspace(OTHER), with("stolen")).await.unwrap();
    assert_eq!(db.retiring_rows(home, 9).await.unwrap().len(), 3);
    db.take_authorization("digest-1").await.unwrap();
    db.rewrap_rows(home, with("renewed")).await.unwrap();
    db.rewrap_rows(home, with("late")).await.unwrap();
    let sealed = async |number| db.credential(home, connection_id(number)).await.unwrap().unwrap().sealed;
    assert_eq!(sealed(1).await, envelope(2, "new tokens"));
    assert_eq!(sealed(2).await, envelope(2, "renewed"));
    assert_eq!(db.clients(home).await.unwrap()[0].1, Some(envelope(2, "renewed")));
    assert!(db.finish_rotation(home).await.unwrap());
    let ended = activity(HOME, None, at(61));
    db.end_authorization(pending(HOME, 1, at(600)).id, AuthorizationEnd::Failed, ended).await.unwrap();
    // A flow that another one took the place of, under the same name.
    db.begin_authorization(pending(HOME, 1, at(600)), envelope(2, "another")).await.unwrap();
    db.rewrap_rows(home, with("late")).await.unwrap();
    assert_eq!(db.take_authorization("digest-1").await.unwrap().unwrap().1, envelope(2, "another"));
}

#[tokio::test]
async fn unreadable_rows_keep_the_old_key_and_no_others_from_being_rewrapped() {
    let place = Place::new();
    let db = furnished(&place).await;
    let home = workspace(HOME);
    // A record that is none, and an envelope too short to name a generation, which opens under no key.
    place.meddle(&format!(
        "UPDATE clients SET record = ''; UPDATE credentials SET sealed = x'4B53453101' WHERE connection = '{}'",
        connection_id(1)
    ));
    db.begin_rotation(start(1, &[HOME, OTHER], &[1, 2])).await.unwrap();
    let rows = db.retiring_rows(home, 2).await.unwrap();
    assert_eq!(ids(&rows), [connection_id(2).to_string(), pending(HOME, 1, at(600)).id.to_string()]);
    db.rewrap_rows(home, rows.into_iter().map(|row| (row, envelope(2, "renewed"))).collect()).await.unwrap();
    assert!(db.retiring_rows(home, 9).await.unwrap().is_empty());
    assert!(
        !db.finish_rotation(home).await.unwrap(),
        "the secret of a client that may be read again hangs from it"
    );
}

#[tokio::test]
async fn keys_and_envelopes_of_the_old_generation_are_in_no_file() {
    let place = Place::new();
    let db = furnished(&place).await;
    let marks = [b"new key 1".as_slice(), b"old key 1", b"credential 2", b"code verifier"];
    assert_eq!(findable(&place, &marks), ["credential 2", "code verifier"]);
    db.begin_rotation(start(1, &[HOME, OTHER], &[1, 2])).await.unwrap();
    let first_key = [workspace_row(HOME).sealed_key, slot_row(1, SlotKind::Recovery, None).proof_key];
    let old = [first_key[0].as_bytes(), &[2_u8; 8]];
    for file in [place.path(), log_of(&place.path())] {
        let bytes = std::fs::read(file).unwrap();
        assert!(old.iter().all(|old| !bytes.windows(old.len()).any(|part| part == *old)));
    }
    let home = workspace(HOME);
    let rows = db.retiring_rows(home, 9).await.unwrap();
    db.rewrap_rows(home, rows.into_iter().map(|row| (row, envelope(2, "renewed"))).collect()).await.unwrap();
    assert!(db.finish_rotation(home).await.unwrap());
    assert_eq!(findable(&place, &marks), ["new key 1"]);
}
