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

/// The longest name, in characters.
pub const NAME_MAX: usize = 60;

/// Why a text cannot be a workspace's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a name has 1 to {NAME_MAX} characters, none of them control characters, and does not look like an identifier"
)]
pub struct NameError;

/// A name as typed, trimmed and checked.
///
/// # Errors
/// [`NameError`] when it is empty, too long, holds control characters, or would be taken for an identifier.
pub fn parse_name(text: &str) -> Result<String, NameError> {
    let name = text.trim();
    let fine = (1..=NAME_MAX).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && !name.starts_with(WorkspaceId::PREFIX);
    if fine { Ok(name.to_owned()) } else { Err(NameError) }
}
