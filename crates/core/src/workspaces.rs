//! Workspaces: which one a call acts in, and making, naming, switching and destroying them.
//!
//! A workspace has a key of its own. Destroying one destroys that key and every row under it, and then replaces the keys it
//! hung from, so that no older copy of the database opens what was in it.

use crate::changes::Topic;
use crate::vault_gate::new_workspace;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::Deed;
use hearthkey_domain::ids::WorkspaceId;
use hearthkey_domain::ports::{StoreError, VaultSettings};
use hearthkey_domain::workspace::{Workspace, parse_name};
use std::sync::Arc;

/// A workspace as the list has it.
#[derive(Debug, Clone)]
pub struct WorkspaceEntry {
    /// The workspace.
    pub workspace: Workspace,
    /// How many connections it has.
    pub connections: u64,
    /// Whether calls act in it unless they name another.
    pub current: bool,
}

impl Hearthkey {
    /// The workspace a caller acts in. Founds the vault if it was not.
    ///
    /// # Errors
    /// When the vault does not open, or the caller names a workspace that is not there.
    pub async fn workspace(&self, caller: &Caller) -> Result<Workspace, Error> {
        if let Some(workspace) = self.known_workspace(caller).await? {
            return Ok(workspace);
        }
        self.vault().await?;
        let founded = self.known_workspace(caller).await?;
        founded.ok_or(Error::NotFound { what: "workspace", name: Workspace::FIRST_NAME.into() })
    }

    /// The workspace a caller acts in, if the vault was ever founded. Asks no keychain.
    ///
    /// # Errors
    /// When the database cannot be read, or the caller names a workspace that is not there.
    pub async fn known_workspace(&self, caller: &Caller) -> Result<Option<Workspace>, Error> {
        let all = self.ports.store.workspaces().await?;
        if all.is_empty() {
            return Ok(None);
        }
        if let Some(name) = &caller.workspace {
            return named(all.into_iter().map(|row| row.workspace), name).map(Some);
        }
        let current = self.ports.store.settings().await?.current_workspace;
        let mut all: Vec<Workspace> = all.into_iter().map(|row| row.workspace).collect();
        let at = all.iter().position(|workspace| Some(workspace.id) == current).unwrap_or(0);
        Ok((at < all.len()).then(|| all.swap_remove(at)))
    }

    pub(crate) async fn workspace_id(&self, caller: &Caller) -> Result<WorkspaceId, Error> {
        Ok(self.workspace(caller).await?.id)
    }

