//! The example file and the page of documentation say what the program does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::{fs, path::Path};

use factotum::{
    Environment,
    config::{Config, LoadInput, Loaded, load, reference, reference_table},
};
use serde_json::Value;

fn of_the_repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn loaded(text: &str) -> Loaded {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), text).unwrap();
    let environment = Environment::default();
    load(&LoadInput::new(home.path().to_owned(), None, &environment))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// `#key = value` is a setting at its default, `# words` is prose.
fn is_setting(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_lowercase() || first == '[')
}

fn with_every_setting(example: &str) -> String {
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The value at `key`, where `NAME` and `KIND` stand for any name below which the rest of the key is.
fn value<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    let Some((name, rest)) = key.split_once('.') else { return tree.get(key) };
    match name {
        "NAME" | "KIND" => tree.as_object()?.values().find_map(|tree| value(tree, rest)),
        name => value(tree.get(name)?, rest),
    }
}

#[test]
fn the_example_as_it_is_changes_nothing() {
    let example = loaded(&of_the_repository("config.example.toml"));
    assert_eq!(
        serde_json::to_value(&example.config).unwrap(),
        serde_json::to_value(Config::default()).unwrap()
    );
}

#[test]
fn the_example_has_every_key_with_its_default_and_a_line_of_why() {
    let text = with_every_setting(&of_the_repository("config.example.toml"));
    let tree = serde_json::to_value(&loaded(&text).config).unwrap();
    for row in reference() {
        let found = value(&tree, &row.key).unwrap_or_else(|| panic!("{} is not in the example", row.key));
        if let Some(default) = row.default {
            let line: toml_edit::Value = default.parse().unwrap();
            let expected = match &line {
                toml_edit::Value::String(text) => Value::from(text.value().as_str()),
                toml_edit::Value::Integer(number) => Value::from(*number.value()),
                toml_edit::Value::Boolean(yes) => Value::from(*yes.value()),
                toml_edit::Value::Array(list) if list.is_empty() => Value::Array(Vec::new()),
                other => panic!("{}: the default {other} is of a new kind", row.key),
            };
            assert_eq!(*found, expected, "{} does not stand at its default", row.key);
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let key = is_setting(pair[1]) && !pair[1].starts_with('[');
        assert!(!key || pair[0].starts_with("# "), "{} has no line of why above it", pair[1]);
    }
}

/// The keys of all channels stand in the first section alone; each adapter's own stand in its own.
#[test]
#[cfg(all(feature = "telegram", feature = "discord", feature = "slack"))]
fn the_adapters_take_what_the_example_says_of_them() {
    let example = with_every_setting(&of_the_repository("config.example.toml"));
    let parsed: toml_edit::DocumentMut = example.parse().unwrap();
    let common = [
        "allow",
        "busy",
        "coalesce_ms",
        "enabled",
        "groups",
        "live",
        "media_mb",
        "members",
        "on_doubt",
        "pairing",
    ];
    for (kind, page) in ["telegram", "discord", "slack", "email", "websocket"]
        .map(|kind| (kind, format!("docs/channels/{kind}.md")))
    {
        let section =
            parsed["channels"][kind].as_table().unwrap_or_else(|| panic!("{kind} is not in the example"));
        let own: Vec<&str> = section.iter().map(|(key, _)| key).filter(|key| !common.contains(key)).collect();
        let page = of_the_repository(&page);
        for key in own {
            assert!(page.contains(key), "{kind}: the page does not know {key}");
        }
        if kind == "telegram" {
            for key in common {
                assert!(section.contains_key(key), "{key} is not in the example");
            }
        }
    }
    let on = parsed.to_string().replace("enabled = false", "enabled = true");
    let channels: String =
        on.split_once("[channels.telegram]").map(|(_, rest)| format!("[channels.telegram]{rest}")).unwrap();
    let channels = channels.split_once("[http]").map(|(channels, _)| channels.to_owned()).unwrap();
    let loaded = loaded(&channels);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn the_documentation_lists_every_key() {
    let page = of_the_repository("docs/configuration.md");
    let table = reference_table();
    assert!(
        page.contains(&table),
        "put the output of `factotum config schema --table` into the page:\n{table}"
    );
}
