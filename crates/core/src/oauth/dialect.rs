//! How a service speaks OAuth: its token replies are brought into the shape of RFC 6749 by the manifest's rules, and what they
//! tell besides is kept.
//!
//! Nothing here believes a reply: it comes bounded in size, the parser bounds its depth, and what is optional and cannot be
//! read is left out, so that it does not cost the tokens beside it.

use hearthkey_connectors::manifest::{Codes, OAuth2, ReplyRules, ScopeSeparator, Server};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::Url;

/// How one way to sign in departs from the RFCs on the wire. Nothing does by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dialect {
    pub(super) scope_separator: ScopeSeparator,
    pub(super) scope_parameter: Option<String>,
    pub(super) token_parameters: BTreeMap<String, String>,
    reply: ReplyRules,
    /// The members of a reply that belong to the connection.
    told: Vec<String>,
    /// The endpoints besides the token endpoint that the manifest itself writes out.
    named: Vec<Url>,
}

/// A token reply in the shape of RFC 6749.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) status: StatusCode,
    /// The JSON for the `oauth2` crate; `None` where the reply was no JSON object.
    pub(super) body: Option<Vec<u8>>,
    /// What belongs to the connection.
    pub(super) told: BTreeMap<String, String>,
    /// How long the refresh token lives.
    pub(super) refresh_life: Option<SignedDuration>,
}

/// The names that GitHub and Shopify, QuickBooks, and Airtable and Keycloak give to a refresh token's life.
const REFRESH_LIFE: [&str; 3] =
    ["refresh_token_expires_in", "x_refresh_token_expires_in", "refresh_expires_in"];

impl Dialect {
    pub(crate) fn of(oauth: Option<&OAuth2>) -> Self {
        let Some(oauth) = oauth else { return Self::default() };
        Self {
            scope_separator: oauth.scope_separator,
            scope_parameter: oauth.scope_parameter.clone(),
            token_parameters: oauth.token_parameters.clone(),
            reply: oauth.reply.clone(),
            told: oauth.reply_values.iter().map(|value| value.field.clone()).collect(),
            named: oauth.server.iter().flat_map(Server::written_out).cloned().collect(),
        }
    }

    /// Whether the manifest writes out this endpoint: no server and no row of the database named it.
    pub(super) fn names(&self, endpoint: &Url) -> bool {
        self.named.contains(endpoint)
    }

    /// The error code of a reply that brings no tokens, if it is a refusal: under a status of success as well.
    pub(super) fn refused(&self, status: StatusCode, body: &[u8]) -> Option<String> {
        let read = self.read(status, body);
        if read.status.is_success() {
            return None;
        }
        let shape: Value = serde_json::from_slice(&read.body?).ok()?;
        Some(shape.get("error")?.as_str()?.to_owned())
    }

    /// What the service's own error codes mean.
    pub(super) fn codes(&self) -> &Codes {
        &self.reply.codes
    }

    /// Reads a token reply.
    pub(super) fn read(&self, status: StatusCode, body: &[u8]) -> Read {
        let Ok(Value::Object(reply)) = serde_json::from_slice(body) else {
            return Read { status, ..Read::default() };
        };
        let said_no = self.reply.ok.as_ref().is_some_and(|flag| reply.get(flag) == Some(&Value::Bool(false)));
        let code = |name: &str| reply.get(name).and_then(Value::as_str).filter(|code| !code.is_empty());
        let refused = !status.is_success() || said_no;
        // Elsewhere than in `error` a reply that refuses nothing may say anything.
        let own = self.reply.error_at.as_deref().filter(|_| refused);
        let error = code("error").or_else(|| own.and_then(code));
        if refused || error.is_some() {
            // A refusal under a status of success is one all the same.
            let status = if status.is_success() { StatusCode::BAD_REQUEST } else { status };
            let shape = error.or(said_no.then_some("refused")).map(|code| refusal(code, &reply));
            return Read {
                status,
                body: shape.and_then(|shape| serde_json::to_vec(&shape).ok()),
                ..Read::default()
            };
        }
        let nested = self.reply.at.as_ref().and_then(|at| reply.get(at)?.as_object());
        let tokens = nested.filter(|tokens| tokens.contains_key("access_token")).unwrap_or(&reply);
        if !tokens.contains_key("access_token") {
            // No tokens: another answer, as that of the device grant, or none of RFC 6749.
            return Read { status, ..Read::default() };
        }
        let told = self.told.iter().filter_map(|name| {
            let text = tokens.get(name).or_else(|| reply.get(name))?.as_str()?;
            (text.len() <= 2000).then(|| (name.clone(), text.to_owned()))
        });
        let life = REFRESH_LIFE.iter().find_map(|name| tokens.get(*name).and_then(whole_seconds));
        Read {
            status,
            body: serde_json::to_vec(&self.shaped(tokens)).ok(),
            told: told.collect(),
            refresh_life: life.and_then(|life| Some(SignedDuration::from_secs(i64::try_from(life).ok()?))),
        }
    }

