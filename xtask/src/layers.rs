//! The layer table of docs/architecture.md as data, and the check that no crate steps outside of it.
//!
//! A new edge is a one-line change here, seen in review. A crate without a row fails, and so does a row
//! without a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{manifest, workspace};

/// One crate: what it may use of the workspace, what only its tests may use, and what of the outside world it
/// must never know.
struct Row {
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const NETWORK: &[&str] = &["tokio", "reqwest", "hyper", "axum", "rusqlite"];
const HTTP_SERVER: &[&str] = &["axum"];

const TABLE: &[Row] = &[
    // 0: what things are
    Row { name: "pulse-core", may_use: &[], tests_may_use: &[], never: NETWORK },
    Row { name: "pulse-gotmpl", may_use: &[], tests_may_use: &[], never: NETWORK },
    Row { name: "pulse-memory", may_use: &[], tests_may_use: &[], never: NETWORK },
    // 1: one concern each, none knows another
    Row { name: "pulse-config", may_use: &["pulse-core"], tests_may_use: &[], never: HTTP_SERVER },
    Row { name: "pulse-store", may_use: &["pulse-core"], tests_may_use: &[], never: HTTP_SERVER },
    Row { name: "pulse-alerts", may_use: &["pulse-core"], tests_may_use: &[], never: NETWORK },
    Row { name: "pulse-auth", may_use: &["pulse-core"], tests_may_use: &[], never: NETWORK },
    // axum stands in for a Pulse server in the agent's own tests only.
    Row { name: "pulse-agent", may_use: &["pulse-core"], tests_may_use: &["pulse-sim"], never: HTTP_SERVER },
    // 2: asks the outside world
    Row {
        name: "pulse-collectors",
        may_use: &["pulse-core", "pulse-config"],
        tests_may_use: &["pulse-sim"],
        never: HTTP_SERVER,
    },
    Row {
        name: "pulse-oidc",
        may_use: &["pulse-core", "pulse-config"],
        tests_may_use: &[],
        never: HTTP_SERVER,
    },
    Row {
        name: "pulse-notify",
        may_use: &["pulse-core", "pulse-config", "pulse-gotmpl", "pulse-store"],
        tests_may_use: &[],
        never: HTTP_SERVER,
    },
    Row {
        name: "pulse-remote-store",
        may_use: &["pulse-core", "pulse-store"],
        tests_may_use: &[],
        never: HTTP_SERVER,
    },
    Row {
        name: "pulse-log",
        may_use: &["pulse-core", "pulse-config"],
        tests_may_use: &[],
        never: HTTP_SERVER,
    },
    // 3: the running world
    Row {
        name: "pulse-monitor",
        may_use: &["pulse-alerts", "pulse-core", "pulse-config", "pulse-collectors", "pulse-store"],
        tests_may_use: &["pulse-sim"],
        never: HTTP_SERVER,
    },
    // 4: what people and programs see
    Row {
        name: "pulse-api",
        may_use: &[
            "pulse-alerts",
            "pulse-core",
            "pulse-config",
            "pulse-store",
            "pulse-auth",
            "pulse-log",
            "pulse-monitor",
            "pulse-notify",
            "pulse-oidc",
        ],
        // A connection of the tests' own stands in for Proxmox VE, the simulator for the other products.
        tests_may_use: &["pulse-collectors", "pulse-sim"],
        never: &["rusqlite"],
    },
    Row { name: "pulse-web", may_use: &[], tests_may_use: &[], never: NETWORK },
    // 5: wiring
    Row {
        name: "pulse-server",
        may_use: &[
            "pulse-agent",
            "pulse-api",
            "pulse-auth",
            "pulse-collectors",
            "pulse-config",
            "pulse-core",
            "pulse-log",
            "pulse-memory",
            "pulse-monitor",
            "pulse-notify",
            "pulse-remote-store",
            // Mock mode, a feature.
            "pulse-sim",
            "pulse-store",
            "pulse-web",
        ],
        tests_may_use: &[],
        never: &["rusqlite"],
    },
    Row {
        name: "pulse-agent-bin",
        may_use: &["pulse-agent", "pulse-memory"],
        tests_may_use: &[],
        never: HTTP_SERVER,
    },
    // beside: the simulated world shares no wire type with what asks it; tests and tasks see binaries only
    Row { name: "pulse-sim", may_use: &["pulse-core"], tests_may_use: &[], never: &["rusqlite"] },
    Row { name: "pulse-e2e", may_use: &[], tests_may_use: &[], never: NETWORK },
    Row { name: "xtask", may_use: &["pulse-e2e"], tests_may_use: &[], never: NETWORK },
];

/// Fails with every departure from the table, not only the first.
pub fn run() -> Result<()> {
    let metadata = workspace::metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut problems = departures(TABLE, &edges(packages));
    for package in packages {
        problems.extend(manifest::problems(Path::new(text(package, "manifest_path")))?);
    }
    if problems.is_empty() {
        println!("layers: {} crates keep to the table", TABLE.len());
        return Ok(());
    }
    for problem in &problems {
        eprintln!("layers: {problem}");
    }
    bail!("{} departures from the layer table (xtask/src/layers.rs, docs/architecture.md)", problems.len());
}

/// What each crate uses: `true` marks what it uses in tests only.
type Edges = BTreeMap<String, BTreeSet<(String, bool)>>;

fn edges(packages: &[Value]) -> Edges {
    packages.iter().map(|package| (text(package, "name").to_owned(), uses(package))).collect()
}

fn uses(package: &Value) -> BTreeSet<(String, bool)> {
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies
        .iter()
        .map(|dependency| (text(dependency, "name").to_owned(), dependency["kind"] == "dev"))
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn departures(table: &[Row], edges: &Edges) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, uses) in edges {
        let Some(row) = table.iter().find(|row| row.name == name) else {
            problems.push(format!("{name} has no row in the layer table"));
            continue;
        };
        for (used, in_tests) in uses {
            if *in_tests {
                let allowed =
                    row.tests_may_use.contains(&used.as_str()) || row.may_use.contains(&used.as_str());
                if edges.contains_key(used) && !allowed {
                    problems.push(format!("the tests of {name} may not use {used}"));
                }
            } else if edges.contains_key(used) && !row.may_use.contains(&used.as_str()) {
                problems.push(format!("{name} may not use {used}"));
            } else if row.never.contains(&used.as_str()) {
                problems.push(format!("{name} must never know {used}"));
            }
        }
    }
    for row in table {
        if !edges.contains_key(row.name) {
            problems.push(format!("the layer table has a row for {}, which is no crate", row.name));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[Row] = &[
        Row { name: "core", may_use: &[], tests_may_use: &[], never: &["tokio"] },
        Row { name: "store", may_use: &["core"], tests_may_use: &["sim"], never: &[] },
        Row { name: "sim", may_use: &["core"], tests_may_use: &[], never: &[] },
    ];

    /// `text` lists edges as `a>b` and, in tests only, `a~b`.
    fn check(text: &str, expect: &[&str]) {
        let mut edges: Edges =
            ["core", "store", "sim"].iter().map(|name| ((*name).to_owned(), BTreeSet::new())).collect();
        for edge in text.split_whitespace() {
            let in_tests = edge.contains('~');
            let (from, to) = edge.split_once(['>', '~']).expect("an edge");
            edges.entry(from.to_owned()).or_default().insert((to.to_owned(), in_tests));
        }
        assert_eq!(departures(SMALL, &edges), expect, "{text}");
    }

    #[test]
    fn edges_of_the_table_pass() {
        check("store>core sim>core store~sim store~core store>serde", &[]);
    }

    #[test]
    fn edges_outside_of_the_table_fail() {
        check("core>store", &["core may not use store"]);
        check("store>sim", &["store may not use sim"]);
        check("core~sim", &["the tests of core may not use sim"]);
        check("core>tokio", &["core must never know tokio"]);
        check("new>core", &["new has no row in the layer table"]);
    }

    #[test]
    fn what_only_tests_use_is_not_judged_by_the_never_list() {
        check("core~tokio", &[]);
    }

    #[test]
    fn a_row_without_a_crate_fails() {
        let edges = Edges::from([("core".to_owned(), BTreeSet::new()), ("sim".to_owned(), BTreeSet::new())]);
        assert_eq!(departures(SMALL, &edges), ["the layer table has a row for store, which is no crate"]);
    }

    #[test]
    fn the_table_allows_no_cycle() {
        // A crate's depth is one more than the deepest it may use; a cycle would never settle.
        let mut depth: BTreeMap<&str, usize> = TABLE.iter().map(|row| (row.name, 0)).collect();
        for round in 0..=TABLE.len() {
            let mut changed = false;
            for row in TABLE {
                let wanted = row.may_use.iter().map(|used| depth[used] + 1).max().unwrap_or(0);
                changed |= depth.insert(row.name, wanted) != Some(wanted);
            }
            if !changed {
                return;
            }
            assert!(round < TABLE.len(), "the layer table has a cycle");
        }
    }
}
