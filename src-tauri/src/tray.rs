//! The tray: open the window, quit.

use crate::window;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager};

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Shows the tray icon.
pub(crate) fn show(handle: &AppHandle) -> tauri::Result<()> {
    let open = MenuItem::with_id(handle, OPEN, "Open Hearthkey", true, None::<&str>)?;
    let quit = MenuItem::with_id(handle, QUIT, "Quit", true, None::<&str>)?;
    let mut tray = TrayIconBuilder::with_id("hearthkey")
        .icon(tauri::include_image!("icons/tray.png"))
        .tooltip("Hearthkey")
        .menu(&Menu::with_items(handle, &[&open, &quit])?)
        .show_menu_on_left_click(false)
        .on_menu_event(|handle, event| match event.id().as_ref() {
            QUIT => handle.exit(0),
            _ => open_window(handle),
        })
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                open_window(tray.app_handle());
            }
        });
    // The default is a folder shared with other users.
    if let Ok(cache) = handle.path().app_cache_dir() {
        tray = tray.temp_dir_path(cache.join("tray"));
    }
    tray.build(handle).map(drop)
}

fn open_window(handle: &AppHandle) {
    if let Err(error) = window::open(handle) {
        tracing::warn!(%error, "the window could not be opened");
    }
}
