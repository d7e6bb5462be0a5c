//! What a connector asks of a person, for the doors to show. (`api` does not import `connectors`; it sees manifests here.)

use hearthkey_connectors::discovery::known_server;
use hearthkey_connectors::request::egress_policy;

pub use hearthkey_connectors::manifest::{AuthMethod, Field, FieldKind, Link, Manifest, SecretRule};

/// The hosts a method's credential will go to, as far as the manifest alone tells.
#[must_use]
pub fn hosts(manifest: &Manifest, method: &AuthMethod) -> Vec<String> {
    let defaults =
        method.fields.iter().filter_map(|field| Some((field.name.clone(), field.default.clone()?)));
    let Some(base) = manifest.api.base.resolve(&defaults.collect()) else {
        return vec![];
    };
    let server = method.oauth2.as_ref().and_then(known_server);
    let policy = egress_policy(manifest, &base, server.as_ref());
    policy.map(|policy| policy.hosts().map(str::to_owned).collect()).unwrap_or_default()
}
