//! The device authorization grant (RFC 8628): its endpoint and the page where the person enters the code.

use super::{Call, token};
use crate::accounts::Account;
use crate::clock;
use crate::forms::Question;
use crate::grants::{Decision, Refusal};
use crate::pages;
use crate::provider::Provider;
use crate::reply;
use crate::scopes::Scopes;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// `POST /device_authorization`.
pub(super) fn authorization(provider: &Provider, call: &Call) -> Response {
    let options = &provider.options;
    let started = token::read(call).and_then(|(client, form)| {
        let scopes = Scopes::parse(form.get("scope")).ok_or(Refusal {
            error: "invalid_scope",
            description: "A scope is not known here.",
            outcome: "unknown scope",
        })?;
        token::change(provider, |grants| Ok(grants.start_device(client, scopes, options, clock::now())))
    });
    let (device_code, user_code) = match started {
        Ok(codes) => codes,
        Err(refusal) => return reply::oauth_error(&refusal),
    };
    let verification_uri = format!("{}/device", provider.issuer());
    let document = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
        "expires_in": options.device_code_seconds,
        "interval": options.device_interval_seconds,
    });
    reply::noted(reply::no_store(reply::json(StatusCode::OK, &document)), "started")
}

/// `GET /device`: the entry of the code, and with one the consent page.
pub(super) fn ask(provider: &Provider, call: &Call) -> Response {
    let query = call.query();
    let Some(user_code) = query.get("user_code") else {
        return pages::enter_user_code(None);
    };
    let now = clock::now();
    let Ok(Some((_, scopes))) = provider.grants.change(|grants| grants.device(user_code, now)) else {
        return pages::enter_user_code(Some(
            "This code is not known, or no longer valid. Check it and try again.",
        ));
    };
    if provider.options.auto_approve {
        return decide(provider, user_code, Decision::Approved(Account::hinted(query.get("login_hint"))));
    }
    let form = provider.forms.open(Question::Device { user_code: user_code.to_owned() }, now);
    pages::consent("/device", &form, &scopes, Account::hinted(query.get("login_hint")), Some(user_code))
}

/// `POST /device`: the person's answer.
pub(super) fn answer(provider: &Provider, call: &Call) -> Response {
    let form = call.form().unwrap_or_default();
    let question = form.get("form").and_then(|id| provider.forms.take(id, clock::now()));
    let Some(Question::Device { user_code }) = question else {
        return pages::enter_user_code(Some("That page is no longer valid. Enter the code again."));
    };
    match (form.get("decision"), form.get("account").and_then(Account::find)) {
        (Some("approve"), Some(account)) => decide(provider, &user_code, Decision::Approved(account)),
        (Some("deny"), _) => decide(provider, &user_code, Decision::Denied),
        _ => pages::enter_user_code(Some("The answer was incomplete. Enter the code again.")),
    }
}

fn decide(provider: &Provider, user_code: &str, decision: Decision) -> Response {
    let now = clock::now();
    let decided =
        provider.grants.change(|grants| grants.decide_device(user_code, decision, now)).unwrap_or(false);
    match (decided, decision) {
        (false, _) => {
            pages::enter_user_code(Some("This code is no longer valid. Start again on the device."))
        }
        (true, Decision::Approved(_)) => {
            let page = pages::message(
                StatusCode::OK,
                "Connected",
                "You can close this page and return to Hearthkey.",
            );
            reply::noted(page, "approved")
        }
        (true, Decision::Denied) => {
            let text = "Nothing was shared. You can close this page and return to Hearthkey.";
            reply::noted(pages::message(StatusCode::OK, "Not connected", text), "denied")
        }
    }
}
