//! What servers send, read with patience: a field of a wrong type counts as absent unless nothing makes sense without it.

use agent_core::TokenUsage;
use serde::Deserialize;
use serde_json::Value;

use crate::exchange::read::{Text, count};

/// One frame of a stream, or a whole reply of a server that does not stream.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) model: Text,
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: Option<Value>,
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    /// In its place in a whole reply.
    #[serde(default)]
    pub(super) message: Option<Delta>,
    #[serde(default)]
    pub(super) finish_reason: Text,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) content: Text,
    #[serde(default)]
    pub(super) refusal: Text,
    #[serde(default)]
    pub(super) reasoning_content: Text,
    #[serde(default)]
    pub(super) reasoning: Text,
    /// What some servers want back with the next request.
    #[serde(default)]
    pub(super) reasoning_details: Option<Value>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallDelta {
    #[serde(default)]
    pub(super) index: Option<Value>,
    #[serde(default)]
    pub(super) id: Text,
    #[serde(default)]
    pub(super) function: Option<Function>,
    /// What some servers want back with the call.
    #[serde(default)]
    pub(super) extra_content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Function {
    #[serde(default)]
    pub(super) name: Text,
    /// Text by the book; some servers send the object itself.
    #[serde(default)]
    arguments: Option<Value>,
}

impl Function {
    pub(super) fn arguments(&mut self) -> String {
        match self.arguments.take() {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        }
    }
}

/// The token counts in `usage`, if there are any. Absent and negative ones count as 0.
pub(super) fn usage(usage: &Value) -> Option<TokenUsage> {
    let input = count(&usage["prompt_tokens"]);
    let output = count(&usage["completion_tokens"]);
    let details = &usage["prompt_tokens_details"];
    let cached = count(&details["cached_tokens"]).or_else(|| count(&usage["prompt_cache_hit_tokens"]));
    // Gateways to models that count it.
    let written =
        count(&details["cache_write_tokens"]).or_else(|| count(&usage["cache_creation_input_tokens"]));
    if input.is_none() && output.is_none() {
        return None;
    }
    let input_tokens = input.unwrap_or(0);
    // More cached than read would make the price negative.
    let cached_tokens = cached.unwrap_or(0).min(input_tokens);
    Some(TokenUsage {
        input_tokens,
        cached_tokens,
        cache_write_tokens: written.unwrap_or(0).min(input_tokens - cached_tokens),
        output_tokens: output.unwrap_or(0),
    })
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
        for (value, written) in [
            (json!({"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 4}}), 4),
            (json!({"prompt_tokens": 9, "prompt_cache_hit_tokens": 6, "cache_creation_input_tokens": 99}), 3),
        ] {
            assert_eq!(usage(&value).map(|usage| usage.cache_write_tokens), Some(written), "{value}");
        }
        for (value, expected) in [
            (
                json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}),
                usage_of(9, 4, 2),
            ),
            (
                json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": null}),
                usage_of(9, 0, 2),
            ),
            (json!({"prompt_tokens": 9, "prompt_cache_hit_tokens": 8}), usage_of(9, 8, 0)),
            (json!({"prompt_tokens": -1, "completion_tokens": 2}), usage_of(0, 0, 2)),
            (json!({"prompt_tokens": 3.0, "completion_tokens": 1e300}), usage_of(3, 0, 0)),
            (
                json!({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 99}}),
                usage_of(1, 1, 1),
            ),
            (json!({}), None),
            (json!(null), None),
            (json!("many"), None),
        ] {
            assert_eq!(usage(&value), expected, "{value}");
        }
    }
}
