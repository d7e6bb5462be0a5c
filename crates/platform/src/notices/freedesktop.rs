//! The notification service of a Linux desktop, over D-Bus.

use super::APP;
use async_trait::async_trait;
use futures::StreamExt as _;
use hearthkey_domain::ports::{Notice, NoticeAnswer, Notices};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zbus::proxy::{OwnerChangedStream, SignalStream};
use zbus::zvariant::Value;
use zbus::{Connection, Proxy, connection};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// The service is asked twice and answers at once, or hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// What our button is called on the bus; `default` is the notice itself.
const ACTION: &str = "act";
/// The desktop entry of the app, by which the desktop knows its name and icon.
const DESKTOP_ENTRY: &str = "hearthkey";

/// The notices of one session.
#[derive(Default)]
pub struct SessionNotices {
    bus: Option<String>,
    /// What is on the screen, by what it is about. Held while the service is asked, so that notices about the same thing know
    /// of each other.
    shown: Mutex<HashMap<String, u32>>,
}

impl SessionNotices {
    /// The notices of the session whose D-Bus has this address, instead of the one this process was started in.
    #[must_use]
    pub fn on_bus(address: String) -> Self {
        Self { bus: Some(address), ..Self::default() }
    }

    async fn service(&self) -> zbus::Result<Proxy<'static>> {
        let bus = match &self.bus {
            Some(address) => connection::Builder::address(address.as_str())?.build().await?,
            None => Connection::session().await?,
        };
        Proxy::new_owned(bus, NAME, PATH, NAME).await
    }

    /// Puts a notice on the screen. The signals are listened for before it is there, so that no answer is missed.
    async fn post(&self, notice: &Notice) -> zbus::Result<Posted> {
        let service = self.service().await?;
        let posted = Posted {
            chosen: service.receive_signal("ActionInvoked").await?,
            closed: service.receive_signal("NotificationClosed").await?,
            owner: service.receive_owner_changed().await?,
            id: 0,
        };
        let abilities: Vec<String> = service.call("GetCapabilities", &()).await?;
        let able = |what: &str| abilities.iter().any(|ability| ability == what);
        let body = if able("body-markup") { without_markup(&notice.body) } else { notice.body.clone() };
        let button = ["default", notice.action.as_str(), ACTION, notice.action.as_str()];
        let actions: &[&str] = if able("actions") { &button } else { &[] };
        let hints = HashMap::from([
            ("desktop-entry", Value::from(DESKTOP_ENTRY)),
            ("category", Value::from("network")),
            ("resident", Value::from(false)),
        ]);
        let mut shown = self.shown.lock().await;
        let replaced = shown.get(&notice.about).copied().unwrap_or(0);
        let message = (APP, replaced, DESKTOP_ENTRY, notice.title.as_str(), body, actions, hints, -1i32);
        let id: u32 = service.call("Notify", &message).await?;
        shown.insert(notice.about.clone(), id);
        Ok(Posted { id, ..posted })
    }

    async fn forget(&self, about: &str, id: u32) {
        let mut shown = self.shown.lock().await;
        if shown.get(about) == Some(&id) {
            shown.remove(about);
        }
    }
}

/// A notice on the screen.
struct Posted {
    id: u32,
    chosen: SignalStream<'static>,
    closed: SignalStream<'static>,
    owner: OwnerChangedStream<'static>,
}

impl Posted {
    async fn answer(mut self) -> NoticeAnswer {
        loop {
            tokio::select! {
                biased;
                signal = self.chosen.next() => {
                    let Some(signal) = signal else { return NoticeAnswer::Gone };
                    let said = signal.body().deserialize::<(u32, String)>();
                    if matches!(said, Ok((id, action)) if id == self.id && (action == ACTION || action == "default")) {
                        return NoticeAnswer::Chosen;
                    }
                }
                signal = self.closed.next() => {
                    let Some(signal) = signal else { return NoticeAnswer::Gone };
                    if matches!(signal.body().deserialize::<(u32, u32)>(), Ok((id, _)) if id == self.id) {
                        return NoticeAnswer::Gone;
                    }
                }
                // The service has gone, and its notices with it.
                _ = self.owner.next() => return NoticeAnswer::Gone,
            }
        }
    }
}

#[async_trait]
impl Notices for SessionNotices {
    async fn show(&self, notice: Notice) -> Result<NoticeAnswer, String> {
        let posted = timeout(PATIENCE, self.post(&notice)).await;
        let posted = posted.map_err(|_| "the notification service does not answer".to_owned())?;
        let posted = posted.map_err(|error| format!("this session shows no notifications ({error})"))?;
        let id = posted.id;
        let answer = posted.answer().await;
        self.forget(&notice.about, id).await;
        Ok(answer)
    }

    async fn withdraw(&self, about: &str) {
        let Some(id) = self.shown.lock().await.get(about).copied() else { return };
        let closing = async { self.service().await?.call::<_, _, ()>("CloseNotification", &id).await };
        // One that the person has put away meanwhile is gone as well.
        let _ = timeout(PATIENCE, closing).await;
    }
}

/// A text for a service that reads markup.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
