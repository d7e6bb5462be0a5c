//! Rotation: new keys for the whole vault, without opening one secret.
//!
//! Three steps, each of which may be the last one for a while. [`Vault::rotate`] draws a new key for every workspace and
//! puts the present one beside it, both under the next generation of the keychain key. Then every envelope is given to
//! [`Vault::rewrap`], in any order, while the vault seals and unseals as always. When none hangs from a retiring key any
//! more, the retiring keys are deleted, and what was copied from the database before opens no more.

use crate::context::AssociatedData;
use crate::envelope::{Envelope, new_wrap_nonce};
use crate::error::{RewrapError, RotateError, UnsealError};
use crate::keychain::KeychainKey;
use crate::keys::{KeyCheck, ParentKey};
use crate::vault::{Vault, WorkspaceKeys};
use hearthkey_domain::sealed::{SealContext, Sealed};

/// The next generation of a vault, prepared. All of it is stored in one transaction, or none; the keychain, or every slot,
/// holds the next keychain key before.
#[derive(Debug)]
pub struct Rotation {
    /// The vault under the next generation of the keychain key, with all workspaces admitted, each with its retiring key.
    pub vault: Vault,
    /// The check value of the next generation, in place of the present one.
    pub check: KeyCheck,
    /// The workspaces' keys, in the order they were given.
    pub workspaces: Vec<RotatedWorkspace>,
}

/// The keys of one workspace after [`Vault::rotate`], sealed under the next generation of the keychain key.
#[derive(Debug)]
pub struct RotatedWorkspace {
    /// The workspace.
    pub workspace: String,
    /// The generation of its new key.
    pub generation: u32,
    /// Its new key.
    pub sealed: Sealed,
    /// The key of the generation before: the very key, re-wrapped.
    pub retiring: Sealed,
}

impl Vault {
    /// Prepares the next generation of this vault and of all its workspaces' keys. Nothing in this vault changes. The key of a
    /// workspace that is not among `workspaces` stays under the present generation, and is lost with it.
    ///
    /// The newest generation of `next` is the one after [`Vault::generation`]; if it holds that one as well, as
    /// [`KeychainKey::succeeded`] makes it, it must be this vault's key.
    ///
    /// # Errors
    /// [`RotateError`]; a workspace that still has a retiring key has envelopes under it, and its rotation comes first.
    pub fn rotate(
        &self,
        next: &KeychainKey,
        workspaces: &[WorkspaceKeys<'_>],
    ) -> Result<Rotation, RotateError> {
        let current = self.generation();
        let (generation, key) = next.newest();
        if current.checked_add(1) != Some(generation) {
            return Err(RotateError::NotNext { current, found: generation });
        }
        if next.generation(current).is_some_and(|held| !self.sealing.is_derived_from(self.id, held)) {
            return Err(RotateError::WrongKey { generation: current });
        }
        // Alone: everything that hung from the present generation is re-wrapped here.
        let vault = Self::holding(self.id, ParentKey::derive(self.id, generation, key), Vec::new());
        let check = KeyCheck::derive(self.id, generation, key);
        let workspaces = workspaces.iter().map(|keys| self.rotate_workspace(&vault, keys));
        let workspaces = workspaces.collect::<Result<_, _>>()?;
        Ok(Rotation { vault, check, workspaces })
    }

    /// Re-wraps the data key of an envelope from the retiring to the newest key of its workspace: bytes 6..70 change,
    /// nothing else, and the secret is not opened. `None` when it hangs from the newest key already.
    ///
    /// # Errors
    /// [`RewrapError`]. An envelope whose body is damaged is re-wrapped as it is.
    pub fn rewrap(&self, context: SealContext<'_>, sealed: &Sealed) -> Result<Option<Sealed>, RewrapError> {
        let envelope = Envelope::parse(sealed).map_err(UnsealError::from)?;
        let ring = self.workspace(context.workspace).ok_or(UnsealError::WorkspaceUnknown)?;
        let parent = ring.named_by(&envelope)?;
        let aad = AssociatedData::of(self.id, &context).map_err(UnsealError::from)?;
        if parent.generation() == ring.newest().generation() {
            envelope.check_wrap(parent, &aad)?;
            return Ok(None);
        }
        Ok(Some(envelope.rewrapped(parent, ring.newest(), &aad, new_wrap_nonce()?)?))
    }

    fn rotate_workspace(
        &self,
        next: &Self,
        keys: &WorkspaceKeys<'_>,
    ) -> Result<RotatedWorkspace, RotateError> {
        let workspace = keys.workspace.to_owned();
        if keys.retiring.is_some() {
            return Err(RotateError::Unfinished { workspace });
        }
        let Some(generation) = keys.generation.checked_add(1) else {
            return Err(RotateError::Exhausted { workspace });
        };
        let refused = |fault| RotateError::Workspace { workspace: workspace.clone(), fault };
        let retiring = self.rewrapped_key(next, keys, new_wrap_nonce()?).map_err(refused)?;
        let place = next.workspace_place(&workspace, generation).map_err(|error| refused(error.into()))?;
        let sealed = next.new_key_for(&place)?;
        let rotated =
            WorkspaceKeys { workspace: &workspace, generation, sealed: &sealed, retiring: Some(&retiring) };
        next.admit_workspace(&rotated).map_err(refused)?;
        Ok(RotatedWorkspace { workspace, generation, sealed, retiring })
    }
}

#[cfg(test)]
mod tests;
