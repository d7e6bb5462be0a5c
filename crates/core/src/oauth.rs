//! OAuth 2.0 on the wire: authorization requests with PKCE (RFC 7636), token requests, the device grant (RFC 8628).
//!
//! The only module that names the `oauth2` crate. Replies are brought into the shape of RFC 6749 before that crate reads them.

mod dialect;
mod failure;
mod forms;
mod signature;

use crate::Hearthkey;
use crate::outgoing::{SMALL_REPLY, TOKEN_TIMEOUT, retry_after};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
pub(crate) use dialect::Dialect;
pub(crate) use failure::{Refusal, TokenFailure};
use hearthkey_connectors::manifest::ScopeSeparator;
use hearthkey_domain::Secret;
use hearthkey_domain::authorization::DeviceGrant;
use hearthkey_domain::credential::TokenSet;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ports::HttpError;
use hearthkey_domain::server::{AuthorizationServer, ClientAuthentication};
use http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    DeviceAuthorizationResponse, DeviceAuthorizationUrl, EmptyExtraDeviceAuthorizationFields, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use sha2::{Digest, Sha256};
pub(crate) use signature::check_return;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use url::Url;

/// A client as it speaks to one authorization server.
pub(crate) struct ActingClient {
    pub(crate) server: AuthorizationServer,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    /// Where its token requests may go.
    pub(crate) policy: EgressPolicy,
    /// How the service departs from the RFCs.
    pub(crate) dialect: Dialect,
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
    /// The secret, where it may go to an endpoint: to the origin of the token endpoint, and to what the manifest itself names.
    /// What else a server publishes is asked without it.
    fn secret_for(&self, endpoint: &Url) -> Option<&Secret> {
        let own = endpoint.origin() == self.server.token_endpoint.origin();
        self.client_secret.as_ref().filter(|_| own || self.dialect.names(endpoint))
    }

    fn wired(&self) -> WiredClient {
        self.wired_for(&self.server.token_endpoint)
    }

    fn wired_for(&self, endpoint: &Url) -> WiredClient {
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.server.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(self.server.token_endpoint.clone()))
            .set_auth_type(match self.server.client_authentication {
                ClientAuthentication::ClientSecretBasic => AuthType::BasicAuth,
                ClientAuthentication::ClientSecretPost => AuthType::RequestBody,
            });
        match self.secret_for(endpoint) {
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
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let Dialect { scope_separator, scope_parameter, .. } = &self.dialect;
        if *scope_separator == ScopeSeparator::Space && scope_parameter.is_none() {
            request = request.add_scopes(scopes.iter().cloned().map(Scope::new));
        } else if !scopes.is_empty() {
            let parameter = scope_parameter.clone().unwrap_or_else(|| "scope".to_owned());
            request = request.add_extra_param(parameter, scopes.join(scope_separator.text()));
        }
        for (name, value) in further {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        request.url().0
    }
}

/// The beginning of a device grant (RFC 8628 section 3.2).
pub(crate) struct DeviceCodes {
    pub(crate) device_code: Secret,
    pub(crate) grant: DeviceGrant,
    /// How long the codes live.
    pub(crate) life: SignedDuration,
}

/// The longest life of a device code that is believed.
const DEVICE_LIFE_MAX: Duration = Duration::from_secs(60 * 60);

/// The device grant (RFC 8628).
impl Hearthkey {
    /// Asks for the codes of a device (section 3.1). The addresses in the reply are for a browser: https, or this computer.
    pub(crate) async fn request_device_codes(
        &self,
        client: &mut ActingClient,
        scopes: &[String],
    ) -> Result<DeviceCodes, TokenFailure> {
        let expected = "a device authorization response (RFC 8628 section 3.2)";
        let malformed = || TokenFailure::Malformed(expected);
        let endpoint = client.server.device_authorization_endpoint.clone().ok_or_else(malformed)?;
        // This one request goes to this one place, where no token ever goes: into a private network only where tokens may as well.
        let private = client.policy.allows_private() && client.policy.check(&endpoint).is_ok();
        let policy = EgressPolicy::new([&endpoint], private).map_err(|_| malformed())?;
        let policy = std::mem::replace(&mut client.policy, policy);
        let carrier = Carrier::new(self, client, vec![]);
        let wired = client
            .wired_for(&endpoint)
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint));
        let asked = wired.exchange_device_code().add_scopes(scopes.iter().cloned().map(Scope::new));
        let reply: Result<DeviceAuthorizationResponse<EmptyExtraDeviceAuthorizationFields>, _> =
            asked.request_async(&carrier).await;
        let codes = carrier.judged(reply, expected);
        client.policy = policy;
        let codes = codes?;
        let address = |text: &str| {
            let address = Url::parse(text).ok().filter(|url| EgressPolicy::new([url], false).is_ok());
            address.ok_or_else(malformed)
        };
        let user_code = codes.user_code().secret();
        if user_code.is_empty() || user_code.len() > 64 || user_code.chars().any(char::is_control) {
            return Err(malformed());
        }
        let complete = codes.verification_uri_complete();
        let seconds = u32::try_from(codes.interval().as_secs()).unwrap_or(u32::MAX);
        let life = SignedDuration::try_from(codes.expires_in().min(DEVICE_LIFE_MAX));
        Ok(DeviceCodes {
            device_code: Secret::new(codes.device_code().secret().as_str()),
            grant: DeviceGrant {
                user_code: user_code.clone(),
                verification_uri: address(codes.verification_uri().as_str())?,
                verification_uri_complete: complete.map(|uri| address(uri.secret())).transpose()?,
                interval: seconds.clamp(1, DeviceGrant::INTERVAL_MAX),
            },
            life: life.map_err(|_| malformed())?,
        })
    }

    /// Asks once whether the person has answered (section 3.4).
    pub(crate) async fn poll_device_code(
        &self,
        client: &ActingClient,
        device_code: &Secret,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let request = client
            .device_poll(device_code)
            .map_err(|_| TokenFailure::Malformed("a token endpoint that can be called"))?;
        let carrier = Carrier::new(self, client, vec![device_code]);
        let other = || RequestTokenError::Other("neither tokens nor an error".to_owned());
        let reply = match carrier.carry(request.map(Vec::from)).await {
            Err(error) => Err(RequestTokenError::Request(error)),
            Ok(reply) if reply.status().is_success() => {
                serde_json::from_slice(reply.body()).map_err(|_| other())
            }
            Ok(reply) => Err(serde_json::from_slice(reply.body())
                .map_or_else(|_| other(), RequestTokenError::ServerResponse)),
        };
        carrier.tokens(reply, asked)
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
        let carrier = Carrier::new(self, client, vec![code, verifier]);
        let wired = client.wired().set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let request = wired
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
        let reply = client
            .dialect
            .token_parameters
            .iter()
            .fold(request, |request, (name, value)| request.add_extra_param(name, value))
            .request_async(&carrier)
            .await;
        carrier.tokens(reply, asked)
    }

    /// Refreshes (RFC 6749 section 6).
    pub(crate) async fn exchange_refresh(
        &self,
        client: &ActingClient,
        tokens: &TokenSet,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let Some(refresh_token) = &tokens.refresh_token else {
            return Err(TokenFailure::Malformed("a refresh token"));
        };
        let carrier = Carrier::new(self, client, vec![refresh_token, &tokens.access_token]);
        let wired = client.wired();
        let refresh_token = RefreshToken::new(refresh_token.expose().to_owned());
        let request = wired.exchange_refresh_token(&refresh_token);
        let reply = client
            .dialect
            .token_parameters
            .iter()
            .fold(request, |request, (name, value)| request.add_extra_param(name, value))
            .request_async(&carrier)
            .await;
        carrier.tokens(reply, asked)
    }
}

