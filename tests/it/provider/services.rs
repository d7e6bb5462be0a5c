//! The provider as services that manifests describe, and its accounts as connections.

use super::Terms;
use hearthkey_connectors::Catalog;
use hearthkey_domain::client::ClientChoice;
use hearthkey_domain::connection::OAuthGrant;
use hearthkey_domain::egress::EgressPolicy;
use hearthkey_domain::ids::ConnectionId;
use hearthkey_domain::server::AuthorizationServer;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use url::Url;

/// A connection of an account, as an export has it.
pub(super) fn entry(name: &str, terms: Terms, now: Timestamp) -> Value {
    let url = |text: &str| text.parse::<Url>().unwrap();
    let server = AuthorizationServer {
        issuer: String::new(),
        authorization_endpoint: url("https://sim.example/authorize"),
        token_endpoint: url("https://sim.example/token"),
        userinfo_endpoint: None,
        revocation_endpoint: None,
        device_authorization_endpoint: None,
        client_authentication: Default::default(),
        iss_required: false,
    };
    let hosts = [&url("https://api.sim.example"), &url("https://sim.example/token")];
    let policy = EgressPolicy::new(hosts, false).unwrap().to_string();
    let expires_at = terms.life.map(|life| now + life);
    let access_token = format!("{name}.0.{}", now.as_second());
    let refresh_token = terms.renewable.then(|| format!("{name}.0"));
    let digest: u64 = name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut random = [0; 10];
    random[..8].copy_from_slice(&digest.to_be_bytes());
    let grant = OAuthGrant {
        server,
        client: ClientChoice::Bundled { client_id: "hearthkey".into() },
        scopes_requested: vec![],
        scopes_granted: vec![],
        expires_at,
        renewable: terms.renewable,
        renewal: Default::default(),
    };
    json!({
        "id": ConnectionId::new(now, random).to_string(),
        "connector": terms.idle_days.map_or_else(|| "sim".to_owned(), |days| format!("sim-{days}")),
        "method": "oauth", "label": name, "status": "active",
        "identity": { "external_id": name, "email": null, "name": null },
        "values": {}, "oauth": grant, "created_at": now, "policy": policy, "issuer": "",
        "credential": {
            "kind": "oauth2", "access_token": access_token, "refresh_token": refresh_token,
            "expires_at": expires_at, "scopes": [],
        },
    })
}

/// The provider as three services, of which two let a sign-in die that is not renewed.
pub(super) fn catalog() -> Catalog {
    let manifest = |id: &str, refresh: &str| {
        let mut text = String::new();
        let _ = write!(
            text,
            r#"
schema = 1
id = "{id}"
name = "Sim"
category = "demo"
icon = "hearthkey:sandbox"
summary = "A service that is made up"
api = {{ base = "https://api.sim.example" }}

[[auth]]
id = "oauth"
name = "Account"

[auth.oauth2]
client = {{ secret = "none", bundled = "hearthkey" }}
{refresh}

[auth.oauth2.server]
authorization_endpoint = "https://sim.example/authorize"
token_endpoint = "https://sim.example/token"

[test]
request = {{ path = "/me" }}

[[troubleshooting]]
when = "status == 401"
say = "The sign-in was revoked, or the app was deleted. Reconnect to sign in again."
"#
        );
        text
    };
    let own = manifest("sim", r#"reply = { codes = { ended = ["token_revoked"] } }"#);
    let month = manifest("sim-30", "refresh = { idle_days = 30 }");
    let two_months = manifest("sim-60", "refresh = { idle_days = 60 }");
    let keyed = KEYED.to_owned();
    let files =
        [("sim.toml", own), ("sim-30.toml", month), ("sim-60.toml", two_months), ("sim-key.toml", keyed)];
    Catalog::read(files.iter().map(|(name, text)| (*name, text.as_str()))).unwrap()
}

const KEYED: &str = r#"
schema = 1
id = "sim-key"
name = "Keyed sim"
category = "demo"
icon = "hearthkey:sandbox"
summary = "A service that is made up, with keys"
api = { base = "https://api.sim.example" }

[[auth]]
id = "key"
name = "Key"
fields = [{ name = "key", label = "Key", kind = "secret" }]
api_key = { inject = [{ header = "X-Key", field = "key" }] }

[test]
request = { path = "/me" }

[[troubleshooting]]
when = "status == 401"
say = "Keys end after a year. Make another."
"#;
