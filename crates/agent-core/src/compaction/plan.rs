//! What a summary is made of, and what stays word for word.

use session_api::{Role, StoredMessage};

use crate::Gauge;

/// How many of `messages`, which follow the checkpoint in order, may go into a summary so that the rest has about `keep`
/// tokens. What stays begins with what a person said at the beginning of a turn, so no call is parted from its result; at
/// least the newest turn stays. 0: all of it may stay, or nothing can be summarised.
#[must_use]
pub fn watermark(messages: &[StoredMessage], keep: u64, gauge: Gauge) -> usize {
    let all: u64 = messages.iter().map(|stored| gauge.message(&stored.message)).sum();
    if all <= keep {
        return 0;
    }
    let mut kept = 0_u64;
    let mut found = None;
    for at in (1..messages.len()).rev() {
        kept += gauge.message(&messages[at].message);
        if found.is_some() && kept > keep {
            break;
        }
        if begins_turn(messages, at) {
            found = Some(at);
            // Alone it is too long already: there is nothing shorter to keep.
            if kept > keep {
                break;
            }
        }
    }
    found.unwrap_or(0)
}

fn begins_turn(messages: &[StoredMessage], at: usize) -> bool {
    let here = &messages[at].message;
    here.role == Role::User
        && at.checked_sub(1).is_some_and(|before| messages[before].message.turn != here.turn)
}

/// How many of `messages` make up the longest row of whole turns of which each has its length in `lengths`, and which has no
/// more than `most` together; at least the first turn.
pub(super) fn whole_turns(messages: &[StoredMessage], lengths: &[u64], most: u64) -> usize {
    let (mut sum, mut end) = (0_u64, 0);
    for (at, length) in lengths.iter().enumerate() {
        if at > 0 && begins_turn(messages, at) {
            end = at;
        }
        sum = sum.saturating_add(*length);
        if sum > most && end > 0 {
            return end;
        }
    }
    messages.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use session_api::{
        CallId, Message, MessageId, Part, Timestamp, ToolCall, ToolResult, ToolStatus, TurnId,
    };
    use uuid::Uuid;

    use super::*;

    /// Turns with so many rounds of one call each.
    fn stored(turns: &[usize]) -> Vec<StoredMessage> {
        let mut messages = Vec::new();
        for (turn, rounds) in turns.iter().enumerate() {
            let mut add = |role, part| {
                let seq = messages.len() as u64 + 1;
                let id = MessageId(Uuid::from_u128(u128::from(seq)));
                let turn = TurnId(Uuid::from_u128(turn as u128));
                let message =
                    Message { id, role, principal: None, turn, at: Timestamp(0), parts: vec![part] };
                messages.push(StoredMessage { seq, message });
            };
            add(Role::User, Part::text("a question of some length"));
            for round in 0..*rounds {
                let (call_id, name) = (CallId(format!("{round}")), "look".to_owned());
                let (id, arguments) = (call_id.clone(), "{}".to_owned());
                add(Role::Assistant, Part::ToolCall(ToolCall { id, name: name.clone(), arguments }));
                let content = vec![Part::text("seen ".repeat(10))];
                let status = ToolStatus::Ok;
                add(Role::Tool, Part::ToolResult(ToolResult::new(call_id, name, status, content)));
            }
            add(Role::Assistant, Part::text("an answer"));
        }
        messages
    }

    proptest! {
        #[test]
        fn no_turn_is_cut_and_the_newest_one_stays(
            turns in prop::collection::vec(0_usize..4, 0..12), keep in 0_u64..600, most in 0_u64..600,
        ) {
            let messages = stored(&turns);
            let gauge = Gauge::default();
            let mark = watermark(&messages, keep, gauge);
            prop_assert!(mark == 0 || begins_turn(&messages, mark));
            prop_assert!(mark < messages.len().max(1));
            let kept: u64 = messages[mark..].iter().map(|stored| gauge.message(&stored.message)).sum();
            let newest = messages[mark..].iter().skip(1).any(|stored| stored.message.role == Role::User);
            prop_assert!(mark == 0 || kept <= keep || !newest, "{} kept of {}", kept, keep);
            let lengths: Vec<u64> = messages.iter().map(|stored| gauge.message(&stored.message)).collect();
            let end = whole_turns(&messages, &lengths, most);
            prop_assert!(end == messages.len() || begins_turn(&messages, end));
        }
    }

    #[test]
    fn what_stays_is_as_much_as_fits() {
        let messages = stored(&[0; 20]);
        let each =
            Gauge::default().message(&messages[0].message) + Gauge::default().message(&messages[1].message);
        assert_eq!(watermark(&messages, each * 5, Gauge::default()), 30);
        assert_eq!(watermark(&messages, 0, Gauge::default()), 38);
        assert_eq!(watermark(&messages, each * 19, Gauge::default()), 2);
        assert_eq!(watermark(&messages, each * 20, Gauge::default()), 0, "all of it may stay");
        assert_eq!(watermark(&stored(&[3]), 0, Gauge::default()), 0);
    }
}
