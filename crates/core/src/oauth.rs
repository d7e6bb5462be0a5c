//! OAuth 2.0 on the wire: authorization requests with PKCE (RFC 7636), token requests, revocation (RFC 7009).
//!
//! The only module that names the `oauth2` crate. Replies are brought into the shape of RFC 6749 before that crate reads them.

use crate::outgoing::{CALL_TIMEOUT, SMALL_REPLY, TOKEN_TIMEOUT};
use crate::{Error, Hearthkey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::ProviderError;
use hearthkey_domain::credential::TokenSet;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ports::HttpError;
use hearthkey_domain::server::{AuthorizationServer, ClientAuthentication};
use http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::sync::Mutex;
use url::{Url, form_urlencoded};

/// A client as it speaks to one authorization server.
pub(crate) struct ActingClient {
    pub(crate) server: AuthorizationServer,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    /// Where its token requests may go.
    pub(crate) policy: EgressPolicy,
}

/// Why a token request brought no tokens.
#[derive(Debug)]
pub(crate) enum TokenFailure {
    /// The server's own error (RFC 6749 section 5.2).
    Refused(ProviderError),
    /// A status that says nothing about the request: the server's trouble, or too many requests.
    Status(StatusCode),
    /// Not a token response.
    Malformed(&'static str),
    /// No reply.
    Http(HttpError),
}

impl TokenFailure {
    /// Whether the grant itself is over, so that only the person can help.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(error) if matches!(error.code.as_str(), "invalid_grant" | "bad_refresh_token"))
    }

    /// Why a grant is over, in the server's words where it has some.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Refused(ProviderError { code, description: Some(words) }) => {
                format!("{} ({code})", words.trim().trim_end_matches('.'))
            }
            Self::Refused(ProviderError { code, .. }) => {
                format!("it was revoked, or its time ran out ({code})")
            }
            _ => "it did not say why".to_owned(),
        }
    }

    pub(crate) fn into_error(self, connector: &str) -> Error {
        let connector = connector.to_owned();
        match self {
            Self::Refused(error) => Error::Provider { connector, error },
            Self::Status(StatusCode::TOO_MANY_REQUESTS) => Error::RateLimited { connector, until: None },
            Self::Status(status) => Error::ProviderTrouble { connector, status: status.as_u16() },
            Self::Malformed(expected) => Error::Malformed { connector, expected: expected.to_owned() },
            Self::Http(error) => Error::Http(error),
        }
    }
}

/// `state` or a `code_verifier`: 32 random bytes as 43 characters (RFC 7636 section 4.1).
pub(crate) fn unguessable(random: [u8; 32]) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random))
}

/// The digest under which a `state` is stored and found.
pub(crate) fn state_digest(state: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(state.expose()))
}

type WiredClient = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl ActingClient {
    fn wired(&self) -> WiredClient {
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.server.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(self.server.token_endpoint.clone()))
            .set_auth_type(match self.server.client_authentication {
                ClientAuthentication::ClientSecretBasic => AuthType::BasicAuth,
                ClientAuthentication::ClientSecretPost => AuthType::RequestBody,
            });
        match &self.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    /// The address the browser is sent to.
    pub(crate) fn authorization_address<'a>(
        &self,
        redirect: &Url,
        state: &Secret,
        verifier: &Secret,
        scopes: &[String],
        further: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Url {
        let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
        let state = state.expose().to_owned();
        let client = self.wired().set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(scopes.iter().cloned().map(Scope::new));
        for (name, value) in further {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        request.url().0
    }
}

impl ActingClient {
    /// A revocation request (RFC 7009 section 2.1).
    fn revocation(&self, endpoint: &Url, token: &Secret, type_hint: &str) -> http::Result<Request<Bytes>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.expose()).append_pair("token_type_hint", type_hint);
        let mut request = Request::post(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        match (&self.client_secret, self.server.client_authentication) {
            (Some(secret), ClientAuthentication::ClientSecretBasic) => {
                let encode =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encode(&self.client_id), encode(secret.expose()));
                request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
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
}

impl Hearthkey {
    /// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    pub(crate) async fn exchange_code(
        &self,
        client: &ActingClient,
        code: &Secret,
        verifier: &Secret,
        redirect: &Url,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let carrier = Carrier::new(self, client);
        let wired = client.wired().set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let reply = wired
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()))
            .request_async(&carrier)
            .await;
        carrier.tokens(reply, asked)
    }

    /// Refreshes (RFC 6749 section 6).
    pub(crate) async fn exchange_refresh(
        &self,
        client: &ActingClient,
        refresh_token: &Secret,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let carrier = Carrier::new(self, client);
        let reply = client
            .wired()
            .exchange_refresh_token(&RefreshToken::new(refresh_token.expose().to_owned()))
            .request_async(&carrier)
            .await;
        carrier.tokens(reply, asked)
    }

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
        if reply.status().is_success() { Ok(()) } else { Err(TokenFailure::Status(reply.status())) }
    }
}

/// Carries one token request of the `oauth2` crate through the HTTP port, and remembers what that crate's errors forget.
struct Carrier<'a> {
    app: &'a Hearthkey,
    client: &'a ActingClient,
    status: Mutex<Option<StatusCode>>,
}

