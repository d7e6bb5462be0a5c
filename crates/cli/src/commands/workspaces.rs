//! Workspaces: list, make, name, switch, remove.

use super::Session;
use crate::args::{Workspaces, WorkspacesCommand};
use crate::failure::Failure;
use crate::output::{count, table};
use hearthkey_api::operations::{vault, workspaces};
use hearthkey_api::problem::ProblemKind;
use hearthkey_api::views::{WorkspaceEntryView, WorkspaceList};

impl Session {
    pub(crate) async fn workspaces(&self, args: Workspaces) -> Result<(), Failure> {
        match args.command.unwrap_or(WorkspacesCommand::List) {
            WorkspacesCommand::List => self.list_workspaces().await,
            WorkspacesCommand::Add { name } => {
                let added = self.call(&workspaces::Add { name }).await?;
                self.output.result(&added, || {
                    format!(
                        "{} is there. To act in it: hearthkey workspaces switch {:?}",
                        added.name, added.name
                    )
                });
                Ok(())
            }
            WorkspacesCommand::Rename { workspace, name } => {
                let renamed = self.call(&workspaces::Rename { workspace, name }).await?;
                self.output.result(&renamed, || format!("Renamed to {}.", renamed.name));
                Ok(())
            }
            WorkspacesCommand::Switch { workspace } => {
                let current = self.call(&workspaces::Switch { workspace }).await?;
                self.output.result(&current, || format!("Commands act in {} now.", current.name));
                Ok(())
            }
            WorkspacesCommand::Remove { workspace, confirm } => {
                self.remove_workspace(workspace, confirm).await
            }
        }
    }

    async fn list_workspaces(&self) -> Result<(), Failure> {
        let list = self.known_workspaces().await?;
        self.output.result(&list, || {
            if list.workspaces.is_empty() {
                return "There is no workspace yet. The first connection makes one.".to_owned();
            }
            let row = |entry: &WorkspaceEntryView| {
                let current = if entry.current { "current" } else { "" };
                [entry.name.clone(), entry.connections.to_string(), current.to_owned()]
            };
            table(["NAME", "CONNECTIONS", ""], list.workspaces.iter().map(row).collect())
        });
        Ok(())
    }

    /// The workspaces. A new profile's owner may only just be about to make the first.
    async fn known_workspaces(&self) -> Result<WorkspaceList, Failure> {
        let list = self.call(&workspaces::List {}).await?;
        if !list.workspaces.is_empty() {
            return Ok(list);
        }
        self.call(&vault::Retry {}).await?;
        self.call(&workspaces::List {}).await
    }

    async fn remove_workspace(&self, workspace: String, confirm: Option<String>) -> Result<(), Failure> {
        let named = |entry: &WorkspaceEntryView| {
            entry.id == workspace.trim() || entry.name.to_lowercase() == workspace.trim().to_lowercase()
        };
        let list = self.known_workspaces().await?;
        let found = list.workspaces.into_iter().find(named);
        let name = found.as_ref().map_or_else(|| workspace.clone(), |found| found.name.clone());
        let confirm = match (confirm, found) {
            (Some(confirm), _) => confirm,
            // What is not there is said by the owner.
            (None, None) => String::new(),
            (None, Some(found)) => {
                let question = format!(
                    "{name} goes for good, with {}. Sign-ins are not ended at the services: to have that, \
                     disconnect first.\nType {name:?} to remove it:",
                    count(found.connections, "connection")
                );
                self.output.ask(&question)?.ok_or_else(|| {
                    let hint = format!("Give its name once more: --confirm {name:?}");
                    Failure::with_hint(ProblemKind::InvalidInput, "there is no undo for this", hint)
                })?
            }
        };
        let done = self.call(&workspaces::Destroy { workspace, confirm }).await?;
        self.output.result(&done, || format!("{name} is removed, with its key and everything in it."));
        Ok(())
    }
}
