//! The one type through which secrets come in.

use hearthkey_domain::Secret;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, ser::SerializeMap};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A secret in an operation's input. It has no `Serialize`: only an input's own field can be written out, by naming
/// [`on_the_wire`], which the client does on its way to the owner.
#[derive(Debug)]
pub struct SecretInput(pub Secret);

impl<'de> Deserialize<'de> for SecretInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl JsonSchema for SecretInput {
    fn schema_name() -> Cow<'static, str> {
        "SecretInput".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password", "writeOnly": true })
    }
}

/// Writes an optional secret of an input for the owner to read.
///
/// # Errors
/// Those of the serializer.
pub fn on_the_wire<S: Serializer>(secret: &Option<SecretInput>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_some(secret.0.expose()),
        None => serializer.serialize_none(),
    }
}

/// Writes a secret of an input for the owner to read.
///
/// # Errors
/// Those of the serializer.
pub fn one_on_the_wire<S: Serializer>(secret: &SecretInput, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.0.expose())
}

/// Writes the named secrets of an input for the owner to read.
///
/// # Errors
/// Those of the serializer.
pub fn all_on_the_wire<S: Serializer>(
    secrets: &BTreeMap<String, SecretInput>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(secrets.len()))?;
    for (name, secret) in secrets {
        map.serialize_entry(name, secret.0.expose())?;
    }
    map.end()
}
