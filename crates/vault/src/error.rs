//! What can go wrong, told apart as far as it may be told apart.
//!
//! No error here carries key material, plaintext or the text of a keychain item.

use crate::{MAX_CONTEXT_FIELD, MAX_PLAINTEXT};

/// The kernel's random source gave no bytes. Nothing was made; trying again later is the only way out.
#[derive(Debug, thiserror::Error)]
#[error("the kernel's random source failed")]
pub struct RandomSourceFailed(#[from] getrandom::Error);

/// A text is not a vault id: lower-case, hyphenated, UUID version 4 (RFC 9562 section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a vault id is a lower-case hyphenated UUID of version 4")]
pub struct VaultIdTextError;

/// A field of the seal context is longer than [`MAX_CONTEXT_FIELD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the context's {field} has {length} bytes, at most {MAX_CONTEXT_FIELD} are allowed")]
pub struct ContextTooLong {
    /// The name of the field.
    pub field: &'static str,
    /// Its length in bytes.
    pub length: usize,
}

/// Why the text of the keychain item is not a keychain key. The text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeychainTextError {
    /// It does not begin with `ks1;`: another version, or not a key at all.
    #[error("the keychain item does not begin with `ks1;`")]
    UnknownForm,
    /// A part is not `g=<generation>:<key>`.
    #[error("a part of the keychain item is not `g=<generation>:<key>`")]
    PartMalformed,
    /// A generation is not a decimal number from 1 to 4294967295 without sign or leading zero.
    #[error("a generation in the keychain item is not a plain number from 1 to 4294967295")]
    GenerationMalformed,
    /// A key's text is not 43 characters, the length of 32 bytes in base64url without padding.
    #[error("a key in the keychain item has {length} characters instead of 43")]
    KeyLength {
        /// Length of the key's text in bytes.
        length: usize,
    },
    /// A key's text is not canonical base64url without padding (RFC 4648 sections 3.5 and 5).
    #[error("a key in the keychain item is not base64url without padding")]
    KeyEncoding,
    /// A part does not hold the generation just before the part in front of it.
    #[error("the generations in the keychain item do not count down by one")]
    GenerationOrder,
    /// More than two generations: a rotation holds the new one and the one before, never more.
    #[error("the keychain item holds more than two generations")]
    TooManyGenerations,
    /// Two generations hold the same key.
    #[error("two generations in the keychain item hold the same key")]
    KeyRepeated,
}

/// Why a vault did not open with this keychain key. None of these says anything about a single row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The keychain key has the generation, but it is not the key this vault was made with.
    #[error("generation {generation} of the keychain key is not this vault's key")]
    WrongKey {
        /// The generation whose check value differs.
        generation: u32,
    },
    /// The vault uses a generation that the keychain key does not hold: the keychain item is older than the vault.
    #[error("the keychain key does not hold generation {generation}")]
    MissingGeneration {
        /// The generation asked for.
        generation: u32,
    },
    /// No check value is stored, so that nothing proves the key. Opening anyway could seal under a stray key.
    #[error("no check value of the keychain key is stored")]
    NoKeyCheck,
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is nothing to seal; an absent secret is an absent row, not an empty envelope.
    #[error("there is nothing to seal")]
    EmptyPlaintext,
    /// The plaintext is longer than [`MAX_PLAINTEXT`].
    #[error("the plaintext has {length} bytes, at most {MAX_PLAINTEXT} are allowed")]
    PlaintextTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A field of the context is too long.
    #[error(transparent)]
    ContextTooLong(#[from] ContextTooLong),
    /// The workspace's key was not admitted.
    #[error("the workspace's key is not admitted")]
    WorkspaceUnknown,
    /// No key or nonce could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
}

/// Why an envelope did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The bytes are not an envelope this version reads. Found before any cryptography.
    #[error("not a readable envelope: {0}")]
    Format(#[from] FormatFault),
    /// A field of the context is too long, so that nothing can have been sealed in it.
    #[error(transparent)]
    ContextTooLong(#[from] ContextTooLong),
    /// The envelope names a generation of its parent key that is not at hand.
    #[error("the envelope is sealed under generation {generation}, which is not at hand")]
    UnknownGeneration {
        /// The generation named in the envelope.
        generation: u32,
    },
    /// Another key, another context or changed bytes. Which of them is not told apart, on purpose.
    #[error("the envelope does not open here")]
    Refused,
    /// The workspace's key was not admitted.
    #[error("the workspace's key is not admitted")]
    WorkspaceUnknown,
}

/// What is wrong with the shape of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatFault {
    /// Fewer bytes than the smallest envelope.
    #[error("too few bytes")]
    TooShort,
    /// More bytes than the envelope of the longest plaintext.
    #[error("too many bytes")]
    TooLong,
    /// The ciphertext is not a whole number of 256-byte blocks.
    #[error("the ciphertext is not a whole number of blocks")]
    PartialBlock,
    /// It does not begin with `KSE1`.
    #[error("it does not begin with KSE1")]
    Magic,
    /// A suite other than 1.
    #[error("unknown suite {0}")]
    UnknownSuite(u8),
    /// Flags other than 0.
    #[error("unknown flags {0:#04x}")]
    UnknownFlags(u8),
}
