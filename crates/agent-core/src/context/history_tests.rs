//! Shortening older results of low importance.

use proptest::prelude::*;
use session_api::{Timestamp, ToolCall, ToolResult, ToolStatus};
use uuid::Uuid;

use super::*;

/// Turns of a question, a call with a result of so many words and such importance, and an answer.
fn window(turns: &[(Importance, usize)], truncated: bool) -> Window {
    let mut messages: Vec<StoredMessage> = Vec::new();
    for (turn, (importance, words)) in turns.iter().enumerate() {
        let (call, name) = (CallId("1".into()), "look".to_owned());
        let content = vec![Part::text("seen ".repeat(*words))];
        let result = ToolResult::new(call.clone(), name.clone(), ToolStatus::Ok, content);
        for (role, part) in [
            (Role::User, Part::text("a question of some length")),
            (Role::Assistant, Part::ToolCall(ToolCall { id: call, name, arguments: "{}".into() })),
            (Role::Tool, Part::ToolResult(ToolResult { importance: *importance, ..result })),
            (Role::Assistant, Part::text("an answer")),
        ] {
            let seq = messages.len() as u64 + 1;
            let id = MessageId(Uuid::from_u128(u128::from(seq)));
            let turn = TurnId(Uuid::from_u128(turn as u128));
            let message = Message { id, role, principal: None, turn, at: Timestamp(0), parts: vec![part] };
            messages.push(StoredMessage { seq, message });
        }
    }
    Window { checkpoint: None, messages, truncated, epoch: 0, model: None, effort: None, shared: false }
}

/// What goes in of a window, and the numbers of the messages that are shortened.
fn shown(window: &Window, room: u64) -> (HistoryFit, Vec<Message>, Vec<u64>) {
    let gauge = Gauge::default();
    let fit = fit_history(window, room, 10_000, gauge);
    let mut messages = fold_history(window, fit.start);
    let before = messages.clone();
    let whole = shorten_results(&mut messages, window, &fit, gauge);
    let changed = before.iter().zip(&messages).filter(|(before, after)| before != after);
    let short: Vec<u64> = changed.map(|(before, _)| before.id.0.as_u128() as u64).collect();
    assert_eq!((whole.len(), fit.shortened), (short.len(), short.len()));
    (fit, messages, short)
}

proptest! {
    #[test]
    fn what_goes_in_has_no_more_than_its_room_and_only_low_importance_is_shortened(
        turns in prop::collection::vec((0_usize..3, 0_usize..800), 0..20),
        room in 0_u64..8_000, truncated in any::<bool>(),
    ) {
        let importance = [Importance::Low, Importance::Normal, Importance::High];
        let turns: Vec<_> = turns.into_iter().map(|(of, words)| (importance[of], words)).collect();
        let window = window(&turns, truncated);
        let (fit, messages, short) = shown(&window, room);
        let tokens: u64 = messages.iter().map(|message| Gauge::default().message(message)).sum();
        prop_assert_eq!(fit.tokens, tokens);
        prop_assert!(tokens <= room);
        for number in short {
            prop_assert_eq!(turns[(number as usize - 1) / 4].0, Importance::Low);
        }
    }
}

#[test]
fn results_of_low_importance_are_shortened_before_any_message_is_left_out() {
    let turns =
        [(Importance::Low, 400), (Importance::Normal, 400), (Importance::Low, 400), (Importance::High, 400)];
    let window = window(&turns, false);
    // Each turn has about 550 tokens; a short one about 150.
    for (room, start, short) in
        [(3_000, 0, vec![]), (2_000, 0, vec![3]), (1_500, 0, vec![3, 11]), (1_300, 8, vec![])]
    {
        let (fit, _, shortened) = shown(&window, room);
        assert_eq!((fit.start, fit.left_out, shortened), (start, start > 0, short), "{room}");
    }
}

#[test]
fn what_is_shortened_changes_seldom() {
    let turns = vec![(Importance::Low, 200); 400];
    let whole = window(&turns, false);
    let mut shown_before: Option<Vec<Message>> = None;
    let mut changes = 0;
    for turn in 1..turns.len() {
        let window = Window { messages: whole.messages[..turn * 4].to_vec(), ..whole.clone() };
        let (_, messages, _) = shown(&window, 20_000);
        changes += usize::from(shown_before.is_some_and(|before| !messages.starts_with(&before)));
        shown_before = Some(messages);
    }
    assert!(changes * 6 < turns.len(), "the beginning of the request changed {changes} times in 400 turns");
}
