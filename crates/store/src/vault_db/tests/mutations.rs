//! Files as a failing disk leaves them, several hundred of them: they open or are refused, and show nothing that was not
//! written.

use super::authorizations::pending;
use super::clients::client;
use super::*;
use hearthkey_domain::ports::StoreError;
use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::time::Duration;

const ROUNDS: usize = 360;
const SEED: u64 = 0x4865_6172_7468_6B65;
const PAGE: usize = 4096;

/// Every file of a vault, as a kill leaves them.
#[derive(Clone, Default)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    index: Vec<u8>,
    journal: Vec<u8>,
}

impl Files {
    fn of(place: &Place) -> Self {
        let read = |part: &str| std::fs::read(place.part(part)).unwrap_or_default();
        Self { database: read(""), log: read("-wal"), index: read("-shm"), journal: Vec::new() }
    }

    /// Writes them, except for those that are empty; the database always.
    fn put(&self, place: &Place) {
        std::fs::write(place.path(), &self.database).unwrap();
        for (part, bytes) in [("-wal", &self.log), ("-shm", &self.index), ("-journal", &self.journal)] {
            if !bytes.is_empty() {
                std::fs::write(place.part(part), bytes).unwrap();
            }
        }
        // Only its length is looked at.
        std::fs::File::create(place.part(".reserve")).unwrap().set_len(1024 * 1024).unwrap();
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides.max(1) as u64) as usize
    }

    fn flip(&mut self, bytes: &mut [u8], range: usize) {
        let at = self.roll(range.min(bytes.len()));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.roll(8);
        }
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll(256) as u8).collect()
    }

    fn page<'a>(&mut self, bytes: &'a mut [u8]) -> &'a mut [u8] {
        let number = self.roll(bytes.len() / PAGE);
        &mut bytes[number * PAGE..(number + 1) * PAGE]
    }
}

/// What is done to the files, and whether SQLite has a way to tell: it has no checksum over the pages of a database, and a page
/// behind the end of the file reads as zeros where the log says that it is there.
fn mutate(dice: &mut Dice, files: &mut Files, older: &Files) -> (String, bool) {
    let kind = dice.roll(18);
    let (what, can_tell) = match kind {
        0 => ("a bit of the header", false),
        1 => ("a bit of the schema", false),
        2 | 3 => ("bits of the database", false),
        4 => ("database cut", false),
        5 => ("database cut between pages", false),
        6 => ("a page of zeros", false),
        7 => ("a page of noise", false),
        8 => ("two pages swapped", false),
        9 => ("bits of the log", true),
        10 => ("log cut", true),
        11 => ("log gone", true),
        12 => ("a log of noise", true),
        13 => ("an index of noise", true),
        14 => ("index gone or cut", true),
        15 => ("an older log", true),
        16 => ("a journal of noise", true),
        _ => ("an empty database", true),
    };
    let database = &mut files.database;
    match kind {
        0 => dice.flip(database, 100),
        1 => dice.flip(database, PAGE),
        2 | 3 => (0..1 + dice.roll(40)).for_each(|_| dice.flip(database, usize::MAX)),
        4 => database.truncate(dice.roll(database.len())),
        5 => database.truncate(dice.roll(database.len() / PAGE) * PAGE),
        6 => dice.page(database).fill(0),
        7 => {
            let noise = dice.noise(PAGE);
            dice.page(database).copy_from_slice(&noise);
        }
        8 => {
            let (a, b) = (dice.roll(database.len() / PAGE) * PAGE, dice.roll(database.len() / PAGE) * PAGE);
            (0..PAGE).for_each(|byte| database.swap(a + byte, b + byte));
        }
        9 => (0..1 + dice.roll(4)).for_each(|_| dice.flip(&mut files.log, usize::MAX)),
        10 => files.log.truncate(dice.roll(files.log.len())),
        11 => files.log.clear(),
        12 => files.log = dice.noise(files.log.len()),
        13 => files.index = dice.noise(files.index.len()),
        14 => files.index.truncate(dice.roll(2) * 100),
        15 => files.log.clone_from(&older.log),
        16 => files.journal = dice.noise(PAGE * 3),
        _ => database.clear(),
    }
    // Half of the databases meet it without a log that would cover it.
    if kind < 9 && dice.roll(2) == 0 {
        files.log.clear();
    }
    (what.to_owned(), can_tell)
}

/// Every row that is shown, by what it is called and what it holds. Only refusals of the expected kinds hide some.
pub(super) async fn shown(db: &VaultDb) -> BTreeSet<(String, String)> {
    fn or_none<T: Default>(found: Result<T, StoreError>) -> T {
        found.unwrap_or_else(|error| {
            let is_expected = matches!(
                error,
                StoreError::Damaged { .. } | StoreError::Failed { .. } | StoreError::Unreadable { .. }
            );
            assert!(is_expected, "{error:?}");
            assert!(!error.to_string().contains("panicked"), "{error}");
            T::default()
        })
    }
    let mut rows = BTreeSet::new();
    let mut show = |id: String, row: String| assert!(rows.insert((id, row)), "shown twice");
    if let Some(record) = or_none(db.vault_record().await) {
        show("vault".into(), format!("{record:?}"));
    }
    for row in or_none(db.key_slots().await) {
        show(row.slot.id.to_string(), format!("{:?}", sides(&row)));
    }
    for row in or_none(db.workspaces().await) {
        let keys = (row.sealed_key.as_bytes(), row.retiring_key.as_ref().map(Sealed::as_bytes));
        show(row.workspace.id.to_string(), format!("{:?} {} {keys:?}", row.workspace, row.generation));
    }
    for space in [HOME, 2] {
        for row in or_none(db.connections(workspace(space)).await) {
            show(format!("{space} {}", row.id), format!("{row:?}"));
            if let Some(sealed) = or_none(db.credential(workspace(space), row.id).await) {
                let bytes = sealed.sealed.as_bytes().to_vec();
                show(format!("{space} credential {}", row.id), format!("{} {bytes:?}", sealed.version));
            }
        }
        for (row, secret) in or_none(db.clients(workspace(space)).await) {
            show(
                format!("{space} {}", row.id),
                format!("{row:?} {:?}", secret.map(|s| s.as_bytes().to_vec())),
            );
        }
        for row in or_none(db.activity(workspace(space), None, 999).await) {
            show(format!("{space} {}", row.id), format!("{row:?}"));
        }
        or_none(db.retiring_rows(workspace(space), 99).await);
    }
    for row in or_none(db.open_authorizations(at(0)).await) {
        show(row.id.to_string(), format!("{row:?}"));
    }
    or_none(db.due_for_purge(at(0)).await);
    or_none(db.settings().await);
    rows
}

