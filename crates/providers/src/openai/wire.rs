//! What servers send, read with patience: a field of a wrong type counts as absent unless nothing makes sense without it.

use std::fmt;

use agent_core::TokenUsage;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

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

/// A text, or the texts of a list of parts; empty for anything else.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(text))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text, A::Error> {
        let mut whole = String::new();
        while let Some(part) = parts.next_element::<Value>()? {
            if part.get("type").is_none_or(|kind| kind == "text") {
                whole.push_str(part.get("text").and_then(Value::as_str).unwrap_or(""));
            }
        }
        Ok(Text(whole))
    }
}

/// The token counts in `usage`, if there are any. Absent and negative ones count as 0.
pub(super) fn usage(usage: &Value) -> Option<TokenUsage> {
    let count = |value: &Value| {
        let whole = value.as_u64();
        // Some servers write 12.0.
        whole.or_else(|| {
            value.as_f64().filter(|count| *count >= 0.0 && *count < 1e15).map(|count| count as u64)
        })
    };
    let input = count(&usage["prompt_tokens"]);
    let output = count(&usage["completion_tokens"]);
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"])
        .or_else(|| count(&usage["prompt_cache_hit_tokens"]));
    if input.is_none() && output.is_none() {
        return None;
    }
    let input_tokens = input.unwrap_or(0);
    Some(TokenUsage {
        input_tokens,
        // More cached than read would make the price negative.
        cached_tokens: cached.unwrap_or(0).min(input_tokens),
        output_tokens: output.unwrap_or(0),
    })
}

/// The ids in the answer to `GET /models`, or `None` when it is no such answer.
pub(crate) fn models(body: &[u8]) -> Option<Vec<String>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let list = answer["data"].as_array()?;
    Some(
        list.iter()
            .filter_map(|model| model["id"].as_str())
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_may_be_many_things() {
        for (value, expected) in [
            (json!("a"), "a"),
            (json!(null), ""),
            (json!(5), ""),
            (json!(-5), ""),
            (json!(1.5), ""),
            (json!(true), ""),
            (json!({"a": [1]}), ""),
            (
                json!([{"type": "text", "text": "a"}, {"type": "thinking", "text": "b"}, {"text": "c"}, 7]),
                "ac",
            ),
        ] {
            assert_eq!(serde_json::from_str::<Text>(&value.to_string()).unwrap().0, expected, "{value}");
        }
    }

    #[test]
    fn odd_token_counts_are_read_as_far_as_they_make_sense() {
        let usage_of = |input_tokens, cached_tokens, output_tokens| {
            Some(TokenUsage { input_tokens, cached_tokens, output_tokens })
        };
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

    #[test]
    fn models_are_listed_in_the_servers_order() {
        assert_eq!(
            models(br#"{"data":[{"id":"b"},{"id":"a"},{"id":""},{}]}"#),
            Some(vec!["b".into(), "a".into()])
        );
        assert_eq!(models(b"{}"), None);
        assert_eq!(models(b"<html>"), None);
    }
}
