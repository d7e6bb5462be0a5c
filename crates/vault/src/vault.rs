//! The key ring: an opened vault, which seals and unseals.
//!
//! It holds derived keys only, never the keychain key or a workspace key itself. When a key may be made, and where
//! envelopes and check values are stored, is decided by the caller.

use crate::context::AssociatedData;
use crate::envelope::{Draws, Envelope, seal};
use crate::error::{OpenError, SealError, UnsealError};
use crate::keychain::KeychainKey;
use crate::keys::{KeyCheck, ParentKey, SymmetricKey};
use crate::vault::workspace::WorkspaceRing;
use crate::vault_id::VaultId;
use hearthkey_domain::sealed::{SealContext, Sealed};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, iter};
use zeroize::Zeroizing;

pub(crate) mod rotation;
pub(crate) mod slots;
pub(crate) mod workspace;

/// The keys of one workspace, as its row holds them.
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceKeys<'a> {
    /// The workspace.
    pub workspace: &'a str,
    /// The generation of its key, from 1: what envelopes under it name, and the version of the place it is sealed in.
    pub generation: u32,
    /// Its key, sealed under the keychain key.
    pub sealed: &'a Sealed,
    /// The key of the generation before, sealed likewise, while a rotation is not finished.
    pub retiring: Option<&'a Sealed>,
}

/// An opened vault: the only thing that seals or unseals. Shared between threads; dropping it wipes every key.
///
/// A workspace's secrets open only after its key was admitted, and only in the place they were sealed for.
pub struct Vault {
    id: VaultId,
    /// The newest generation that a stored check value vouches for.
    sealing: ParentKey,
    /// The other generations at hand; they open what still hangs from them.
    others: Vec<ParentKey>,
    workspaces: RwLock<HashMap<String, Arc<WorkspaceRing>>>,
}

impl Vault {
    /// Opens a new vault with a new key. The check value must be durable before the first envelope is.
    ///
    /// Only for a vault without a sealed row.
    #[must_use]
    pub fn create(id: VaultId, key: &KeychainKey) -> (Self, KeyCheck) {
        let (newest, newest_key) = key.newest();
        (Self::sealing_under(id, key, newest, newest_key), KeyCheck::derive(id, newest, newest_key))
    }

    /// Opens an existing vault, proving the key by the stored check values. The keychain key is consumed and wiped.
    ///
    /// Seals under the newest generation that has a check value; a newer one, from a rotation that did not get further than
    /// the keychain, is held for opening only.
    ///
    /// # Errors
    /// [`OpenError`]: the key lacks a generation or is another one, or no check value was given.
    pub fn open(id: VaultId, key: KeychainKey, stored: &[KeyCheck]) -> Result<Self, OpenError> {
        let mut proven = None;
        for check in stored {
            let generation = check.generation();
            let held = key.generation(generation).ok_or(OpenError::MissingGeneration { generation })?;
            if !KeyCheck::derive(id, generation, held).matches(check) {
                return Err(OpenError::WrongKey { generation });
            }
            proven = proven.filter(|(newest, _)| *newest > generation).or(Some((generation, held)));
        }
        let (newest, held) = proven.ok_or(OpenError::NoKeyCheck)?;
        Ok(Self::sealing_under(id, &key, newest, held))
    }

    /// The vault's id.
    #[must_use]
    pub fn id(&self) -> VaultId {
        self.id
    }

    /// The generation of the keychain key it seals under.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.sealing.generation()
    }

    /// Whether every key it holds is on memory that is not swapped out. Where not, the limit of the process on locked
    /// memory is too low; the vault works as well.
    #[must_use]
    pub fn is_locked_in_memory(&self) -> bool {
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        let mut keys = iter::once(&self.sealing)
            .chain(&self.others)
            .chain(workspaces.values().flat_map(|ring| ring.generations()));
        keys.all(ParentKey::is_locked)
    }

    /// Draws a workspace's key and seals it under the keychain key, in table `workspaces`, row `workspace`, field `key`, as
    /// generation and version 1. To use it, store it and then give it to [`Vault::admit_workspace`].
    ///
    /// Only for a workspace without a sealed row.
    ///
    /// # Errors
    /// [`SealError::RandomSourceFailed`]; [`SealError::ContextTooLong`] for an overlong workspace name.
    pub fn new_workspace_key(&self, workspace: &str) -> Result<Sealed, SealError> {
        Ok(self.new_key_for(&self.workspace_place(workspace, 1)?)?)
    }

    /// Opens a workspace's key, and the retiring one if there is one, and holds them, in place of what was held before.
    ///
    /// # Errors
    /// [`UnsealError`], never `WorkspaceUnknown`. What was held stays as it was.
    pub fn admit_workspace(&self, keys: &WorkspaceKeys<'_>) -> Result<(), UnsealError> {
        let ring = Arc::new(self.opened_ring(keys)?);
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.insert(keys.workspace.to_owned(), ring);
        Ok(())
    }

    /// Lets a workspace's keys go; they are wiped when the last call that uses them returns. Returns whether any were held.
    pub fn dismiss_workspace(&self, workspace: &str) -> bool {
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.remove(workspace).is_some()
    }

    /// Seals a plaintext of 1 to [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes for one place, under a fresh data key that
    /// hangs from its workspace's newest key.
    ///
    /// # Errors
    /// [`SealError`]; an empty plaintext is refused, as an absent secret is an absent row.
    pub fn seal(&self, context: SealContext<'_>, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let ring = self.workspace(context.workspace).ok_or(SealError::WorkspaceUnknown)?;
        let aad = AssociatedData::of(self.id, &context)?;
        seal(ring.newest(), &aad, plaintext, Draws::from_kernel()?)
    }

    /// Opens an envelope in the place it was sealed for, under its workspace's newest or retiring key. The plaintext is
    /// wiped when dropped.
    ///
    /// # Errors
    /// [`UnsealError`]; everything that fails to authenticate is the one `Refused`.
    pub fn unseal(
        &self,
        context: SealContext<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let envelope = Envelope::parse(sealed)?;
        let ring = self.workspace(context.workspace).ok_or(UnsealError::WorkspaceUnknown)?;
        let parent = ring.named_by(&envelope)?;
        envelope.open(parent, &AssociatedData::of(self.id, &context)?)
    }

    fn sealing_under(id: VaultId, key: &KeychainKey, newest: u32, newest_key: &SymmetricKey) -> Self {
        let others = key.generations().filter(|(generation, _)| *generation != newest);
        let others = others.map(|(generation, key)| ParentKey::derive(id, generation, key)).collect();
        Self::holding(id, ParentKey::derive(id, newest, newest_key), others)
    }

    fn holding(id: VaultId, sealing: ParentKey, others: Vec<ParentKey>) -> Self {
        Self { id, sealing, others, workspaces: RwLock::default() }
    }

    /// The generation of the keychain key that an envelope names.
    fn parent_of(&self, envelope: &Envelope<'_>) -> Result<&ParentKey, UnsealError> {
        let generation = envelope.generation();
        iter::once(&self.sealing)
            .chain(&self.others)
            .find(|parent| parent.generation() == generation)
            .ok_or(UnsealError::UnknownGeneration { generation })
    }

    fn workspace(&self, workspace: &str) -> Option<Arc<WorkspaceRing>> {
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(workspace).map(Arc::clone)
    }
}

impl fmt::Debug for Vault {
    /// Shows the id only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
