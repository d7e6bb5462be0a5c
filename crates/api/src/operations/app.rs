//! The app itself: status, doctor, owner, links, changes.

use super::{Done, call};
use crate::Problem;
use crate::operation::{Access, Operation, Watch};
use crate::views::{AppStatus, ChangeView, DoctorReport, WorkspaceView};
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use hearthkey_core::{Caller, Hearthkey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The app at a glance: version, workspace, owner, and how the vault is. Waits for nobody.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {}

call!(Status, "app.status", Read, while_locked: true, AppStatus, |_input, app, caller| {
    let vault = app.glance_at_vault().await?;
    let workspace = app.known_workspace(&caller).await?;
    let owner = app.owner();
    Ok(AppStatus {
        version: owner.version.clone(),
        workspace: workspace.map(WorkspaceView::from),
        profile: owner.profile.clone(),
        owner: owner.into(),
        vault: vault.into(),
        sandbox: app.has_sandbox(),
    })
});

/// Checks everything a connection needs, each with its fix. Changes nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Doctor {}

call!(Doctor, "doctor.run", Read, while_locked: true, DoctorReport, |_input, app, _| Ok(app.examine().await.into()));

/// Asks the owner of the profile to end in favour of the desktop app. The desktop app itself refuses.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOver {}

call!(HandOver, "owner.hand_over", Write, while_locked: true, Done, |_input, app, _| {
    app.hand_over()?;
    Ok(Done {})
});

/// Brings the window to the front.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowWindow {}

call!(ShowWindow, "window.show", Write, while_locked: true, Done, |_input, app, _| {
    app.show_window()?;
    Ok(Done {})
});

/// Opens one of the services' own links in the browser. Others are refused.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLink {
    /// The link, exactly as a service's view has it.
    pub url: String,
}

call!(OpenLink, "links.open", Write, Done, |input, app, _| {
    app.open_link(&input.url).await?;
    Ok(Done {})
});

/// Tells what changed, so that a watcher fetches that anew. Begins with `all`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchChanges {}

impl Operation for WatchChanges {
    const NAME: &'static str = "changes.watch";
    const ACCESS: Access = Access::Read;
    /// It names what changed and nothing of it.
    const WHILE_LOCKED: bool = true;
}

impl Watch for WatchChanges {
    type Item = ChangeView;

    async fn run(self, app: Arc<Hearthkey>, _: Caller) -> Result<BoxStream<'static, ChangeView>, Problem> {
        let changes = app.watch_changes();
        let next = |mut changes: hearthkey_core::changes::ChangeStream| async move {
            let topic = changes.next().await?;
            Some((ChangeView::from(topic), changes))
        };
        Ok(unfold(changes, next).boxed())
    }
}