    /// Every workspace, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceEntry>, Error> {
        let current = self.known_workspace(&Caller::background()).await?.map(|workspace| workspace.id);
        let mut entries = vec![];
        for row in self.ports.store.workspaces().await? {
            let connections = self.ports.store.count_connections(row.workspace.id).await?;
            let current = Some(row.workspace.id) == current;
            entries.push(WorkspaceEntry { workspace: row.workspace, connections, current });
        }
        Ok(entries)
    }

    /// Makes a workspace with a key of its own.
    ///
    /// # Errors
    /// A name that is taken or no name, or a vault that is not open.
    pub async fn add_workspace(&self, caller: &Caller, name: &str) -> Result<WorkspaceEntry, Error> {
        // The first one is there before any other.
        self.workspace(&Caller::background()).await?;
        let now = self.now();
        let workspace =
            Workspace { id: WorkspaceId::new(now, self.random()), name: checked(name)?, created_at: now };
        let sealing = self.sealing().await?;
        let row = new_workspace(&sealing.vault, workspace.clone())?;
        let entry = self.entry(caller, workspace.id, None, Deed::WorkspaceAdded, workspace.name.as_str());
        if let Err(error) = self.ports.store.add_workspace(row, entry).await {
            sealing.vault.dismiss_workspace(&workspace.id.to_string());
            return Err(error.into());
        }
        self.changes.tell(Topic::Workspaces);
        Ok(WorkspaceEntry { workspace, connections: 0, current: false })
    }

    /// Gives a workspace another name.
    ///
    /// # Errors
    /// When it is not there, or the name is taken or no name.
    pub async fn rename_workspace(
        &self,
        caller: &Caller,
        workspace: &str,
        name: &str,
    ) -> Result<Workspace, Error> {
        let name = checked(name)?;
        let found = self.find_workspace(workspace).await?;
        let entry = self.entry(
            caller,
            found.id,
            None,
            Deed::WorkspaceRenamed,
            format!("{} is now {name}", found.name),
        );
        if !self.ports.store.rename_workspace(found.id, name.clone(), entry).await? {
            return Err(Error::NotFound { what: "workspace", name: found.name });
        }
        self.changes.tell(Topic::Workspaces);
        Ok(Workspace { name, ..found })
    }

    /// Makes a workspace the one calls act in unless they name another.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn switch_workspace(&self, workspace: &str) -> Result<Workspace, Error> {
        let found = self.find_workspace(workspace).await?;
        let settings =
            VaultSettings { current_workspace: Some(found.id), ..self.ports.store.settings().await? };
        self.ports.store.change_settings(settings).await?;
        self.changes.tell(Topic::All);
        Ok(found)
    }

    /// Destroys a workspace with everything in it, and replaces the keys it hung from. There is no undo; `confirm` is its
    /// name, typed. Grants are not ended at the providers.
    ///
    /// # Errors
    /// When it is not there, the last one, or not confirmed.
    pub async fn destroy_workspace(
        self: &Arc<Self>,
        caller: &Caller,
        workspace: &str,
        confirm: &str,
    ) -> Result<(), Error> {
        let found = self.find_workspace(workspace).await?;
        if confirm.trim() != found.name {
            let expected = format!("the name {:?} was expected, for there is no undo", found.name);
            return Err(Error::Input { field: "confirm".into(), expected });
        }
        let vault = self.vault().await?;
        let all = self.ports.store.workspaces().await?;
        let Some(other) = all.iter().map(|row| &row.workspace).find(|other| other.id != found.id) else {
            let expected = "the last workspace cannot be removed".to_owned();
            return Err(Error::Input { field: "workspace".into(), expected });
        };
        let entry = self.entry(caller, other.id, None, Deed::WorkspaceDestroyed, found.name.as_str());
        // Whatever is being sealed for it is stored first, and destroyed with it.
        let sealing = self.exclusive().await?;
        let destroyed = self.ports.store.destroy_workspace(found.id, entry).await;
        match destroyed {
            Err(StoreError::Conflict) => {
                let expected = "the last workspace cannot be removed".to_owned();
                return Err(Error::Input { field: "workspace".into(), expected });
            }
            Err(error) => return Err(error.into()),
            Ok(false) => return Err(Error::NotFound { what: "workspace", name: found.name }),
            Ok(true) => {}
        }
        vault.dismiss_workspace(&found.id.to_string());
        self.flows.cancel_all(found.id);
        drop(sealing);
        self.changes.tell(Topic::All);
        // What is left of it elsewhere opens until the keys are others. Tried again with every tick.
        if let Err(error) = self.rotate(&Caller::background()).await {
            tracing::warn!(kind = ?error.kind(), "the keys could not be replaced yet");
        }
        Ok(())
    }

    async fn find_workspace(&self, name: &str) -> Result<Workspace, Error> {
        named(self.ports.store.workspaces().await?.into_iter().map(|row| row.workspace), name)
    }
}

/// The workspace with this identifier, or this name, whatever its case.
fn named(mut all: impl Iterator<Item = Workspace>, name: &str) -> Result<Workspace, Error> {
    let (id, wanted) = (name.trim().parse::<WorkspaceId>().ok(), name.trim().to_lowercase());
    let found = all.find(|workspace| Some(workspace.id) == id || workspace.name.to_lowercase() == wanted);
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    found.ok_or_else(|| Error::NotFound { what: "workspace", name: format!("{shown:?}") })
}

fn checked(name: &str) -> Result<String, Error> {
    parse_name(name).map_err(|error| Error::Input { field: "name".into(), expected: error.to_string() })
}
