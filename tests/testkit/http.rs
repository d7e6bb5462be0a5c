//! Plain HTTP on this machine, as a browser's address bar or a control route needs it: no redirects, no cookies.

use reqwest::blocking::{Client, RequestBuilder};
use reqwest::redirect::Policy;
use std::sync::OnceLock;
use std::time::Duration;

/// The longest a reply may take: a sign-in's end page waits for the exchange of the code.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Where it leads.
    pub location: Option<String>,
    /// The body, as text.
    pub body: String,
}

/// Gets an address.
///
/// # Errors
/// When there is no reply.
pub fn get(address: &str) -> reqwest::Result<Reply> {
    send(client().get(address))
}

/// Posts a form.
///
/// # Errors
/// When there is no reply.
pub fn post_form(address: &str, form: &[(&str, &str)]) -> reqwest::Result<Reply> {
    send(client().post(address).form(form))
}

/// Sends a request of any kind.
///
/// # Errors
/// When there is no reply.
pub fn send(request: RequestBuilder) -> reqwest::Result<Reply> {
    let reply = request.send()?;
    let status = reply.status().as_u16();
    let location = reply.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Reply { status, location, body: reply.text()? })
}

/// The client, for requests that the functions here do not make.
pub fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // Nothing here speaks TLS, but with other crates' features the client is built with it, and wants a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE);
        builder.build().expect("a client for this machine")
    })
}
