//! Reading an operation's input. Complaints name the place and what was expected there, and never quote the value, which may
//! be a secret.

use crate::Problem;
use crate::operation::Operation;
use serde_json::Value;

/// Reads an input. Nothing at all is an empty object.
///
/// # Errors
/// [`Problem`] naming the JSON path and what was expected.
pub fn read<O: Operation>(json: &[u8]) -> Result<O, Problem> {
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    // serde would take a list as the fields in order.
    if json.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::input("input", "an object was expected"));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let schema = schemars::schema_for!(O).to_value();
        let Ok(value) = serde_json::from_slice::<Value>(json) else {
            return Problem::input("input", "JSON was expected");
        };
        match complaint(&schema, &value) {
            Some((field, expected)) => Problem::input(&field, expected),
            None => Problem::input(&path, "this is not what the operation's schema describes"),
        }
    })
}

/// The first field that is missing or not known.
fn complaint(schema: &Value, value: &Value) -> Option<(String, &'static str)> {
    let Some(given) = value.as_object() else {
        return Some(("input".into(), "an object was expected"));
    };
    let required = schema.get("required").and_then(Value::as_array);
    let missing =
        required.into_iter().flatten().filter_map(Value::as_str).find(|name| !given.contains_key(*name));
    if let Some(name) = missing {
        return Some((name.to_owned(), "is needed"));
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let unknown = given.keys().find(|name| !known.is_some_and(|known| known.contains_key(*name)));
    unknown.map(|name| (name.chars().filter(|c| !c.is_control()).take(60).collect(), "is not known"))
}
