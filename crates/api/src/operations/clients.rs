//! OAuth clients of the person's own: what is registered at a service, so that it knows who asks.

use super::authorizations::ClientInput;
use super::{Done, call};
use crate::SecretInput;
use crate::secret_input::{on_the_wire, one_on_the_wire};
use crate::views::{ClientCheckView, ClientList, ClientView};
use hearthkey_core::authorize::OwnClient;
use hearthkey_core::clients::ClientOffer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The clients that are kept, newest first, and those that come with their services.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {}

call!(List, "clients.list", Read, ClientList, |_input, app, caller| {
    let known = app.clients(&caller).await?;
    Ok(ClientList { clients: known.into_iter().map(|client| ClientView::of(&app, client)).collect() })
});

/// Keeps a client without signing in. The next sign-in uses it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// The service.
    pub connector: String,
    /// Its way to sign in; the first with OAuth if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Answers to the service's form, where the server depends on them.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// The client ID.
    pub client_id: String,
    /// The client secret, where there is one.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretInput>,
}

call!(Add, "clients.add", Write, ClientView, |input, app, caller| {
    let Add { connector, method, values, client_id, client_secret } = input;
    let client = OwnClient::from(ClientInput { client_id, client_secret });
    let known = app.add_client(&caller, ClientOffer { connector, method, values, client }).await?;
    Ok(ClientView::of(&app, known))
});

/// Gives a client a new secret. Its connections go on with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// `client_…`, or the client ID.
    pub client: String,
    /// The new client secret.
    #[serde(serialize_with = "one_on_the_wire")]
    pub client_secret: SecretInput,
}

call!(Update, "clients.update", Write, ClientView, |input, app, caller| {
    let known = app.update_client(&caller, &input.client, input.client_secret.0).await?;
    Ok(ClientView::of(&app, known))
});

/// Asks the service whether it knows a client and its redirect. The secret is not sent.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// `client_…`, or the client ID.
    pub client: String,
    /// Answers to the service's form, where the server depends on them and no connection of the client gave them.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

call!(Check, "clients.check", Write, ClientCheckView, |input, app, caller| {
    Ok(app.check_client(&caller, &input.client, &input.values).await?.into())
});

/// Removes a client.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// `client_…`, or the client ID.
    pub client: String,
    /// Even if connections go with it: they work until their access tokens end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

call!(Remove, "clients.remove", Write, Done, |input, app, caller| {
    app.remove_client(&caller, &input.client, input.force).await?;
    Ok(Done {})
});
