use super::*;
use std::sync::LazyLock;

/// Far below the floor, to have it at once.
const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 32, passes: 1, lanes: 2 };
const SALT: [u8; 16] = *b"0123456789abcdef";

static VAULT: LazyLock<VaultId> = LazyLock::new(|| VaultId::generate().unwrap());
static IDENTITY: LazyLock<SlotIdentity> = LazyLock::new(|| SlotIdentity::generate().unwrap());
static SEALED: LazyLock<Sealed> =
    LazyLock::new(|| seal_at_any_cost(*VAULT, "slot_1", &passphrase(), CHEAP, &SALT, &IDENTITY).unwrap());

fn passphrase() -> Secret {
    Secret::new("correct horse battery staple")
}

fn outcome(opened: Result<SlotIdentity, SlotError>) -> String {
    opened.map_or_else(|error| format!("{error:?}"), |identity| identity.recipient())
}

fn open(bytes: &[u8]) -> String {
    let sealed = Sealed::from_bytes(bytes.to_vec());
    outcome(open_identity(*VAULT, "slot_1", &passphrase(), CHEAP, &SALT, &sealed))
}

#[test]
fn what_a_passphrase_seals_it_opens_and_nothing_else_does() {
    let at = |vault, slot, text: &str, cost, salt| {
        outcome(open_identity(vault, slot, &Secret::new(text), cost, salt, &SEALED))
    };
    let text = passphrase();
    let text = text.expose();
    assert_eq!(at(*VAULT, "slot_1", text, CHEAP, &SALT), IDENTITY.recipient());

    let other_vault = VaultId::generate().unwrap();
    let mut salt = SALT;
    salt[15] ^= 1;
    let PassphraseCost { memory_kib, passes, lanes } = CHEAP;
    for (changed, opened) in [
        ("passphrase", at(*VAULT, "slot_1", "correct horse battery stable", CHEAP, &SALT)),
        ("a letter more", at(*VAULT, "slot_1", &format!("{text} "), CHEAP, &SALT)),
        ("empty", at(*VAULT, "slot_1", "", CHEAP, &SALT)),
        ("slot", at(*VAULT, "slot_2", text, CHEAP, &SALT)),
        ("vault", at(other_vault, "slot_1", text, CHEAP, &SALT)),
        ("salt", at(*VAULT, "slot_1", text, CHEAP, &salt)),
        ("memory", at(*VAULT, "slot_1", text, PassphraseCost { memory_kib: memory_kib - 1, ..CHEAP }, &SALT)),
        ("passes", at(*VAULT, "slot_1", text, PassphraseCost { passes: passes + 1, ..CHEAP }, &SALT)),
        ("lanes", at(*VAULT, "slot_1", text, PassphraseCost { lanes: lanes - 1, ..CHEAP }, &SALT)),
    ] {
        assert_eq!(opened, "DoesNotOpen", "{changed}");
    }
}

#[test]
fn the_cost_and_the_salt_are_bound_by_more_than_the_key_they_give() {
    let place =
        |cost, salt: &[u8; 16]| associated_data(*VAULT, "slot_1", cost, salt).unwrap().as_bytes().to_vec();
    let bound = place(CHEAP, &SALT);
    assert_eq!(place(CHEAP, &SALT), bound);
    let PassphraseCost { memory_kib, passes, lanes } = CHEAP;
    for cost in [
        PassphraseCost { memory_kib: memory_kib + 1, ..CHEAP },
        PassphraseCost { passes: passes + 1, ..CHEAP },
        PassphraseCost { lanes: lanes + 1, ..CHEAP },
    ] {
        assert_ne!(place(cost, &SALT), bound);
    }
    assert_ne!(place(CHEAP, &[0; 16]), bound);
}

#[test]
fn composed_and_decomposed_letters_are_different_passphrases() {
    let [composed, decomposed] = ["p\u{e4}sse", "pa\u{308}sse"].map(Secret::new);
    let sealed = seal_at_any_cost(*VAULT, "slot_1", &composed, CHEAP, &SALT, &IDENTITY).unwrap();
    assert!(open_identity(*VAULT, "slot_1", &composed, CHEAP, &SALT, &sealed).is_ok());
    assert!(open_identity(*VAULT, "slot_1", &decomposed, CHEAP, &SALT, &sealed).is_err());
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    assert_eq!(open(SEALED.as_bytes()), IDENTITY.recipient());
    for bit in 0..SEALED.as_bytes().len() * 8 {
        let mut bytes = SEALED.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 48 { "Malformed { part: \"identity\" }" } else { "DoesNotOpen" };
        assert_eq!(open(&bytes), expected, "bit {bit}");
    }
    for length in 0..SEALED.as_bytes().len() {
        assert_eq!(open(&SEALED.as_bytes()[..length]), "Malformed { part: \"identity\" }");
    }
}

