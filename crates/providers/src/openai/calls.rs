//! Tool calls out of the pieces in which servers send them.

use serde::de::IgnoredAny;
use serde_json::Value;
use session_api::{CallId, ToolCall};

use super::wire::CallDelta;

/// Most calls in one reply.
pub(super) const MOST_CALLS: usize = 128;

/// More than [`MOST_CALLS`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The calls of one reply, in the order in which they began.
///
/// By the book each piece names its call by `index`, and the first one brings id and name. In the wild the index is
/// missing or always 0, ids are missing, repeated with every piece, or new with every piece, and whole calls come in one
/// piece. The rule: a piece goes to the call of its index (else of its id, else to the newest), unless it brings a name
/// and shows by another id, or by coming after complete arguments, that it begins a call of its own.
#[derive(Debug, Default)]
pub(super) struct Calls {
    begun: Vec<Begun>,
}

#[derive(Debug)]
struct Begun {
    index: Option<u64>,
    call: ToolCall,
    /// What must be sent back with it.
    extra: Option<Value>,
}

impl Calls {
    /// Takes one piece and says how many bytes it added.
    pub(super) fn take(&mut self, piece: CallDelta) -> Result<usize, TooMany> {
        let index = piece.index.as_ref().and_then(Value::as_u64);
        let id = piece.id.0;
        let mut function = piece.function.unwrap_or_default();
        let arguments = function.arguments();
        let name = function.name.0;
        let extra = piece.extra_content.filter(|extra| !extra.is_null());
        let bytes = id.len() + name.len() + arguments.len();
        // Written out only to be counted, which is rare: few servers send it, and once a call.
        let bytes = bytes + extra.as_ref().map_or(0, |extra| extra.to_string().len());
        match self.place(index, &id, &name, &arguments) {
            Some(at) => {
                let begun = &mut self.begun[at];
                begun.extra = extra.or(begun.extra.take());
                let call = &mut begun.call;
                if call.name.is_empty() {
                    call.name = name;
                }
                if call.id.0.is_empty() {
                    call.id = CallId(id);
                }
                call.arguments.push_str(&arguments);
            }
            None if self.begun.len() == MOST_CALLS => return Err(TooMany),
            None => {
                self.begun.push(Begun { index, call: ToolCall { id: CallId(id), name, arguments }, extra });
            }
        }
        Ok(bytes)
    }

    /// The call that a piece belongs to; `None`: a new one.
    fn place(&self, index: Option<u64>, id: &str, name: &str, arguments: &str) -> Option<usize> {
        let at = match index {
            // The newest with that index: a server that always says 0 means the one it is writing.
            Some(index) => self.begun.iter().rposition(|begun| begun.index == Some(index))?,
            None if !id.is_empty() => match self.begun.iter().rposition(|begun| begun.call.id.0 == id) {
                Some(at) => at,
                None if name.is_empty() => self.begun.len().checked_sub(1)?,
                None => return None,
            },
            None => self.begun.len().checked_sub(1)?,
        };
        let call = &self.begun[at].call;
        if name.is_empty() || call.name.is_empty() {
            return Some(at);
        }
        let other_id = !id.is_empty() && !call.id.0.is_empty() && call.id.0 != id;
        let same_id = !id.is_empty() && call.id.0 == id;
        let whole_again = !same_id && !arguments.is_empty() && is_object(&call.arguments);
        // Without index and id nothing but a name can begin a call.
        let nameless_server = index.is_none() && id.is_empty() && call.name != name;
        if other_id || whole_again || nameless_server { None } else { Some(at) }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// The calls, as whole as they came, each with what must be sent back with it.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = (Option<Value>, ToolCall)> + use<> {
        std::mem::take(&mut self.begun).into_iter().map(|begun| (begun.extra, begun.call))
    }
}

fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && text.ends_with('}') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn calls(pieces: &Value) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for piece in pieces.as_array().unwrap() {
            calls.take(serde_json::from_value(piece.clone()).unwrap()).unwrap();
        }
        calls.finish().map(|(_, call)| (call.id.0, call.name, call.arguments)).collect()
    }

    #[test]
    fn the_ways_of_servers_are_understood() {
        let two = [("a", "x", r#"{"n":1}"#), ("b", "y", r#"{"n":2}"#)];
        let same = [("", "x", r#"{"n":1}"#), ("", "x", r#"{"n":2}"#)];
        for (why, pieces, expected) in [
            (
                "by the book",
                json!([
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": ""}},
                {"index": 1, "id": "b", "function": {"name": "y", "arguments": "{\"n\""}},
                {"index": 0, "function": {"arguments": "{\"n\":1}"}},
                {"index": 1, "function": {"arguments": ":2}"}}]),
                two.to_vec(),
            ),
            (
                "whole calls, all at index 0",
                json!([
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{\"n\":1}"}},
                {"index": 0, "id": "b", "function": {"name": "y", "arguments": "{\"n\":2}"}}]),
                two.to_vec(),
            ),
            (
                "whole calls at index 0 without ids",
                json!([
                {"index": 0, "function": {"name": "x", "arguments": "{\"n\":1}"}},
                {"index": 0, "function": {"name": "x", "arguments": "{\"n\":2}"}}]),
                same.to_vec(),
            ),
            (
                "no index",
                json!([
                {"id": "a", "function": {"name": "x", "arguments": "{\"n\":"}},
                {"function": {"arguments": "1}"}},
                {"id": "b", "function": {"name": "y", "arguments": "{\"n\":2}"}}]),
                two.to_vec(),
            ),
            (
                "no index, no id",
                json!([
                {"function": {"name": "x", "arguments": {"n": 1}}},
                {"function": {"name": "x", "arguments": {"n": 2}}}]),
                same.to_vec(),
            ),
            (
                "id and name repeated with every piece",
                json!([
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{\"n\""}},
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": ":1}"}},
                {"index": 1, "id": "b", "function": {"name": "y", "arguments": "{\"n\":2"}},
                {"index": 1, "id": "b", "function": {"name": "y", "arguments": "}"}}]),
                two.to_vec(),
            ),
            (
                "a new id with every piece",
                json!([
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{\"n\""}},
                {"index": 0, "id": "q", "function": {"arguments": ":1}"}},
                {"index": 1, "id": "b", "function": {"name": "y", "arguments": "{\"n\":2}"}}]),
                two.to_vec(),
            ),
            (
                "one id twice",
                json!([
                {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}},
                {"index": 1, "id": "a", "function": {"name": "y", "arguments": "{}"}}]),
                vec![("a", "x", "{}"), ("a", "y", "{}")],
            ),
            (
                "the name comes late",
                json!([
                {"index": 0, "id": "a"},
                {"index": 0, "function": {"name": "x"}},
                {"index": 0, "function": {"arguments": "{\"n\":1}"}}]),
                two[..1].to_vec(),
            ),
            (
                "nonsense in every field",
                json!([{"index": "one", "id": 5, "function": null}]),
                vec![("", "", "")],
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(id, name, args)| (id.into(), name.into(), args.into())).collect();
            assert_eq!(calls(&pieces), expected, "{why}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let mut calls = Calls::default();
        for index in 0..MOST_CALLS {
            calls
                .take(serde_json::from_value(json!({"index": index, "function": {"name": "x"}})).unwrap())
                .unwrap();
        }
        let one_more =
            serde_json::from_value(json!({"index": MOST_CALLS, "function": {"name": "x"}})).unwrap();
        assert_eq!(calls.take(one_more), Err(TooMany));
    }
}
