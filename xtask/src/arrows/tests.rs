//! The real workspace obeys the table; made-up ones prove that the check would notice.

use serde_json::{Value, json};

use super::*;

/// A crate of each layer, few enough to take in at a glance.
const RULES: &[Rule] = &[
    Rule { name: "session-api", layer: Layer::Domain, may_use: &[] },
    Rule { name: "tool-api", layer: Layer::Domain, may_use: &["session-api"] },
    Rule { name: "agent-core", layer: Layer::Domain, may_use: &["session-api", "tool-api"] },
    Rule { name: "http-client", layer: Layer::Leaf, may_use: &[] },
    Rule { name: "sqlite-store", layer: Layer::Adapter, may_use: &["session-api"] },
    Rule { name: "tools", layer: Layer::Adapter, may_use: &["session-api", "tool-api", "http-client"] },
    Rule { name: "factotum", layer: Layer::App, may_use: &["agent-core", "sqlite-store", "tools"] },
    Rule { name: "servers", layer: Layer::Tooling, may_use: &[] },
];

/// Every crate of `RULES` without dependencies, but one of them with one arrow.
fn with_arrow(from: &str, to: &str, kind: Option<&str>) -> Workspace {
    let packages: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            let arrow = json!({ "name": to, "kind": kind, "path": format!("/w/crates/{to}") });
            let dependencies = if rule.name == from { vec![arrow] } else { Vec::new() };
            package(rule.name, &dependencies)
        })
        .collect();
    Workspace::parse(&json!({ "packages": packages })).unwrap()
}

fn package(name: &str, dependencies: &[Value]) -> Value {
    json!({
        "name": name, "manifest_path": format!("/w/crates/{name}/Cargo.toml"),
        "dependencies": dependencies, "targets": [],
    })
}

#[test]
fn real_workspace_obeys_the_table() {
    let shell = Shell { root: crate::shell::root(), ci: false, may_install: false };
    let problems = violations(&shell).unwrap();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn wrong_arrow_is_named_with_both_ends_and_the_wall() {
    for (from, to, kind, wall) in [
        ("session-api", "tool-api", None, "inward"),
        ("tool-api", "agent-core", None, "inward"),
        ("agent-core", "sqlite-store", None, "inward"),
        ("agent-core", "sqlite-store", Some("dev"), "inward"),
        ("agent-core", "servers", Some("dev"), "inward"),
        ("tools", "sqlite-store", None, "adapters do not know one another"),
        ("tools", "sqlite-store", Some("dev"), "adapters do not know one another"),
        ("sqlite-store", "tool-api", None, "may use only session-api"),
        ("sqlite-store", "factotum", None, "nothing knows it"),
        ("http-client", "session-api", None, "leaf"),
        ("http-client", "session-api", Some("dev"), "leaf"),
        ("factotum", "servers", None, "tests only"),
        ("servers", "session-api", None, "no crate of the workspace"),
        ("tools", "session-api", Some("build"), "build dependency"),
    ] {
        let problems = internal(&with_arrow(from, to, kind), RULES);
        assert_eq!(problems.len(), 1, "{from} → {to} {kind:?}: {problems:?}");
        let expected = [format!("`{from}` → `{to}`"), wall.to_owned(), format!("crates/{from}/Cargo.toml")];
        for part in expected {
            assert!(problems[0].contains(&part), "`{part}` is not in: {}", problems[0]);
        }
    }
}

#[test]
fn right_arrow_is_silent() {
    for (from, to, kind) in [
        ("tool-api", "session-api", None),
        ("agent-core", "tool-api", None),
        ("agent-core", "tool-api", Some("dev")),
        ("session-api", "session-api", Some("dev")),
        ("tools", "http-client", None),
        ("sqlite-store", "agent-core", Some("dev")),
        ("tools", "servers", Some("dev")),
        ("http-client", "servers", Some("dev")),
        ("factotum", "tools", None),
        ("factotum", "servers", Some("dev")),
    ] {
        let problems = internal(&with_arrow(from, to, kind), RULES);
        assert!(problems.is_empty(), "{from} → {to} {kind:?}: {problems:?}");
    }
}

#[test]
fn new_crate_is_told_where_to_put_its_row() {
    let mut workspace = with_arrow("tools", "tool-api", None);
    let matrix = package("matrix", &[]);
    workspace.members.extend(Workspace::parse(&json!({ "packages": [matrix] })).unwrap().members);
    let problems = internal(&workspace, RULES);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("`matrix`") && problems[0].contains("arrows/table.rs"), "{}", problems[0]);
}

#[test]
fn row_of_a_vanished_crate_is_reported() {
    let mut workspace = with_arrow("tools", "tool-api", None);
    workspace.members.retain(|member| member.name != "servers");
    let problems = internal(&workspace, RULES);
    assert!(problems.len() == 1 && problems[0].contains("`servers`"), "{problems:?}");
}

#[test]
fn domain_crate_that_pulls_in_the_outside_is_reported_once() {
    for (tree, named) in [
        ("agent-core v0.1.0 (/w)|default\nreqwest v0.13.5|json\nreqwest v0.13.5|json (*)", "`reqwest`"),
        ("agent-core v0.1.0 (/w)|\nsqlx v0.9.0|", "`sqlx`"),
        ("tokio v1.54.0|default,macros,rt,sync,tokio-macros", "tokio's rt;"),
        ("tokio v1.54.0|net,sync,time (*)", "tokio's net, time;"),
    ] {
        let problems = outside("agent-core", tree);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(named) && problems[0].contains("`agent-core`"), "{}", problems[0]);
    }
}

#[test]
fn channels_and_select_of_tokio_are_allowed() {
    let tree = "agent-core v0.1.0 (/w)|default\ntokio v1.54.0|macros,sync,tokio-macros\ntokio v1.54.0|sync (*)\ntokio-util v0.7.19|\ntoml-like v1.0.0|";
    assert_eq!(outside("agent-core", tree), Vec::<String>::new());
}
