//! The identity of one vault database, which every derived key and every envelope is bound to.

use crate::error::{RandomSourceFailed, VaultIdTextError};
use std::fmt;
use uuid::{Builder, Uuid, Variant, Version};

/// Identifies one vault: a random UUID, version 4 (RFC 9562 section 5.4). Not secret.
///
/// Its sixteen bytes are the HKDF salt of every derived key and the first field of every envelope's associated data, so that
/// nothing sealed in one vault opens in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VaultId(Uuid);

impl VaultId {
    /// Draws a new one.
    ///
    /// # Errors
    /// [`RandomSourceFailed`].
    pub fn generate() -> Result<Self, RandomSourceFailed> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(Builder::from_random_bytes(bytes).into_uuid()))
    }

    /// Reads the printed form, and no other form of a UUID.
    ///
    /// # Errors
    /// [`VaultIdTextError`].
    pub fn parse(text: &str) -> Result<Self, VaultIdTextError> {
        let uuid = Uuid::try_parse(text).map_err(|_| VaultIdTextError)?;
        let random = uuid.get_version() == Some(Version::Random) && uuid.get_variant() == Variant::RFC4122;
        let id = Self(uuid);
        if random && id.to_string() == text { Ok(id) } else { Err(VaultIdTextError) }
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

#[cfg(test)]
mod tests {
    use super::VaultId;
    use crate::error::VaultIdTextError;

    #[test]
    fn a_new_id_is_read_back_and_is_new() {
        let id = VaultId::generate().unwrap();
        assert_eq!(VaultId::parse(&id.to_string()), Ok(id));
        assert_ne!(VaultId::generate().unwrap(), id);
    }

    #[test]
    fn only_the_printed_form_is_read() {
        assert!(VaultId::parse("0f6d2f3e-5a41-4c8e-9b1d-7e2a90c4d315").is_ok());
        for text in [
            "",
            "0F6D2F3E-5A41-4C8E-9B1D-7E2A90C4D315",
            "0f6d2f3e5a414c8e9b1d7e2a90c4d315",
            "{0f6d2f3e-5a41-4c8e-9b1d-7e2a90c4d315}",
            "urn:uuid:0f6d2f3e-5a41-4c8e-9b1d-7e2a90c4d315",
            "0f6d2f3e-5a41-1c8e-9b1d-7e2a90c4d315",
            "0f6d2f3e-5a41-4c8e-1b1d-7e2a90c4d315",
            "0f6d2f3e-5a41-4c8e-9b1d-7e2a90c4d315\n",
        ] {
            assert_eq!(VaultId::parse(text), Err(VaultIdTextError), "{text:?}");
        }
    }
}
