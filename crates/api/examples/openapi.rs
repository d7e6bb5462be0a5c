//! Prints the OpenAPI document: `cargo xtask generate` keeps `docs/openapi.json` by it.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    let document = hearthkey_api::openapi::document();
    println!("{}", serde_json::to_string_pretty(&document).expect("JSON values always serialize"));
}