/// Carries one token request of the `oauth2` crate through the HTTP port, and remembers what that crate's errors forget.
struct Carrier<'a> {
    app: &'a Hearthkey,
    client: &'a ActingClient,
    /// What the request holds, and nobody repeats.
    secrets: Vec<&'a Secret>,
    seen: Mutex<Seen>,
}

/// What a reply said that the `oauth2` crate does not hand on.
#[derive(Default, Clone)]
struct Seen {
    status: StatusCode,
    retry_after: Option<Timestamp>,
    refresh_ends_at: Option<Timestamp>,
    told: BTreeMap<String, String>,
}

impl<'a> Carrier<'a> {
    fn new(app: &'a Hearthkey, client: &'a ActingClient, secrets: Vec<&'a Secret>) -> Self {
        Self { app, client, secrets, seen: Mutex::default() }
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        if let Some(value) = parts.headers.get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        let request = Request::from_parts(parts, Bytes::from(body));
        let reply = self.app.send(request, &self.client.policy, TOKEN_TIMEOUT, SMALL_REPLY).await?;
        let now = self.app.now();
        let read = self.client.dialect.read(reply.status(), reply.body());
        let seen = Seen {
            status: reply.status(),
            retry_after: retry_after(&reply, now),
            refresh_ends_at: read.refresh_life.and_then(|life| now.checked_add(life).ok()),
            told: read.told,
        };
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = seen;
        let (mut parts, body) = reply.into_parts();
        parts.status = read.status;
        let Some(shaped) = read.body else {
            return Ok(http::Response::from_parts(parts, body.to_vec()));
        };
        // It is JSON, whatever its label says.
        parts.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        Ok(http::Response::from_parts(parts, shaped))
    }

    fn tokens(
        self,
        reply: Result<BasicTokenResponse, RequestTokenError<HttpError, BasicErrorResponse>>,
        asked: &[String],
    ) -> Result<TokenSet, TokenFailure> {
        let tokens = self.judged(reply, "a token response (RFC 6749 section 5.1)")?;
        if *tokens.token_type() != BasicTokenType::Bearer {
            return Err(TokenFailure::Malformed("a bearer token"));
        }
        let Seen { refresh_ends_at, told, .. } = self.seen.into_inner().unwrap_or_default();
        Ok(TokenSet { refresh_ends_at, told, ..token_set(&tokens, asked, self.app.now()) })
    }

    /// What a reply comes to, with what the `oauth2` crate's errors forget.
    fn judged<T>(
        &self,
        reply: Result<T, RequestTokenError<HttpError, BasicErrorResponse>>,
        expected: &'static str,
    ) -> Result<T, TokenFailure> {
        let Seen { status, retry_after, .. } =
            self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        reply.map_err(|error| match error {
            RequestTokenError::ServerResponse(error) if is_own_error(status, error.error().as_ref()) => {
                let words = (error.error().as_ref(), error.error_description().map(String::as_str));
                TokenFailure::Refused(self.client.refusal(status, words, &self.secrets, retry_after))
            }
            RequestTokenError::Request(error) => TokenFailure::Http(error),
            _ if !status.is_success() => TokenFailure::Status(status, retry_after),
            _ => TokenFailure::Malformed(expected),
        })
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}

/// Whether an error is the server's own and not of what stands before it or failed within it: `Bad Gateway` is no code.
fn is_own_error(status: StatusCode, code: &str) -> bool {
    !status.is_server_error() || (!matches!(status.as_u16(), 502 | 504) && !code.contains(' '))
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
        refresh_ends_at: None,
        told: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = PkceCodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        assert_eq!(challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(unguessable([0; 32]).expose().len(), 43);
    }
}