/// A vault as it is used, with every state it was in; an older state, and the last.
async fn used() -> (Files, Files, BTreeSet<(String, String)>) {
    let place = Place::in_memory();
    let slots = vec![slot_row(1, SlotKind::Passphrase, Some(at(1))), slot_row(2, SlotKind::Recovery, None)];
    let db = place.open();
    db.found_vault(vault_record(), workspace_row(HOME), slots).await.unwrap();
    add_workspace(&db, 2).await;
    let mut written = shown(&db).await;
    let mut older = Files::default();
    let mut db = Some(db);
    for number in 1..=24 {
        if number % 8 == 0 {
            // The log is taken in twice, so that the rows are on both sides of it.
            older = Files::of(&place);
            drop(db.take());
        }
        let db = db.get_or_insert_with(|| place.open());
        let space = 1 + number % 2;
        let made = connection(space, number, &format!("Connection {number}"));
        let size = if number % 5 == 0 { 9_000 } else { 300 };
        let row = CredentialRow { sealed: envelope(1, &"s".repeat(size)), ..credential(1, b"") };
        db.add_connection(made.clone(), row, activity(space, Some(number), at(0))).await.unwrap();
        written.extend(shown(db).await);
        if number % 4 == 0 {
            db.add_client(client(space, number), Some(envelope(1, "secret"))).await.unwrap();
            db.begin_authorization(pending(space, number, at(600)), envelope(1, "verifier")).await.unwrap();
            let version = CredentialRow { sealed: envelope(1, &"t".repeat(size)), ..credential(2, b"") };
            db.replace_credential(made, version, activity(space, Some(number), at(1))).await.unwrap();
        }
        written.extend(shown(db).await);
    }
    (older, Files::of(&place), written)
}

/// Opens the files and looks at everything; what is shown, or the refusal.
fn look(files: &Files) -> Result<BTreeSet<(String, String)>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let place = Place::in_memory();
    files.put(&place);
    let first = VaultDb::open(&place.path());
    if let Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) = &first {
        assert!(std::fs::read(place.path()).unwrap() == files.database, "the refused file was changed");
        let log = std::fs::read(place.part("-wal")).unwrap_or_default();
        assert!(log == files.log, "the refused log was changed");
    }
    let db = first?;
    let rows = runtime.block_on(async {
        let rows = shown(&db).await;
        let health = db.health().await;
        assert!(health.is_ok(), "{health:?}");
        // It may fail, and must not harm.
        let _ = db.record(activity(HOME, None, at(99))).await;
        rows
    });
    drop(db);
    if let Err(error) = VaultDb::open(&place.path()) {
        assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Failed { .. }), "{error:?}");
    }
    Ok(rows)
}

#[test]
fn damaged_files_open_or_are_refused_and_show_only_what_was_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (older, last, written) = runtime.block_on(used());
    assert!(last.log.len() > 20 * PAGE, "the log has a part in it");
    let names: BTreeSet<_> = written.iter().map(|(name, _)| name).collect();
    let mut dice = Dice(SEED);
    let (mut opened, mut refused, mut whole) = (0, 0, 0);
    for round in 0..ROUNDS {
        let mut files = last.clone();
        let (what, can_tell) = mutate(&mut dice, &mut files, &older);
        let what = format!("round {round}, {what}");
        let (send, receive) = channel();
        std::thread::spawn(move || send.send(look(&files)));
        let outcome = receive.recv_timeout(Duration::from_secs(60));
        match outcome.unwrap_or_else(|_| panic!("{what}: it hangs or panicked")) {
            Ok(_) if what.ends_with("an empty database") => panic!("{what}: it was begun anew"),
            Ok(rows) => {
                opened += 1;
                whole += usize::from(rows.is_subset(&written) && rows.len() >= names.len());
                for (name, row) in rows {
                    assert!(names.contains(&name), "{what}: {name} was never written");
                    let was_written = written.contains(&(name.clone(), row));
                    assert!(was_written || !can_tell, "{what}: {name} was never written like that");
                }
            }
            Err(StoreError::Damaged { .. } | StoreError::Failed { .. }) => refused += 1,
            // The version is four bytes of the header.
            Err(StoreError::Newer { .. }) if what.ends_with("a bit of the header") || !can_tell => {
                refused += 1
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }
    println!("{ROUNDS} files: {opened} opened, {whole} of them whole; {refused} were refused");
    assert!(opened > ROUNDS / 3 && refused > ROUNDS / 10, "{opened} opened, {refused} were refused");
}
