//! Workspaces: list, make, name, switch, destroy.

use super::{Done, call};
use crate::views::{WorkspaceEntryView, WorkspaceList, WorkspaceView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every workspace, the oldest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {}

call!(List, "workspaces.list", Read, WorkspaceList, |_input, app, _| {
    let workspaces = app.workspaces().await?.into_iter().map(WorkspaceEntryView::from).collect();
    Ok(WorkspaceList { workspaces })
});

/// Makes a workspace with a key of its own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Its name.
    pub name: String,
}

call!(Add, "workspaces.add", Write, WorkspaceEntryView, |input, app, caller| {
    Ok(app.add_workspace(&caller, &input.name).await?.into())
});

/// Gives a workspace another name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// Its identifier or name.
    pub workspace: String,
    /// The new name.
    pub name: String,
}

call!(Rename, "workspaces.rename", Write, WorkspaceView, |input, app, caller| {
    Ok(app.rename_workspace(&caller, &input.workspace, &input.name).await?.into())
});

/// Makes a workspace the one calls act in unless they name another.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Its identifier or name.
    pub workspace: String,
}

call!(Switch, "workspaces.switch", Write, WorkspaceView, |input, app, _| {
    Ok(app.switch_workspace(&input.workspace).await?.into())
});

/// Destroys a workspace with everything in it, its key first. There is no undo, and sign-ins are not ended at the services.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destroy {
    /// Its identifier or name.
    pub workspace: String,
    /// Its name, typed once more.
    pub confirm: String,
}

call!(Destroy, "workspaces.destroy", Write, Done, |input, app, caller| {
    app.destroy_workspace(&caller, &input.workspace, &input.confirm).await?;
    Ok(Done {})
});
