//! Telling a person outside any window that a connection needs them, and doing what the notice's button says.

use crate::authorize::Wish;
use crate::refresh::ConnectionTrouble;
use crate::{Caller, Error, Hearthkey};
use hearthkey_domain::activity::Door;
use hearthkey_domain::connection::Connection;
use hearthkey_domain::ids::{ConnectionId, WorkspaceId};
use hearthkey_domain::ports::{Notice, NoticeAnswer};
use hearthkey_domain::renewal::Remedy;
use std::sync::Arc;

impl Hearthkey {
    /// Tells the person that a connection needs them, and why. Returns at once; what they choose is done in a task of its own.
    pub(crate) fn tell_person(self: &Arc<Self>, connection: &Connection, trouble: &ConnectionTrouble) {
        let signs_in = trouble.remedy == Remedy::Reconnect;
        let notice = Notice {
            about: connection.id.to_string(),
            title: format!("{} needs you", connection.label),
            body: format!("{}.", trouble.message.trim_end_matches('.')),
            action: if signs_in { "Reconnect" } else { "Open Hearthkey" }.to_owned(),
        };
        let (workspace, id) = (connection.workspace, connection.id);
        // The notice may stay for hours; it keeps nothing of Hearthkey open.
        let (app, notices) = (Arc::downgrade(self), Arc::clone(&self.ports.notices));
        tokio::spawn(async move {
            match notices.show(notice).await {
                Ok(NoticeAnswer::Chosen) => {
                    if let Some(app) = app.upgrade() {
                        app.answer_notice(workspace, id, signs_in).await;
                    }
                }
                Ok(NoticeAnswer::Gone) => {}
                Err(reason) => tracing::info!(reason, "a notice could not be shown"),
            }
        });
    }

    /// Takes back what the person was told about a connection: it works again, or is gone.
    pub(crate) fn untell_person(&self, id: ConnectionId) {
        let notices = Arc::clone(&self.ports.notices);
        tokio::spawn(async move { notices.withdraw(&id.to_string()).await });
    }

    /// Begins the sign-in that the notice's button promised, else brings the window to the front.
    async fn answer_notice(self: &Arc<Self>, workspace: WorkspaceId, id: ConnectionId, signs_in: bool) {
        let begun = signs_in && self.sign_in_anew(workspace, id).await.is_ok();
        if !begun && let Err(reason) = self.ports.host.show_window() {
            tracing::info!(reason, "there is no window to show");
        }
    }

    async fn sign_in_anew(self: &Arc<Self>, workspace: WorkspaceId, id: ConnectionId) -> Result<(), Error> {
        let caller = Caller { door: Door::Notice, program: None, workspace: Some(workspace.to_string()) };
        // A notice lets nobody in who could not come in by the window.
        self.pass_door(&caller, true).await?;
        let missing = || Error::NotFound { what: "connection", name: id.to_string() };
        let known = self.ports.store.connection(workspace, id).await?.ok_or_else(missing)?;
        let wish = Wish {
            connector: known.connector,
            reconnect: Some(id.to_string()),
            open_browser: true,
            ..Wish::default()
        };
        let flow = self.begin_authorization(&caller, wish).await?;
        if flow.browser_opened {
            return Ok(());
        }
        self.cancel_authorization(&caller, flow.id).await?;
        Err(Error::Declined { reason: "no browser could be started".to_owned() })
    }
}
