//! What can go wrong, told apart as far as it may be told apart.
//!
//! No error here carries key material, plaintext or the text of a keychain item.

use crate::{MAX_CONTEXT_FIELD, MAX_PLAINTEXT, MAX_RECIPIENTS};

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

/// Why a keychain key has no successor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuccessionError {
    /// The generation to succeed is not held: this key is older than the vault.
    #[error("the keychain key does not hold generation {generation}")]
    MissingGeneration {
        /// The generation asked for.
        generation: u32,
    },
    /// There is no number after 4294967295.
    #[error("there is no generation after 4294967295")]
    Exhausted,
    /// No key could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
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

/// Why an envelope was not re-wrapped. It stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// It does not open here: its wrap is not of the key it names, or that key is not at hand.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// No nonce could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
}

/// Why a rotation was not prepared. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The next key's newest generation is not the one after this vault's.
    #[error("generation {found} of the keychain key does not follow the vault's generation {current}")]
    NotNext {
        /// The vault's generation.
        current: u32,
        /// The next key's newest generation.
        found: u32,
    },
    /// The next key holds the vault's own generation, and it is another key.
    #[error("generation {generation} of the keychain key is not this vault's key")]
    WrongKey {
        /// The vault's generation.
        generation: u32,
    },
    /// A rotation before this one has not re-wrapped everything in this workspace: its retiring key is still needed.
    #[error("the rotation before this one is not finished in workspace {workspace}")]
    Unfinished {
        /// The workspace.
        workspace: String,
    },
    /// There is no generation of a workspace's key after 4294967295.
    #[error("workspace {workspace} has no generation after 4294967295")]
    Exhausted {
        /// The workspace.
        workspace: String,
    },
    /// A workspace's key does not open.
    #[error("the key of workspace {workspace} does not open: {fault}")]
    Workspace {
        /// The workspace.
        workspace: String,
        /// Why not.
        fault: UnsealError,
    },
    /// No key or nonce could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
}

/// Why a text holds no identity of a slot. The text itself is never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityTextError {
    /// No line begins with `AGE-SECRET-KEY-1`.
    #[error("no line begins with AGE-SECRET-KEY-1")]
    Missing,
    /// More than one line does, so that it is not clear which is meant.
    #[error("more than one line begins with AGE-SECRET-KEY-1")]
    Several,
    /// The line is not an X25519 identity of age: a character is wrong, missing or too many.
    #[error("the line that begins with AGE-SECRET-KEY-1 has a typing error")]
    Mistyped,
}

/// Why a slot was not made or did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// Another passphrase, another identity, another vault or slot, or changed bytes. Which of them is not told apart, on
    /// purpose.
    #[error("the slot does not open with this")]
    DoesNotOpen,
    /// The key in the slot can be read with this identity, and this vault did not put it there, or not for this generation.
    #[error("the key in the slot was not written by this vault")]
    NotProven,
    /// The cost of the passphrase is not one that is paid: too little to seal with, or more than this program spends.
    #[error("the cost of the passphrase, {memory_kib} KiB, {passes} passes, {lanes} lanes, is not allowed")]
    Cost {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Degree of parallelism.
        lanes: u32,
    },
    /// A part of the slot has no readable shape.
    #[error("the slot's {part} is malformed")]
    Malformed {
        /// The name of the part.
        part: &'static str,
    },
    /// The keychain key does not hold the generation the slot is for.
    #[error("the keychain key does not hold generation {generation}")]
    WrongGeneration {
        /// The generation asked for.
        generation: u32,
    },
    /// The keychain key has the generation, and it is not this vault's key: the slot would open nothing.
    #[error("generation {generation} of the keychain key is not this vault's key")]
    WrongKey {
        /// The vault's generation.
        generation: u32,
    },
    /// A field of the context is too long.
    #[error(transparent)]
    ContextTooLong(#[from] ContextTooLong),
    /// No key or nonce could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
}

/// Why an age file was not made or did not open. None of these quotes what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// It does not begin as an age file of version 1, or its header is not one.
    #[error("not an age file")]
    NotAnAgeFile,
    /// It is in the text form of age (`-----BEGIN AGE ENCRYPTED FILE-----`), which is not read here.
    #[error("an age file in its text form; only the binary form is read")]
    Armored,
    /// It opens with a passphrase, and a key was given.
    #[error("the file opens with a passphrase")]
    NeedsPassphrase,
    /// It opens with a key, and a passphrase was given.
    #[error("the file opens with a key")]
    NeedsIdentity,
    /// Another passphrase or key.
    #[error("the file does not open with this")]
    DoesNotOpen,
    /// The passphrase or key is right, and the file is cut short or changed.
    #[error("the file is damaged")]
    Damaged,
    /// Opening it would take more work than this program spends on a passphrase.
    #[error("the file asks for a work factor of 2^{log_n}")]
    WorkFactor {
        /// The binary logarithm of scrypt's N (RFC 7914 section 2).
        log_n: u8,
    },
    /// The plaintext is longer than the caller takes.
    #[error("the plaintext has more than {max} bytes")]
    TooLarge {
        /// The most the caller takes, in bytes.
        max: usize,
    },
    /// A recipient is not a usable X25519 recipient of age. It is named by its place, for it may be an identity given by
    /// mistake.
    #[error("recipient {} is not a usable age1… key", .0 + 1)]
    BadRecipient(
        /// Its place among those given, from 0.
        usize,
    ),
    /// No recipient, or more than an age file is made for here.
    #[error("{count} recipients; from 1 to {MAX_RECIPIENTS} are allowed")]
    RecipientCount {
        /// How many were given.
        count: usize,
    },
    /// No key or nonce could be drawn.
    #[error(transparent)]
    RandomSourceFailed(#[from] RandomSourceFailed),
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
