//! The key ring: an opened vault, which seals and unseals.
//!
//! It holds derived keys only, never the keychain key or a workspace key itself. When a key may be made, and where
//! envelopes and check values are stored, is decided by the caller.

use crate::context::AssociatedData;
use crate::envelope::{Draws, Envelope, seal};
use crate::error::{OpenError, SealError, UnsealError};
use crate::keychain::KeychainKey;
use crate::keys::{KeyCheck, ParentKey, SymmetricKey};
use crate::suite::KEY_LEN;
use crate::vault_id::VaultId;
use hearthkey_domain::sealed::{SealContext, Sealed};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// The generation of every workspace key so far, named by the envelopes under it.
const WORKSPACE_GENERATION: u32 = 1;

/// An opened vault: the only thing that seals or unseals. Shared between threads; dropping it wipes every key.
///
/// A workspace's secrets open only after its key was admitted, and only in the place they were sealed for.
pub struct Vault {
    id: VaultId,
    /// The newest generation that a stored check value vouches for.
    sealing: ParentKey,
    /// The other generations at hand; they open what still hangs from them.
    others: Vec<ParentKey>,
    workspaces: RwLock<HashMap<String, Arc<ParentKey>>>,
}

impl Vault {
    /// Opens a new vault with a new key. The check value must be durable before the first envelope is.
    ///
    /// Only for a vault without a sealed row.
    #[must_use]
    pub fn create(id: VaultId, key: &KeychainKey) -> (Self, KeyCheck) {
        let (newest, newest_key) = key.newest();
        (Self::holding(id, key, newest, newest_key), KeyCheck::derive(id, newest, newest_key))
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
        Ok(Self::holding(id, &key, newest, held))
    }

    /// The vault's id.
    #[must_use]
    pub fn id(&self) -> VaultId {
        self.id
    }

    /// Draws a workspace's key and seals it under the keychain key, in table `workspaces`, row `workspace`, field `key`,
    /// version 1. To use it, store it and then give it to [`Vault::admit_workspace`].
    ///
    /// Only for a workspace without a sealed row.
    ///
    /// # Errors
    /// [`SealError::RandomSourceFailed`]; [`SealError::ContextTooLong`] for an overlong workspace name.
    pub fn new_workspace_key(&self, workspace: &str) -> Result<Sealed, SealError> {
        let aad = AssociatedData::of(self.id, &workspace_context(workspace))?;
        seal(&self.sealing, &aad, SymmetricKey::from_kernel()?.bytes(), Draws::from_kernel()?)
    }

    /// Opens a workspace's key and holds it, in place of one held before.
    ///
    /// # Errors
    /// [`UnsealError`], never `WorkspaceUnknown`. A held key stays as it was.
    pub fn admit_workspace(&self, workspace: &str, sealed: &Sealed) -> Result<(), UnsealError> {
        let envelope = Envelope::parse(sealed)?;
        let generation = envelope.generation();
        let parent = std::iter::once(&self.sealing)
            .chain(&self.others)
            .find(|parent| parent.generation() == generation)
            .ok_or(UnsealError::UnknownGeneration { generation })?;
        let aad = AssociatedData::of(self.id, &workspace_context(workspace))?;
        let opened = envelope.open(parent, &aad)?;
        if opened.len() != KEY_LEN {
            return Err(UnsealError::Refused);
        }
        let key = SymmetricKey::filled(|bytes| bytes.copy_from_slice(&opened));
        let key = Arc::new(ParentKey::derive(self.id, WORKSPACE_GENERATION, &key));
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.insert(workspace.to_owned(), key);
        Ok(())
    }

    /// Lets a workspace's key go; it is wiped when the last call that uses it returns. Returns whether it was held.
    pub fn dismiss_workspace(&self, workspace: &str) -> bool {
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.remove(workspace).is_some()
    }

    /// Seals a plaintext of 1 to [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes for one place, under a fresh data key.
    ///
    /// # Errors
    /// [`SealError`]; an empty plaintext is refused, as an absent secret is an absent row.
    pub fn seal(&self, context: SealContext<'_>, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let parent = self.workspace(context.workspace).ok_or(SealError::WorkspaceUnknown)?;
        let aad = AssociatedData::of(self.id, &context)?;
        seal(&parent, &aad, plaintext, Draws::from_kernel()?)
    }

    /// Opens an envelope in the place it was sealed for. The plaintext is wiped when dropped.
    ///
    /// # Errors
    /// [`UnsealError`]; everything that fails to authenticate is the one `Refused`.
    pub fn unseal(
        &self,
        context: SealContext<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let envelope = Envelope::parse(sealed)?;
        let parent = self.workspace(context.workspace).ok_or(UnsealError::WorkspaceUnknown)?;
        let generation = envelope.generation();
        if generation != parent.generation() {
            return Err(UnsealError::UnknownGeneration { generation });
        }
        envelope.open(&parent, &AssociatedData::of(self.id, &context)?)
    }

    fn holding(id: VaultId, key: &KeychainKey, newest: u32, newest_key: &SymmetricKey) -> Self {
        let others = key.generations().filter(|(generation, _)| *generation != newest);
        Self {
            id,
            sealing: ParentKey::derive(id, newest, newest_key),
            others: others.map(|(generation, key)| ParentKey::derive(id, generation, key)).collect(),
            workspaces: RwLock::default(),
        }
    }

    fn workspace(&self, workspace: &str) -> Option<Arc<ParentKey>> {
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

/// The place of a workspace's key.
pub(crate) fn workspace_context(workspace: &str) -> SealContext<'_> {
    let version = u64::from(WORKSPACE_GENERATION);
    SealContext {
        workspace,
        table: "workspaces",
        row: workspace,
        field: "key",
        version,
        issuer: "",
        policy: "",
    }
}

#[cfg(test)]
mod tests;
