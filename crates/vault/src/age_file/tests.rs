use super::*;
use proptest::prelude::*;
use static_assertions::assert_not_impl_any;
use std::fmt::Display;
use std::sync::LazyLock;

assert_not_impl_any!(FileKey: Clone, Display, PartialEq, serde::Serialize);

/// Far below anything a file is made with, to have it at once.
const CHEAP: u8 = 2;

static IDENTITY: LazyLock<SlotIdentity> = LazyLock::new(|| SlotIdentity::generate().unwrap());

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn with_passphrase(text: &str) -> FileKey {
    FileKey::Passphrase(secret(text))
}

fn with_identity() -> FileKey {
    FileKey::Identity(SlotIdentity::parse(IDENTITY.encode().expose()).unwrap())
}

fn to_identity(plaintext: &[u8]) -> Vec<u8> {
    encrypt_to(&[IDENTITY.recipient()], plaintext).unwrap()
}

/// The name of what happened, which is all that can be compared.
fn outcome<T>(result: Result<T, AgeError>) -> String {
    result.err().map_or("opened".into(), |error| format!("{error:?}"))
}

#[test]
fn each_recipient_opens_the_file_alone_and_no_other_does() {
    let [one, two, other] = [(); 3].map(|()| SlotIdentity::generate().unwrap());
    let file = encrypt_to(&[one.recipient(), two.recipient()], b"export").unwrap();
    for identity in [one, two] {
        assert_eq!(**decrypt(&file, &FileKey::Identity(identity), 100).unwrap(), *b"export");
    }
    assert_eq!(outcome(decrypt(&file, &FileKey::Identity(other), 100)), "DoesNotOpen");
}

#[test]
fn a_file_says_what_it_opens_with() {
    let file = encrypt_at(CHEAP, &secret("correct horse"), b"export").unwrap();
    assert_eq!(**decrypt(&file, &with_passphrase("correct horse"), 100).unwrap(), *b"export");
    assert_eq!(outcome(decrypt(&file, &with_passphrase("correct house"), 100)), "DoesNotOpen");
    assert_eq!(outcome(decrypt(&file, &with_identity(), 100)), "NeedsPassphrase");
    assert_eq!(outcome(decrypt(&to_identity(b"export"), &with_passphrase("any"), 100)), "NeedsIdentity");
}

#[test]
fn the_work_factor_is_pinned_and_bounded() {
    let file = encrypt_with_passphrase(&secret("correct horse"), b"export").unwrap();
    let header = String::from_utf8_lossy(&file);
    let stanza = header.lines().nth(1).unwrap();
    assert!(stanza.starts_with("-> scrypt ") && stanza.ends_with(" 18"), "{stanza}");
    assert_eq!(**decrypt(&file, &with_passphrase("correct horse"), 100).unwrap(), *b"export");

    let file = encrypt_at(CHEAP, &secret("correct horse"), b"export").unwrap();
    let asking = |log_n: u8| {
        let text = [&file[..], b""].concat();
        let line = text.iter().position(|byte| *byte == b'>').unwrap();
        let end = line + text[line..].iter().position(|byte| *byte == b'\n').unwrap();
        let asked = [&text[..end - 1], log_n.to_string().as_bytes(), &text[end..]].concat();
        outcome(decrypt(&asked, &with_passphrase("correct horse"), 100))
    };
    assert_eq!(asking(21), "WorkFactor { log_n: 21 }");
    assert_eq!(asking(255), "WorkFactor { log_n: 255 }");
    assert_eq!(asking(CHEAP + 1), "DoesNotOpen");
    assert_eq!(MAX_WORK_FACTOR, 20);
}

#[test]
fn what_is_no_age_file_is_said_before_any_key_is_tried() {
    let good = to_identity(b"export");
    let long_header = [MAGIC, &b"-> X25519 x\n\n".repeat(2000), b"--- x\n"].concat();
    let other_version = [b"age-encryption.org/v2\n", &good[MAGIC.len()..]].concat();
    for bytes in [b"".as_slice(), b"{}", MAGIC, &good[1..], &long_header, &other_version, &good[..150]] {
        assert_eq!(outcome(decrypt(bytes, &with_identity(), 100)), "NotAnAgeFile");
        assert_eq!(outcome(decrypt(bytes, &with_passphrase("any"), 100)), "NotAnAgeFile");
    }
    let armored = b"\r\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
    assert_eq!(outcome(decrypt(armored, &with_identity(), 100)), "Armored");
}

