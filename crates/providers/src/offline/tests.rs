use agent_core::contract::provider::{collect, request};
use std::sync::Arc;

use session_api::{MessageId, Timestamp, ToolStatus, TurnId};
use uuid::Uuid;

use super::*;

fn message(turn: u128, role: Role, parts: Vec<Part>) -> Message {
    let turn = TurnId(Uuid::from_u128(turn));
    Message { id: MessageId(Uuid::nil()), role, principal: None, turn, at: Timestamp(0), parts }
}

fn result(call: &ToolCall, status: ToolStatus, text: &str) -> Part {
    Part::ToolResult(ToolResult::new(call.id.clone(), call.name.clone(), status, vec![Part::text(text)]))
}

/// The calls of a reply.
fn calls(events: &[ModelEvent]) -> Vec<ToolCall> {
    let call = |event: &ModelEvent| match event {
        ModelEvent::ToolCall(call) => Some(call.clone()),
        _ => None,
    };
    events.iter().filter_map(call).collect()
}

fn text(events: &[ModelEvent]) -> String {
    let text = |event: &ModelEvent| match event {
        ModelEvent::Text(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn two_questions_are_two_calls_and_one_answer_in_their_order() {
    let question = "what time is it, and what is 17.5% of 1234.56?";
    let mut asked = request(question);
    asked.messages = Arc::new(vec![message(1, Role::User, vec![Part::text(question)])]);
    let (events, reason) = reply(&asked);
    let made = calls(&events);
    assert_eq!(reason, FinishReason::ToolCalls);
    assert_eq!(made.len(), 2);
    assert_ne!(made[0].id, made[1].id);

    Arc::make_mut(&mut asked.messages).push(message(
        1,
        Role::Assistant,
        made.iter().cloned().map(Part::ToolCall).collect(),
    ));
    // Results may come one message each, and in any order.
    Arc::make_mut(&mut asked.messages).push(message(
        1,
        Role::Tool,
        vec![result(&made[1], ToolStatus::Ok, "216.048")],
    ));
    let stamp = "2026-11-21T14:05:09+01:00 (Saturday), Europe/Berlin, unix 1795266309";
    Arc::make_mut(&mut asked.messages).push(message(
        1,
        Role::Tool,
        vec![result(&made[0], ToolStatus::Ok, stamp)],
    ));
    let (events, reason) = reply(&asked);
    assert_eq!(reason, FinishReason::Stop);
    assert_eq!(
        text(&events),
        format!(
            "It is 14:05:09 on Saturday, 2026-11-21 (Europe/Berlin).\n\n17.5% of 1234.56 = 216.048\n\n{FOOTER}"
        )
    );
    assert!(events.len() >= 3, "in pieces");
}

#[test]
fn only_this_turn_counts() {
    let mut asked = request("");
    let old =
        ToolCall { id: CallId("offline-1".into()), name: "current_datetime".into(), arguments: "{}".into() };
    asked.messages = Arc::new(vec![
        message(1, Role::User, vec![Part::text("what time is it")]),
        message(1, Role::Assistant, vec![Part::ToolCall(old.clone())]),
        message(1, Role::Tool, vec![result(&old, ToolStatus::Ok, "noon")]),
        message(1, Role::Assistant, vec![Part::text("It is noon")]),
        message(2, Role::User, vec![Part::text("calculate 1+1")]),
        message(3, Role::User, vec![Part::text("what time is it"), Part::text("[now: noon]")]),
    ]);
    let made = calls(&reply(&asked).0);
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0].name, "current_datetime");
}

#[test]
fn a_message_that_joins_the_turn_is_answered_too() {
    let mut asked = request("");
    let first =
        ToolCall { id: CallId("offline-1".into()), name: "current_datetime".into(), arguments: "{}".into() };
    asked.messages = Arc::new(vec![
        message(1, Role::User, vec![Part::text("what time is it")]),
        message(1, Role::Assistant, vec![Part::ToolCall(first.clone())]),
        message(1, Role::Tool, vec![result(&first, ToolStatus::Ok, "noon")]),
        message(1, Role::User, vec![Part::text("and calculate 1+1")]),
    ]);
    let made = calls(&reply(&asked).0);
    assert_eq!(made.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["calculate_expression"]);
    assert_ne!(made[0].id, first.id);
}

#[test]
fn failures_and_unknown_outcomes_are_told() {
    for (status, expected) in [
        (ToolStatus::Error, "`read_file` failed: no such file"),
        (ToolStatus::Unknown, "`read_file` was started, and how it ended is unknown. no such file"),
    ] {
        let mut asked = request("");
        asked.messages = Arc::new(vec![message(1, Role::User, vec![Part::text("read a.md")])]);
        let made = calls(&reply(&asked).0);
        Arc::make_mut(&mut asked.messages).push(message(
            1,
            Role::Assistant,
            vec![Part::ToolCall(made[0].clone())],
        ));
        Arc::make_mut(&mut asked.messages).push(message(
            1,
            Role::Tool,
            vec![result(&made[0], status, "no such file")],
        ));
        assert!(text(&reply(&asked).0).starts_with(expected));
    }
}

#[tokio::test]
async fn every_answer_says_whose_it_is() {
    let provider = OfflineProvider::new("offline");
    for message in ["help", "write me a poem", "", "list files", "\u{0}", "zażółć gęślą jaźń"] {
        let reply = collect(&provider, request(message)).await;
        assert!(reply.text.ends_with(FOOTER), "{message:?}: {}", reply.text);
        assert_eq!(reply.finished.unwrap().usage, None);
    }
    assert_eq!(provider.models().await.unwrap(), ["offline"]);
}

#[test]
fn the_documentation_shows_the_table() {
    assert!(include_str!("docs.md").contains(&markdown()), "put this into docs.md:\n{}", markdown());
}
