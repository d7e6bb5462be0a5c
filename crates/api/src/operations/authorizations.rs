//! Connecting by signing in.

use super::{Done, call, id};
use crate::operation::{Access, Operation, Watch};
use crate::secret_input::on_the_wire;
use crate::views::AuthorizationView;
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
    /// An OAuth client of the person's own, kept for the next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientInput>,
    /// Whether to open the browser; yes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_browser: Option<bool>,
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

call!(Begin, "authorizations.begin", Write, AuthorizationView, |input, app, caller| {
    let client = input.client.map(|client| OwnClient {
        client_id: client.client_id,
        client_secret: client.client_secret.map(|secret| secret.0),
    });
    let wish = Wish {
        connector: input.connector,
        method: input.method,
        label: input.label,
        reconnect: input.connection,
        values: input.values,
        client,
        open_browser: input.open_browser.unwrap_or(true),
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

/// Gives a sign-in up. One that has ended stays as it ended.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// `auth_…`
    pub authorization: String,
}

call!(Cancel, "authorizations.cancel", Write, Done, |input, app, caller| {
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
