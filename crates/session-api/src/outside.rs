//! Text that was written outside: by nobody whom the turn answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Message, Part, Role};

/// Most names that are kept. One is enough to make the mark; the others are for the reader.
const MOST: usize = 6;
/// Longest name in characters.
const LONGEST: usize = 64;

/// Through what text from outside came in, such as `web_fetch`: the mark that such text leaves on messages, turns,
/// summaries and subagents. It only grows. Empty: there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outside(Vec<String>);

impl Outside {
    /// The name for files and images that somebody sent along.
    pub const ATTACHMENT: &'static str = "an attachment";

    /// The mark that `name` leaves.
    #[must_use]
    pub fn through(name: &str) -> Self {
        let mut mark = Self::default();
        mark.add(name);
        mark
    }

    /// The marks in `parts`, and in the results of tools among them.
    #[must_use]
    pub fn in_parts(parts: &[Part]) -> Self {
        let mut found = Self::default();
        found.add_parts(parts);
        found
    }

    /// Adds one more name.
    pub fn add(&mut self, name: &str) {
        if self.0.len() < MOST && !self.0.iter().any(|known| known == name) {
            self.0.push(name.chars().filter(|c| !c.is_control()).take(LONGEST).collect());
        }
    }

    /// Adds what another mark names.
    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|name| self.add(name));
    }

    /// Adds the marks of a message. A file that somebody sent along is one: hardly anybody wrote theirs themselves.
    pub fn add_message(&mut self, message: &Message) {
        self.add_parts(&message.parts);
        let file = |part: &Part| matches!(part, Part::Image { .. } | Part::File { .. });
        if message.role == Role::User && message.parts.iter().any(file) {
            self.add(Self::ATTACHMENT);
        }
    }

    fn add_parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Outside { through } => self.add(through),
                Part::ToolResult(result) => self.add_parts(&result.content),
                _ => {}
            }
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mark as parts of a message or of a tool's result.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.0.iter().map(|name| Part::Outside { through: name.clone() })
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{BlobId, CallId, MessageId, Timestamp, ToolResult, ToolStatus, TurnId};

    fn message(role: Role, parts: Vec<Part>) -> Message {
        let (id, turn) = (MessageId(Uuid::nil()), TurnId(Uuid::nil()));
        Message { id, role, principal: None, turn, at: Timestamp(0), parts }
    }

    #[test]
    fn marks_are_found_wherever_they_stand() {
        let mark = || Part::Outside { through: "web_fetch".into() };
        let result = ToolResult {
            call_id: CallId("1".into()),
            name: "web_fetch".into(),
            status: ToolStatus::Ok,
            content: vec![Part::text("page"), mark()],
            whole: None,
            importance: crate::Importance::Normal,
        };
        let image = || Part::Image { blob: BlobId::of(b"x"), mime: "image/png".into() };
        for (message, expected) in [
            (message(Role::User, vec![Part::text("hello")]), ""),
            (message(Role::User, vec![mark(), Part::text("hello")]), "web_fetch"),
            (message(Role::Tool, vec![Part::ToolResult(result)]), "web_fetch"),
            (message(Role::User, vec![Part::text("look"), image()]), Outside::ATTACHMENT),
            // What the model draws was not sent by anybody.
            (message(Role::Assistant, vec![image()]), ""),
        ] {
            let mut found = Outside::default();
            found.add_message(&message);
            found.add_message(&message);
            assert_eq!(found.to_string(), expected);
        }
    }

    #[test]
    fn a_mark_has_a_bound_and_comes_back_from_its_parts() {
        let mut mark = Outside::default();
        for n in 0..100 {
            mark.add(&format!("{n}{}", "x\n".repeat(500)));
        }
        assert_eq!(mark.parts().count(), MOST);
        assert!(mark.to_string().chars().count() <= MOST * (LONGEST + 2));
        assert!(!mark.to_string().contains('\n'));
        let parts: Vec<Part> = mark.parts().collect();
        assert_eq!(Outside::in_parts(&parts), mark);
        let text = serde_json::to_string(&mark).unwrap();
        assert_eq!(serde_json::from_str::<Outside>(&text).unwrap(), mark);
    }
}
