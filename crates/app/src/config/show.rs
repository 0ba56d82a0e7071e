//! The effective configuration as a text, without secrets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use toml_edit::{Array, InlineTable, Key, Value as Toml};

use super::{KeyPath, Loaded, Origin, SecretRef};

impl Loaded {
    /// The effective configuration as TOML: secrets as references or `***`, and behind each key where it comes from.
    #[must_use]
    pub fn show(&self) -> String {
        let file = self.path.display();
        let state = if self.exists { "" } else { " (does not exist)" };
        let mut text = format!("# The configuration in force. File: {file}{state}\n");
        if let Value::Object(tree) = &self.masked() {
            self.table(tree, &KeyPath::default(), &mut text);
        }
        self.config.redactor().redact(&text).into_owned()
    }

    /// The same for programs: `{"file", "config", "origins": {key: {"from", …}}}`.
    #[must_use]
    pub fn show_json(&self) -> Value {
        let mut origins = Map::new();
        let tree = self.masked();
        self.origins(&tree, &KeyPath::default(), &mut origins);
        let whole = json!({ "file": self.path, "exists": self.exists, "config": tree, "origins": origins });
        // A value is redacted as it would be in the text; in JSON every secret is inside one string.
        redacted(whole, &|text| self.config.redactor().redact(text).into_owned())
    }

    fn masked(&self) -> Value {
        mask(&self.tree, &KeyPath::default())
    }

    fn table(&self, table: &Map<String, Value>, path: &KeyPath, text: &mut String) {
        let is_table = |value: &Value| value.as_object().is_some_and(|inner| !inner.is_empty());
        if table.values().any(|value| !is_table(value)) && !path.0.is_empty() {
            let names: Vec<String> = path.0.iter().map(|name| Key::new(name).to_string()).collect();
            let _ = writeln!(text, "\n[{}]", names.join("."));
        }
        for (name, value) in table.iter().filter(|(_, value)| !is_table(value)) {
            let origin = self.config.sources.origin(&path.child(name.as_str())).short();
            let _ = writeln!(text, "{} = {}  # {origin}", Key::new(name), inline(value));
        }
        for (name, value) in table {
            if let (true, Value::Object(inner)) = (is_table(value), value) {
                self.table(inner, &path.child(name.as_str()), text);
            }
        }
    }

    fn origins(&self, value: &Value, path: &KeyPath, origins: &mut Map<String, Value>) {
        match value {
            Value::Object(table) if !table.is_empty() => {
                for (name, value) in table {
                    self.origins(value, &path.child(name.as_str()), origins);
                }
            }
            _ => {
                let origin = match self.config.sources.origin(path) {
                    Origin::Default => json!({ "from": "default" }),
                    Origin::File { line, .. } => json!({ "from": "file", "line": line }),
                    Origin::Env { variable } => json!({ "from": "env", "variable": variable }),
                    Origin::Flag => json!({ "from": "flag" }),
                };
                origins.insert(path.to_string(), origin);
            }
        }
    }
}

/// A copy without secrets: references stay, everything else under a hidden key becomes `***`.
pub(super) fn mask(value: &Value, path: &KeyPath) -> Value {
    match value {
        Value::Object(table) => {
            let masked =
                table.iter().map(|(name, value)| (name.clone(), mask(value, &path.child(name.as_str()))));
            // Empty sections say nothing.
            let empty = |value: &Value| path.0.is_empty() && value.as_object().is_some_and(Map::is_empty);
            Value::Object(masked.filter(|(_, value)| !empty(value)).collect())
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| mask(value, &path.child(at.to_string()))).collect()
        }
        Value::String(text) if path.is_hidden() => match SecretRef::parse(text) {
            Ok(reference) => reference.to_string().into(),
            Err(_) => "***".into(),
        },
        // A number of tokens is no token.
        Value::Number(_)
            if path.is_hidden() && !path.0.last().is_some_and(|name| name.contains("tokens")) =>
        {
            "***".into()
        }
        other => other.clone(),
    }
}

fn redacted(value: Value, redact: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(list) => list.into_iter().map(|value| redacted(value, redact)).collect(),
        Value::Object(table) => {
            Value::Object(table.into_iter().map(|(name, value)| (name, redacted(value, redact))).collect())
        }
        other => other,
    }
}

/// A value as TOML on one line.
pub(super) fn inline(value: &Value) -> String {
    toml(value).to_string().trim().to_owned()
}

fn toml(value: &Value) -> Toml {
    match value {
        Value::Null => Toml::from(""),
        Value::Bool(yes) => Toml::from(*yes),
        Value::String(text) => Toml::from(text.as_str()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Toml::from(whole),
            None => Toml::from(number.as_f64().unwrap_or_default()),
        },
        Value::Array(list) => Toml::Array(list.iter().map(toml).collect::<Array>()),
        Value::Object(table) => Toml::InlineTable(
            table.iter().map(|(name, value)| (name.as_str(), toml(value))).collect::<InlineTable>(),
        ),
    }
}
