//! Holds values against the schema and finds everything that does not fit.
//!
//! serde stops at the first error. This walk does not, and the schema comes from the same types.

use serde_json::Value;

use super::{KeyPath, suggest};

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) key: KeyPath,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Everything in `value` that does not fit `schema`.
pub(super) fn check(schema: &Value, value: &Value) -> Vec<Finding> {
    let mut walk = Walk { root: schema, findings: Vec::new() };
    walk.visit(schema, value, &KeyPath::default());
    walk.findings
}

/// The schema of the value at `path`, where the schema says something about it.
pub(super) fn schema_at<'a>(schema: &'a Value, path: &KeyPath) -> Option<&'a Value> {
    path.0.iter().try_fold(schema, |schema, name| {
        let property = schema.get("properties").and_then(|properties| properties.get(name));
        let any = schema.get("additionalProperties").filter(|any| any.is_object());
        property.or(any).or_else(|| schema.get("items"))
    })
}

struct Walk<'a> {
    root: &'a Value,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn find(&mut self, key: &KeyPath, message: String, hint: Option<String>) {
        self.findings.push(Finding { key: key.clone(), message, hint });
    }

    fn visit(&mut self, schema: &Value, value: &Value, path: &KeyPath) {
        if let Some(choices) = choices(schema) {
            self.choice(&choices, value, path);
            return;
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|wanted| is(wanted, value)) {
            self.find(
                path,
                format!("expected {}, found {}", expected(&types, schema), found(value, path)),
                None,
            );
            return;
        }
        match value {
            Value::Object(table) => self.table(schema, table, path),
            Value::Array(list) => {
                for (at, item) in list.iter().enumerate() {
                    self.visit(&schema["items"], item, &path.child(at.to_string()));
                }
            }
            Value::Number(_) => self.range(schema, value, path),
            Value::String(text) => {
                let least = schema["minLength"].as_u64().unwrap_or(0);
                if (text.trim().chars().count() as u64) < least {
                    self.find(path, "must not be empty".to_owned(), None);
                }
            }
            _ => {}
        }
    }

    fn table(&mut self, schema: &Value, table: &serde_json::Map<String, Value>, path: &KeyPath) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in table {
            let key = path.child(name.as_str());
            if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                self.visit(schema, value, &key);
            } else {
                match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => self.unknown(name, schema, path),
                    Some(schema @ Value::Object(_)) => self.visit(schema, value, &key),
                    _ => {}
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) {
                self.find(&path.child(name), "is missing".to_owned(), None);
            }
        }
    }

    fn unknown(&mut self, name: &str, schema: &Value, path: &KeyPath) {
        let siblings: Vec<&str> =
            schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let kind = if path.0.is_empty() { "unknown section" } else { "unknown key" };
        let hint = match suggest::nearest(name, siblings.iter().copied()) {
            Some(near) => format!("did you mean `{}`?", path.child(near)),
            None => match suggest::elsewhere(name, self.root) {
                Some(other) => format!("did you mean `{other}`?"),
                None => format!("known here: {}", siblings.join(", ")),
            },
        };
        self.find(&path.child(name), kind.to_owned(), Some(hint));
    }

    fn choice(&mut self, choices: &[&str], value: &Value, path: &KeyPath) {
        let all = choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(", ");
        match value.as_str() {
            Some(text) if choices.contains(&text) => {}
            Some(text) => {
                let hint = suggest::nearest(text, choices.iter().copied())
                    .map(|near| format!("did you mean \"{near}\"?"));
                self.find(path, format!("expected one of {all}, found {}", found(value, path)), hint);
            }
            None => self.find(path, format!("expected one of {all}, found {}", found(value, path)), None),
        }
    }

    fn range(&mut self, schema: &Value, value: &Value, path: &KeyPath) {
        let (Some(number), least, most) =
            (value.as_f64(), schema["minimum"].as_f64(), schema["maximum"].as_f64())
        else {
            return;
        };
        let out = least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most);
        if out {
            let found = found(value, path);
            let message = match (least, most) {
                (Some(least), Some(most)) => format!("must be between {least} and {most}, found {found}"),
                (Some(least), None) => format!("must be at least {least}, found {found}"),
                (_, most) => format!("must be at most {}, found {found}", most.unwrap_or_default()),
            };
            self.find(path, message, None);
        }
    }
}

/// The words that a schema allows, if it is a choice between words.
pub(super) fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(Value::as_str).collect();
    }
    let several = schema.get("oneOf").and_then(Value::as_array)?;
    let words = several.iter().map(|one| match one.get("const") {
        Some(word) => word.as_str().map(|word| vec![word]),
        None => choices(one),
    });
    words.collect::<Option<Vec<_>>>().map(|words| words.concat())
}

/// The JSON types that a schema allows; none when it allows all.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        // TOML has no such value.
        _ => false,
    }
}

fn expected(types: &[&str], schema: &Value) -> String {
    let word = |name: &&str| match *name {
        "object" => Some("a table"),
        "array" if schema["items"]["type"] == "string" => Some("a list of texts"),
        "array" => Some("a list"),
        "string" => Some("a text"),
        "boolean" => Some("true or false"),
        "integer" => Some("a whole number"),
        "number" => Some("a number"),
        _ => None,
    };
    types.iter().filter_map(word).collect::<Vec<_>>().join(" or ")
}

/// What was found, as far as it may be shown.
fn found(value: &Value, path: &KeyPath) -> String {
    /// Most characters of a value in a message.
    const SHOWN: usize = 40;
    let kind = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(table) if table.contains_key("$__toml_private_datetime") => "a date or time",
        Value::Object(_) => "a table",
    };
    if path.is_hidden() {
        return kind.to_owned();
    }
    match value {
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("the text \"{}…\"", text.chars().take(SHOWN).collect::<String>().escape_debug())
        }
        Value::String(text) => format!("the text {text:?}"),
        _ => kind.to_owned(),
    }
}
