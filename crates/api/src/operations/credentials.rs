//! Connecting with keys.

use super::call;
use crate::SecretInput;
use crate::secret_input::all_on_the_wire;
use crate::views::{ConnectionView, TestView};
use hearthkey_core::credentials::KeyOffer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tries a key without saving anything. A key that does not work is an answer, not a problem.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The service.
    pub connector: String,
    /// Its way to sign in; the first if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Plain answers to the service's form.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Secret answers.
    #[serde(serialize_with = "all_on_the_wire")]
    pub secrets: BTreeMap<String, SecretInput>,
}

call!(Check, "credentials.check", Write, TestView, |input, app, _| {
    let Check { connector, method, values, secrets } = input;
    let offer = KeyOffer { connector, method, values, secrets: taken(secrets), ..KeyOffer::default() };
    Ok(app.check_key(offer).await?.into())
});

/// Connects with a key, which is tested before it is saved.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// The service.
    pub connector: String,
    /// Its way to sign in; the first if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The connection's label; made from the service's name if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A connection that gets this key in place of its own, by identifier or label: it keeps identifier, label and settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Plain answers to the service's form.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Secret answers.
    #[serde(serialize_with = "all_on_the_wire")]
    pub secrets: BTreeMap<String, SecretInput>,
}

call!(Add, "connections.add", Write, ConnectionView, |input, app, caller| {
    let Add { connector, method, label, connection: reconnect, values, secrets } = input;
    let offer = KeyOffer { connector, method, label, reconnect, values, secrets: taken(secrets) };
    let connection = app.add_key(&caller, offer).await?;
    Ok(ConnectionView::of(&app, connection).await)
});

fn taken(secrets: BTreeMap<String, SecretInput>) -> BTreeMap<String, hearthkey_domain::Secret> {
    secrets.into_iter().map(|(name, secret)| (name, secret.0)).collect()
}