impl<'a> Carrier<'a> {
    fn new(app: &'a Hearthkey, client: &'a ActingClient) -> Self {
        Self { app, client, status: Mutex::new(None) }
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        if let Some(value) = parts.headers.get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        let request = Request::from_parts(parts, Bytes::from(body));
        let reply = self.app.send(request, &self.client.policy, TOKEN_TIMEOUT, SMALL_REPLY).await?;
        *self.status.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reply.status());
        let (parts, body) = reply.into_parts();
        Ok(normalize(parts, &body))
    }

    fn tokens(
        self,
        reply: Result<BasicTokenResponse, RequestTokenError<HttpError, BasicErrorResponse>>,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let status = self.status.into_inner().ok().flatten().unwrap_or_default();
        let passing = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
        if passing {
            return Err(TokenFailure::Status(status));
        }
        match reply {
            Ok(tokens) if *tokens.token_type() == BasicTokenType::Bearer => {
                Ok(token_set(&tokens, asked, self.app.now()))
            }
            Ok(_) => Err(TokenFailure::Malformed("a bearer token")),
            Err(RequestTokenError::ServerResponse(error)) => Err(TokenFailure::Refused(ProviderError::new(
                error.error().as_ref(),
                error.error_description().map(String::as_str),
            ))),
            Err(RequestTokenError::Request(error)) => Err(TokenFailure::Http(error)),
            Err(_) => Err(TokenFailure::Malformed("a token response (RFC 6749 section 5.1)")),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

/// Brings a reply into the shape of RFC 6749: an `error` under status 200 is a refusal, `expires_in` is a whole number, scopes are
/// a text separated by spaces, the type is a bearer's where none is named. What is optional and cannot be read is left out: it
/// must not cost the tokens beside it.
fn normalize(mut parts: http::response::Parts, body: &[u8]) -> HttpResponse {
    let Ok(Value::Object(mut reply)) = serde_json::from_slice(body) else {
        return http::Response::from_parts(parts, body.to_vec());
    };
    if parts.status.is_success() && reply.get("error").is_some_and(Value::is_string) {
        parts.status = StatusCode::BAD_REQUEST;
    }
    if parts.status.is_success() {
        let seconds = reply.remove("expires_in").and_then(|value| whole_seconds(&value));
        reply.extend(seconds.map(|seconds| ("expires_in".to_owned(), seconds.into())));
        let scopes = reply.remove("scope").and_then(|value| scope_text(&value));
        reply.extend(scopes.map(|scopes| ("scope".to_owned(), scopes.into())));
        if !reply.get("refresh_token").is_some_and(Value::is_string) {
            reply.remove("refresh_token");
        }
        if !reply.get("token_type").is_some_and(Value::is_string) {
            reply.insert("token_type".to_owned(), "bearer".into());
        }
    }
    // The reply is JSON, whatever its label says.
    parts.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    let bytes = serde_json::to_vec(&reply).unwrap_or_else(|_| body.to_vec());
    http::Response::from_parts(parts, bytes)
}

fn whole_seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // A cast of a float saturates; what is not above zero says nothing.
    (seconds > 0.0).then_some(seconds as u64)
}

fn scope_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.replace(',', " ")),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

fn token_set(tokens: &BasicTokenResponse, asked: &[String], now: Timestamp) -> TokenSet {
    let granted = tokens.scopes().map(|scopes| {
        scopes.iter().map(|scope| scope.to_string()).filter(|scope| !scope.is_empty()).collect::<Vec<_>>()
    });
    let life = tokens.expires_in().and_then(|life| SignedDuration::try_from(life).ok());
    TokenSet {
        access_token: Secret::new(tokens.access_token().secret().as_str()),
        refresh_token: tokens.refresh_token().map(|token| Secret::new(token.secret().as_str())),
        expires_at: life.and_then(|life| now.checked_add(life).ok()),
        scopes: granted.unwrap_or_else(|| asked.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = PkceCodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        assert_eq!(challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(unguessable([0; 32]).expose().len(), 43);
    }

    #[test]
    fn replies_are_brought_into_the_shape_of_the_rfc() {
        let read = |body: serde_json::Value| {
            let parts = http::Response::new(()).into_parts().0;
            let reply = normalize(parts, body.to_string().as_bytes());
            let body: serde_json::Value = serde_json::from_slice(reply.body()).unwrap();
            (reply.status().as_u16(), body)
        };
        assert_eq!(read(json!({ "error": "bad_refresh_token" })).0, 400);
        for (expires_in, seconds) in [
            (json!(60), json!(60)),
            (json!("60"), json!(60)),
            (json!(3600.0), json!(3600)),
            (json!("soon"), Value::Null),
            (json!(-1), Value::Null),
            (Value::Null, Value::Null),
        ] {
            let (status, body) = read(json!({ "access_token": "a", "expires_in": expires_in }));
            assert_eq!((status, &body["expires_in"], &body["token_type"]), (200, &seconds, &json!("bearer")));
        }
        for (scope, text) in
            [(json!("a,b"), json!("a b")), (json!(["a", "b"]), json!("a b")), (json!(7), Value::Null)]
        {
            assert_eq!(read(json!({ "access_token": "a", "scope": scope })).1["scope"], text);
        }
        assert!(read(json!({ "access_token": "a", "refresh_token": null })).1.get("refresh_token").is_none());
    }
}
