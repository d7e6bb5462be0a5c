//! Workspace keys: one generation, or two while a rotation runs.

use crate::context::AssociatedData;
use crate::envelope::{Envelope, seal_key};
use crate::error::{ContextTooLong, RandomSourceFailed, UnsealError};
use crate::keys::{ParentKey, SymmetricKey};
use crate::suite::{KEY_LEN, NONCE_LEN};
use crate::vault::{Vault, WorkspaceKeys};
use hearthkey_domain::sealed::{SealContext, Sealed};
use std::iter;

/// The keys a workspace's envelopes hang from.
pub(super) struct WorkspaceRing {
    pub(super) newest: ParentKey,
    pub(super) retiring: Option<ParentKey>,
}

impl WorkspaceRing {
    /// The key that seals.
    pub(super) fn newest(&self) -> &ParentKey {
        &self.newest
    }

    /// All keys, newest first.
    pub(super) fn generations(&self) -> impl Iterator<Item = &ParentKey> {
        iter::once(&self.newest).chain(&self.retiring)
    }

    /// The key that an envelope names.
    pub(super) fn named_by(&self, envelope: &Envelope<'_>) -> Result<&ParentKey, UnsealError> {
        let generation = envelope.generation();
        self.generations()
            .find(|parent| parent.generation() == generation)
            .ok_or(UnsealError::UnknownGeneration { generation })
    }
}

impl Vault {
    /// Draws a key and seals it for its place under the keychain key.
    pub(super) fn new_key_for(&self, place: &AssociatedData) -> Result<Sealed, RandomSourceFailed> {
        seal_key(&self.sealing, place, SymmetricKey::from_kernel()?.bytes())
    }

    /// The place of one generation of a workspace's key, in this vault.
    pub(super) fn workspace_place(
        &self,
        workspace: &str,
        generation: u32,
    ) -> Result<AssociatedData, ContextTooLong> {
        AssociatedData::of(self.id, &workspace_context(workspace, generation))
    }

    /// A workspace's key as it was, hanging from the keychain key of another vault with the same id.
    pub(super) fn rewrapped_key(
        &self,
        next: &Self,
        keys: &WorkspaceKeys<'_>,
        wrap_nonce: [u8; NONCE_LEN],
    ) -> Result<Sealed, UnsealError> {
        let envelope = Envelope::parse(keys.sealed)?;
        let from = self.parent_of(&envelope)?;
        let place = self.workspace_place(keys.workspace, keys.generation)?;
        envelope.rewrapped(from, &next.sealing, &place, wrap_nonce)
    }

    pub(super) fn opened_ring(&self, keys: &WorkspaceKeys<'_>) -> Result<WorkspaceRing, UnsealError> {
        let WorkspaceKeys { workspace, generation, sealed, retiring } = *keys;
        let newest = self.opened_key(workspace, generation, sealed)?;
        // Generation 0 is never sealed, and so never opened.
        let before = generation.saturating_sub(1);
        let retiring = retiring.map(|sealed| self.opened_key(workspace, before, sealed)).transpose()?;
        Ok(WorkspaceRing { newest, retiring })
    }

    fn opened_key(
        &self,
        workspace: &str,
        generation: u32,
        sealed: &Sealed,
    ) -> Result<ParentKey, UnsealError> {
        let envelope = Envelope::parse(sealed)?;
        let parent = self.parent_of(&envelope)?;
        let opened = envelope.open(parent, &self.workspace_place(workspace, generation)?)?;
        if opened.len() != KEY_LEN {
            return Err(UnsealError::Refused);
        }
        let key = SymmetricKey::filled(|bytes| bytes.copy_from_slice(&opened));
        Ok(ParentKey::derive(self.id, generation, &key))
    }
}

/// The place of one generation of a workspace's key.
pub(crate) fn workspace_context(workspace: &str, generation: u32) -> SealContext<'_> {
    SealContext {
        workspace,
        table: "workspaces",
        row: workspace,
        field: "key",
        version: u64::from(generation),
        issuer: "",
        policy: "",
    }
}
