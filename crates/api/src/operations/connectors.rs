//! The services there are.

use super::call;
use crate::views::{ConnectorList, ConnectorView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The services that can be connected, and what each of them asks.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct List {}

call!(List, "connectors.list", Read, ConnectorList, |_input, app, caller| {
    let mut connectors = vec![];
    for manifest in app.catalog().iter() {
        connectors.push(ConnectorView::of(&app, &caller, manifest).await);
    }
    Ok(ConnectorList { connectors })
});
