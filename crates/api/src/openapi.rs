//! OpenAPI 3.1, from the table and schemars' schemas. `docs/openapi.json` is this document; a test holds them together.

use crate::Problem;
use crate::operation::{Access, Kind};
use crate::table::{Entry, catalogue};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document that describes the local socket.
#[must_use]
pub fn document() -> Value {
    // OpenAPI 3.1 takes JSON Schema 2020-12 as it is; only the place of definitions is OpenAPI's own.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let entries = catalogue(&mut generator);
    let paths: Map<String, Value> =
        entries.iter().map(|entry| path(entry, &problem.clone().to_value())).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hearthkey",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The operations of a running Hearthkey, spoken as HTTP/1.1 over the profile's local socket.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn path(entry: &Entry, problem: &Value) -> (String, Value) {
    let mut input = entry.input.clone().map(schemars::Schema::to_value);
    let description = input.as_mut().and_then(|schema| {
        let fields = schema.as_object_mut()?;
        ["title", "$schema", "components"].iter().for_each(|name| drop(fields.remove(*name)));
        fields.remove("description")
    });
    let output = entry.output.clone().map(schemars::Schema::to_value);
    let bytes = json!({ "application/octet-stream": {} });
    let answer = match (entry.kind, output) {
        (Kind::Watch, Some(item)) => json!({ "application/jsonl": { "schema": item } }),
        (_, Some(schema)) => json!({ "application/json": { "schema": schema } }),
        (_, None) => bytes.clone(),
    };
    let mut operation = json!({
        "operationId": entry.name,
        "description": description.unwrap_or_else(|| blob_words(entry.access).into()),
        "x-access": entry.access,
        "x-kind": entry.kind,
        "responses": {
            "200": { "description": "Done.", "content": answer },
            "default": {
                "description": "A problem (RFC 9457).",
                "content": { "application/problem+json": { "schema": problem } },
            },
        },
    });
    match (entry.kind, entry.access, input) {
        (Kind::Blob, Access::Read, _) => {
            operation["parameters"] =
                json!([{ "name": "blob", "in": "path", "required": true, "schema": { "type": "string" } }]);
            ("/v1/blobs/{blob}".to_owned(), json!({ "get": operation }))
        }
        (Kind::Blob, ..) => {
            operation["requestBody"] = json!({ "required": true, "content": bytes });
            ("/v1/blobs".to_owned(), json!({ "post": operation }))
        }
        (.., input) => {
            let content = json!({ "application/json": { "schema": input } });
            operation["requestBody"] = json!({ "required": true, "content": content });
            (format!("/v1/{}", entry.name), json!({ "post": operation }))
        }
    }
}

fn blob_words(access: Access) -> &'static str {
    match access {
        Access::Read => "The bytes of a blob.",
        _ => "Keeps bytes for ten minutes, for a request's body.",
    }
}
