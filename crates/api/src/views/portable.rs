//! Exports and imports as callers see them.

use hearthkey_core::portable::{Exported, ImportItem, ImportOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An encrypted file with connections.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportView {
    /// `blob_…`: the file's bytes.
    pub blob: String,
    /// How many connections are in it.
    pub connections: u64,
    /// The workspaces in it.
    pub workspaces: Vec<String>,
    /// What is not in it, because its sealed row does not open.
    pub unreadable: Vec<String>,
}

impl From<Exported> for ExportView {
    fn from(exported: Exported) -> Self {
        Self {
            blob: exported.blob.to_string(),
            connections: exported.connections as u64,
            workspaces: exported.workspaces,
            unreadable: exported.unreadable,
        }
    }
}

/// What is in an export, and what becomes of it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Whether what is new was added; else it is only shown.
    pub applied: bool,
    /// Every connection of the file.
    pub items: Vec<ImportItemView>,
}

/// One connection of a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportItemView {
    /// The workspace it goes to.
    pub workspace: String,
    /// Its name in the file.
    pub label: String,
    /// The service's name.
    pub connector: String,
    /// Who it is signed in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where its credential may go.
    pub hosts: Vec<String>,
    /// What becomes of it.
    pub outcome: OutcomeWord,
    /// Its name here, if it is new or was here before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_here: Option<String>,
    /// Why it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What becomes of a connection of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It is new.
    New,
    /// It is here already, and left as it is.
    Present,
    /// It is left out.
    LeftOut,
}

impl From<ImportItem> for ImportItemView {
    fn from(item: ImportItem) -> Self {
        let (outcome, label_here, reason) = match item.outcome {
            ImportOutcome::New { label } => (OutcomeWord::New, Some(label), None),
            ImportOutcome::Present { label } => (OutcomeWord::Present, Some(label), None),
            ImportOutcome::LeftOut { reason } => (OutcomeWord::LeftOut, None, Some(reason)),
        };
        Self {
            workspace: item.workspace,
            label: item.label,
            connector: item.connector,
            account: item.account,
            hosts: item.hosts,
            outcome,
            label_here,
            reason,
        }
    }
}
