//! The JSON schema of the file.

use agent_core::{BudgetConfig, RetryPolicy, turn::Limits};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};
use session_api::Effort;

use super::Config;

/// The JSON schema of the whole file, all in one piece.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// Name, least and greatest value, and meaning of a number.
type Row = (&'static str, u64, u64, &'static str);

// The core derives no schemas, so that it needs no crate for them. A test holds these tables against its types.

const LIMITS: &[Row] = &[
    ("model_calls", 1, 10_000, "Most calls of the model in one turn."),
    ("tool_calls", 1, 100_000, "Most tool calls in one turn."),
    ("seconds", 1, 86_400, "Longest time for one turn in seconds, waiting for permission not counted."),
];

const BUDGET: &[Row] = &[
    (
        "unknown_window",
        1_000,
        100_000_000,
        "Tokens that a model of which nobody knows it is taken to hold; `providers.NAME.context` says it for a provider.",
    ),
    ("history_messages", 1, 100_000, "Most messages of history in a request."),
    ("history_bytes", 1_000, 64 << 20, "Most bytes of history in a request."),
    (
        "file_bytes",
        1_000,
        16 << 20,
        "Most bytes that are read of one file; a longer one is left out and the model is told, and of memory the end is read.",
    ),
    (
        "result_chars",
        200,
        16 << 20,
        "Most characters of one tool result; a longer one is stored whole and cut.",
    ),
];

/// Rooms: a number of tokens, or a part of the model's window.
const ROOMS: &[(&str, &str)] = &[
    ("reply", "Room that is kept free for the reply."),
    ("instructions", "Room of `AGENTS.md` and `SOUL.md`."),
    ("person", "Room of `USER.md`."),
    ("channel", "Room of `CONTEXT-<channel>.md`."),
    ("skills", "Room of the skills."),
    ("profile", "Room of the profiles."),
    ("session", "Room of what a conversation knows of itself: its channel, who speaks, its goal."),
    ("rules", "Room of standing rules."),
    ("pins", "Room of what was pinned with `/pin`."),
    ("memory", "Room of the memory; its end is kept."),
    ("working", "Room of what is kept in mind for one conversation; its end is kept."),
    ("history", "Room of the conversation so far, its summary included."),
];

const RETRY: &[Row] = &[
    ("attempts", 1, 20, "How often a model call is tried in all."),
    ("base_millis", 1, 60_000, "The wait before the second attempt in milliseconds; it doubles each time."),
    ("longest_wait_seconds", 1, 600, "A server that asks for a longer wait than this is not waited for."),
];

pub(super) fn limits(_: &mut SchemaGenerator) -> Schema {
    numbers(LIMITS, Limits::default(), "How far one turn may go.")
}

pub(super) fn budget(_: &mut SchemaGenerator) -> Schema {
    let about = "How much room each thing has in a request to the model: tokens, or a part of its window as in \"10%\". The \
                 parts may not be more than 100% together.";
    let mut schema = numbers(BUDGET, BudgetConfig::default(), about);
    let defaults = serde_json::to_value(BudgetConfig::default()).unwrap_or_default();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, about) in ROOMS {
            let room = json!({
                "type": ["integer", "string"], "minimum": 0, "maximum": 100_000_000,
                "default": defaults[*name], "description": about,
            });
            properties.insert((*name).to_owned(), room);
        }
    }
    schema
}

pub(super) fn retry(_: &mut SchemaGenerator) -> Schema {
    numbers(RETRY, RetryPolicy::default(), "How often a failed model call is tried again.")
}

pub(super) fn effort(_: &mut SchemaGenerator) -> Schema {
    let words = Effort::ALL.map(Effort::as_str);
    Schema::try_from(json!({ "type": ["string", "null"], "enum": words })).unwrap_or_default()
}

fn numbers(rows: &[Row], defaults: impl Serialize, about: &str) -> Schema {
    let defaults = serde_json::to_value(defaults).unwrap_or_default();
    let properties: serde_json::Map<String, Value> = rows
        .iter()
        .map(|(name, least, most, about)| {
            let number = json!({
                "type": "integer", "minimum": least, "maximum": most,
                "default": defaults[*name], "description": about,
            });
            ((*name).to_owned(), number)
        })
        .collect();
    let table = json!({
        "type": "object", "description": about, "additionalProperties": false, "properties": properties,
    });
    Schema::try_from(table).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_here_have_the_keys_of_the_cores_types_and_their_defaults_are_in_range() {
        let mut budget = serde_json::to_value(BudgetConfig::default()).unwrap();
        for (name, _) in ROOMS {
            assert!(budget.as_object_mut().unwrap().remove(*name).is_some(), "{name}");
        }
        let cases = [
            (LIMITS, serde_json::to_value(Limits::default()).unwrap()),
            (BUDGET, budget),
            (RETRY, serde_json::to_value(RetryPolicy::default()).unwrap()),
        ];
        for (rows, defaults) in cases {
            let mut ours: Vec<&str> = rows.iter().map(|row| row.0).collect();
            ours.sort_unstable();
            let theirs: Vec<&str> = defaults.as_object().unwrap().keys().map(String::as_str).collect();
            let mut theirs = theirs;
            theirs.sort_unstable();
            assert_eq!(ours, theirs);
            for (name, least, most, _) in rows {
                let default = defaults[*name].as_u64().unwrap();
                assert!((*least..=*most).contains(&default), "{name}");
            }
        }
    }
}
