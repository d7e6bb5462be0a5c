//! What the owning process can be asked to do with itself, when it is the desktop app.

use crate::window;
use hearthkey_domain::authorization::LINK_SCHEME;
use hearthkey_domain::ports::Host;
use tauri::AppHandle;

/// The desktop app: it does not give way, and it has a window.
pub(crate) struct DesktopHost {
    pub(crate) handle: AppHandle,
    /// Whether its profile is the one it opens when the system hands it an address.
    pub(crate) usual: bool,
}

impl Host for DesktopHost {
    fn hand_over(&self) -> Result<(), String> {
        Err("the desktop app keeps its profile; quit it from its tray".to_owned())
    }

    fn show_window(&self) -> Result<(), String> {
        let handle = self.handle.clone();
        let shown = self.handle.run_on_main_thread(move || {
            if let Err(error) = window::open(&handle) {
                tracing::warn!(%error, "the window could not be opened");
            }
        });
        shown.map_err(|error| error.to_string())
    }

    fn receives_links(&self) -> bool {
        self.usual && hearthkey_engine::is_handled(LINK_SCHEME)
    }
}
