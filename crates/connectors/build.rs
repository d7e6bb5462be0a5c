//! Lists the manifests of `catalog/`, so that adding a connector means adding one file.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=catalog");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    let out = env::var("OUT_DIR").expect("cargo sets it for build scripts");
    let mut files: Vec<String> = fs::read_dir(Path::new(&root).join("catalog"))
        .expect("the catalog folder is part of the crate")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    let rows: String = files
        .iter()
        .map(|name| format!("({name:?}, include_str!({:?})),", format!("{root}/catalog/{name}")))
        .collect();
    fs::write(Path::new(&out).join("catalog.rs"), format!("&[{rows}]")).expect("OUT_DIR can be written");
}