    /// A token response of RFC 6749 section 5.1 and nothing else.
    fn shaped(&self, tokens: &Map<String, Value>) -> Map<String, Value> {
        let mut shape = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            shape.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("access_token", tokens.get("access_token").cloned());
        put("refresh_token", tokens.get("refresh_token").filter(|value| is_text(value)).cloned());
        let life = tokens.get("expires_in").and_then(whole_seconds);
        put("expires_in", life.or(self.reply.assumed_life.map(u64::from)).map(Value::from));
        put("scope", tokens.get("scope").and_then(scope_text).map(Value::from));
        let kind = tokens.get("token_type").and_then(Value::as_str).unwrap_or("bearer");
        let known = self.reply.token_types.iter().any(|own| own.eq_ignore_ascii_case(kind));
        put("token_type", Some(Value::from(if known { "bearer" } else { kind })));
        shape
    }
}

/// An error response of RFC 6749 section 5.2 and nothing else. Services with errors of their own shape say `message`.
fn refusal(code: &str, reply: &Map<String, Value>) -> Map<String, Value> {
    let described = ["error_description", "message"]
        .iter()
        .find_map(|name| reply.get(*name).filter(|value| is_text(value)))
        .cloned();
    let described = described.map(|text| ("error_description".to_owned(), text));
    std::iter::once(("error".to_owned(), Value::from(code))).chain(described).collect()
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// A number of seconds above zero, however it is written; what is not says nothing.
fn whole_seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // A cast of a float saturates.
    (seconds >= 1.0).then_some(seconds as u64)
}

