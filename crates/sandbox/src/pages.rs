//! The pages a person sees: consent, entry of a user code, and messages. No script, one style sheet named by its hash.

use crate::accounts::Account;
use crate::scopes::Scopes;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("style.css");

// No `form-action`: Chromium applies it to the redirect that follows a form, and that one leads to the client.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).expect("base64 is ASCII")
});

/// Asks whether Hearthkey may use an account.
pub(crate) fn consent(
    action: &str,
    form: &str,
    scopes: &Scopes,
    chosen: Account,
    user_code: Option<&str>,
) -> Response {
    page(
        StatusCode::OK,
        "Hearthkey wants to use your Sandbox account",
        &html! {
            p.quiet { "The sandbox is a made-up service on this computer. Nothing you allow here leaves it." }
            @if let Some(code) = user_code {
                p { "Check that your device shows the code " strong { (code) } "." }
            }
            form method="post" action=(action) {
                input type="hidden" name="form" value=(form);
                fieldset {
                    legend { "Account" }
                    @for account in Account::ALL {
                        label.account for={ "account-" (account.short()) } {
                            input type="radio" name="account" id={ "account-" (account.short()) }
                                value=(account.subject()) checked[account == chosen];
                            span { (account.name()) small { (account.email()) } }
                        }
                    }
                }
                h2 { "Hearthkey will be able to" }
                ul { @for scope in scopes.iter() { li { (scope.words()) } } }
                div.actions {
                    button.first type="submit" id="approve" name="decision" value="approve" { "Approve" }
                    button type="submit" id="deny" name="decision" value="deny" { "Deny" }
                }
            }
        },
    )
}

/// Asks for the code that a device shows.
pub(crate) fn enter_user_code(problem: Option<&str>) -> Response {
    page(
        if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK },
        "Connect a device",
        &html! {
            @if let Some(problem) = problem { p role="alert" { (problem) } }
            form method="get" action="/device" {
                label.code for="user_code" { "Code shown on the device" }
                input type="text" id="user_code" name="user_code" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" required placeholder="XXXX-XXXX";
                div.actions { button.first type="submit" id="continue" { "Continue" } }
            }
        },
    )
}

/// Says one thing.
pub(crate) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, title, &html! { p { (text) } })
}

fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - Sandbox" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    let mut response = Response::new(Body::from(markup.into_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
