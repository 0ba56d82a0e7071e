//! What a configuration adds to every request as it is: tools that the server runs by itself, and fields of the body.

use serde::ser::SerializeMap;
use serde_json::{Map, Value};

use crate::ProviderSetupError;

/// Fields that are ours in one format or another: written twice, they would mean whatever the server finds last.
const OURS: &[&str] = &[
    "input",
    "instructions",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages",
    "model",
    "store",
    "stream",
    "stream_options",
    "system",
    "tools",
];

/// Judges `server_tools` and `extra_body` of the provider `name`.
pub(crate) fn check(
    name: &str,
    server_tools: &[Value],
    extra_body: &Map<String, Value>,
) -> Result<(), ProviderSetupError> {
    let wrong = |key, message| Err(ProviderSetupError::Value { name: name.to_owned(), key, message });
    if server_tools.iter().any(|tool| !tool["type"].is_string()) {
        let message =
            "`server_tools` holds tables, each with a `type` of text, such as { type = \"web_search\" }";
        return wrong("server_tools", message.to_owned());
    }
    match extra_body.keys().find(|key| OURS.contains(&key.as_str())) {
        Some(key) => wrong(
            "extra_body",
            format!("`extra_body` cannot hold `{key}`, which is written for every request"),
        ),
        None => Ok(()),
    }
}

/// Writes the fields of `extra_body`.
pub(crate) fn write<M: SerializeMap>(extra_body: &Map<String, Value>, map: &mut M) -> Result<(), M::Error> {
    extra_body.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
}