/// Scopes with spaces between them. None at all are as good as unsaid: GitHub says so of tokens whose rights are not scopes.
fn scope_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.replace(',', " "),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthkey_connectors::Catalog;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::LazyLock;

    fn dialect(connector: &str) -> Dialect {
        let catalog = Catalog::built_in().unwrap();
        Dialect::of(catalog.get(connector).unwrap().method(Some("oauth")).unwrap().oauth2.as_ref())
    }

    /// Status and body of a reply with status 200, as they are handed on.
    fn read(connector: &str, reply: &Value) -> (u16, Value) {
        let read = dialect(connector).read(StatusCode::OK, reply.to_string().as_bytes());
        (read.status.as_u16(), serde_json::from_slice(&read.body.unwrap()).unwrap())
    }

    #[test]
    fn github_refuses_under_status_200_and_separates_scopes_with_commas() {
        let refused = json!({
            "error": "bad_refresh_token",
            "error_description": "The refresh token passed is incorrect or expired.",
            "error_uri": "https://docs.github.com",
        });
        let (status, body) = read("github", &refused);
        assert_eq!((status, &body["error"]), (400, &json!("bad_refresh_token")));
        assert!(body["error_description"].as_str().unwrap().starts_with("The refresh token"));
        let tokens =
            json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email" });
        let shape =
            json!({ "access_token": "gho_1", "token_type": "bearer", "scope": "read:user user:email" });
        assert_eq!(read("github", &tokens), (200, shape));
        let app = json!({
            "access_token": "ghu_1", "expires_in": 28800, "refresh_token": "ghr_1",
            "refresh_token_expires_in": 15_897_600, "token_type": "bearer", "scope": "",
        });
        let found = dialect("github").read(StatusCode::OK, app.to_string().as_bytes());
        assert_eq!(found.refresh_life, Some(SignedDuration::from_secs(15_897_600)));
        assert!(read("github", &app).1.get("scope").is_none(), "an app's rights are no scopes");
    }

    #[test]
    fn slack_nests_the_persons_token_and_refuses_with_a_flag() {
        let signed_in = json!({
            "ok": true, "app_id": "A1", "team": null, "enterprise": { "id": "E1" },
            "authed_user": {
                "id": "U1", "scope": "chat:write,channels:read", "access_token": "xoxe.xoxp-1",
                "token_type": "user", "expires_in": 43200, "refresh_token": "xoxe-1",
            },
        });
        let shape = json!({
            "access_token": "xoxe.xoxp-1", "token_type": "bearer", "scope": "chat:write channels:read",
            "expires_in": 43200, "refresh_token": "xoxe-1",
        });
        assert_eq!(read("slack", &signed_in), (200, shape));
        // A renewal answers with the tokens at the top.
        let renewed = json!({ "ok": true, "access_token": "xoxe.xoxp-2", "token_type": "user" });
        assert_eq!(read("slack", &renewed).1["access_token"], "xoxe.xoxp-2");
        let refused = json!({ "ok": false, "error": "invalid_refresh_token" });
        assert_eq!(read("slack", &refused), (400, json!({ "error": "invalid_refresh_token" })));
        assert_eq!(read("slack", &json!({ "ok": false })), (400, json!({ "error": "refused" })));
        // Another service's tokens of that type are none that can be sent as bearers.
        assert_eq!(read("github", &renewed).1["token_type"], "user");
    }

    #[test]
    fn the_others_say_what_they_say() {
        let quickbooks = json!({
            "access_token": "a", "expires_in": 3600, "refresh_token": "r", "token_type": "bearer",
            "x_refresh_token_expires_in": 8_726_400,
        });
        let found = dialect("quickbooks").read(StatusCode::OK, quickbooks.to_string().as_bytes());
        assert_eq!(found.refresh_life, Some(SignedDuration::from_secs(8_726_400)));
        let salesforce = json!({
            "access_token": "00D", "instance_url": "https://acme.my.salesforce.com",
            "id": "https://login.salesforce.com/id/1/2", "token_type": "Bearer", "issued_at": "1",
        });
        let found = dialect("salesforce").read(StatusCode::OK, salesforce.to_string().as_bytes());
        assert_eq!(found.told["instance_url"], "https://acme.my.salesforce.com");
        assert!(read("salesforce", &salesforce).1.get("expires_in").is_none());
        let shopify =
            json!({ "access_token": "shpat_1", "scope": "read_orders,write_products", "expires_in": 3599 });
        assert_eq!(read("shopify", &shopify).1["token_type"], "bearer");
        let hubspot = json!({ "status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token" });
        let found = dialect("hubspot").read(StatusCode::BAD_REQUEST, hubspot.to_string().as_bytes());
        let body: Value = serde_json::from_slice(&found.body.unwrap()).unwrap();
        let shape =
            json!({ "error": "BAD_REFRESH_TOKEN", "error_description": "missing or unknown refresh token" });
        assert_eq!((found.status, body), (StatusCode::BAD_REQUEST, shape));
        let tokens = json!({ "access_token": "a", "status": "BAD_REFRESH_TOKEN", "expires_in": 1800 });
        assert_eq!(read("hubspot", &tokens).0, 200, "no error where nothing is refused");
    }

    #[test]
    fn what_is_optional_does_not_cost_the_tokens_beside_it() {
        for (expires_in, seconds) in [
            (json!(60), json!(60)),
            (json!("60"), json!(60)),
            (json!(3600.0), json!(3600)),
            (json!("soon"), Value::Null),
            (json!(-1), Value::Null),
            (json!(0.5), Value::Null),
            (Value::Null, Value::Null),
        ] {
            let (status, body) = read("discord", &json!({ "access_token": "a", "expires_in": expires_in }));
            assert_eq!((status, &body["expires_in"], &body["token_type"]), (200, &seconds, &json!("bearer")));
        }
        for (scope, text) in
            [(json!("a,b"), json!("a b")), (json!(["a", "b"]), json!("a b")), (json!(7), Value::Null)]
        {
            assert_eq!(read("discord", &json!({ "access_token": "a", "scope": scope })).1["scope"], text);
        }
        for refresh_token in [Value::Null, json!(""), json!(7)] {
            let reply = json!({ "access_token": "a", "refresh_token": refresh_token });
            assert!(read("discord", &reply).1.get("refresh_token").is_none());
        }
        let assuming = ReplyRules { assumed_life: Some(7200), ..ReplyRules::default() };
        let assuming = Dialect { reply: assuming, ..Dialect::default() };
        let life = |reply: Value| {
            let read = assuming.read(StatusCode::OK, reply.to_string().as_bytes());
            serde_json::from_slice::<Value>(&read.body.unwrap()).unwrap()["expires_in"].clone()
        };
        assert_eq!(life(json!({ "access_token": "a" })), 7200);
        assert_eq!(life(json!({ "access_token": "a", "expires_in": 60 })), 60);
    }

    static DIALECTS: LazyLock<[Dialect; 4]> =
        LazyLock::new(|| ["github", "slack", "salesforce", "hubspot"].map(dialect));

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        let names = prop::sample::select(vec![
            "access_token",
            "refresh_token",
            "token_type",
            "expires_in",
            "scope",
            "ok",
            "error",
            "error_description",
            "authed_user",
            "instance_url",
            "refresh_token_expires_in",
            "status",
            "message",
            "other",
        ]);
        leaf.prop_recursive(4, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever is answered, it is read without panic, and what is handed on has the shape of the RFC.
        #[test]
        fn any_reply_is_read(reply in any_json(), status in prop::sample::select(vec![200_u16, 400, 500])) {
            for dialect in DIALECTS.iter() {
                let status = StatusCode::from_u16(status).unwrap();
                let read = dialect.read(status, reply.to_string().as_bytes());
                let Some(body) = read.body else { continue };
                let body: Value = serde_json::from_slice(&body).unwrap();
                if read.status.is_success() {
                    prop_assert!(body["token_type"].is_string());
                    prop_assert!(body.get("expires_in").is_none_or(|life| life.as_u64().is_some_and(|s| s > 0)));
                    prop_assert!(body.get("refresh_token").is_none_or(Value::is_string));
                    prop_assert!(body.get("error").is_none());
                } else {
                    prop_assert!(is_text(&body["error"]));
                }
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = DIALECTS[1].read(StatusCode::OK, &bytes);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}{}", "{\"authed_user\":".repeat(5000), "}".repeat(5000));
        assert!(dialect("slack").read(StatusCode::OK, deep.as_bytes()).body.is_none());
    }
}
