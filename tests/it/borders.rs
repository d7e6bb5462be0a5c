//! The borders between the crates: who may import whom, and what a crate may never reach.
//!
//! [`TABLE`] is the table of `docs/ARCHITECTURE.md` in Rust. It is held against what cargo resolves for each package
//! alone, with all its features and for every system, and against the sources. A crate without a row fails.

mod graph;
mod source;

use self::graph::{Graph, short};
pub(crate) use self::graph::{cargo, graphs, root};

/// One package and its borders. Names are package names; in messages `hearthkey-` is left out.
struct Row {
    package: &'static str,
    /// The workspace packages it may depend on directly; `None` for any.
    may_import: Option<&'static [&'static str]>,
    /// What it may not reach, directly or through others. A `*` stands for any text at that end.
    never: &'static [&'static str],
}

/// Only this package may reach [`TAURI`].
const DESKTOP: &str = "hearthkey-desktop";
const TAURI: &[&str] = &["tauri", "tauri-build", "tauri-plugin-*", "tauri-runtime*", "wry", "tao"];

/// What a crate without IO and without async cannot have below it.
const WORLD: &[&str] = &[
    "tokio",
    "mio",
    "async-std",
    "socket2",
    "hyper",
    "reqwest",
    "axum",
    "rusqlite",
    "libsqlite3-sys",
    "*keyring*",
    "zbus",
];

const TABLE: &[Row] = &[
    Row { package: "hearthkey-domain", may_import: Some(&[]), never: WORLD },
    Row { package: "hearthkey-vault", may_import: Some(&["hearthkey-domain"]), never: WORLD },
    Row { package: "hearthkey-connectors", may_import: Some(&["hearthkey-domain"]), never: WORLD },
    Row { package: "hearthkey-mailbox", may_import: Some(&["hearthkey-domain"]), never: WORLD },
    Row {
        package: "hearthkey-core",
        may_import: Some(&[
            "hearthkey-domain",
            "hearthkey-vault",
            "hearthkey-connectors",
            "hearthkey-mailbox",
        ]),
        never: &["rusqlite", "libsqlite3-sys", "reqwest", "*keyring*", "zbus", "axum"],
    },
    Row {
        package: "hearthkey-store",
        may_import: Some(&["hearthkey-domain"]),
        never: &["hearthkey-vault", "axum", "clap"],
    },
    Row {
        package: "hearthkey-platform",
        may_import: Some(&["hearthkey-domain"]),
        never: &["hearthkey-vault", "axum", "clap"],
    },
    Row {
        package: "hearthkey-api",
        may_import: Some(&["hearthkey-domain", "hearthkey-core"]),
        never: &["hearthkey-store", "hearthkey-platform"],
    },
    Row {
        package: "hearthkey-engine",
        may_import: Some(&[
            "hearthkey-domain",
            "hearthkey-vault",
            "hearthkey-connectors",
            "hearthkey-mailbox",
            "hearthkey-core",
            "hearthkey-store",
            "hearthkey-platform",
            "hearthkey-api",
        ]),
        never: &["clap"],
    },
    Row {
        package: "hearthkey-cli",
        may_import: Some(&["hearthkey-api", "hearthkey-engine", "hearthkey-domain"]),
        never: &[DESKTOP],
    },
    Row {
        package: DESKTOP,
        may_import: Some(&["hearthkey-api", "hearthkey-engine", "hearthkey-domain"]),
        never: &["hearthkey-cli"],
    },
    Row {
        package: "hearthkey-gateway",
        may_import: Some(&["hearthkey-domain", "hearthkey-connectors", "hearthkey-mailbox"]),
        never: &["hearthkey-vault", "hearthkey-core", "hearthkey-store"],
    },
    Row {
        package: "hearthkey-sandbox",
        may_import: Some(&["hearthkey-domain", "hearthkey-mailbox"]),
        never: &["hearthkey-core"],
    },
    Row { package: "hearthkey-tests", may_import: None, never: &[DESKTOP] },
    Row { package: "xtask", may_import: None, never: &[DESKTOP] },
];

