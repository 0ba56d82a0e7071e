//! Messages as a summariser reads them.

use session_api::{Importance, Message, Part, Role, StoredMessage};

/// Most characters of one message.
const LONGEST: usize = 4_000;
/// Most characters of a call's arguments.
const ARGUMENTS: usize = 200;

/// A message with its number, on lines of its own.
pub(super) fn line(stored: &StoredMessage) -> String {
    let Message { role, parts, .. } = &stored.message;
    let who = match role {
        Role::User => "person",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let said: Vec<String> = parts.iter().filter_map(part).collect();
    format!("[#{}] {who}: {}\n", stored.seq, short(&said.join("\n"), LONGEST))
}

fn part(part: &Part) -> Option<String> {
    match part {
        Part::Text { text } => Some(text.clone()),
        Part::ToolCall(call) => Some(format!("(calls {} {})", call.name, short(&call.arguments, ARGUMENTS))),
        Part::ToolResult(result) => {
            let texts: Vec<&str> = result.content.iter().filter_map(Part::as_text).collect();
            Some(format!("({}: {})", result.name, short(&texts.join("\n"), most_of(result.importance))))
        }
        Part::Image { .. } => Some("(an image)".to_owned()),
        Part::File { name, .. } => Some(format!("(the file {name})")),
        Part::Reasoning { .. } | Part::Opaque { .. } | Part::Outside { .. } => None,
    }
}

/// Most characters of a tool's result: what came of it is said in the answer.
fn most_of(importance: Importance) -> usize {
    match importance {
        Importance::Low => 150,
        Importance::Normal => 600,
        Importance::High => 2_400,
    }
}

/// The beginning and the end of a long text: an error stands at the end as often as at the beginning.
pub(super) fn short(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most * 2 / 3).collect();
    let tail: String = text.chars().skip(length - most / 3).collect();
    format!("{head} […] {tail}")
}

#[cfg(test)]
mod tests {
    use session_api::{MessageId, Timestamp, ToolResult, ToolStatus, TurnId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_result_has_the_room_of_its_importance() {
        let id = session_api::CallId("1".into());
        let content = vec![Part::text("seen ".repeat(2_000))];
        let result = ToolResult::new(id, "look".into(), ToolStatus::Ok, content);
        for (importance, most) in
            [(Importance::Low, 150), (Importance::Normal, 600), (Importance::High, 2_400)]
        {
            let shown = part(&Part::ToolResult(ToolResult { importance, ..result.clone() })).unwrap();
            assert_eq!(shown.chars().count(), most + "(look:  […] )".chars().count(), "{importance:?}");
        }
    }

    #[test]
    fn a_message_has_its_number_and_a_bound() {
        let said = |text: &str| StoredMessage {
            seq: 12,
            message: Message {
                id: MessageId(Uuid::nil()),
                role: Role::User,
                principal: None,
                turn: TurnId(Uuid::nil()),
                at: Timestamp(0),
                parts: vec![Part::text(text), Part::Reasoning { text: "hm".into() }],
            },
        };
        assert_eq!(line(&said("hello")), "[#12] person: hello\n");
        let long = line(&said(&format!("{}end", "ü".repeat(9_000))));
        assert!(long.chars().count() < LONGEST + 40 && long.ends_with("end\n"), "{long}");
    }
}
