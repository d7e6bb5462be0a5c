//! Connecting by signing in.

use super::{Done, call, id};
use crate::operation::{Access, Operation, Watch};
use crate::secret_input::{on_the_wire, one_on_the_wire};
use crate::views::{AuthorizationView, DeliveredView, StrategyWord};
use crate::{Problem, SecretInput};
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use hearthkey_core::authorize::{FlowStream, OwnClient, Wish};
use hearthkey_core::{Caller, Hearthkey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Begins a sign-in and sends the browser off.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The service.
    pub connector: String,
    /// Its way to sign in; the first if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The connection's label; made from the service's name if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A connection to sign in anew, by identifier or label: it keeps its identifier, label and settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Answers to the service's form.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Scopes to ask for besides those that are always asked for, and, of a connection that is signed in anew, besides those
    /// it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether a second connection is meant though the account is connected. If not, that connection is renewed and goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// An OAuth client of the person's own, kept for the next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientInput>,
    /// Whether to open the browser; yes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_browser: Option<bool>,
    /// By which way the answer is to come back; the best of the service's that works here if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyWord>,
    /// Whether the person has a browser where they are; the owner of the profile looks around if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_browser: Option<bool>,
    /// `auth_…`: a sign-in at the same service that waits, and whose place this one takes. What was answered and typed for it
    /// goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

/// An OAuth client as a person types it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientInput {
    /// The client ID.
    pub client_id: String,
    /// The client secret, where there is one.
    #[serde(default, serialize_with = "on_the_wire", skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretInput>,
}

impl From<ClientInput> for OwnClient {
    fn from(client: ClientInput) -> Self {
        Self { client_id: client.client_id, client_secret: client.client_secret.map(|secret| secret.0) }
    }
}

call!(Begin, "authorizations.begin", Write, AuthorizationView, |input, app, caller| {
    let client = input.client.map(OwnClient::from);
    let wish = Wish {
        connector: input.connector,
        method: input.method,
        label: input.label,
        reconnect: input.connection,
        values: input.values,
        client,
        scopes: input.scopes,
        second: input.duplicate,
        open_browser: input.open_browser.unwrap_or(true),
        strategy: input.strategy.map(Into::into),
        has_browser: input.has_browser,
        instead_of: input.instead_of.map(|earlier| id("instead_of", &earlier)).transpose()?,
    };
    Ok(app.begin_authorization(&caller, wish).await?.into())
});

/// Opens the browser again for a sign-in that waits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// `auth_…`
    pub authorization: String,
}

call!(Reopen, "authorizations.reopen", Write, Done, |input, app, caller| {
    app.reopen_authorization(&caller, id("authorization", &input.authorization)?).await?;
    Ok(Done {})
});

/// Ends a sign-in with the address the browser ended on, or its query alone: for a browser that does not find back.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paste {
    /// `auth_…`; found by the address if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// The address.
    #[serde(serialize_with = "one_on_the_wire")]
    pub address: SecretInput,
}

call!(Paste, "authorizations.paste", Write, AuthorizationView, |input, app, caller| {
    let flow = input.authorization.map(|flow| id("authorization", &flow)).transpose()?;
    Ok(app.paste_return(&caller, flow, &input.address.0).await?.into())
});

/// Takes an address of the app's own scheme that the system handed over, and brings the window to the front. One that no
/// sign-in waits for changes nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// The address, as it is.
    #[serde(serialize_with = "one_on_the_wire")]
    pub address: SecretInput,
}

call!(Deliver, "links.deliver", Write, while_locked: true, DeliveredView, |input, app, _| {
    Ok(app.deliver_link(input.address.0).await?.into())
});

/// Gives a sign-in up. One that has ended stays as it ended.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// `auth_…`
    pub authorization: String,
}

call!(Cancel, "authorizations.cancel", Write, while_locked: true, Done, |input, app, caller| {
    app.cancel_authorization(&caller, id("authorization", &input.authorization)?).await?;
    Ok(Done {})
});

/// Follows a sign-in to its end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// `auth_…`
    pub authorization: String,
}

impl Operation for Follow {
    const NAME: &'static str = "authorizations.watch";
    const ACCESS: Access = Access::Read;
}

impl Watch for Follow {
    type Item = AuthorizationView;

    async fn run(
        self,
        app: Arc<Hearthkey>,
        caller: Caller,
    ) -> Result<BoxStream<'static, AuthorizationView>, Problem> {
        let flow = app.watch_authorization(&caller, id("authorization", &self.authorization)?).await?;
        let next = |mut flow: FlowStream| async move {
            let state = flow.next().await?;
            Some((AuthorizationView::from(state), flow))
        };
        Ok(unfold(flow, next).boxed())
    }
}
