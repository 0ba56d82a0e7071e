//! Messages that are longer than what there is room for.

use serde_json::{Value, json};
use session_api::{BlobId, Importance, Message, Part};

use super::{Gauge, beginning, estimate_tokens};

/// No text is cut to less: a word of what it is about must remain.
const LEAST: u64 = 64;
/// Tokens of a mark, by our estimate.
const MARK: u64 = 40;

/// A text that is no longer is left alone: with its mark it would hardly be shorter. What was cut to the least is not cut
/// again.
fn spared(gauge: Gauge) -> u64 {
    LEAST + gauge.corrected(2 * MARK)
}

/// Cuts the longest texts of `messages`, and the longest arguments of calls, until all of them have no more than `room`
/// tokens, each with a mark by which the whole can be read. Tools' results of low importance give up all they can before
/// anything else is touched, and those of high importance come last. Returns the whole texts, which must be stored before a
/// model reads the marks; `None` where cutting is not enough.
pub(crate) fn cut_to_fit(messages: &mut [Message], room: u64, gauge: Gauge) -> Option<Vec<String>> {
    let length = |messages: &[Message]| messages.iter().map(|message| gauge.message(message)).sum::<u64>();
    let all = length(messages);
    if all <= room {
        return Some(Vec::new());
    }
    let (spared, mark) = (spared(gauge), gauge.corrected(MARK));
    let mut sizes: Vec<(Importance, u64)> = Vec::new();
    for message in messages.iter_mut() {
        each_text(&mut message.parts, &mut |text, kind| {
            sizes.extend(Some((kind.importance(), gauge.text(text))).filter(|(_, size)| *size > spared));
        });
    }
    // What cannot be cut, and the marks.
    let marks = mark * sizes.len() as u64;
    let rest = all.saturating_sub(sizes.iter().map(|(_, size)| size).sum()) + marks;
    let levels = levels(&sizes, room.checked_sub(rest)?)?;
    let mut whole = Vec::new();
    for message in messages.iter_mut() {
        each_text(&mut message.parts, &mut |text, kind| {
            let level = levels[rank(kind.importance())];
            // There is room for the mark of each: a text that is no longer with it stays as it is.
            if gauge.text(text) > level.saturating_add(mark).max(spared) {
                whole.extend(cut(text, kind, gauge.estimate_of(level)));
            }
        });
    }
    (length(messages) <= room).then_some(whole)
}

/// Leaves of each long result of low importance only the beginning. Returns the whole texts, as [`cut_to_fit`] does.
pub(super) fn shorten(message: &mut Message, gauge: Gauge) -> Vec<String> {
    let mut whole = Vec::new();
    each_text(&mut message.parts, &mut |text, kind| {
        if kind.importance() == Importance::Low && gauge.text(text) > spared(gauge) {
            whole.extend(cut(text, kind, gauge.estimate_of(LEAST)));
        }
    });
    whole
}

/// Cuts one text. Returns the whole, where it is not stored yet.
fn cut(text: &mut String, kind: Kind<'_>, tokens: u64) -> Option<String> {
    let kept = match kind {
        Kind::Result { whole, .. } => whole,
        Kind::Text | Kind::Arguments => None,
    };
    let stored = kept.is_some();
    let id = kept.cloned().unwrap_or_else(|| BlobId::of(text.as_bytes()));
    let short = match kind {
        Kind::Arguments => cut_arguments(text, tokens, &id),
        Kind::Text | Kind::Result { .. } => marked(text, tokens, &id),
    };
    let before = std::mem::replace(text, short);
    (!stored).then_some(before)
}

fn rank(importance: Importance) -> usize {
    match importance {
        Importance::Low => 0,
        Importance::Normal => 1,
        Importance::High => 2,
    }
}

