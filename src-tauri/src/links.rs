//! The app's own addresses: taking what the system hands over, and being registered for them.
//!
//! They go to the operation for them and nowhere else; no window may listen to the plugin's events.

use crate::desk::Desk;
use hearthkey_api::Hearthkey;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::LINK_SCHEME;
use std::collections::VecDeque;
use tauri::{AppHandle, Manager};
use tauri_plugin_deep_link::DeepLinkExt;
use url::Url;

/// How many addresses wait at most.
const MOST_LINKS: usize = 8;

/// Addresses that wait until the profile is owned. Any page can have some opened: what cannot be a return is not kept, and
/// the newest stay, for the one that a sign-in ends with comes last.
#[derive(Default)]
pub(crate) struct Waiting(VecDeque<Secret>);

impl Waiting {
    /// Keeps an address that may be a return.
    pub(crate) fn keep(&mut self, address: Secret) {
        if !Hearthkey::can_be_answer(&address) {
            tracing::debug!("an address was no answer of a sign-in");
            return;
        }
        if self.0.len() >= MOST_LINKS {
            self.0.pop_front();
        }
        self.0.push_back(address);
    }

    /// Takes the oldest.
    pub(crate) fn take(&mut self) -> Option<Secret> {
        self.0.pop_front()
    }

    /// Puts the oldest back, unless newer ones need its place.
    pub(crate) fn put_back(&mut self, address: Secret) {
        if self.0.len() < MOST_LINKS {
            self.0.push_front(address);
        }
    }
}

impl IntoIterator for Waiting {
    type Item = Secret;
    type IntoIter = std::collections::vec_deque::IntoIter<Secret>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(addresses: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut waiting = Waiting::default();
        addresses.into_iter().for_each(|address| waiting.keep(Secret::new(address)));
        waiting.into_iter().map(|address| address.expose().to_owned()).collect()
    }

    #[test]
    fn what_cannot_be_a_return_takes_nobodys_place() {
        let real = "app.hearthkey:/oauth/callback?code=c&state=s".to_owned();
        let junk = (0..20).map(|number| format!("app.hearthkey:/anything?{number}"));
        assert_eq!(kept(junk.clone().chain([real.clone()]).chain(junk)), [real]);
    }

    #[test]
    fn the_newest_stay() {
        let one = |number: usize| format!("app.hearthkey:/oauth/callback?code=c&state={number}");
        assert_eq!(kept((0..9).map(one)), (1..9).map(one).collect::<Vec<_>>());
        let mut waiting = Waiting::default();
        waiting.keep(Secret::new(one(0)));
        let oldest = waiting.take().expect("an address");
        (1..9).for_each(|number| waiting.keep(Secret::new(one(number))));
        waiting.put_back(oldest);
        assert_eq!(waiting.take().expect("an address").expose(), one(1));
    }
}
