//! The tray: open the window, lock, quit. Its menu says when Hearthkey is locked, and whether the background works on.

use crate::desk::Desk;
use crate::window;
use hearthkey_api::views::{AppStatus, VaultWord};
use hearthkey_api::{Caller, Hearthkey, Problem, table};
use hearthkey_domain::activity::Door;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry};

const ICON: &str = "hearthkey";
const STATE: &str = "state";
const OPEN: &str = "open";
const LOCK: &str = "lock";
const QUIT: &str = "quit";

/// Before a profile that could not be opened is asked for again.
const AGAIN: Duration = Duration::from_secs(3);

/// What the menu says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    /// There is nothing to lock: no vault yet, or nothing known of it.
    Bare,
    /// It can be locked.
    Unlocked,
    /// It is locked.
    Locked { working: bool },
}

impl From<&AppStatus> for Face {
    fn from(status: &AppStatus) -> Self {
        match status.vault.state {
            VaultWord::Locked => Self::Locked { working: status.vault.working },
            _ if status.workspace.is_none() => Self::Bare,
            _ => Self::Unlocked,
        }
    }
}

impl Face {
    fn menu(self, handle: &AppHandle) -> tauri::Result<Menu<Wry>> {
        let menu = Menu::new(handle)?;
        let entry = |id, words, enabled| MenuItem::with_id(handle, id, words, enabled, None::<&str>);
        if let Self::Locked { working } = self {
            let words = if working { "Locked; background work goes on" } else { "Locked" };
            menu.append(&entry(STATE, words, false)?)?;
        }
        menu.append(&entry(OPEN, "Open Hearthkey", true)?)?;
        if self == Self::Unlocked {
            menu.append(&entry(LOCK, "Lock", true)?)?;
        }
        menu.append(&entry(QUIT, "Quit", true)?)?;
        Ok(menu)
    }

    fn tooltip(self) -> &'static str {
        match self {
            Self::Locked { .. } => "Hearthkey is locked",
            Self::Bare | Self::Unlocked => "Hearthkey",
        }
    }

    /// Puts itself into the tray.
    fn put_on(self, handle: &AppHandle) -> tauri::Result<()> {
        let Some(tray) = handle.tray_by_id(ICON) else { return Ok(()) };
        tray.set_menu(Some(self.menu(handle)?))?;
        tray.set_tooltip(Some(self.tooltip()))
    }
}

/// Shows the tray icon.
pub(crate) fn show(handle: &AppHandle) -> tauri::Result<()> {
    let mut tray = TrayIconBuilder::with_id(ICON)
        .icon(tauri::include_image!("icons/tray.png"))
        .tooltip(Face::Bare.tooltip())
        .menu(&Face::Bare.menu(handle)?)
        .show_menu_on_left_click(false)
        .on_menu_event(|handle, event| match event.id().as_ref() {
            QUIT => handle.exit(0),
            LOCK => lock(handle),
            OPEN => open_window(handle),
            _ => {}
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
    tray.build(handle)?;
    tauri::async_runtime::spawn(follow(handle.clone()));
    Ok(())
}

/// Keeps the menu at what the app's state says. What keeps the profile from being opened is the window's to tell.
async fn follow(handle: AppHandle) {
    let mut tries = tokio::time::interval(AGAIN);
    let app = loop {
        tries.tick().await;
        if let Ok(app) = handle.state::<Desk>().app().await {
            break app;
        }
    };
    let mut changes = app.watch_changes();
    let mut shown = Face::Bare;
    // It begins with a change of everything.
    while changes.next().await.is_some() {
        let face = match call("app.status", Arc::clone(&app)).await.map(serde_json::from_value::<AppStatus>) {
            Ok(Ok(status)) => Face::from(&status),
            Ok(Err(_)) | Err(_) => continue,
        };
        if face == shown {
            continue;
        }
        shown = face;
        let tray = handle.clone();
        let put = handle.run_on_main_thread(move || {
            if let Err(error) = face.put_on(&tray) {
                tracing::warn!(%error, "the tray's menu could not be changed");
            }
        });
        if put.is_err() {
            return;
        }
    }
}

fn lock(handle: &AppHandle) {
    let handle = handle.clone();
    tauri::async_runtime::spawn(async move {
        let locked = match handle.state::<Desk>().app().await {
            Ok(app) => call("vault.lock", app).await,
            Err(problem) => Err(problem),
        };
        if let Err(problem) = locked {
            tracing::warn!(%problem, "it could not be locked from the tray");
        }
    });
}

/// Calls an operation without input, as the person at this desktop.
async fn call(name: &str, app: Arc<Hearthkey>) -> Result<Value, Problem> {
    let caller = Caller { door: Door::Desktop, program: None, workspace: None };
    table::call(name, |_| true, b"{}", app, caller).await
}

fn open_window(handle: &AppHandle) {
    if let Err(error) = window::open(handle) {
        tracing::warn!(%error, "the window could not be opened");
    }
}
