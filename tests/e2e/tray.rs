//! A panel without a picture: it hosts tray icons, reads their menus and clicks on entries.

use hearthkey_tests::{Home, wait};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use zbus::blocking::Connection;
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

type Items = Arc<Mutex<Vec<(String, String)>>>;

struct Watcher(Items);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    /// An item names its bus name, or its object path below the name it calls from.
    fn register_status_notifier_item(&self, service: &str, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') {
            (sender, service.to_owned())
        } else {
            (service.to_owned(), "/StatusNotifierItem".to_owned())
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.iter().map(|(name, path)| format!("{name}{path}")).collect()
    }
}

/// The panel of a home's session.
pub(crate) struct Panel {
    bus: Connection,
    items: Items,
}

impl Panel {
    pub(crate) fn open(home: &Home) -> Self {
        let items = Items::default();
        let address = home.bus_address().expect("a panel needs a session");
        let bus = zbus::blocking::connection::Builder::address(address)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(Arc::clone(&items))))
            .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
            .and_then(|builder| builder.build());
        Self { bus: bus.expect("a panel on the session's bus"), items }
    }

    /// The entries of the icon's menu, by their words.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<String> {
        wait::until("the tray icon's menu", || self.layout().filter(|entries| !entries.is_empty()))
            .into_iter()
            .map(|(_, words)| words)
            .collect()
    }

    /// Clicks on the entry called `words`.
    #[track_caller]
    pub(crate) fn click(&self, words: &str) {
        let entries =
            wait::until("the tray icon's menu", || self.layout().filter(|entries| !entries.is_empty()));
        let (id, _) = entries.iter().find(|(_, label)| label == words).expect(words);
        let (name, path) = self.menu().expect("the menu that was just read");
        let event = (*id, "clicked", Value::from(0_i32), 0_u32);
        // An app that ends at the click may not answer it.
        let _ = self.bus.call_method(Some(name.as_str()), path, Some(MENU), "Event", &event);
    }

    fn menu(&self) -> Option<(String, OwnedObjectPath)> {
        let (name, item) = self.items.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()?;
        let asked = (ITEM, "Menu");
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply =
            self.bus.call_method(Some(name.as_str()), item.as_str(), properties, "Get", &asked).ok()?;
        let menu: OwnedValue = reply.body().deserialize().ok()?;
        Some((name, menu.try_into().ok()?))
    }

    fn layout(&self) -> Option<Vec<(i32, String)>> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let (name, path) = self.menu()?;
        let asked = (0_i32, -1_i32, Vec::<&str>::new());
        let reply = self.bus.call_method(Some(name.as_str()), path, Some(MENU), "GetLayout", &asked).ok()?;
        let (_, (_, _, children)): (u32, Node) = reply.body().deserialize().ok()?;
        let entries = children.into_iter().filter_map(|child| {
            let (id, mut facts, _): Node = child.try_into().ok()?;
            // An underscore marks the letter to press.
            let label = String::try_from(facts.remove("label")?).ok()?.replace('_', "");
            Some((id, label))
        });
        Some(entries.collect())
    }
}
