//! A sign-in that a service ended, told on the desktop: the test is the session's notification service, and chooses the button.

use crate::desktop::Desk;
use hearthkey_tests::browse::{self, ANNA};
use hearthkey_tests::{SandboxProcess, wait};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use zbus::blocking::Connection;
use zbus::zvariant::OwnedValue;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// What a service of the Desktop Notifications Specification was asked: to show (title, body, buttons), or to take back.
#[derive(Default)]
struct Asked {
    shown: Vec<(String, String, Vec<String>)>,
    closed: Vec<u32>,
}

struct Service(Arc<Mutex<Asked>>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    fn get_capabilities(&self) -> Vec<String> {
        vec!["actions".to_owned(), "body".to_owned()]
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's method has eight")]
    fn notify(
        &self,
        _app: &str,
        _replaces: u32,
        _icon: &str,
        title: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expires: i32,
    ) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shown.push((title, body, actions));
        1
    }

    fn close_notification(&self, id: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed.push(id);
    }
}

#[test]
fn the_button_of_a_notice_signs_in_again() {
    let (desk, sandbox) = (Desk::new(), SandboxProcess::start(&[]));
    let asked = Arc::<Mutex<Asked>>::default();
    let bus: Connection =
        zbus::blocking::connection::Builder::address(desk.home.bus_address().expect("a session"))
            .and_then(|builder| builder.serve_at(PATH, Service(Arc::clone(&asked))))
            .and_then(|builder| builder.name(NAME))
            .and_then(|builder| builder.build())
            .expect("a notification service");
    let app = desk.start();
    wait::until_true("the app to own the profile", || desk.home.owner() == Some(app.id()));
    sandbox.connect(&desk.home, "Work", ANNA);
    let before = desk.home.cli(["show", "Work", "--json"]).ok().json()["connection"]["id"].clone();

    // A program on this computer meets the end of the sign-in; its person is told.
    sandbox.control().revoke_grants();
    let _ = desk.home.cli(["request", "Work", "/api/profile"]).with_code(6);
    let (title, body, buttons) = wait::until("a notice", || {
        asked.lock().unwrap_or_else(PoisonError::into_inner).shown.first().cloned()
    });
    assert_eq!(title, "Work needs you");
    assert!(body.starts_with("Sandbox ended the sign-in of Work"), "{body}");
    assert_eq!(buttons, ["default", "Reconnect", "act", "Reconnect"]);

    bus.emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &(1u32, "act")).expect("a signal");
    let page = browse::approve(&desk.opened(0), ANNA);
    assert_eq!(page.status, 200, "{}", page.text());
    let mended = desk.home.cli(["show", "Work", "--json"]).ok().json()["connection"].clone();
    assert_eq!((&mended["status"], &mended["id"]), (&"active".into(), &before));
    assert_eq!(asked.lock().unwrap_or_else(PoisonError::into_inner).shown.len(), 1);
}