#[test]
fn the_most_recipients_fit_into_the_longest_header() {
    let recipients = vec![IDENTITY.recipient(); MAX_RECIPIENTS];
    let file = encrypt_to(&recipients, b"export").unwrap();
    assert!(decrypt(&file, &with_identity(), 100).is_ok());
    for count in [0, MAX_RECIPIENTS + 1] {
        let recipients = vec![IDENTITY.recipient(); count];
        assert_eq!(
            outcome(encrypt_to(&recipients, b"export")),
            format!("RecipientCount {{ count: {count} }}")
        );
    }
}

#[test]
fn a_header_ends_within_the_bound_or_is_not_read() {
    // Without a key, what matters is only whether the header was looked at: then the stanza is not for us.
    let header = |padding: usize| {
        let stanza = [b"-> pad ".as_slice(), &vec![b'x'; padding], b"\n\n"].concat();
        [MAGIC, &stanza, b"--- ", &[b'A'; 43], b"\n", &[0; 32]].concat()
    };
    let overhead = header(1).len() - 1 - 32 - 43 - 1;
    let longest = MAX_HEADER - overhead;
    assert_eq!(outcome(decrypt(&header(longest), &with_identity(), 100)), "DoesNotOpen");
    assert_eq!(outcome(decrypt(&header(longest + 1), &with_identity(), 100)), "NotAnAgeFile");
}

#[test]
fn a_plaintext_longer_than_the_caller_takes_is_refused() {
    for (length, max, outcome_is) in [
        (100, 100, "opened"),
        (101, 100, "TooLarge { max: 100 }"),
        (0, 0, "opened"),
        (1, 0, "TooLarge { max: 0 }"),
        (65536, 65536, "opened"),
        (65537, 65536, "TooLarge { max: 65536 }"),
        (200_000, 65536, "TooLarge { max: 65536 }"),
        (200_000, usize::MAX, "opened"),
    ] {
        let plaintext = vec![7; length];
        let opened = decrypt(&to_identity(&plaintext), &with_identity(), max);
        if let Ok(opened) = &opened {
            assert_eq!(**opened, plaintext);
        }
        assert_eq!(outcome(opened), outcome_is, "{length} bytes, {max} taken");
    }
}

#[test]
fn recipients_are_public_keys_in_the_form_that_is_printed() {
    let recipient = IDENTITY.recipient();
    assert!(is_recipient(&recipient));
    let identity = IDENTITY.encode();
    let capitals = recipient.to_uppercase();
    let blank = format!("{recipient} ");
    for text in ["", "age1", "ssh-ed25519 AAAA", &recipient[..61], &capitals, &blank, identity.expose()] {
        assert!(!is_recipient(text));
        let recipients = [recipient.clone(), text.to_owned()];
        let error = encrypt_to(&recipients, b"export").unwrap_err();
        assert!(matches!(error, AgeError::BadRecipient(1)));
        assert_eq!(error.to_string(), "recipient 2 is not a usable age1… key");
    }
}

#[test]
fn points_of_low_order_are_no_recipients() {
    for text in LOW_ORDER {
        // They are well formed; the crate would panic, or make a file that is open to all.
        let recipient: x25519::Recipient = text.parse().unwrap();
        assert_eq!(recipient.to_string(), text);
        assert!(!is_recipient(text));
        let wrapped = std::panic::catch_unwind(|| age::encrypt(&recipient, b"export"));
        assert!(wrapped.is_err(), "{text} is not of low order");
    }
}

#[test]
fn debug_shows_the_kind_only() {
    assert_eq!(format!("{:?}", with_passphrase("correct horse")), "FileKey::Passphrase(…)");
    assert_eq!(format!("{:?}", with_identity()), "FileKey::Identity(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_plaintext_comes_back(plaintext in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let opened = decrypt(&to_identity(&plaintext), &with_identity(), plaintext.len());
        prop_assert_eq!(&**opened.unwrap(), &*plaintext);
    }

    #[test]
    fn any_bytes_behind_the_magic_are_refused(tail in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(decrypt(&[MAGIC, &tail].concat(), &with_identity(), 1000).is_err());
    }

    #[test]
    fn any_lines_of_a_header_are_read_or_refused(
        lines in prop::collection::vec("(-> [a-zA-Z0-9 ]{0,20}|[a-zA-Z0-9+/]{0,64}|--- [a-zA-Z0-9+/]{43})", 0..12),
    ) {
        let bytes = [MAGIC, lines.join("\n").as_bytes(), &[0; 40]].concat();
        prop_assert!(decrypt(&bytes, &with_identity(), 1000).is_err());
        prop_assert!(decrypt(&bytes, &with_passphrase("any"), 1000).is_err());
    }
}

mod changes;
mod testkit;
