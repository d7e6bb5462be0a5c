//! What is asked of the process itself: to give way, to come to the front, to open a link.

use crate::{Error, Hearthkey};
use hearthkey_connectors::Manifest;
use url::Url;

impl Hearthkey {
    /// Asks this process to end in favour of the desktop app.
    ///
    /// # Errors
    /// When it is the desktop app.
    pub fn hand_over(&self) -> Result<(), Error> {
        self.ports.host.hand_over().map_err(|reason| Error::Declined { reason })
    }

    /// Brings the window to the front.
    ///
    /// # Errors
    /// When there is none.
    pub fn show_window(&self) -> Result<(), Error> {
        self.ports.host.show_window().map_err(|reason| Error::Declined { reason })
    }

    /// Opens one of the catalog's links in the browser. Others are refused: the window shows what providers write.
    ///
    /// # Errors
    /// When the catalog has no such link, or no browser could be started.
    pub async fn open_link(&self, link: &str) -> Result<(), Error> {
        let known = |manifest: &Manifest| {
            let steps = manifest.auth.iter().flat_map(|method| &method.steps);
            let links = steps.filter_map(|step| step.link.as_ref().map(|link| &link.url));
            let consoles =
                manifest.auth.iter().filter_map(|method| method.oauth2.as_ref()?.client.console.as_ref());
            links.chain(consoles).chain(&manifest.website).find(|url| url.as_str() == link).cloned()
        };
        let url: Url = self.catalog.iter().find_map(known).ok_or_else(|| Error::Input {
            field: "url".into(),
            expected: "a link of one of the services was expected".into(),
        })?;
        self.ports.browser.open(&url).await.map_err(|reason| Error::Declined { reason })
    }
}
