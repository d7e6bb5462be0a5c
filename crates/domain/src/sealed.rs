//! What is at rest: opaque bytes, and the place they belong to.
//!
//! Only `vault` opens or makes them; everything else carries them.

use std::fmt;

/// An envelope made by the vault. Nothing outside the vault can read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Wraps bytes read from storage or made by the vault.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The place sealed bytes belong to, authenticated as associated data: an envelope moved to another row, replayed from an
/// older version, or beside an edited policy does not open.
#[derive(Debug, Clone, Copy)]
pub struct SealContext<'a> {
    /// The workspace whose key seals it.
    pub workspace: &'a str,
    /// The table of the row.
    pub table: &'a str,
    /// The row's identifier.
    pub row: &'a str,
    /// The field of the row.
    pub field: &'a str,
    /// The row's version, raised with every write.
    pub version: u64,
    /// The authorization server or service that issued the secret; empty where there is none.
    pub issuer: &'a str,
    /// The canonical text of the egress policy; empty where the secret is never sent.
    pub policy: &'a str,
}
