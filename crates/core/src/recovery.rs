//! The recovery kit: an age identity on a sheet of paper, which opens the vault when keychain and passphrase are gone.
//!
//! Written once to a file that a person names, and never kept. It counts only after it was shown to open the vault; until
//! then an older one stays valid.

use crate::changes::Topic;
use crate::lock::Opener;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::Secret;
use hearthkey_domain::activity::Deed;
use hearthkey_domain::ids::SlotId;
use hearthkey_domain::key_slot::{KeySlot, SlotKind, SlotRow};
use hearthkey_vault::SlotIdentity;
use jiff::Timestamp;
use std::sync::Arc;
use zeroize::Zeroizing;

impl Hearthkey {
    /// Makes a recovery kit and writes it to a new file at an absolute path. It counts once it was tested.
    ///
    /// `opener` is the passphrase (or the present kit) where a passphrase is set.
    ///
    /// # Errors
    /// A file that is there or cannot be written, or a vault that does not open. No slot is left then.
    pub async fn make_recovery_kit(
        self: &Arc<Self>,
        caller: &Caller,
        opener: Opener,
        file: &str,
    ) -> Result<(), Error> {
        self.vault().await?;
        let _asking = self.vault.asking.lock().await;
        let record = self.founded().await?;
        let key = self.raw_key(&record, opener).await?;
        // No rotation comes between here and the stored slot: it would have to ask as well.
        let vault = self.vault.open().ok_or(Error::Locked)?;
        let now = self.now();
        let id = SlotId::new(now, self.random());
        let identity =
            SlotIdentity::generate().map_err(|_| Error::Internal("the kernel gave no randomness"))?;
        let sealed = vault
            .slot_key(&id.to_string(), &identity, &key)
            .map_err(|_| Error::Internal("a key slot could not be made"))?;
        let slot = KeySlot {
            id,
            kind: SlotKind::Recovery,
            recipient: identity.recipient(),
            passphrase: None,
            created_at: now,
            confirmed_at: None,
        };
        let row = SlotRow {
            slot,
            identity: None,
            key: sealed.key,
            proof_key: sealed.proof_key,
            proof: sealed.proof,
        };
        let sheet = sheet(&Self::vault_name(&record)?, now, &identity);
        self.ports.files.write_new(file, sheet).await?;
        let workspace = self.workspace_id(&Caller::background()).await?;
        let entry = self.entry(caller, workspace, None, Deed::RecoveryKitMade, "");
        self.ports.store.add_slot(row, entry).await?;
        self.changes.tell(Topic::Vault);
        Ok(())
    }

    /// Shows that a recovery kit opens the vault. From then on it counts, and it alone.
    ///
    /// # Errors
    /// [`Error::WrongRecoveryKey`].
    pub async fn test_recovery_kit(self: &Arc<Self>, caller: &Caller, kit: Secret) -> Result<(), Error> {
        let replaced = {
            let _asking = self.vault.asking.lock().await;
            let record = self.founded().await?;
            let slots = self.ports.store.key_slots().await?;
            let (row, key) = self.open_by_slot(&record, &slots, Opener::Recovery(kit)).await?;
            // The whole way: key, check value, workspaces.
            self.open_with(&record, key).await?;
            let workspace = self.workspace_id(&Caller::background()).await?;
            let entry = self.entry(caller, workspace, None, Deed::RecoveryKitTested, "");
            if !self.ports.store.confirm_slot(row.slot.id, self.now(), entry).await? {
                return Err(Error::WrongRecoveryKey);
            }
            slots.iter().any(|other| {
                other.slot.kind == SlotKind::Recovery
                    && other.slot.id != row.slot.id
                    && other.slot.confirmed_at.is_some()
            })
        };
        self.changes.tell(Topic::Vault);
        if replaced && let Err(error) = self.rotate(&Caller::background()).await {
            tracing::warn!(kind = ?error.kind(), "the keys could not be replaced yet");
        }
        Ok(())
    }
}

/// The kit as a person prints it. Lines with `#` are for the eye; age reads the file as it is.
fn sheet(vault: &str, now: Timestamp, identity: &SlotIdentity) -> Secret {
    let key = identity.encode();
    let (date, recipient) = (now.strftime("%Y-%m-%d"), identity.recipient());
    // Written in one allocation: what a growing text leaves behind is not wiped.
    let mut text = Zeroizing::new(String::with_capacity(4096));
    text.push_str("# Hearthkey recovery kit\n#\n");
    text.push_str(&format!("# Made {date} for vault {vault}\n# Public key {recipient}\n#\n"));
    text.push_str(
        "# The line below opens your vault when this computer's keychain or your passphrase is lost.\n\
         # Print this page or keep the file on a stick in a safe place, and delete it from this computer.\n\
         # Whoever has this line and your vault.db can read every key in it.\n#\n\
         # To use it: hearthkey unlock --recovery FILE, or Unlock with recovery kit in the window.\n\
         # To test it: hearthkey recovery test FILE\n\n",
    );
    text.push_str(key.expose());
    text.push('\n');
    Secret::new(text.as_str())
}
