//! The app's own addresses: taking what the system hands over, and being registered for them.
//!
//! They go to the operation for them and nowhere else; no window may listen to the plugin's events.

use crate::desk::Desk;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::LINK_SCHEME;
use tauri::{AppHandle, Manager};
use tauri_plugin_deep_link::DeepLinkExt;
use url::Url;

/// Takes addresses from now on, and those the app was started with where they are no argument.
pub(crate) fn take(handle: &AppHandle) {
    let opened = handle.clone();
    handle.deep_link().on_open_url(move |event| hand_over(&opened, event.urls()));
    // Elsewhere it is the argument, as it was written.
    if cfg!(target_os = "macos")
        && let Ok(Some(urls)) = handle.deep_link().get_current()
    {
        hand_over(handle, urls);
    }
}

fn hand_over(handle: &AppHandle, urls: Vec<Url>) {
    for url in urls {
        handle.state::<Desk>().take_link(Secret::new(url.as_str()));
    }
    let handle = handle.clone();
    tauri::async_runtime::spawn(async move { handle.state::<Desk>().deliver_links().await });
}

/// Has the system hand the app's addresses to this program, unless one that is there has them already. In a thread of its own:
/// other programs are asked to do it.
pub(crate) fn register(handle: &AppHandle) {
    let handle = handle.clone();
    std::thread::spawn(move || {
        if cfg!(target_os = "macos")
            || (cfg!(target_os = "linux") && hearthkey_engine::is_handled(LINK_SCHEME))
        {
            return;
        }
        if let Err(error) = handle.deep_link().register(LINK_SCHEME) {
            tracing::info!(%error, "sign-ins that return to the app are not possible");
        }
    });
}
