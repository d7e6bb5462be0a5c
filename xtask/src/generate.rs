//! What is generated from the code and committed: the OpenAPI document, the schema of manifests, the interface's types and
//! marks. Tests fail when one of them is not up to date.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::toolchain;

/// The examples that print a document, and the file each of them is kept in.
const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("hearthkey-api", "openapi", "docs/openapi.json"),
    ("hearthkey-connectors", "schema", "docs/connector.schema.json"),
];

pub(crate) fn run(checkout: &Checkout) -> Result<ExitCode> {
    for (package, example, file) in DOCUMENTS {
        let command = format!("cargo run --quiet --locked -p {package} --example {example}");
        let printed = checkout.command(&command).output();
        let text = printed.with_context(|| format!("`{command}` failed; it says why when run by hand"))?;
        let path = checkout.path(file);
        fs::write(&path, text.trim_end().to_owned() + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("{file}");
    }
    toolchain::ensure_npm_packages(checkout, "ui")?;
    checkout.npm("run generate", &checkout.path("ui")).run()?;
    Ok(ExitCode::SUCCESS)
}