/// Every border that a graph crosses, each as one sentence that names the edge or the whole way.
fn violations(table: &[Row], graphs: &[Graph]) -> Vec<String> {
    let is_ours = |name: &str| {
        table.iter().any(|row| row.package == name) || graphs.iter().any(|graph| graph.package == name)
    };
    let mut found = Vec::new();
    for graph in graphs {
        let name = short(&graph.package);
        let Some(row) = table.iter().find(|row| row.package == graph.package) else {
            found.push(format!(
                "{name} has no row: add one to TABLE in tests/it/borders.rs, with what it may import"
            ));
            continue;
        };
        if let Some(allowed) = row.may_import {
            for import in
                graph.direct().filter(|import| is_ours(import) && !allowed.contains(&import.as_str()))
            {
                let list = allowed.iter().map(|package| short(package)).collect::<Vec<_>>().join(", ");
                let import = short(import);
                found.push(match list.as_str() {
                    "" => format!("{name} → {import}: {name} may import no crate of this workspace"),
                    _ => format!("{name} → {import}: of this workspace {name} may import {list} only"),
                });
            }
        }
        let tauri = if row.package == DESKTOP { &[][..] } else { TAURI };
        for way in row.never.iter().chain(tauri).filter_map(|pattern| graph.way_to(pattern)) {
            let end = way.rsplit(" → ").next().unwrap_or_default();
            found.push(format!("{way}: {name} may never reach {end}"));
        }
    }
    found
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

#[test]
fn no_crate_crosses_its_borders() {
    assert_none(&violations(TABLE, graphs()), "edges that break a border");
}

#[test]
fn pure_crates_neither_touch_the_world_nor_ask_the_time() {
    const FORBIDDEN: &[&str] = &[
        "std::fs",
        "std::net",
        "std::env",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
    ];
    let mut found = Vec::new();
    for folder in ["crates/domain/src", "crates/vault/src", "crates/connectors/src", "crates/mailbox/src"] {
        for (file, paths) in source::named_paths(&root(), folder) {
            for name in FORBIDDEN.iter().filter(|name| source::names(&paths, name)) {
                found.push(format!("{file} names {name}: take it as a value or through a port"));
            }
        }
    }
    assert_none(&found, "pure crates that are not");
}

#[test]
fn one_module_of_core_names_the_oauth2_crate() {
    let files = source::naming_crate(&root(), "crates/core/src", |name| name == "oauth2");
    assert_eq!(
        files.len(),
        1,
        "files of core that name oauth2, of which there is to be exactly one: {files:?}"
    );
}

#[test]
fn only_the_desktop_shell_names_tauri() {
    let is_tauri = |name: &str| name == "tauri" || name.starts_with("tauri_");
    let found: Vec<_> = ["crates", "tests", "xtask"]
        .into_iter()
        .flat_map(|folder| source::naming_crate(&root(), folder, is_tauri))
        .map(|file| format!("{file} names tauri: only src-tauri may"))
        .collect();
    assert_none(&found, "tauri outside the desktop shell");
}

#[test]
fn a_planted_edge_is_named() {
    for (package, edges, expected) in [
        (
            "hearthkey-core",
            &[("hearthkey-core", "hearthkey-store"), ("hearthkey-store", "rusqlite")][..],
            &[
                "core → store: of this workspace core may import domain, vault, connectors, mailbox only",
                "core → store → rusqlite: core may never reach rusqlite",
            ][..],
        ),
        (
            "hearthkey-core",
            &[
                ("hearthkey-core", "hearthkey-domain"),
                ("hearthkey-domain", "url"),
                ("hearthkey-core", "hearthkey-platform"),
                ("hearthkey-platform", "reqwest"),
            ],
            &[
                "core → platform: of this workspace core may import domain, vault, connectors, mailbox only",
                "core → platform → reqwest: core may never reach reqwest",
            ],
        ),
        (
            "hearthkey-domain",
            &[("hearthkey-domain", "backoff"), ("backoff", "tokio"), ("tokio", "mio")],
            &[
                "domain → backoff → tokio: domain may never reach tokio",
                "domain → backoff → tokio → mio: domain may never reach mio",
            ],
        ),
        (
            "hearthkey-cli",
            &[("hearthkey-cli", "hearthkey-vault"), ("hearthkey-cli", "clap")],
            &["cli → vault: of this workspace cli may import api, engine, domain only"],
        ),
        (
            "hearthkey-domain",
            &[("hearthkey-domain", "xtask")],
            &["domain → xtask: domain may import no crate of this workspace"],
        ),
        (
            "hearthkey-vault",
            &[("hearthkey-vault", "apple-native-keyring-store")],
            &["vault → apple-native-keyring-store: vault may never reach apple-native-keyring-store"],
        ),
        (
            "hearthkey-tests",
            &[("hearthkey-tests", "hearthkey-desktop"), ("hearthkey-desktop", "tauri")],
            &[
                "tests → desktop: tests may never reach desktop",
                "tests → desktop → tauri: tests may never reach tauri",
            ],
        ),
        (DESKTOP, &[(DESKTOP, "tauri"), (DESKTOP, "hearthkey-engine")], &[]),
        (
            "hearthkey-widgets",
            &[],
            &["widgets has no row: add one to TABLE in tests/it/borders.rs, with what it may import"],
        ),
    ] {
        assert_eq!(violations(TABLE, &[Graph::of(package, edges)]), expected, "{package} {edges:?}");
    }
}