#[test]
fn less_than_the_floor_is_not_sealed_with() {
    let seal = |memory_kib, passes, lanes| {
        let cost = PassphraseCost { memory_kib, passes, lanes };
        seal_identity(*VAULT, "slot_1", &passphrase(), cost, &SALT, &IDENTITY)
    };
    for (memory_kib, passes, lanes) in [(65535, 3, 4), (65536, 2, 4), (65536, 3, 3), (0, 0, 0)] {
        let error = seal(memory_kib, passes, lanes).unwrap_err();
        let expected = format!("Cost {{ memory_kib: {memory_kib}, passes: {passes}, lanes: {lanes} }}");
        assert_eq!(format!("{error:?}"), expected);
    }
    let sealed = seal(65536, 3, 4).unwrap();
    let opened = open_identity(*VAULT, "slot_1", &passphrase(), PASSPHRASE_COST_FLOOR, &SALT, &sealed);
    assert_eq!(outcome(opened), IDENTITY.recipient());
}

#[test]
fn more_than_the_ceiling_is_neither_sealed_nor_opened_with() {
    for (memory_kib, passes, lanes) in [
        (1024 * 1024 + 1, 3, 4),
        (65536, 11, 4),
        (65536, 3, 17),
        (u32::MAX, u32::MAX, u32::MAX),
        // No cost of the algorithm at all.
        (0, 3, 4),
        (31, 3, 4),
        (65536, 0, 4),
        (65536, 3, 0),
    ] {
        let cost = PassphraseCost { memory_kib, passes, lanes };
        let opened = open_identity(*VAULT, "slot_1", &passphrase(), cost, &SALT, &SEALED);
        let sealed = seal_at_any_cost(*VAULT, "slot_1", &passphrase(), cost, &SALT, &IDENTITY);
        let expected = format!("Cost {{ memory_kib: {memory_kib}, passes: {passes}, lanes: {lanes} }}");
        assert_eq!(outcome(opened), expected);
        assert_eq!(sealed.map_err(|error| format!("{error:?}")).err(), Some(expected));
    }
}

#[test]
fn the_costs_are_in_order() {
    assert_eq!((PASSPHRASE_COST.memory_kib, PASSPHRASE_COST.passes, PASSPHRASE_COST.lanes), (262_144, 3, 4));
    assert!(covers(CEILING, PASSPHRASE_COST) && covers(PASSPHRASE_COST, PASSPHRASE_COST_FLOOR));
    assert!(covers(CEILING, CEILING));
    assert_eq!((CEILING.memory_kib, CEILING.passes, CEILING.lanes), (1_048_576, 10, 16));
}

#[test]
fn what_is_no_identity_is_malformed_and_a_long_slot_is_named() {
    let place = associated_data(*VAULT, "slot_1", CHEAP, &SALT).unwrap();
    let parent = parent_key(*VAULT, &passphrase(), CHEAP, &SALT).unwrap();
    for content in [b"AGE-SECRET-KEY-1TYPO".as_slice(), b"\xff\xfe", b"nothing"] {
        let sealed = seal_key(&parent, &place, content).unwrap();
        assert_eq!(open(sealed.as_bytes()), "Malformed { part: \"identity\" }");
    }
    let slot = "s".repeat(crate::MAX_CONTEXT_FIELD + 1);
    let opened = open_identity(*VAULT, &slot, &passphrase(), CHEAP, &SALT, &SEALED);
    assert!(matches!(opened, Err(SlotError::ContextTooLong(_))));
    let sealed = seal_at_any_cost(*VAULT, &slot, &passphrase(), CHEAP, &SALT, &IDENTITY);
    assert!(matches!(sealed, Err(SlotError::ContextTooLong(_))));
}

#[test]
fn no_two_salts_are_alike_and_none_is_empty() {
    let (one, two) = (new_salt().unwrap(), new_salt().unwrap());
    assert_ne!(one, two);
    assert_ne!(one, [0; 16]);
}
