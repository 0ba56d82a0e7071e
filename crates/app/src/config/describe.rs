//! The keys as a table for people.

use serde_json::Value;

use super::{
    KeyPath,
    check::{choices, types},
    schema,
};

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its path; `NAME` and `KIND` stand for names that the user gives.
    pub key: String,
    /// What it takes.
    pub takes: String,
    /// Its default as TOML, if it has one.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// Every key of the file, by name.
#[must_use]
pub fn reference() -> Vec<KeyRow> {
    let mut rows = Vec::new();
    collect(&schema(), &KeyPath::default(), &mut rows);
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    rows
}

/// What [`reference()`] lists, as a table in Markdown.
#[must_use]
pub fn reference_table() -> String {
    let mut table = String::from("| key | takes | default | meaning |\n|---|---|---|---|\n");
    for KeyRow { key, takes, default, meaning } in reference() {
        let default = default.map(|default| format!("`{default}`")).unwrap_or_default();
        table.push_str(&format!("| `{key}` | {takes} | {default} | {} |\n", meaning.replace('|', "\\|")));
    }
    table
}

fn collect(schema: &Value, path: &KeyPath, rows: &mut Vec<KeyRow>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = path.child(name.as_str());
        if schema.get("properties").is_some() {
            collect(schema, &path, rows);
        } else if let Some(each) =
            schema.get("additionalProperties").filter(|each| each.get("properties").is_some())
        {
            let name = if name == "channels" { "KIND" } else { "NAME" };
            collect(each, &path.child(name), rows);
        } else {
            let default = schema.get("default").filter(|default| !default.is_null());
            rows.push(KeyRow {
                key: path.to_string(),
                takes: takes(schema),
                default: default.map(super::show::inline),
                meaning: schema["description"].as_str().unwrap_or_default().replace('\n', " "),
            });
        }
    }
}

fn takes(schema: &Value) -> String {
    if let Some(words) = choices(schema) {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = types(schema).into_iter().filter(|name| *name != "null").collect();
    match types.as_slice() {
        ["string"] if schema["format"] == "secret" => "secret".to_owned(),
        ["string"] => "text".to_owned(),
        ["boolean"] => "true or false".to_owned(),
        ["array"] => "list of texts".to_owned(),
        ["integer"] => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            _ => "number".to_owned(),
        },
        other => other.join(" or "),
    }
}
