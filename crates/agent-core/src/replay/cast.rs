//! Commands, events and messages in a few words.

use session_api::{CallId, Message, Part, Role, StepKind, ToolCall, ToolStatus};

use crate::turn::{Command, Event, Judged};

/// Longest piece of anybody's words in a line, in characters.
const QUOTE: usize = 60;

/// `text` on one line, cut.
pub(super) fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("\"{}…\"", &line[..end]),
        None => format!("\"{line}\""),
    }
}

fn calls<'a>(calls: impl Iterator<Item = &'a ToolCall>) -> String {
    let calls: Vec<String> = calls.map(|call| format!("{} ({})", call.name, call.id)).collect();
    calls.join(", ")
}

/// What the machine wants.
pub(super) fn command(command: &Command) -> String {
    match command {
        Command::CallModel { shrink: 0 } => "call the model".into(),
        Command::CallModel { shrink } => format!("call the model, history made shorter {shrink} times"),
        Command::Judge(judged) => format!("judge {}", calls(judged.iter())),
        Command::Run(run) => format!("run {}", calls(run.iter())),
        Command::Suspend(questions) => format!("ask about {}", calls(questions.iter().map(|q| &q.call))),
        Command::Absorb => "take in what came meanwhile".into(),
        Command::CancelWork => "cancel all work".into(),
        Command::Finish { ending, parts } => {
            format!("end ({}): {}", ending.stop_reason(), quote(&texts(parts)))
        }
    }
}

/// What happened.
pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Begun { messages, .. } => format!("begun with {}", count(messages.len(), "message")),
        Event::Replied(reply) => format!("the model replied: {}", parts(&reply.parts)),
        Event::ModelFailed { message, .. } => format!("the model failed: {}", quote(message)),
        Event::Judged(judgements) => {
            let words: Vec<&str> = judgements
                .iter()
                .map(|judgement| match judgement.judged {
                    Judged::Allow => "allowed",
                    Judged::Refuse(_) => "refused",
                    Judged::Ask { .. } => "to be asked about",
                })
                .collect();
            format!("judged: {}", words.join(", "))
        }
        Event::ToolEnded(result) => {
            format!("{} ({}) ended: {}", result.name, result.call_id, status(result.status))
        }
        Event::Absorbed(messages) => format!("{} joined", count(messages.len(), "message")),
        Event::Answered(answers) => {
            let words: Vec<String> =
                answers.iter().map(|(call, state)| format!("{call} {state:?}").to_lowercase()).collect();
            format!("answered: {}", words.join(", "))
        }
        Event::Stopped => "stopped by somebody".into(),
        Event::OutOfTime => "out of time".into(),
        Event::GivenUp(reason) => format!("given up: {}", quote(reason)),
        Event::Committed => "committed".into(),
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub(super) fn status(status: ToolStatus) -> &'static str {
    match status {
        ToolStatus::Ok => "ok",
        ToolStatus::Error => "error",
        ToolStatus::Unknown => "outcome unknown",
    }
}

fn texts(parts: &[Part]) -> String {
    parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join(" ")
}

/// What a message or a reply holds.
pub(super) fn parts(parts: &[Part]) -> String {
    let mut words = Vec::new();
    for part in parts {
        match part {
            Part::Text { text } => words.push(quote(text)),
            Part::Image { mime, .. } => words.push(format!("an image ({mime})")),
            Part::File { name, .. } => words.push(format!("the file {name}")),
            Part::ToolCall(call) => {
                words.push(format!("call {} ({}) with {}", call.name, call.id, quote(&call.arguments)));
            }
            Part::ToolResult(result) => words.push(format!(
                "result of {} ({}): {} {}",
                result.name,
                result.call_id,
                status(result.status),
                quote(&texts(&result.content))
            )),
            Part::Reasoning { .. } => words.push("reasoning".into()),
            Part::Outside { through } => words.push(format!("text from outside ({through})")),
            Part::Opaque { format, .. } => words.push(format!("something for {format}")),
        }
    }
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

/// A message of the history.
pub(super) fn message(message: &Message) -> String {
    let who = match message.role {
        Role::User => "a message",
        Role::Assistant => "a reply",
        Role::Tool => "results",
    };
    format!("{who}: {}", parts(&message.parts))
}

/// A step of the journal.
pub(super) fn step(kind: &StepKind) -> String {
    let verdict = |ok: &bool| if *ok { "ok" } else { "error" };
    match kind {
        StepKind::ModelReplied { call, model, millis, tool_calls } => {
            let asked = count(usize::try_from(*tool_calls).unwrap_or(usize::MAX), "tool call");
            format!("{model} replied (call {call}, {millis} ms, {asked})")
        }
        StepKind::ToolStarted { call_id, name, .. } => format!("{name} ({call_id}) started"),
        StepKind::ToolEnded { call_id, ok, millis } => {
            format!("{call_id} ended: {} after {millis} ms", verdict(ok))
        }
        StepKind::Absorbed { inbound } => format!("{} joined", count(inbound.len(), "message")),
        StepKind::Suspended => "suspended for questions".into(),
        StepKind::Resumed { reason } => format!("taken up again: {reason}"),
    }
}

/// Calls by their ids.
pub(super) fn ids<'a>(ids: impl Iterator<Item = &'a CallId>) -> String {
    ids.map(|id| id.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// Two messages that are not the same, in words that show where.
pub(super) fn difference(expected: &Message, recorded: &Message) -> (String, String) {
    let shown = (message(expected), message(recorded));
    if shown.0 != shown.1 {
        return shown;
    }
    let text = |message: &Message| serde_json::to_string(&message.parts).unwrap_or_default();
    let (a, b) = (text(expected), text(recorded));
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(QUOTE / 3);
    let around = |text: &str| {
        let piece: String = text.chars().skip(from).take(QUOTE).collect();
        format!("…{piece}… ({same} characters in)")
    };
    (around(&a), around(&b))
}
