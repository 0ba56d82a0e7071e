//! Tests of the machine: scripts of events and the commands that must follow each.
//!
//! Commands are compared in a short written form, so that a script reads like a conversation: `judge a b`, `run a b`,
//! `ask a`, `cancel; finish stopped: …`. Calls are written `id:tool` or `id:tool:arguments`.

mod calls;
mod circles;
mod ends;
mod intake;
mod properties;
mod questions;
mod resume;

use session_api::{
    ApprovalState, CallId, InboundId, Message, MessageId, Part, PrincipalId, Rank, Role, Timestamp, ToolCall,
    ToolResult, ToolStatus, TurnId,
};
use uuid::Uuid;

use super::{
    Beginning, Command, Event, Intake, Judged, Judgement, Limits, Machine, ModelReply, Stamp,
    machine::{Progress, Slot, State},
};
use crate::{FinishReason, ModelErrorKind, TokenUsage};

fn turn_id() -> TurnId {
    TurnId(Uuid::from_u128(7))
}

fn stamp(n: u128) -> Stamp {
    Stamp { id: MessageId(Uuid::from_u128(1000 + n)), at: Timestamp(0) }
}

fn machine(limits: Limits) -> Machine {
    let (core, model) = ("core-1".to_owned(), "scripted/model".to_owned());
    Machine::new(Beginning { turn: turn_id(), core, model, tools: Vec::new(), limits })
}

/// Row `n` saying `text`.
fn row(n: u128, text: &str) -> (InboundId, Message) {
    let message = Message {
        id: MessageId(Uuid::from_u128(n)),
        role: Role::User,
        principal: Some(PrincipalId("owner".into())),
        turn: turn_id(),
        at: Timestamp(0),
        parts: vec![Part::text(text)],
    };
    (InboundId(Uuid::from_u128(n)), message)
}

fn begun() -> Event {
    Event::Begun { messages: vec![row(1, "hello")], intake: Intake::Chat }
}

/// `id:tool` (with arguments of its own) or `id:tool:arguments`.
fn call(written: &str) -> ToolCall {
    let mut fields = written.splitn(3, ':');
    let id = fields.next().unwrap();
    let name = fields.next().unwrap();
    let arguments = fields.next().map_or_else(|| format!(r#"{{"of":"{id}"}}"#), str::to_owned);
    ToolCall { id: CallId(id.into()), name: name.into(), arguments }
}

fn replied(parts: Vec<Part>) -> Event {
    let usage = TokenUsage { input_tokens: 10, output_tokens: 1, ..TokenUsage::default() };
    Event::Replied(ModelReply { parts, reason: FinishReason::Stop, usage })
}

fn says(text: &str) -> Event {
    replied(vec![Part::text(text)])
}

fn calls(written: &[&str]) -> Event {
    replied(written.iter().map(|written| Part::ToolCall(call(written))).collect())
}

/// One letter for each call: `p` may run beside others, `u` runs alone, `r` is refused, `q` is asked about.
fn judged(letters: &str) -> Event {
    let judgement = |letter| match letter {
        'p' => Judgement { beside: true, judged: Judged::Allow },
        'u' => Judgement { beside: false, judged: Judged::Allow },
        'r' => Judgement { beside: false, judged: Judged::Refuse("not here".into()) },
        _ => {
            Judgement { beside: false, judged: Judged::Ask { reason: "it sends".into(), needs: Rank::Owner } }
        }
    };
    Event::Judged(letters.chars().map(judgement).collect())
}

fn result(id: &str, status: ToolStatus, text: &str) -> ToolResult {
    let content = vec![Part::text(text)];
    ToolResult::new(CallId(id.into()), "tool".into(), status, content)
}

fn ended(id: &str) -> Event {
    Event::ToolEnded(result(id, ToolStatus::Ok, &format!("{id} is done")))
}

fn failed(id: &str, why: &str) -> Event {
    Event::ToolEnded(result(id, ToolStatus::Error, why))
}

fn absorbed() -> Event {
    Event::Absorbed(Vec::new())
}

fn model_failed(kind: ModelErrorKind) -> Event {
    Event::ModelFailed { kind, message: "the server is away".into() }
}

fn answered(answers: &[(&str, ApprovalState)]) -> Event {
    Event::Answered(answers.iter().map(|(id, state)| (CallId((*id).into()), *state)).collect())
}

/// A command in a few words.
fn written(command: &Command) -> String {
    fn ids<'a>(word: &str, calls: impl Iterator<Item = &'a ToolCall>) -> String {
        calls.fold(word.to_owned(), |text, call| format!("{text} {}", call.id))
    }
    match command {
        Command::CallModel { shrink: 0 } => "call".into(),
        Command::CallModel { shrink } => format!("call shrunk {shrink}"),
        Command::Judge(calls) => ids("judge", calls.iter()),
        Command::Run(calls) => ids("run", calls.iter()),
        Command::Suspend(questions) => ids("ask", questions.iter().map(|question| &question.call)),
        Command::Absorb => "absorb".into(),
        Command::CancelWork => "cancel".into(),
        Command::Finish { ending, parts } => {
            let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
            format!("finish {}: {}", ending.stop_reason(), texts.join(" | "))
        }
    }
}

fn all_written(commands: &[Command]) -> String {
    commands.iter().map(written).collect::<Vec<_>>().join("; ")
}

/// Plays a script on a fresh machine with these limits and checks the commands after each event.
#[track_caller]
fn check_within(limits: Limits, script: Vec<(Event, &str)>) -> Machine {
    go_on(machine(limits), script)
}

/// Plays a script on a fresh machine and checks the commands after each event.
#[track_caller]
fn check(script: Vec<(Event, &str)>) -> Machine {
    check_within(Limits::default(), script)
}

/// Plays a script on and checks the commands after each event, and that no pair of call and result is ever broken.
#[track_caller]
fn go_on(mut machine: Machine, script: Vec<(Event, &str)>) -> Machine {
    for (place, (event, expected)) in script.into_iter().enumerate() {
        let shown = format!("event {place}: {event:?}");
        let number = machine.added().len() as u128;
        let (next, commands) = machine.step(event, stamp(number));
        machine = next;
        assert_eq!(all_written(&commands), expected, "{shown}");
        if commands.iter().any(|command| matches!(command, Command::Finish { .. })) {
            assert_pairs(machine.added());
        }
    }
    machine
}

/// Every call has exactly one result, and the message right after a reply with calls holds the results of just these,
/// in their order.
#[track_caller]
fn assert_pairs(messages: &[Message]) {
    let mut open: Vec<CallId> = Vec::new();
    for message in messages {
        let results: Vec<CallId> = message.tool_results().map(|result| result.call_id.clone()).collect();
        assert_eq!(results, open, "calls and results must stand in neighbouring messages: {messages:#?}");
        open = message.tool_calls().map(|call| call.id.clone()).collect();
        let distinct: std::collections::HashSet<&CallId> = open.iter().collect();
        assert_eq!(distinct.len(), open.len(), "a call id stands twice in one reply: {open:?}");
    }
    assert!(open.is_empty(), "calls without results: {open:?}");
}

/// The results that stand in the newest message, as `id status text`.
fn last_results(machine: &Machine) -> Vec<String> {
    let last = machine.added().last().expect("something was added");
    let line = |result: &ToolResult| {
        let texts: Vec<&str> = result.content.iter().filter_map(Part::as_text).collect();
        format!("{} {:?} {}", result.call_id, result.status, texts.join(" "))
    };
    last.tool_results().map(line).collect()
}
