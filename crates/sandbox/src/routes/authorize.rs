//! The authorization endpoint (RFC 6749 section 4.1.1) with PKCE (RFC 7636) and `iss` (RFC 9207).

use super::Call;
use crate::accounts::Account;
use crate::clients::{Client, is_registered_redirect};
use crate::clock;
use crate::forms::Question;
use crate::grants::AuthorizationRequest;
use crate::pages;
use crate::parameters::Parameters;
use crate::provider::Provider;
use crate::reply;
use crate::scopes::Scopes;
use axum::http::StatusCode;
use axum::response::Response;
use url::form_urlencoded::Serializer;

/// `GET /authorize`: the consent page, an error page, or an error redirect.
pub(super) fn ask(provider: &Provider, call: &Call) -> Response {
    let query = call.query();
    // Until client and redirect URI are known to be ours, nothing is sent to the redirect URI.
    let repeated = query.repeats("client_id") || query.repeats("redirect_uri");
    let Some(client) = query.get("client_id").and_then(Client::find).filter(|_| !repeated) else {
        return stop("The application is not known here", "The request names no registered client_id.");
    };
    let Some(redirect_uri) = query.get("redirect_uri").filter(|uri| is_registered_redirect(uri)) else {
        return stop("The way back is not known here", "The request names no registered redirect_uri.");
    };
    let state = query.get("state").filter(|_| !query.repeats("state"));
    match validate(client, redirect_uri, state, &query) {
        Err((error, description)) => refuse(provider, redirect_uri, state, error, description),
        Ok(request) if provider.options.auto_approve => approve(provider, request),
        Ok(request) => {
            let (scopes, account) = (request.scopes.clone(), request.account);
            let form = provider.forms.open(Question::Authorization(request), clock::now());
            pages::consent("/authorize", &form, &scopes, account, None)
        }
    }
}

/// `POST /authorize`: the person's answer.
pub(super) fn answer(provider: &Provider, call: &Call) -> Response {
    let form = call.form().unwrap_or_default();
    let question = form.get("form").and_then(|id| provider.forms.take(id, clock::now()));
    let Some(Question::Authorization(mut request)) = question else {
        return stop(
            "This page is no longer valid",
            "It was answered already, or too old. Start again in Hearthkey.",
        );
    };
    match (form.get("decision"), form.get("account").and_then(Account::find)) {
        (Some("approve"), Some(account)) => {
            request.account = account;
            approve(provider, request)
        }
        (Some("deny"), _) => {
            let state = request.state.as_deref();
            refuse(provider, &request.redirect_uri, state, "access_denied", "The person said no.")
        }
        _ => {
            stop("The answer is incomplete", "It names no decision or no account. Start again in Hearthkey.")
        }
    }
}

fn validate(
    client: Client,
    redirect_uri: &str,
    state: Option<&str>,
    query: &Parameters,
) -> Result<AuthorizationRequest, (&'static str, &'static str)> {
    if query.repeats_any() {
        return Err(("invalid_request", "A parameter is repeated."));
    }
    match query.get("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(("unsupported_response_type", "Only response_type=code is supported."));
        }
        None => return Err(("invalid_request", "response_type is missing.")),
    }
    // Without a method RFC 7636 means plain.
    if query.get("code_challenge_method") != Some("S256") {
        return Err(("invalid_request", "PKCE with code_challenge_method=S256 is required."));
    }
    let challenge = query.get("code_challenge").filter(|text| is_s256_challenge(text));
    let challenge = challenge.ok_or(("invalid_request", "code_challenge is not a SHA-256 in base64url."))?;
    let scopes = Scopes::parse(query.get("scope")).ok_or(("invalid_scope", "A scope is not known here."))?;
    Ok(AuthorizationRequest {
        client,
        redirect_uri: redirect_uri.to_owned(),
        state: state.map(str::to_owned),
        scopes,
        challenge: challenge.to_owned(),
        account: Account::hinted(query.get("login_hint")),
    })
}

fn is_s256_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn approve(provider: &Provider, request: AuthorizationRequest) -> Response {
    let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
    let now = clock::now();
    match provider.grants.change_at(now, |grants| grants.approve(request, &provider.options, now)) {
        Ok(code) => {
            let response = redirect(provider, &redirect_uri, state.as_deref(), &[("code", &code)]);
            reply::noted(response, "approved")
        }
        Err(_) => {
            let description = "The state file could not be written.";
            refuse(provider, &redirect_uri, state.as_deref(), "server_error", description)
        }
    }
}

fn refuse(
    provider: &Provider,
    redirect_uri: &str,
    state: Option<&str>,
    error: &'static str,
    description: &str,
) -> Response {
    let parameters = [("error", error), ("error_description", description)];
    reply::noted(redirect(provider, redirect_uri, state, &parameters), error)
}

/// Back to the client. No registered redirect URI has a query of its own.
fn redirect(
    provider: &Provider,
    redirect_uri: &str,
    state: Option<&str>,
    parameters: &[(&str, &str)],
) -> Response {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters);
    query.extend_pairs(state.map(|state| ("state", state)));
    query.append_pair("iss", &provider.issuer());
    reply::see_other(&format!("{redirect_uri}?{}", query.finish()))
}

fn stop(title: &str, text: &str) -> Response {
    reply::noted(pages::message(StatusCode::BAD_REQUEST, title, text), "error page")
}
