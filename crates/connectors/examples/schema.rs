//! Prints the JSON Schema of manifests: `cargo xtask generate` keeps `docs/connector.schema.json` by it.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    let schema = hearthkey_connectors::Manifest::json_schema();
    println!("{}", serde_json::to_string_pretty(&schema).expect("JSON values always serialize"));
}
