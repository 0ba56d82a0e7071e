//! What of a history goes into a request.

use agent_core::{Gauge, fit_history, fold_history};
use proptest::prelude::*;
use session_api::{
    CallId, Checkpoint, Message, MessageId, Part, Role, StoredMessage, Timestamp, ToolCall, ToolResult,
    ToolStatus, TurnId, Window,
};
use uuid::Uuid;

use crate::support::assert_pairs;

/// Turns as they are stored: for each its rounds, for each round its number of calls. Call ids are the same in every
/// turn, as models make them.
fn stored(turns: &[Vec<usize>]) -> Vec<StoredMessage> {
    let mut messages: Vec<StoredMessage> = Vec::new();
    for (number, rounds) in turns.iter().enumerate() {
        let turn = TurnId(Uuid::from_u128(number as u128));
        let mut add = |role, parts| {
            let seq = messages.len() as u64 + 1;
            let id = MessageId(Uuid::from_u128(u128::from(seq)));
            let message = Message { id, role, principal: None, turn, at: Timestamp(0), parts };
            messages.push(StoredMessage { seq, message });
        };
        add(Role::User, vec![Part::text("a question")]);
        for (round, calls) in rounds.iter().enumerate() {
            let ids = || (0..*calls).map(|call| CallId(format!("call-{round}-{call}")));
            let (name, arguments) = ("look".to_owned(), "{}".to_owned());
            let call = |id| Part::ToolCall(ToolCall { id, name: name.clone(), arguments: arguments.clone() });
            let result = |call_id| {
                let (status, content) = (ToolStatus::Ok, vec![Part::text("seen")]);
                Part::ToolResult(ToolResult::new(call_id, name.clone(), status, content))
            };
            add(Role::Assistant, ids().map(call).collect());
            add(Role::Tool, ids().map(result).collect());
        }
        add(Role::Assistant, vec![Part::text("an answer")]);
    }
    messages
}

fn window(messages: Vec<StoredMessage>, checkpoint: Option<Checkpoint>) -> Window {
    Window { checkpoint, messages, truncated: true, epoch: 0, model: None, effort: None, shared: false }
}

proptest! {
    #[test]
    fn pairs_are_never_split_wherever_the_window_begins(
        turns in prop::collection::vec(prop::collection::vec(1_usize..4, 0..4), 1..6),
        start in any::<prop::sample::Index>(),
    ) {
        let all = stored(&turns);
        let from = start.index(all.len());
        let folded = fold_history(&window(all[from..].to_vec(), None), 0);
        assert_pairs(&folded);
        prop_assert!(folded.iter().all(|message| !message.parts.is_empty()));
        // Nothing is left out but results whose calls stand before the window.
        let split = all[from].message.role == Role::Tool;
        prop_assert_eq!(folded.len(), all.len() - from - usize::from(split));
    }
}

#[test]
fn a_summary_stands_first_and_an_empty_one_nowhere() {
    let checkpoint = |summary: &str| Checkpoint {
        outside: session_api::Outside::default(),
        id: MessageId(Uuid::from_u128(99)),
        upto: 0,
        summary: summary.into(),
        at: Timestamp(0),
    };
    let messages = stored(&[vec![1]]);
    let folded = fold_history(&window(messages.clone(), Some(checkpoint("we met"))), 0);
    assert_eq!(
        folded[0].text(),
        "[summary of the conversation so far, up to message #0; the person did not write it]\nwe met"
    );
    assert_eq!(folded.len(), messages.len() + 1);
    assert_eq!(fold_history(&window(messages.clone(), Some(checkpoint(""))), 0).len(), messages.len());
}

/// The place of the first message that is in after each of `turns` turns.
fn beginnings(turns: usize, room: u64, most: usize) -> Vec<u64> {
    let all = stored(&vec![vec![1]; turns]);
    let mut starts = Vec::new();
    for end in (4..=all.len()).step_by(4) {
        let from = end.saturating_sub(200);
        let mut window = window(all[from..end].to_vec(), None);
        window.truncated = from > 0;
        let fit = fit_history(&window, room, most, Gauge::default());
        let kept = &window.messages[fit.start..];
        assert!(fit.tokens <= room && kept.len() <= most, "{fit:?}");
        assert_eq!(kept[0].message.role, Role::User, "a turn is not begun in the middle");
        assert_eq!(fit.left_out, kept[0].seq > 1);
        starts.push(kept[0].seq);
    }
    starts
}

#[test]
fn the_beginning_of_a_long_history_moves_seldom_and_far() {
    for (room, most, turns) in [(100_000, 200, 8), (1_500, 200, 8), (100_000, 60, 4)] {
        let starts = beginnings(500, room, most);
        assert!(starts.is_sorted());
        let mut moved = starts.clone();
        moved.dedup();
        assert!(moved.len() * turns < starts.len(), "room {room}, most {most}: {} moves", moved.len());
    }
}

proptest! {
    #[test]
    fn no_history_has_more_than_its_room(
        turns in prop::collection::vec(prop::collection::vec(1_usize..4, 0..4), 1..12),
        room in 0_u64..600, most in 1_usize..50, truncated in any::<bool>(),
    ) {
        let mut window = window(stored(&turns), None);
        window.truncated = truncated;
        let fit = fit_history(&window, room, most, Gauge::default());
        prop_assert!(fit.tokens <= room);
        prop_assert!(window.messages.len() - fit.start <= most);
        assert_pairs(&fold_history(&window, fit.start));
    }
}
