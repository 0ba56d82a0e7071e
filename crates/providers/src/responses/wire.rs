//! What servers send, read with patience: a field of a wrong type counts as absent unless nothing makes sense without it.

use agent_core::TokenUsage;
use serde::Deserialize;
use serde_json::Value;

use crate::exchange::read::{Text, count};

/// One event of a stream, or a whole response of a server that does not stream. Its type says which fields it has.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(default)]
    pub(super) r#type: Text,
    #[serde(default)]
    pub(super) output_index: Option<Value>,
    #[serde(default)]
    pub(super) summary_index: Option<Value>,
    #[serde(default)]
    pub(super) delta: Text,
    #[serde(default)]
    pub(super) arguments: Text,
    #[serde(default)]
    pub(super) item: Option<Value>,
    #[serde(default)]
    pub(super) response: Option<Response>,
    /// Of an error, where it stands alone.
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) code: Option<Value>,
    #[serde(default)]
    pub(super) message: Option<Value>,
    /// `response` in a whole response.
    #[serde(default)]
    pub(super) object: Text,
}

/// A response, of which events show what has come so far.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    pub(super) model: Text,
    #[serde(default)]
    pub(super) status: Text,
    #[serde(default)]
    pub(super) output: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) incomplete_details: Option<Value>,
}

/// The token counts in `usage`, if there are any. Absent and negative ones count as 0.
pub(super) fn usage(usage: &Value) -> Option<TokenUsage> {
    let (input, output) = (count(&usage["input_tokens"]), count(&usage["output_tokens"]));
    input.or(output)?;
    let input_tokens = input.unwrap_or(0);
    let details = &usage["input_tokens_details"];
    // More cached than read would make the price negative.
    let cached_tokens = count(&details["cached_tokens"]).unwrap_or(0).min(input_tokens);
    Some(TokenUsage {
        input_tokens,
        cached_tokens,
        cache_write_tokens: count(&details["cache_write_tokens"])
            .unwrap_or(0)
            .min(input_tokens - cached_tokens),
        output_tokens: output.unwrap_or(0),
    })
}

/// The text of a finished message, refusals included.
pub(super) fn text_of(item: &Value) -> String {
    let parts = item["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str().or(part["refusal"].as_str())).collect()
}

/// What a finished thought tells of itself.
pub(super) fn summary_of(item: &Value) -> String {
    let parts = item["summary"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n\n")
}

/// A thought as it may be sent back; `None` when the server did not seal it, since it stores none either.
pub(super) fn sealed(item: &Value) -> Option<Value> {
    item["encrypted_content"].as_str().filter(|sealed| !sealed.is_empty())?;
    // Other fields, such as the status, are refused on the way back.
    let keys = ["type", "id", "summary", "content", "encrypted_content"];
    let fields = keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())));
    let mut kept: serde_json::Map<String, Value> = fields.filter(|(_, value)| !value.is_null()).collect();
    kept.entry("summary").or_insert_with(|| Value::Array(Vec::new()));
    Some(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odd_token_counts_are_read_as_far_as_they_make_sense() {
        let usage_of = |input_tokens, cached_tokens, output_tokens| {
            Some(TokenUsage { input_tokens, cached_tokens, cache_write_tokens: 0, output_tokens })
        };
        let written =
            json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 9}});
        assert_eq!(usage(&written).map(|usage| usage.cache_write_tokens), Some(5));
        for (value, expected) in [
            (
                json!({"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}),
                usage_of(9, 4, 2),
            ),
            (json!({"input_tokens": 9, "input_tokens_details": null}), usage_of(9, 0, 0)),
            (json!({"input_tokens": -1, "output_tokens": 2.0}), usage_of(0, 0, 2)),
            (json!({"input_tokens": 1, "input_tokens_details": {"cached_tokens": 9}}), usage_of(1, 1, 0)),
            (json!({}), None),
            (json!(null), None),
            (json!("many"), None),
        ] {
            assert_eq!(usage(&value), expected, "{value}");
        }
    }

    #[test]
    fn only_sealed_thoughts_are_kept_and_only_what_may_go_back() {
        let thought = json!({"type": "reasoning", "id": "rs_1", "status": null, "encrypted_content": "abc", "content": null});
        let kept = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "abc", "summary": []});
        assert_eq!(sealed(&thought), Some(kept));
        assert_eq!(sealed(&json!({"type": "reasoning", "id": "rs_1"})), None);
        assert_eq!(sealed(&json!({"encrypted_content": ""})), None);
    }
}
