//! The identity of a key slot: the secret a person keeps, on paper or behind a passphrase.

use crate::error::{IdentityTextError, RandomSourceFailed};
use crate::keys::SymmetricKey;
use crate::suite;
use crate::vault_id::VaultId;
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use hearthkey_domain::Secret;
use std::fmt;
use zeroize::Zeroizing;

const PREFIX: &str = "AGE-SECRET-KEY-1";
const PROOF_KEY_INFO: &[u8] = b"hearthkey/v1/slot-proof";

/// An X25519 identity of age (age-encryption.org/v1). It opens a slot, or a file made for its recipient, in this program
/// and in every other that reads age files. It cannot be printed, serialized, cloned or compared, and is wiped when
/// dropped.
pub struct SlotIdentity(Box<Identity>);

impl SlotIdentity {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`RandomSourceFailed`].
    pub fn generate() -> Result<Self, RandomSourceFailed> {
        suite::ask_random_source()?;
        Ok(Self(Box::new(Identity::generate())))
    }

    /// Reads the text form, alone or in a recovery kit: in any text exactly one line, apart from lines that begin with `#`,
    /// is an identity. Blanks around it do not matter, nor do capitals, for a person may have typed it from paper.
    ///
    /// # Errors
    /// [`IdentityTextError`]; none quotes the text.
    pub fn parse(text: &str) -> Result<Self, IdentityTextError> {
        // What some editors put in front of a text.
        let text = text.trim_start_matches('\u{feff}');
        let mut found = text.lines().map(str::trim).filter(|line| is_identity(line));
        let line = found.next().ok_or(IdentityTextError::Missing)?;
        if found.next().is_some() {
            return Err(IdentityTextError::Several);
        }
        let line = Zeroizing::new(line.to_ascii_uppercase());
        line.parse().map(|identity| Self(Box::new(identity))).map_err(|_| IdentityTextError::Mistyped)
    }

    /// The public key that belongs to it, `age1…`.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// The text form, `AGE-SECRET-KEY-1…`: for the recovery kit, and for sealing.
    #[must_use]
    pub fn encode(&self) -> Secret {
        Secret::new(self.0.to_string().expose_secret())
    }

    pub(crate) fn as_age(&self) -> &Identity {
        &self.0
    }

    /// The key a vault proves its slot with: `HKDF-SHA256(ikm = text form, salt = vault id, info =
    /// "hearthkey/v1/slot-proof")`. Who knows it can make proofs, and cannot learn the identity from it.
    pub(crate) fn proof_key(&self, vault: VaultId) -> SymmetricKey {
        let text = self.0.to_string();
        SymmetricKey::filled(|bytes| {
            suite::hkdf(text.expose_secret().as_bytes(), vault.as_bytes(), PROOF_KEY_INFO, bytes)
                .expect("HKDF gives 255 × 32 bytes");
        })
    }
}

fn is_identity(line: &str) -> bool {
    line.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

impl fmt::Debug for SlotIdentity {
    /// Shows the recipient only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotIdentity").field("recipient", &self.recipient()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
