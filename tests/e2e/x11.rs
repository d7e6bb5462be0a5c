//! What a window manager would do: see the app's window, and ask it to close.

use hearthkey_tests::wait;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, MapState, Window};
use x11rb::rust_connection::RustConnection;

/// The screen that the tests run on.
pub(crate) struct Screen {
    connection: RustConnection,
    root: Window,
}

impl Screen {
    pub(crate) fn open() -> Self {
        let (connection, number) = x11rb::connect(None).expect("a display: run these tests with xvfb-run");
        let root = connection.setup().roots[number].root;
        Self { connection, root }
    }

    fn atom(&self, name: &str) -> u32 {
        let reply = self.connection.intern_atom(false, name.as_bytes()).expect("a request");
        reply.reply().expect("an atom").atom
    }

    /// The visible window of process `pid` that is called Hearthkey.
    pub(crate) fn window_of(&self, pid: u32) -> Option<Window> {
        let tree = self.connection.query_tree(self.root).ok()?.reply().ok()?;
        tree.children.into_iter().find(|window| {
            self.is_visible(*window).unwrap_or(false)
                && self.process_of(*window) == Some(pid)
                && self.title_of(*window).as_deref() == Some("Hearthkey")
        })
    }

    fn is_visible(&self, window: Window) -> Option<bool> {
        let attributes = self.connection.get_window_attributes(window).ok()?.reply().ok()?;
        Some(attributes.map_state == MapState::VIEWABLE)
    }

    fn process_of(&self, window: Window) -> Option<u32> {
        let asked =
            self.connection.get_property(false, window, self.atom("_NET_WM_PID"), AtomEnum::CARDINAL, 0, 1);
        asked.ok()?.reply().ok()?.value32()?.next()
    }

    fn title_of(&self, window: Window) -> Option<String> {
        let asked =
            self.connection.get_property(false, window, self.atom("_NET_WM_NAME"), AtomEnum::ANY, 0, 64);
        String::from_utf8(asked.ok()?.reply().ok()?.value).ok()
    }

    /// Waits for the app's window.
    #[track_caller]
    pub(crate) fn wait_window(&self, pid: u32) -> Window {
        wait::until(format_args!("the window of process {pid}"), || self.window_of(pid))
    }

    /// Closes the app's window as its close button does, and waits until it is gone.
    #[track_caller]
    pub(crate) fn close(&self, pid: u32) {
        let window = self.wait_window(pid);
        let data = [self.atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, self.atom("WM_PROTOCOLS"), data);
        let sent = self.connection.send_event(false, window, EventMask::NO_EVENT, event);
        sent.expect("a request").check().expect("the window takes it");
        wait::until_true("the window to close", || self.window_of(pid).is_none());
    }
}
