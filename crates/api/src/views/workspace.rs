//! Workspaces as callers see them.

use hearthkey_core::workspaces::WorkspaceEntry;
use hearthkey_domain::workspace::Workspace;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workspace.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceView {
    /// `ws_…`
    pub id: String,
    /// The name a person gave it.
    pub name: String,
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        Self { id: workspace.id.to_string(), name: workspace.name }
    }
}

/// Every workspace.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceList {
    /// The oldest first.
    pub workspaces: Vec<WorkspaceEntryView>,
}

/// A workspace as the list has it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceEntryView {
    /// `ws_…`
    pub id: String,
    /// The name a person gave it.
    pub name: String,
    /// How many connections it has.
    pub connections: u64,
    /// Whether calls act in it unless they name another.
    pub current: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<WorkspaceEntry> for WorkspaceEntryView {
    fn from(entry: WorkspaceEntry) -> Self {
        Self {
            id: entry.workspace.id.to_string(),
            name: entry.workspace.name,
            connections: entry.connections,
            current: entry.current,
            created_at: entry.workspace.created_at,
        }
    }
}