/// To which size the texts of each importance may be cut so that together they fit `room`: the next one gives up nothing
/// before the one below it gave up all.
fn levels(sizes: &[(Importance, u64)], room: u64) -> Option<[u64; 3]> {
    let mut levels = [u64::MAX; 3];
    for importance in [Importance::Low, Importance::Normal, Importance::High] {
        let (own, others): (Vec<_>, Vec<_>) = sizes.iter().copied().partition(|(of, _)| *of == importance);
        let taken: u64 = others.into_iter().map(|(of, size)| size.min(levels[rank(of)])).sum();
        let own: Vec<u64> = own.into_iter().map(|(_, size)| size).collect();
        let level = room.checked_sub(taken).map(|room| water_level(&own, room));
        levels[rank(importance)] = level.unwrap_or(0).max(LEAST);
        if level.is_some_and(|level| level >= LEAST || own.iter().all(|size| *size <= level)) {
            return Some(levels);
        }
    }
    None
}

/// What a text is part of.
#[derive(Clone, Copy)]
enum Kind<'a> {
    Text,
    Result {
        /// The id under which the whole result is stored already.
        whole: Option<&'a BlobId>,
        importance: Importance,
    },
    /// They are JSON, and must remain so.
    Arguments,
}

impl Kind<'_> {
    fn importance(self) -> Importance {
        match self {
            Self::Result { importance, .. } => importance,
            Self::Text | Self::Arguments => Importance::Normal,
        }
    }
}

/// Every text that may be cut.
fn each_text(parts: &mut [Part], act: &mut impl FnMut(&mut String, Kind<'_>)) {
    for part in parts {
        match part {
            Part::Text { text } => act(text, Kind::Text),
            Part::ToolCall(call) => act(&mut call.arguments, Kind::Arguments),
            Part::ToolResult(result) => {
                let (whole, importance) = (result.whole.as_ref(), result.importance);
                for part in &mut result.content {
                    if let Part::Text { text } = part {
                        act(text, Kind::Result { whole, importance });
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
    use session_api::{MessageId, Role, Timestamp, ToolResult, ToolStatus, TurnId};
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

    fn result(importance: Importance, length: usize) -> Message {
        let id = session_api::CallId("1".into());
        let content = vec![Part::text("ab c".repeat(length / 4))];
        let result = ToolResult { importance, ..ToolResult::new(id, "look".into(), ToolStatus::Ok, content) };
        Message { parts: vec![Part::ToolResult(result)], ..said(String::new()) }
    }

    fn kept(message: &Message) -> usize {
        message.tool_results().next().unwrap().content[0].as_text().unwrap().len()
    }

    proptest! {
        #[test]
        fn nothing_is_cut_before_all_that_matters_less_is(
            results in prop::collection::vec((0_usize..3, 0_usize..9_000), 1..8), room in 0_u64..6_000,
        ) {
            let importance = |of: usize| [Importance::Low, Importance::Normal, Importance::High][of];
            let before: Vec<Message> =
                results.iter().map(|(of, length)| result(importance(*of), *length)).collect();
            let mut after = before.clone();
            let gauge = Gauge::default();
            let Some(whole) = cut_to_fit(&mut after, room, gauge) else { return Ok(()) };
            prop_assert!(after.iter().map(|message| gauge.message(message)).sum::<u64>() <= room);
            let cut = |at: usize| kept(&after[at]) < kept(&before[at]);
            prop_assert_eq!(whole.len(), (0..results.len()).filter(|at| cut(*at)).count());
            let touched = (0..results.len()).filter(|at| cut(*at)).map(|at| results[at].0).max();
            for (at, (of, _)) in results.iter().enumerate() {
                let least = gauge.message(&after[at]) <= spared(gauge) + 20;
                prop_assert!(touched.is_none_or(|touched| *of >= touched || least), "{at} of {results:?}");
            }
        }
    }

    #[test]
    fn what_was_cut_to_the_least_is_not_cut_again() {
        for percent in [50, 100, 300] {
            let gauge = Gauge { percent };
            let mut message = result(Importance::Low, 9_000);
            assert_eq!(shorten(&mut message, gauge).len(), 1);
            let once = message.clone();
            assert!(shorten(&mut message, gauge).is_empty());
            cut_to_fit(std::slice::from_mut(&mut message), gauge.message(&once) - 1, gauge);
            assert_eq!(message, once);
        }
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
