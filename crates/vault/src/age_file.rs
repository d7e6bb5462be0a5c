//! Age files (age-encryption.org/v1, C2SP age): what leaves the vault encrypted, and comes back, in a form that `age`,
//! `rage` and others open without this program.
//!
//! Only X25519 recipients, and passphrases with scrypt. Files come from anywhere, so that the header, the work and the
//! output are bounded. The `age` crate keeps up to 64 KiB of a plaintext it encrypts in memory it frees without wiping;
//! nothing here can change that.

use crate::error::{AgeError, RandomSourceFailed};
use crate::slot_identity::SlotIdentity;
use crate::suite;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, scrypt, x25519};
use hearthkey_domain::Secret;
use std::fmt;
use std::io::{Read, Write};
use std::iter;
use zeroize::Zeroizing;

/// The most recipients of one file.
pub const MAX_RECIPIENTS: usize = 100;

/// The binary logarithm of scrypt's N for files made here: 256 MiB and about a second, the same on every machine. Left to
/// itself, the crate measures the machine, and a slow one would make weak files.
const WORK_FACTOR: u8 = 18;
/// The most that is spent on a file from elsewhere: 1 GiB and a few seconds.
const MAX_WORK_FACTOR: u8 = 20;

/// The longest header, in bytes: [`MAX_RECIPIENTS`] take less than 10 KiB. The parser's time grows with the square.
const MAX_HEADER: usize = 16 * 1024;
const MAGIC: &[u8] = b"age-encryption.org/v1\n";
const HEADER_END: &[u8] = b"\n--- ";
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Every encoding of the points of low order (RFC 7748 section 7), with which the shared secret is zero whatever the key. A
/// file for such a recipient would be open to all; the crate panics.
const LOW_ORDER: [&str; 14] = [
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqsuwj9m",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhzqqxqejhu",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz9ts6wm9s8",
    "age1t7wft09r2zxzfvwsk92eeql0tvzyghxytqwgapkcyf8dm5ylz8ts72fzt7",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    "age1anllllllllllllllllllllllllllllllllllllllllllllllllls3hcv9z",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllalsn46ayy",
    "age1ahlllllllllllllllllllllllllllllllllllllllllllllllllsh3g6la",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllalselrwrv",
    "age1amlllllllllllllllllllllllllllllllllllllllllllllllllsam3fc4",
];

/// What opens an age file.
pub enum FileKey {
    /// The passphrase it was made with.
    Passphrase(Secret),
    /// The identity of one of its recipients.
    Identity(SlotIdentity),
}

impl fmt::Debug for FileKey {
    /// Shows which kind it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "FileKey::Passphrase(…)",
            Self::Identity(_) => "FileKey::Identity(…)",
        })
    }
}

/// Whether a text is a recipient that files are made for: the X25519 public key of age, `age1…`, in small letters and
/// without blanks around it.
#[must_use]
pub fn is_recipient(text: &str) -> bool {
    recipient(text).is_some()
}

