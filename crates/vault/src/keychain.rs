//! The keychain key: the one secret outside the database, and its text form.
//!
//! Reading and writing the keychain belongs to the platform; this module sees only the text.

use crate::error::{KeychainTextError, RandomSourceFailed, SuccessionError};
use crate::keys::SymmetricKey;
use crate::suite::KEY_LEN;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroizing;

const PREFIX: &str = "ks1;";
/// 32 bytes in base64url without padding.
const KEY_TEXT_LEN: usize = 43;
/// The longest part: `;g=4294967295:` and a key.
const MAX_PART_LEN: usize = 14 + KEY_TEXT_LEN;
/// The new generation and, while a rotation runs, the one before.
const MAX_GENERATIONS: usize = 2;

/// The key of the whole vault, as the operating system's keychain keeps it: one generation, or two while a rotation runs.
///
/// Its text form is `ks1;g=<generation>:<32 bytes in base64url without padding>`, newest generation first, the one before
/// after another `;`. Generations are numbers from 1 and count down by one. It cannot be printed, serialized, cloned or
/// compared, and is wiped when dropped.
pub struct KeychainKey {
    newest: Generation,
    previous: Option<Generation>,
}

struct Generation {
    number: u32,
    key: SymmetricKey,
}

impl KeychainKey {
    /// Draws the first generation. Only for a vault without a sealed row: a second key for the same rows loses them.
    ///
    /// # Errors
    /// [`RandomSourceFailed`].
    pub fn generate() -> Result<Self, RandomSourceFailed> {
        Self::fresh(1)
    }

    /// Draws one generation alone, for a vault whose key is in slots only: there the generation before is in the slots
    /// until the new ones are stored.
    ///
    /// # Errors
    /// [`RandomSourceFailed`].
    ///
    /// # Panics
    /// For generation 0; generations count from 1.
    pub fn fresh(generation: u32) -> Result<Self, RandomSourceFailed> {
        assert!(generation > 0, "generations count from 1");
        let newest = Generation { number: generation, key: SymmetricKey::from_kernel()? };
        Ok(Self { newest, previous: None })
    }

    /// The key to rotate to: a fresh generation `current + 1`, and `current` beside it. What is newer than `current`, from
    /// a rotation that did not get further than the keychain, is left out: nothing was ever sealed under it.
    ///
    /// # Errors
    /// [`SuccessionError`].
    pub fn succeeded(&self, current: u32) -> Result<Self, SuccessionError> {
        let held =
            self.generation(current).ok_or(SuccessionError::MissingGeneration { generation: current })?;
        let previous = Generation { number: current, key: held.duplicate() };
        let next = current.checked_add(1).ok_or(SuccessionError::Exhausted)?;
        let fresh = Self::fresh(next)?;
        Ok(Self { newest: fresh.newest, previous: Some(previous) })
    }

    /// Only this generation, if it is held. The others are wiped.
    #[must_use]
    pub fn only(self, generation: u32) -> Option<Self> {
        let held = std::iter::once(self.newest).chain(self.previous).find(|held| held.number == generation);
        held.map(|newest| Self { newest, previous: None })
    }

    /// Whether it holds a generation besides this one: the keychain is behind a rotation, or ahead of one.
    #[must_use]
    pub fn holds_others_than(&self, generation: u32) -> bool {
        self.generations().any(|held| held.0 != generation)
    }

    /// Reads the text form, strictly: what is read is exactly what [`KeychainKey::encode`] gives.
    ///
    /// # Errors
    /// [`KeychainTextError`], one variant for each kind of malformed text; none quotes it.
    pub fn parse(text: &str) -> Result<Self, KeychainTextError> {
        let parts = text.strip_prefix(PREFIX).ok_or(KeychainTextError::UnknownForm)?;
        if parts.split(';').count() > MAX_GENERATIONS {
            return Err(KeychainTextError::TooManyGenerations);
        }
        let (newest, previous) = match parts.split_once(';') {
            None => (Generation::parse(parts)?, None),
            Some((newest, previous)) => (Generation::parse(newest)?, Some(Generation::parse(previous)?)),
        };
        if let Some(previous) = &previous {
            if previous.number.checked_add(1) != Some(newest.number) {
                return Err(KeychainTextError::GenerationOrder);
            }
            if previous.key.same_as(&newest.key) {
                return Err(KeychainTextError::KeyRepeated);
            }
        }
        Ok(Self { newest, previous })
    }

    /// The text form, for the keychain and nothing else. Wiped when dropped.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<String> {
        Self::text_of(&self.newest, self.previous.as_ref())
    }

    /// The text form of one generation alone, if it is held.
    pub(crate) fn encode_only(&self, generation: u32) -> Option<Zeroizing<String>> {
        let mut all = std::iter::once(&self.newest).chain(&self.previous);
        all.find(|held| held.number == generation).map(|held| Self::text_of(held, None))
    }

    fn text_of(newest: &Generation, previous: Option<&Generation>) -> Zeroizing<String> {
        // One allocation: a growing string would leave copies behind.
        let capacity = PREFIX.len() + MAX_GENERATIONS * MAX_PART_LEN;
        let mut text = Zeroizing::new(String::with_capacity(capacity));
        text.push_str(PREFIX);
        newest.encode_into(&mut text);
        if let Some(previous) = previous {
            text.push(';');
            previous.encode_into(&mut text);
        }
        text
    }

    /// The number of the newest generation.
    #[must_use]
    pub fn newest_generation(&self) -> u32 {
        self.newest.number
    }

    /// The newest generation, which every keychain key has.
    pub(crate) fn newest(&self) -> (u32, &SymmetricKey) {
        (self.newest.number, &self.newest.key)
    }

    /// The key of one generation.
    pub(crate) fn generation(&self, number: u32) -> Option<&SymmetricKey> {
        self.generations().find(|held| held.0 == number).map(|held| held.1)
    }

    /// All generations, newest first.
    pub(crate) fn generations(&self) -> impl Iterator<Item = (u32, &SymmetricKey)> {
        std::iter::once(&self.newest).chain(&self.previous).map(|held| (held.number, &held.key))
    }
}

impl fmt::Debug for KeychainKey {
    /// Shows the generations' numbers only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u32> = self.generations().map(|held| held.0).collect();
        f.debug_struct("KeychainKey").field("generations", &numbers).finish_non_exhaustive()
    }
}

impl Generation {
    fn parse(part: &str) -> Result<Self, KeychainTextError> {
        let (number, key) = part
            .strip_prefix("g=")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(KeychainTextError::PartMalformed)?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| plain).ok_or(KeychainTextError::GenerationMalformed)?;
        if key.len() != KEY_TEXT_LEN {
            return Err(KeychainTextError::KeyLength { length: key.len() });
        }
        let key = SymmetricKey::try_filled(|bytes| match URL_SAFE_NO_PAD.decode_slice(key, bytes) {
            Ok(KEY_LEN) => Ok(()),
            _ => Err(KeychainTextError::KeyEncoding),
        })?;
        Ok(Self { number, key })
    }

    fn encode_into(&self, text: &mut String) {
        let mut encoded = Zeroizing::new([0; KEY_TEXT_LEN]);
        URL_SAFE_NO_PAD
            .encode_slice(self.key.bytes(), encoded.as_mut_slice())
            .expect("32 bytes are 43 characters");
        text.push_str("g=");
        text.push_str(&self.number.to_string());
        text.push(':');
        text.push_str(std::str::from_utf8(encoded.as_slice()).expect("base64url is ASCII"));
    }
}

#[cfg(test)]
mod tests;
