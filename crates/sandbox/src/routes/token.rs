//! The token endpoint (RFC 6749 section 3.2) and revocation (RFC 7009).

use super::Call;
use crate::clients::{Client, ClientRefusal};
use crate::clock;
use crate::grants::{Grants, Issued, Refusal};
use crate::parameters::Parameters;
use crate::provider::Provider;
use crate::reply;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// `POST /token`.
pub(super) fn exchange(provider: &Provider, call: &Call) -> Response {
    let issued = read(call).and_then(|(client, form)| {
        let now = clock::now();
        let options = &provider.options;
        match form.get("grant_type") {
            Some("authorization_code") => {
                let code = required(&form, "code", "code is missing.")?;
                let redirect_uri = required(&form, "redirect_uri", "redirect_uri is missing.")?;
                let verifier = required(&form, "code_verifier", "code_verifier is missing.")?;
                change(provider, |grants| {
                    grants.redeem_code(code, (client, redirect_uri, verifier), options, now)
                })
            }
            Some("refresh_token") => {
                let token = required(&form, "refresh_token", "refresh_token is missing.")?;
                change(provider, |grants| grants.refresh(token, client, form.get("scope"), options, now))
            }
            Some("urn:ietf:params:oauth:grant-type:device_code") => {
                let code = required(&form, "device_code", "device_code is missing.")?;
                change(provider, |grants| grants.redeem_device(code, client, options, now))
            }
            Some(_) => Err(Refusal {
                error: "unsupported_grant_type",
                description: "This grant type is not supported.",
                outcome: "unsupported grant type",
            }),
            None => Err(malformed("grant_type is missing.")),
        }
    });
    match issued {
        Ok(issued) => token_reply(issued),
        Err(refusal) => reply::oauth_error(&refusal),
    }
}

/// `POST /revoke`: 200 also for a token that is not known (RFC 7009 section 2.2).
pub(super) fn revoke(provider: &Provider, call: &Call) -> Response {
    let revoked = read(call).and_then(|(client, form)| {
        let token = required(&form, "token", "token is missing.")?;
        change(provider, |grants| grants.revoke(token, client, clock::now()))
    });
    match revoked {
        Ok(outcome) => reply::noted(reply::no_store(Response::default()), outcome),
        Err(refusal) => reply::oauth_error(&refusal),
    }
}

/// The form of a client that proved who it is.
pub(super) fn read(call: &Call) -> Result<(Client, Parameters), Refusal> {
    let form = call.form().ok_or_else(|| malformed("The body is not application/x-www-form-urlencoded."))?;
    if form.repeats_any() {
        return Err(malformed("A parameter is repeated."));
    }
    let client = Client::authenticate(&call.headers, &form).map_err(|refusal| match refusal {
        ClientRefusal::Malformed(description) => malformed(description),
        ClientRefusal::Unauthenticated(description) => {
            Refusal { error: "invalid_client", description, outcome: "client not authenticated" }
        }
    })?;
    Ok((client, form))
}

/// Changes the grants, or says that the change could not be kept.
pub(super) fn change<R>(
    provider: &Provider,
    change: impl FnOnce(&mut Grants) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    provider.grants.change_at(clock::now(), change).unwrap_or_else(|_| {
        Err(Refusal {
            error: "server_error",
            description: "The state file could not be written; nothing changed.",
            outcome: "state file not written",
        })
    })
}

fn token_reply(issued: Issued) -> Response {
    let mut document = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scopes.parameter(),
    });
    if let Some(token) = issued.refresh_token {
        document["refresh_token"] = token.into();
    }
    reply::noted(reply::no_store(reply::json(StatusCode::OK, &document)), issued.outcome)
}

fn required<'a>(form: &'a Parameters, name: &str, missing: &'static str) -> Result<&'a str, Refusal> {
    form.get(name).ok_or_else(|| malformed(missing))
}

fn malformed(description: &'static str) -> Refusal {
    Refusal { error: "invalid_request", description, outcome: "malformed" }
}
