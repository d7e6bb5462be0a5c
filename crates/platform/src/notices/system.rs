//! The system's notifications on macOS and Windows.

use super::APP;
use async_trait::async_trait;
use hearthkey_domain::ports::{Notice, NoticeAnswer, Notices};
use notify_rust::{Notification, NotificationResponse};
use std::sync::mpsc;

/// What our button is called.
const ACTION: &str = "act";

/// The notices of this session. A notice about the same thing is shown beside the earlier one, for neither system lets a
/// program that was not the one to show it take it back.
#[derive(Default)]
pub struct SessionNotices {}

#[async_trait]
impl Notices for SessionNotices {
    async fn show(&self, notice: Notice) -> Result<NoticeAnswer, String> {
        let waiting = tokio::task::spawn_blocking(move || {
            let mut notification = Notification::new();
            notification
                .appname(APP)
                .summary(&notice.title)
                .body(&notice.body)
                .action(ACTION, &notice.action);
            let shown = notification.show().map_err(|error| error.to_string())?;
            let (sender, answer) = mpsc::channel();
            let answered = move |response: &NotificationResponse| {
                let chosen =
                    matches!(response, NotificationResponse::Default | NotificationResponse::Action(_));
                // Nobody listens any more only when this thread has gone.
                let _ = sender.send(chosen);
            };
            shown.wait_for_response(answered).map_err(|error| error.to_string())?;
            Ok(if answer.try_recv() == Ok(true) { NoticeAnswer::Chosen } else { NoticeAnswer::Gone })
        });
        waiting.await.map_err(|_| "the notification could not be waited for".to_owned())?
    }

    async fn withdraw(&self, _about: &str) {}
}
