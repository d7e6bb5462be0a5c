//! The requests that Hearthkey writes itself: revocation (RFC 7009) and the polls of the device grant (RFC 8628).

use super::{ActingClient, TokenFailure};
use crate::Hearthkey;
use crate::outgoing::{CALL_TIMEOUT, SMALL_REPLY};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use hearthkey_domain::Secret;
use hearthkey_domain::server::ClientAuthentication;
use http::{Request, header};
use url::{Url, form_urlencoded};

impl ActingClient {
    /// A revocation request (RFC 7009 section 2.1).
    fn revocation(&self, endpoint: &Url, token: &Secret, type_hint: &str) -> http::Result<Request<Bytes>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.expose()).append_pair("token_type_hint", type_hint);
        self.form_request(endpoint, form)
    }

    /// A token request of the device grant (RFC 8628 section 3.4).
    pub(super) fn device_poll(&self, device_code: &Secret) -> http::Result<Request<Bytes>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        form.append_pair("device_code", device_code.expose());
        self.form_request(&self.server.token_endpoint, form)
    }

    /// A request to an endpoint at which the client authenticates (RFC 6749 section 2.3.1).
    fn form_request(
        &self,
        endpoint: &Url,
        mut form: form_urlencoded::Serializer<'_, String>,
    ) -> http::Result<Request<Bytes>> {
        let mut request = Request::post(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        match (self.secret_for(endpoint), self.server.client_authentication) {
            (Some(secret), ClientAuthentication::ClientSecretBasic) => {
                let pair = STANDARD.encode(self.pair(secret));
                request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
            }
            (Some(secret), ClientAuthentication::ClientSecretPost) => {
                form.append_pair("client_id", &self.client_id).append_pair("client_secret", secret.expose());
            }
            (None, _) => {
                form.append_pair("client_id", &self.client_id);
            }
        }
        request.body(Bytes::from(form.finish()))
    }

    fn pair(&self, secret: &Secret) -> String {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        format!("{}:{}", encode(&self.client_id), encode(secret.expose()))
    }

    /// What the client authenticates with in a header, as a server that echoes may write it.
    pub(super) fn credentials_pair(&self) -> Option<Secret> {
        let secret = self.client_secret.as_ref()?;
        Some(Secret::new(STANDARD_NO_PAD.encode(self.pair(secret))))
    }
}

impl Hearthkey {
    /// Revokes a token (RFC 7009).
    pub(crate) async fn revoke_token(
        &self,
        client: &ActingClient,
        endpoint: &Url,
        token: &Secret,
        type_hint: &str,
    ) -> Result<(), TokenFailure> {
        let request = client
            .revocation(endpoint, token, type_hint)
            .map_err(|_| TokenFailure::Malformed("a revocation endpoint that can be called"))?;
        let reply = self
            .send(request, &client.policy, CALL_TIMEOUT, SMALL_REPLY)
            .await
            .map_err(TokenFailure::Http)?;
        let status = reply.status();
        match client.dialect.refused(status, reply.body()) {
            Some(code) => Err(TokenFailure::Refused(client.refusal(status, (&code, None), &[token], None))),
            None if status.is_success() => Ok(()),
            None => Err(TokenFailure::Status(status, None)),
        }
    }
}
