//! The person's browser.

use crate::environment;
use async_trait::async_trait;
use hearthkey_domain::{egress::is_loopback_literal, ports::Browser};
use url::Url;

/// Opens addresses in the default browser of the session, without a shell in between.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemBrowser;

#[async_trait]
impl Browser for SystemBrowser {
    /// Only `https`, or `http` on a literal loopback address, is opened: other schemes start other programs.
    async fn open(&self, address: &Url) -> Result<(), String> {
        check(address)?;
        // Without a display a text browser would be started where nobody sees it. `BROWSER` names a remote one.
        if !environment::has_display() && environment::var("BROWSER").is_none() {
            return Err("this session has no display to show a browser on".to_owned());
        }
        let address = address.clone();
        tokio::task::spawn_blocking(move || open::that_detached(address.as_str()))
            .await
            .map_err(|_| "the browser could not be started".to_owned())?
            .map_err(|error| format!("no browser could be started ({})", error.kind()))
    }

    fn is_here(&self) -> bool {
        environment::has_browser()
    }
}

fn check(address: &Url) -> Result<(), String> {
    match address.scheme() {
        "https" if address.has_host() => Ok(()),
        "http" if is_loopback_literal(address) => Ok(()),
        scheme => Err(format!("an address with the scheme {scheme:?} is not opened in a browser")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_opened() {
        for (address, opened) in [
            ("https://github.com/login/oauth/authorize?state=x", true),
            ("http://127.0.0.1:47100/authorize", true),
            ("http://[::1]:47100/authorize", true),
            ("http://localhost:47100/authorize", false),
            ("http://example.com/", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("app.hearthkey:/oauth/callback?code=x", false),
            ("smb://host/share", false),
        ] {
            assert_eq!(check(&Url::parse(address).unwrap()).is_ok(), opened, "{address}");
        }
    }
}
