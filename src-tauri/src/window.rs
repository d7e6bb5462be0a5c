//! The one window. Closing it gives its memory back; the process goes on in the tray.

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder};

/// The window's name, as in the capabilities.
pub(crate) const MAIN: &str = "main";

/// Brings the window to the front, opening it if it is closed.
pub(crate) fn open(handle: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = handle.get_webview_window(MAIN) {
        window.unminimize()?;
        window.show()?;
        return window.set_focus();
    }
    WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::default())
        .title("Hearthkey")
        .inner_size(1240.0, 800.0)
        .min_inner_size(640.0, 480.0)
        // Links are opened by an operation, in the person's browser. This window shows the app and nothing else.
        .on_navigation(|url| matches!(url.scheme(), "tauri") || url.host_str() == Some("tauri.localhost"))
        .disable_drag_drop_handler()
        .build()?;
    Ok(())
}
