//! Workspaces: isolated sets of connections, each under its own key.

use crate::ids::WorkspaceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An isolated set of connections, workflows and history. Its key is sealed by the keychain key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its identifier.
    pub id: WorkspaceId,
    /// The name a person gave it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Workspace {
    /// The name of the workspace that exists from the first start.
    pub const FIRST_NAME: &'static str = "Personal";
}
