//! Messages that are longer than what there is room for.

use serde_json::{Value, json};
use session_api::{BlobId, Message, Part};

use super::{Gauge, beginning, estimate_tokens};

/// No text is cut to less: a word of what it is about must remain.
const LEAST: u64 = 64;

/// Cuts the longest texts of `messages`, and the longest arguments of calls, until all of them have no more than `room`
/// tokens, each with a mark by which the whole can be read. Returns the whole texts, which must be stored before a model reads
/// the marks; `None` where cutting is not enough.
pub(crate) fn cut_to_fit(messages: &mut [Message], room: u64, gauge: Gauge) -> Option<Vec<String>> {
    let length = |messages: &[Message]| messages.iter().map(|message| gauge.message(message)).sum::<u64>();
    let all = length(messages);
    if all <= room {
        return Some(Vec::new());
    }
    let mut sizes: Vec<u64> = Vec::new();
    for message in messages.iter_mut() {
        each_text(&mut message.parts, &mut |text, _| sizes.push(gauge.text(text)));
    }
    // What cannot be cut, and the marks.
    let marks = 40 * sizes.len() as u64;
    let rest = all.saturating_sub(sizes.iter().sum()) + marks;
    let level = water_level(&sizes, room.checked_sub(rest)?);
    if level < LEAST {
        return None;
    }
    let mut whole = Vec::new();
    for message in messages.iter_mut() {
        each_text(&mut message.parts, &mut |text, kind| {
            if gauge.text(text) <= level {
                return;
            }
            let kept = match &kind {
                Kind::Result(Some(id)) => Some(id.clone()),
                _ => None,
            };
            let id = kept.clone().unwrap_or_else(|| BlobId::of(text.as_bytes()));
            let cut = match kind {
                Kind::Arguments => cut_arguments(text, gauge.estimate_of(level), &id),
                Kind::Text | Kind::Result(_) => marked(text, gauge.estimate_of(level), &id),
            };
            let before = std::mem::replace(text, cut);
            if kept.is_none() {
                whole.push(before);
            }
        });
    }
    (length(messages) <= room).then_some(whole)
}

/// What a text is part of.
enum Kind {
    Text,
    /// With the id under which the whole result is stored already.
    Result(Option<BlobId>),
    /// They are JSON, and must remain so.
    Arguments,
}

/// Every text that may be cut.
fn each_text(parts: &mut [Part], act: &mut impl FnMut(&mut String, Kind)) {
    for part in parts {
        match part {
            Part::Text { text } => act(text, Kind::Text),
            Part::ToolCall(call) => act(&mut call.arguments, Kind::Arguments),
            Part::ToolResult(result) => {
                let kept = result.whole.clone();
                for part in &mut result.content {
                    if let Part::Text { text } = part {
                        act(text, Kind::Result(kept.clone()));
                    }
                }
            }
            _ => {}
        }
    }
}

fn marked(text: &str, tokens: u64, id: &BlobId) -> String {
    let shown = beginning(text, tokens);
    let omitted = text.chars().count() - shown.chars().count();
    format!("{shown}\n[truncated: {omitted} characters omitted; read_result id={id}]")
}

/// Arguments with their long values cut. The call is over: nobody runs it again with these.
fn cut_arguments(text: &str, tokens: u64, id: &BlobId) -> String {
    let Ok(Value::Object(mut arguments)) = serde_json::from_str(text) else {
        return json!({ "arguments": marked(text, tokens / 2, id) }).to_string();
    };
    // Half, because characters may need a mark of their own in JSON.
    let each = tokens / 2 / (arguments.len() as u64).max(1);
    for value in arguments.values_mut() {
        let long = match &*value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if estimate_tokens(&long) > each {
            *value = marked(&long, each, id).into();
        }
    }
    Value::Object(arguments).to_string()
}

/// The greatest size to which all may be cut so that together they fit `room`.
fn water_level(sizes: &[u64], room: u64) -> u64 {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let (mut left, mut level) = (room, 0);
    for (at, size) in sizes.iter().enumerate() {
        let each = left / (sizes.len() - at) as u64;
        if *size > each {
            return each;
        }
        left -= size;
        level = *size;
    }
    level
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use session_api::{MessageId, Role, Timestamp, TurnId};
    use uuid::Uuid;

    use super::*;

    fn said(text: String) -> Message {
        Message {
            id: MessageId(Uuid::nil()),
            role: Role::User,
            principal: None,
            turn: TurnId(Uuid::nil()),
            at: Timestamp(0),
            parts: vec![Part::text(text)],
        }
    }

    proptest! {
        #[test]
        fn what_was_cut_fits_and_can_be_read_whole(
            lengths in prop::collection::vec(0_usize..20_000, 1..6), room in 0_u64..8_000,
        ) {
            let texts: Vec<String> = lengths.iter().map(|length| "ab c".repeat(length / 4)).collect();
            let mut messages: Vec<Message> = texts.iter().cloned().map(said).collect();
            let gauge = Gauge::default();
            let Some(whole) = cut_to_fit(&mut messages, room, gauge) else { return Ok(()) };
            prop_assert!(messages.iter().map(|message| gauge.message(message)).sum::<u64>() <= room);
            for (before, after) in texts.iter().zip(&messages) {
                let after = after.text();
                if after == *before {
                    continue;
                }
                let id = format!("read_result id={}]", BlobId::of(before.as_bytes()));
                prop_assert!(after.ends_with(&id), "{}", after);
                prop_assert!(whole.contains(before));
            }
        }
    }

    #[test]
    fn short_texts_are_left_alone() {
        let mut messages = vec![said("short".into()), said("x".repeat(8_000))];
        let whole = cut_to_fit(&mut messages, 500, Gauge::default()).unwrap();
        assert_eq!((messages[0].text().as_str(), whole.len()), ("short", 1));
        assert_eq!(cut_to_fit(&mut [said("x".repeat(8_000))], 50, Gauge::default()), None);
    }

    #[test]
    fn the_arguments_of_a_call_stay_json() {
        let content = "a line\n".repeat(4_000);
        for arguments in
            [json!({"path": "a.txt", "content": content}).to_string(), format!("{{\"broken\": {content}")]
        {
            let id = session_api::CallId("1".into());
            let call = session_api::ToolCall { id, name: "write_file".into(), arguments: arguments.clone() };
            let mut messages = vec![Message { parts: vec![Part::ToolCall(call)], ..said(String::new()) }];
            let whole = cut_to_fit(&mut messages, 1_000, Gauge::default()).unwrap();
            assert_eq!(whole, [arguments]);
            let call = messages[0].tool_calls().next().unwrap();
            let left: Value = serde_json::from_str(&call.arguments).unwrap();
            assert!(left.to_string().contains("read_result id="), "{left}");
        }
    }
}
