//! What servers send, read with patience: a field of a wrong type counts as absent unless nothing makes sense without it.

use agent_core::TokenUsage;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::exchange::read::{Text, count};

/// One event of a stream, or a whole message of a server that does not stream. Its type says which fields it has.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    #[serde(default)]
    pub(super) r#type: Text,
    #[serde(default)]
    pub(super) index: Option<Value>,
    #[serde(default)]
    pub(super) message: Option<Head>,
    #[serde(default)]
    pub(super) content_block: Option<Block>,
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    /// Of a whole message.
    #[serde(default)]
    pub(super) content: Option<Vec<Block>>,
    #[serde(default)]
    pub(super) stop_reason: Text,
    #[serde(default)]
    pub(super) model: Text,
}

/// What a message begins with.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    #[serde(default)]
    pub(super) model: Text,
    #[serde(default)]
    pub(super) usage: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) r#type: Text,
    #[serde(default)]
    pub(super) text: Text,
    #[serde(default)]
    pub(super) thinking: Text,
    #[serde(default)]
    pub(super) signature: Text,
    /// Of a thought that only the server can read.
    #[serde(default)]
    pub(super) data: Text,
    #[serde(default)]
    pub(super) id: Text,
    #[serde(default)]
    pub(super) name: Text,
    #[serde(default)]
    pub(super) input: Option<Value>,
    /// What blocks of other types hold.
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) text: Text,
    #[serde(default)]
    pub(super) thinking: Text,
    #[serde(default)]
    pub(super) signature: Text,
    #[serde(default)]
    pub(super) partial_json: Text,
    #[serde(default)]
    pub(super) stop_reason: Text,
}

/// Token counts as far as they have come; later ones replace earlier ones, which they contain.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Neither read from the cache nor put into it.
    plain: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    pub(super) fn take(&mut self, usage: &Value) {
        for (place, key) in [
            (&mut self.plain, "input_tokens"),
            (&mut self.read, "cache_read_input_tokens"),
            (&mut self.written, "cache_creation_input_tokens"),
            (&mut self.output, "output_tokens"),
        ] {
            *place = count(&usage[key]).or(*place);
        }
    }

    /// The sum in the words of the port, which counts what was put into the cache among what was read.
    pub(super) fn usage(&self) -> Option<TokenUsage> {
        self.plain.or(self.output)?;
        let part = |count: Option<u64>| count.unwrap_or(0);
        let cached = part(self.read);
        let input = part(self.plain).saturating_add(cached).saturating_add(part(self.written));
        Some(TokenUsage {
            input_tokens: input,
            cached_tokens: cached,
            cache_write_tokens: part(self.written),
            output_tokens: part(self.output),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_come_in_two_parts_and_odd_ones_are_left_out() {
        let usage_of = |input_tokens, cached_tokens, cache_write_tokens, output_tokens| {
            Some(TokenUsage { input_tokens, cached_tokens, cache_write_tokens, output_tokens })
        };
        for (parts, expected) in [
            (
                vec![
                    json!({"input_tokens": 10, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 46, "output_tokens": 1}),
                    json!({"output_tokens": 17}),
                ],
                usage_of(120, 64, 46, 17),
            ),
            (vec![json!({"input_tokens": 3.0, "output_tokens": -4})], usage_of(3, 0, 0, 0)),
            (
                vec![json!({"input_tokens": 3}), json!({"input_tokens": 5, "output_tokens": 2})],
                usage_of(5, 0, 0, 2),
            ),
            (
                vec![json!({"input_tokens": u64::MAX, "cache_read_input_tokens": 9})],
                usage_of(u64::MAX, 9, 0, 0),
            ),
            (vec![json!({"cache_read_input_tokens": 9})], None),
            (vec![json!(null), json!("many")], None),
        ] {
            let mut counts = Counts::default();
            parts.iter().for_each(|part| counts.take(part));
            assert_eq!(counts.usage(), expected, "{parts:?}");
        }
    }
}