/// Encrypts to 1 to [`MAX_RECIPIENTS`] recipients, each of whom opens the file alone. Who made it is not authenticated.
///
/// # Errors
/// [`AgeError::BadRecipient`], [`AgeError::RecipientCount`], [`AgeError::RandomSourceFailed`].
pub fn encrypt_to(recipients: &[String], plaintext: &[u8]) -> Result<Vec<u8>, AgeError> {
    let count = recipients.len();
    if !(1..=MAX_RECIPIENTS).contains(&count) {
        return Err(AgeError::RecipientCount { count });
    }
    let parsed = recipients
        .iter()
        .enumerate()
        .map(|(index, text)| recipient(text).ok_or(AgeError::BadRecipient(index)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(encrypt(parsed.iter().map(|recipient| recipient as &dyn Recipient), plaintext)?)
}

/// Encrypts with a passphrase, through scrypt (RFC 7914) with N = 2^18, r = 8, p = 1.
///
/// # Errors
/// [`AgeError::RandomSourceFailed`].
pub fn encrypt_with_passphrase(passphrase: &Secret, plaintext: &[u8]) -> Result<Vec<u8>, AgeError> {
    Ok(encrypt_at(WORK_FACTOR, passphrase, plaintext)?)
}

/// Opens a file in the binary form of age. The plaintext is wiped when dropped; it is given whole or not at all.
///
/// # Errors
/// [`AgeError`]; a plaintext of more than `max_plain` bytes is refused before it is read to its end.
pub fn decrypt(bytes: &[u8], key: &FileKey, max_plain: usize) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    match key {
        FileKey::Identity(identity) => decrypt_with_identity(bytes, identity, max_plain),
        FileKey::Passphrase(passphrase) => {
            let decryptor = past_header(bytes)?;
            if !decryptor.is_scrypt() {
                return Err(AgeError::NeedsIdentity);
            }
            let mut identity = scrypt::Identity::new(for_age(passphrase));
            identity.set_max_work_factor(MAX_WORK_FACTOR);
            read(decryptor, &identity, bytes.len(), max_plain)
        }
    }
}

/// [`decrypt`] for one who has the identity at hand.
pub(crate) fn decrypt_with_identity(
    bytes: &[u8],
    identity: &SlotIdentity,
    max_plain: usize,
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let decryptor = past_header(bytes)?;
    if decryptor.is_scrypt() {
        return Err(AgeError::NeedsPassphrase);
    }
    read(decryptor, identity.as_age(), bytes.len(), max_plain)
}

fn recipient(text: &str) -> Option<x25519::Recipient> {
    let recipient: x25519::Recipient = text.parse().ok()?;
    // In capitals it is valid Bech32 as well, but not what any program prints.
    let canonical = recipient.to_string();
    (canonical == text && !LOW_ORDER.contains(&text)).then_some(recipient)
}

fn encrypt_at(log_n: u8, passphrase: &Secret, plaintext: &[u8]) -> Result<Vec<u8>, RandomSourceFailed> {
    let mut recipient = scrypt::Recipient::new(for_age(passphrase));
    recipient.set_work_factor(log_n);
    encrypt(iter::once(&recipient as &dyn Recipient), plaintext)
}

fn encrypt<'a>(
    recipients: impl Iterator<Item = &'a dyn Recipient>,
    plaintext: &[u8],
) -> Result<Vec<u8>, RandomSourceFailed> {
    suite::ask_random_source()?;
    let encryptor = Encryptor::with_recipients(recipients).expect("some recipients, all of one kind");
    let mut file = Vec::new();
    let written = encryptor.wrap_output(&mut file).and_then(|mut writer| {
        writer.write_all(plaintext)?;
        writer.finish()
    });
    written.expect("writing to memory does not fail");
    Ok(file)
}

/// Reads the header, which is bounded first.
fn past_header(bytes: &[u8]) -> Result<Decryptor<&[u8]>, AgeError> {
    let head = &bytes[..bytes.len().min(MAX_HEADER)];
    if head.trim_ascii_start().starts_with(ARMOR) {
        return Err(AgeError::Armored);
    }
    let ends = head.windows(HEADER_END.len()).any(|window| window == HEADER_END);
    if !head.starts_with(MAGIC) || !ends {
        return Err(AgeError::NotAnAgeFile);
    }
    Decryptor::new_buffered(bytes).map_err(|_| AgeError::NotAnAgeFile)
}

fn read(
    decryptor: Decryptor<&[u8]>,
    identity: &dyn Identity,
    file_len: usize,
    max_plain: usize,
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let mut reader = decryptor.decrypt(iter::once(identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { required, .. } => AgeError::WorkFactor { log_n: required },
        DecryptError::InvalidHeader => AgeError::NotAnAgeFile,
        DecryptError::InvalidMac => AgeError::Damaged,
        _ => AgeError::DoesNotOpen,
    })?;
    // One allocation, as a growing one would leave copies behind; one byte more than is taken, to see that there is more.
    // To the end, for only the last chunk says that nothing was cut off.
    let mut plaintext = Zeroizing::new(vec![0; max_plain.saturating_add(1).min(file_len)]);
    let mut length = 0;
    loop {
        match reader.read(&mut plaintext[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(_) => return Err(AgeError::Damaged),
        }
    }
    if length > max_plain {
        return Err(AgeError::TooLarge { max: max_plain });
    }
    plaintext.truncate(length);
    Ok(plaintext)
}

fn for_age(passphrase: &Secret) -> SecretString {
    SecretString::from(passphrase.expose())
}

#[cfg(test)]
mod tests;
