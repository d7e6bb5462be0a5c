//! Metadata that sends the browser to another server's sign-in page: the code made there, with its verifier, would go to whoever
//! published it (RFC 9700 section 4.4). `iss` in the answer tells, and not every server sends it.

use crate::{Error, Hearthkey};
use hearthkey_connectors::discovery::is_page_of_another;
use hearthkey_domain::server::AuthorizationServer;
use url::{Origin, Url};

impl Hearthkey {
    /// The host of the sign-in page that the metadata of `issuer` names, where that is known to be another server's: of a
    /// connector, or of a connection or client in any workspace. A page at the issuer's own origin is its own.
    pub(super) async fn page_of_another(
        &self,
        issuer: &Url,
        server: &AuthorizationServer,
    ) -> Result<Option<String>, Error> {
        let page = &server.authorization_endpoint;
        if page.origin() == issuer.origin() {
            return Ok(None);
        }
        let mut methods = self.catalog.iter().flat_map(|manifest| &manifest.auth);
        let of_connector = methods.any(|method| {
            method.oauth2.as_ref().is_some_and(|oauth| is_page_of_another(oauth, &server.issuer, page))
        });
        if of_connector || self.is_page_of_known(&server.issuer, &page.origin()).await? {
            return Ok(Some(page.host_str().unwrap_or_default().to_owned()));
        }
        Ok(None)
    }

    /// Whether another issuer that is known here has this origin for its own, or for its sign-in page.
    async fn is_page_of_known(&self, issuer: &str, page: &Origin) -> Result<bool, Error> {
        let is_at = |other: &str| Url::parse(other).is_ok_and(|other| other.origin() == *page);
        for row in self.ports.store.workspaces().await? {
            let clients = self.ports.store.clients(row.workspace.id).await?;
            if clients.iter().any(|(client, _)| client.server != issuer && is_at(&client.server)) {
                return Ok(true);
            }
            let connections = self.ports.store.connections(row.workspace.id).await?;
            let mut servers = connections.iter().filter_map(|one| Some(&one.oauth.as_ref()?.server));
            if servers.any(|other| {
                other.issuer != issuer
                    && (is_at(&other.issuer) || other.authorization_endpoint.origin() == *page)
            }) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
