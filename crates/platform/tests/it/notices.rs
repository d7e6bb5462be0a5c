//! Notices on a D-Bus session of their own, where the test is the notification service.

use crate::keychain::session::Session;
use hearthkey_domain::ports::{Notice, NoticeAnswer, Notices};
use hearthkey_platform::notices::SessionNotices;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::zvariant::OwnedValue;
use zbus::{Connection, connection, interface};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// What the service was asked to show.
struct Shown {
    replaces: u32,
    title: String,
    body: String,
    actions: Vec<String>,
}

enum Asked {
    Show(Shown),
    Close(u32),
}

/// A desktop's notification service.
struct Service {
    asked: UnboundedSender<Asked>,
    last: u32,
    abilities: Vec<String>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Service {
    fn get_capabilities(&self) -> Vec<String> {
        self.abilities.clone()
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's method has eight")]
    fn notify(
        &mut self,
        _app: String,
        replaces: u32,
        _icon: String,
        title: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        self.last = if replaces == 0 { self.last + 1 } else { replaces };
        self.asked.send(Asked::Show(Shown { replaces, title, body, actions })).unwrap();
        self.last
    }

    fn close_notification(&self, id: u32) {
        self.asked.send(Asked::Close(id)).unwrap();
    }
}

struct Desktop {
    _session: Session,
    bus: Connection,
    notices: Arc<SessionNotices>,
    asked: UnboundedReceiver<Asked>,
}

impl Desktop {
    async fn with(abilities: &[&str]) -> Self {
        let session = Session::new();
        let (sender, asked) = unbounded_channel();
        let abilities = abilities.iter().map(ToString::to_string).collect();
        let service = Service { asked: sender, last: 0, abilities };
        let bus = connection::Builder::address(session.address.as_str()).unwrap();
        let bus = bus.name(NAME).unwrap().serve_at(PATH, service).unwrap().build().await.unwrap();
        let notices = Arc::new(SessionNotices::on_bus(session.address.clone()));
        Self { _session: session, bus, notices, asked }
    }

    fn show(&self, body: &str) -> tokio::task::JoinHandle<Result<NoticeAnswer, String>> {
        let notice = Notice {
            about: "conn_1".into(),
            title: "Work calendar".into(),
            body: body.into(),
            action: "Reconnect".into(),
        };
        let notices = Arc::clone(&self.notices);
        tokio::spawn(async move { notices.show(notice).await })
    }

    async fn shown(&mut self) -> Shown {
        match self.asked.recv().await {
            Some(Asked::Show(shown)) => shown,
            _ => panic!("a notice was expected"),
        }
    }

    async fn say<B: serde::Serialize + zbus::zvariant::DynamicType>(&self, signal: &str, body: &B) {
        self.bus.emit_signal(None::<&str>, PATH, NAME, signal, body).await.unwrap();
    }
}

#[tokio::test]
async fn the_button_and_the_notice_itself_are_the_persons_choice() {
    let mut desktop = Desktop::with(&["actions", "body-markup"]).await;
    for chosen in ["act", "default"] {
        let waiting = desktop.show("a & <b>");
        let shown = desktop.shown().await;
        assert_eq!((shown.title.as_str(), shown.body.as_str()), ("Work calendar", "a &amp; &lt;b&gt;"));
        assert_eq!(shown.actions, ["default", "Reconnect", "act", "Reconnect"]);
        // Another program's notice, and one that we know nothing of.
        desktop.say("ActionInvoked", &(77u32, "act")).await;
        desktop.say("NotificationClosed", &(77u32, 2u32)).await;
        let id = if chosen == "act" { 1u32 } else { 2 };
        desktop.say("ActionInvoked", &(id, chosen)).await;
        assert_eq!(waiting.await.unwrap(), Ok(NoticeAnswer::Chosen));
    }
}

#[tokio::test]
async fn a_notice_put_away_chooses_nothing() {
    let mut desktop = Desktop::with(&["body"]).await;
    let waiting = desktop.show("a & b");
    let shown = desktop.shown().await;
    assert_eq!(
        (shown.body.as_str(), shown.actions.len()),
        ("a & b", 0),
        "a service without buttons or markup"
    );
    desktop.say("NotificationClosed", &(1u32, 2u32)).await;
    assert_eq!(waiting.await.unwrap(), Ok(NoticeAnswer::Gone));
}

#[tokio::test]
async fn a_later_notice_about_the_same_takes_the_place_of_the_first_and_can_be_taken_back() {
    let mut desktop = Desktop::with(&["actions"]).await;
    let first = desktop.show("first");
    assert_eq!(desktop.shown().await.replaces, 0);
    let second = desktop.show("second");
    assert_eq!(desktop.shown().await.replaces, 1);
    // The service has answered both before it is asked to close one.
    desktop.notices.withdraw("conn_2").await;
    desktop.notices.withdraw("conn_1").await;
    assert!(matches!(desktop.asked.recv().await, Some(Asked::Close(1))));
    desktop.say("NotificationClosed", &(1u32, 3u32)).await;
    assert_eq!(first.await.unwrap(), Ok(NoticeAnswer::Gone));
    assert_eq!(second.await.unwrap(), Ok(NoticeAnswer::Gone));
}

#[tokio::test]
async fn a_session_without_notifications_says_so() {
    let session = Session::new();
    let notices = SessionNotices::on_bus(session.address.clone());
    let notice = Notice { about: "x".into(), title: "x".into(), body: "x".into(), action: "x".into() };
    let refused = notices.show(notice).await.unwrap_err();
    assert!(refused.contains("no notifications"), "{refused}");
}
