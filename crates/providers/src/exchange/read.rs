//! What servers send, read with patience: a field of a wrong type counts as absent unless nothing makes sense without it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// A text, or the texts of a list of parts; empty for anything else.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

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

/// A count of tokens, if it is one that makes sense. Some servers write 12.0.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|count| *count >= 0.0 && *count < 1e15).map(|count| count as u64))
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
    fn models_are_listed_in_the_servers_order() {
        assert_eq!(
            models(br#"{"data":[{"id":"b"},{"id":"a"},{"id":""},{}]}"#),
            Some(vec!["b".into(), "a".into()])
        );
        assert_eq!(models(b"{}"), None);
        assert_eq!(models(b"<html>"), None);
    }
}
