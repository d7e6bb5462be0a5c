//! Trying a client out: an authorization request that nobody goes on with.

use super::{ClientReport, Judgement, users};
use crate::oauth::{self, ActingClient, Dialect};
use crate::outgoing::{CALL_TIMEOUT, SMALL_REPLY};
use crate::{Caller, Error, Hearthkey};
use bytes::Bytes;
use hearthkey_connectors::client_check::judge;
use hearthkey_connectors::manifest::OAuth2;
use hearthkey_domain::authorization::Strategy;
use hearthkey_domain::egress::EgressPolicy;
use http::{Request, header};
use std::collections::BTreeMap;
use url::Url;

impl Hearthkey {
    /// Asks a service whether it knows a kept client and its redirect: an authorization request that nobody goes on with. The
    /// secret is not sent.
    ///
    /// # Errors
    /// When the client is not known, nothing has to be registered for it, or the service cannot be reached.
    pub async fn check_client(
        &self,
        caller: &Caller,
        name: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<ClientReport, Error> {
        let workspace = self.workspace_id(caller).await?;
        let client = self.find_client(workspace, name).await?;
        // Answers that an earlier connection of this client gave need not be given again.
        let connections = self.ports.store.connections(workspace).await?;
        let mut known = users(&connections, client.id).next().map(|c| c.values.clone()).unwrap_or_default();
        known.extend(values.clone());
        let method = self
            .catalog
            .get(&client.connector)
            .and_then(|manifest| manifest.auth.iter().find(|m| m.oauth2.is_some()));
        let answers = method.map(|method| method.answers(&known)).unwrap_or_default();
        let (manifest, oauth, discovered) = self.client_place(&client.connector, None, &answers).await?;
        let bounce = self.bounce().await?;
        let (strategy, register) =
            oauth.redirects(bounce.as_ref()).next().ok_or_else(|| Error::Declined {
                reason: format!("{} has no redirect that could be tried from here", manifest.name),
            })?;
        let redirect = self.sample_redirect(strategy, oauth, &register)?;
        // Into a private network only to the address that a person typed.
        let page = &discovered.server.authorization_endpoint;
        let typed = oauth.discover.as_ref().filter(|address| address.is_typed());
        let issuer = typed.and_then(|address| address.resolve(&answers));
        let private = issuer.is_some_and(|issuer| issuer.origin() == page.origin());
        let policy = EgressPolicy::new([page], private)
            .map_err(|e| Error::Input { field: "values".into(), expected: e.to_string() })?;
        let asked = oauth.scopes.iter().filter(|scope| !scope.optional).map(|scope| scope.name.clone());
        let scopes = discovered.offered(asked.collect());
        let server = discovered.server;
        let acting = ActingClient {
            server,
            client_id: client.client_id,
            client_secret: None,
            policy,
            dialect: Dialect::of(Some(oauth)),
        };
        let (state, verifier) = (oauth::unguessable(self.random()), oauth::unguessable(self.random()));
        let address = acting.authorization_address(
            &redirect,
            &state,
            &verifier,
            &scopes,
            oauth.authorize_parameters.iter(),
        );
        let request = Request::get(address.as_str())
            .header(header::ACCEPT, "text/html")
            .body(Bytes::new())
            .map_err(|_| Error::Internal("an address could not be turned into a request"))?;
        let reply = self.send(request, &acting.policy, CALL_TIMEOUT, SMALL_REPLY).await;
        let judgement = match reply {
            Ok(reply) => {
                let location = reply.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
                judge(reply.status().as_u16(), location, reply.body())
            }
            // A page that large is no error page.
            Err(hearthkey_domain::ports::HttpError::TooLarge { .. }) => Judgement::Unclear,
            Err(error) => return Err(error.into()),
        };
        let console = oauth.client.console.clone();
        Ok(ClientReport {
            judgement,
            service: manifest.name.clone(),
            redirect: redirect.into(),
            register,
            console,
        })
    }

    /// A redirect as a flow would have it: with a port, where any will do.
    fn sample_redirect(&self, strategy: Strategy, oauth: &OAuth2, register: &str) -> Result<Url, Error> {
        let malformed = |_| Error::Internal("a redirect is malformed");
        let mut redirect = Url::parse(register).map_err(malformed)?;
        if strategy == Strategy::Loopback && oauth.loopback.is_none_or(|at| at.port.is_none()) {
            let [high, low]: [u8; 2] = self.random();
            // Of the range for ports that nobody has reserved.
            let _ = redirect.set_port(Some(0xC000 | u16::from_be_bytes([high, low])));
        }
        Ok(redirect)
    }
}
