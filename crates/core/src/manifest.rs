//! What a connector asks of a person, for the doors to show. (`api` does not import `connectors`; it sees manifests here.)

use hearthkey_connectors::discovery::known_server;
use hearthkey_connectors::request::{egress_policy, flow_policy};

pub use hearthkey_connectors::manifest::{AuthMethod, Field, FieldKind, Link, Manifest, OAuth2, SecretRule};
pub use hearthkey_connectors::scopes::{Outcome, ScopeState, outcomes};

/// The hosts a method's credential will go to, as far as the manifest alone tells.
#[must_use]
pub fn hosts(manifest: &Manifest, method: &AuthMethod) -> Vec<String> {
    let defaults =
        method.fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?)));
    let values = defaults.collect();
    let server = method.oauth2.as_ref().and_then(|oauth| known_server(oauth, &values));
    let policy = match (manifest.api.base.resolve(&values), &server) {
        (Some(base), server) => egress_policy(manifest, &base, server.as_ref()),
        (None, Some(server)) => flow_policy(manifest, &values, server),
        (None, None) => return vec![],
    };
    policy.map(|policy| policy.hosts().map(str::to_owned).collect()).unwrap_or_default()
}
