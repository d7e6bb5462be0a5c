//! What each package of the workspace reaches, as cargo resolves it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What one package reaches: every package below it, each with those it depends on directly.
pub(crate) struct Graph {
    pub(crate) package: String,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// A graph of planted edges.
    pub(super) fn of(package: &str, edges: &[(&str, &str)]) -> Self {
        let mut graph = Self { package: package.to_owned(), edges: BTreeMap::new() };
        for (from, to) in edges {
            graph.edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    }

    /// Reads `cargo tree --prefix depth`: `0hearthkey-core v0.1.0 (...)`, `1bytes v1.12.1`, `2serde v1.0.229 (*)`.
    fn parse(package: &str, tree: &str) -> Self {
        let mut edges = BTreeMap::<String, BTreeSet<String>>::new();
        let mut path = Vec::new();
        for line in tree.lines() {
            let digits = line.chars().take_while(char::is_ascii_digit).count();
            let (depth, rest) = line.split_at(digits);
            let (Ok(depth), Some(name)) = (depth.parse(), rest.split_whitespace().next()) else {
                continue;
            };
            path.truncate(depth);
            if let Some(parent) = path.last() {
                edges.entry(String::clone(parent)).or_default().insert(name.to_owned());
            }
            path.push(name.to_owned());
        }
        Self { package: package.to_owned(), edges }
    }

    /// The shortest way from the package to the first name that `pattern` stands for, as `core → platform → reqwest`.
    pub(crate) fn way_to(&self, pattern: &str) -> Option<String> {
        let mut came_from = BTreeMap::<&str, &str>::new();
        let mut next = VecDeque::from([self.package.as_str()]);
        while let Some(here) = next.pop_front() {
            if here != self.package && matches(pattern, here) {
                let mut way = vec![short(here)];
                let mut at = here;
                while let Some(before) = came_from.get(at) {
                    way.push(short(before));
                    at = before;
                }
                way.reverse();
                return Some(way.join(" → "));
            }
            for there in self.edges.get(here).into_iter().flatten() {
                if there != &self.package && !came_from.contains_key(there.as_str()) {
                    came_from.insert(there, here);
                    next.push_back(there);
                }
            }
        }
        None
    }

    pub(super) fn direct(&self) -> impl Iterator<Item = &String> {
        self.edges.get(&self.package).into_iter().flatten()
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let inner = pattern.trim_matches('*');
    match (pattern.starts_with('*'), pattern.ends_with('*')) {
        (true, true) => name.contains(inner),
        (true, false) => name.ends_with(inner),
        (false, true) => name.starts_with(inner),
        (false, false) => name == inner,
    }
}

/// A package's name as messages show it.
pub(super) fn short(package: &str) -> &str {
    package.strip_prefix("hearthkey-").unwrap_or(package)
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// What `cargo` prints, without network and without touching the lock file.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--locked", "--offline"]).current_dir(root());
    let output = command.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "`cargo {}` failed; if crates are missing, run `cargo fetch --locked` once:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The graph of each workspace package: what ends up in its programs, so neither build scripts nor procedural macros.
pub(crate) fn graphs() -> &'static [Graph] {
    static GRAPHS: OnceLock<Vec<Graph>> = OnceLock::new();
    GRAPHS.get_or_init(|| {
        let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = cargo_metadata::MetadataCommand::parse(metadata).expect("cargo's own format");
        let tree = |package: &str| {
            let kinds = ["--edges", "normal,no-proc-macro", "--target", "all", "--all-features"];
            let shape = ["--prefix", "depth", "--format", "{p}"];
            cargo(&[&["tree", "--package", package][..], &kinds, &shape].concat())
        };
        let packages = metadata.workspace_packages();
        packages.iter().map(|package| Graph::parse(&package.name, &tree(&package.name))).collect()
    })
}

#[test]
fn the_shortest_way_is_the_one_named() {
    let tree = "0hearthkey-core v0.1.0 (crates/core)\n1a v1.0.0\n2b v1.0.0\n3reqwest v0.13.0\n1c v1.0.0\n2reqwest v0.13.0 (*)\n";
    let graph = Graph::parse("hearthkey-core", tree);
    assert_eq!(graph.way_to("reqwest").as_deref(), Some("core → c → reqwest"));
    assert_eq!(graph.way_to("hyper"), None);
}
