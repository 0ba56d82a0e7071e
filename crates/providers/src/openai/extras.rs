//! What comes with a reply beside text and calls and must be sent back with the next request.
//!
//! `reasoning_details` belong to the message; `extra_content` belongs to one call and stands right before it in the
//! history, since its id may change on the way. Both hold signatures that only the server which made them accepts, so each
//! says where it is from.

use serde_json::{Value, json};
use session_api::Part;

use super::KIND;

/// Most entries of `reasoning_details`.
const MOST_DETAILS: usize = 4096;

/// The reasoning details of one reply. Streams send them in pieces; pieces of one entry have its type and index.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Value>);

impl Details {
    /// Takes a list of pieces, and says how many bytes it added; what is no list of objects is left out.
    pub(super) fn take(&mut self, pieces: Value) -> usize {
        let Value::Array(pieces) = pieces else { return 0 };
        let mut bytes = 0;
        for piece in pieces.into_iter().filter(Value::is_object) {
            bytes += piece.to_string().len();
            let same = |last: &Value| last["type"] == piece["type"] && last["index"] == piece["index"];
            let full = self.0.len() == MOST_DETAILS;
            match self.0.last_mut() {
                Some(last) if piece["index"].is_u64() && same(last) => merge(last, piece),
                _ if full => {}
                _ => self.0.push(piece),
            }
        }
        bytes
    }

    /// What is to be kept of them.
    pub(super) fn finish(&mut self, from: &str) -> Option<Value> {
        let details = std::mem::take(&mut self.0);
        (!details.is_empty()).then(|| json!({"from": from, "reasoning_details": details}))
    }
}

/// Texts grow, all else is as the newest piece says.
fn merge(whole: &mut Value, piece: Value) {
    let (Value::Object(whole), Value::Object(piece)) = (whole, piece) else { return };
    for (key, value) in piece {
        match (whole.get_mut(&key), value) {
            (Some(Value::String(text)), Value::String(more))
                if matches!(key.as_str(), "text" | "summary" | "data") =>
            {
                text.push_str(&more);
            }
            (Some(_), Value::Null) => {}
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
}

/// What is to be kept of a call's extra content.
pub(super) fn of_call(from: &str, extra: &Value) -> Value {
    json!({"from": from, "extra_content": extra})
}

/// The field `key` of an opaque part that came from the server `from` in this format.
pub(super) fn kept<'a>(part: &'a Part, from: &str, key: &str) -> Option<&'a Value> {
    match part {
        Part::Opaque { format, data } if format == KIND && data["from"] == from => {
            data.get(key).filter(|value| !value.is_null())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_entry_become_one_again() {
        let mut details = Details::default();
        for pieces in [
            json!([{"type": "reasoning.text", "index": 0, "text": "Two ", "signature": null}]),
            json!([{"type": "reasoning.text", "index": 0, "text": "and two", "signature": "sig"}]),
            json!([{"type": "reasoning.encrypted", "index": 1, "data": "abc"}, 5]),
            json!([{"type": "reasoning.summary", "summary": "x"}, {"type": "reasoning.summary", "summary": "y"}]),
            json!("nonsense"),
        ] {
            details.take(pieces);
        }
        assert_eq!(
            details.finish("here:1"),
            Some(json!({"from": "here:1", "reasoning_details": [
                {"type": "reasoning.text", "index": 0, "text": "Two and two", "signature": "sig"},
                {"type": "reasoning.encrypted", "index": 1, "data": "abc"},
                {"type": "reasoning.summary", "summary": "x"},
                {"type": "reasoning.summary", "summary": "y"},
            ]}))
        );
        assert_eq!(details.finish("here:1"), None);
    }
}
