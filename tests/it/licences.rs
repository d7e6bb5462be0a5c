//! What comes from outside: its licences, the crates that must not come back, and lock files without addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use spdx::{Expression, Licensee, ParseMode};

use crate::borders;

/// Licences that a program under `Apache-2.0 OR MIT` may be built from: they ask for notices and no more.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    // Copyleft by file: changes to those files stay under it, files beside them do not come under it. They are used
    // unchanged, as published.
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages whose declared licence the list does not cover, each with the reason why it is fine.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Crates that no shipped program may hold, each with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one TLS provider: ring"),
    ("native-tls", "one TLS provider: ring"),
    ("aws-lc-rs", "one TLS provider: ring; with two of them in a program rustls cannot choose and panics"),
    ("aws-lc-sys", "one TLS provider: ring; with two of them in a program rustls cannot choose and panics"),
    (
        "aws-lc-fips-sys",
        "one TLS provider: ring; with two of them in a program rustls cannot choose and panics",
    ),
    ("libsecret*", "the keychain is spoken to over the bus, without a C library"),
    ("dbus-secret-service*", "the keychain is spoken to over the bus, without a C library"),
];

/// Packages of this workspace that nobody installs.
const NOT_SHIPPED: &[&str] = &["hearthkey-tests", "xtask"];

fn metadata() -> Metadata {
    let text = borders::cargo(&["metadata", "--format-version", "1", "--all-features"]);
    MetadataCommand::parse(text).expect("cargo's own format")
}

/// The packages of others that programs and build scripts of this workspace are made from, for every system.
fn third_party(metadata: &Metadata) -> Vec<&Package> {
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves unless told not to");
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen: BTreeSet<&PackageId> = metadata.workspace_members.iter().collect();
    let mut next: Vec<&PackageId> = seen.iter().copied().collect();
    while let Some(node) = next.pop().and_then(|id| nodes.get(id)) {
        for dependency in &node.deps {
            let tests_only = dependency.dep_kinds.iter().all(|kind| kind.kind == DependencyKind::Development);
            if !tests_only && seen.insert(&dependency.pkg) {
                next.push(&dependency.pkg);
            }
        }
    }
    metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id) && package.source.is_some())
        .collect()
}

/// Why a declared licence does not do, if it does not.
fn objection(licence: Option<&str>) -> Option<String> {
    let Some(licence) = licence else {
        return Some("declares no licence expression".to_owned());
    };
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("declares \"{licence}\", which is no licence expression"));
    };
    let allowed: Vec<_> =
        ALLOWED.iter().map(|name| Licensee::parse(name).expect("a known licence")).collect();
    let is_met = expression.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted)));
    (!is_met).then(|| format!("is under \"{licence}\", which ALLOWED does not satisfy"))
}

#[test]
fn every_package_is_under_an_allowed_licence() {
    let metadata = metadata();
    let packages = third_party(&metadata);
    assert!(packages.len() > 20, "the graph holds only {} packages: it was read wrongly", packages.len());
    let mut found = Vec::new();
    let mut unused: BTreeMap<_, _> = EXCEPTIONS.iter().copied().collect();
    for package in packages {
        if let Some(objection) = objection(package.license.as_deref())
            && unused.remove(package.name.as_str()).is_none()
            && !EXCEPTIONS.iter().any(|(name, _)| *name == package.name.as_str())
        {
            found.push(format!("{} {} {objection}", package.name, package.version));
        }
    }
    assert!(
        found.is_empty(),
        "choose another crate, or add an exception with its reason in tests/it/licences.rs:\n  {}\n",
        found.join("\n  ")
    );
    assert!(unused.is_empty(), "exceptions that nothing needs any more: {unused:?}");
}

#[test]
fn no_shipped_program_holds_a_banned_crate() {
    let shipped = borders::graphs().iter().filter(|graph| !NOT_SHIPPED.contains(&graph.package.as_str()));
    let found: Vec<_> = shipped
        .flat_map(|graph| {
            BANNED.iter().filter_map(|(name, why)| Some(format!("{}: {why}", graph.way_to(name)?)))
        })
        .collect();
    assert!(found.is_empty(), "banned crates:\n  {}\n", found.join("\n  "));
}

#[test]
fn lock_files_hold_no_addresses() {
    let root = borders::root();
    let mut files = Vec::new();
    collect_npm_locks(&root, &mut files);
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a lock file is readable text");
        let lines = resolved_addresses(&text);
        if let Some(first) = lines.first() {
            let name = file.strip_prefix(&root).unwrap_or(&file).display();
            found.push(format!("{name}: {} \"resolved\" addresses, the first in line {first}", lines.len()));
        }
    }
    assert!(
        found.is_empty(),
        "write the lock files again with `npm install --omit-lockfile-registry-resolved`:\n  {}\n",
        found.join("\n  ")
    );
}

/// The numbers of the lines whose `"resolved"` is an address; a folder of this checkout is none.
fn resolved_addresses(lock: &str) -> Vec<usize> {
    let is_address = |line: &str| line.trim_start().starts_with("\"resolved\"") && line.contains("://");
    lock.lines().enumerate().filter(|(_, line)| is_address(line)).map(|(index, _)| index + 1).collect()
}

fn collect_npm_locks(folder: &Path, files: &mut Vec<PathBuf>) {
    const SKIPPED: &[&str] = &["node_modules", "target", ".git"];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !SKIPPED.iter().any(|skipped| name == *skipped) {
            collect_npm_locks(&path, files);
        } else if name == "package-lock.json" || name == "npm-shrinkwrap.json" {
            files.push(path);
        }
    }
}

#[test]
fn expressions_are_read_not_compared() {
    for fine in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "GPL-3.0-only OR ISC",
    ] {
        assert_eq!(objection(Some(fine)), None, "{fine}");
    }
    for (licence, expected) in [
        (None, "declares no licence expression"),
        (Some("my own"), "declares \"my own\", which is no licence expression"),
        (Some("GPL-3.0-only"), "is under \"GPL-3.0-only\", which ALLOWED does not satisfy"),
        (Some("MIT AND AGPL-3.0-only"), "is under \"MIT AND AGPL-3.0-only\", which ALLOWED does not satisfy"),
    ] {
        assert_eq!(objection(licence).as_deref(), Some(expected));
    }
}

#[test]
fn an_address_in_a_lock_file_is_found() {
    let lock = "{\n  \"resolved\": \"packages/own\",\n  \"resolved\": \"https://example.test/a.tgz\",\n}";
    assert_eq!(resolved_addresses(lock), [3]);
}
