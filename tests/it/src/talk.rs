//! Conversations whose course can be checked from outside.
//!
//! Each message of chat 3 looks like `canary3x m3-7 tool`: a word that belongs to this chat alone, a mark of its own, and
//! what it wants. The scripted model answers `answer to m3-7 canary3x`: every mark that has no answer yet and every
//! canary that it sees, so that a canary in a foreign chat shows wherever it came from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use servers::{Gate, Hold, Ledger, Reply, Request, Script};

use crate::look::valid;

/// What a message wants besides an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Text,
    /// A line in the ledger, written by `exec`.
    Tool,
    /// An answer that comes in pieces over more than a second.
    Slow,
    /// An answer that waits for the script's gate.
    Held,
}

impl Want {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Tool => "tool",
            Self::Slow => "slow",
            Self::Held => "held",
        }
    }
}

/// The canary of a chat.
#[must_use]
pub fn canary(chat: usize) -> String {
    format!("canary{chat}x")
}

/// The mark of the `n`th message of a chat.
#[must_use]
pub fn mark(chat: usize, n: usize) -> String {
    format!("m{chat}-{n}")
}

/// The text of the `n`th message of a chat.
#[must_use]
pub fn message(chat: usize, n: usize, want: Want) -> String {
    format!("{} {} {}", canary(chat), mark(chat, n), want.word())
}

/// Words of a text without what stands around them.
fn plain_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| !word.is_empty())
}

/// The marks in a text, in order.
#[must_use]
pub fn marks(text: &str) -> Vec<String> {
    let is_mark = |word: &&str| {
        let numbers = word.strip_prefix('m').and_then(|rest| rest.split_once('-'));
        numbers.is_some_and(|(chat, n)| chat.parse::<usize>().is_ok() && n.parse::<usize>().is_ok())
    };
    plain_words(text).filter(is_mark).map(str::to_owned).collect()
}

/// The canaries in a text, each once.
#[must_use]
pub fn canaries(text: &str) -> Vec<String> {
    let is_canary = |word: &&str| word.starts_with("canary") && word.ends_with('x');
    let mut found: Vec<String> = plain_words(text).filter(is_canary).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

/// What a model finds when it looks at a conversation.
#[derive(Debug, Default)]
struct Open {
    /// Messages of the user that no final answer follows: the mark and the whole text.
    marks: Vec<(String, String)>,
    /// Marks for which the tool was called already.
    called: Vec<String>,
    canaries: Vec<String>,
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn look(request: &Request) -> Open {
    let mut open = Open::default();
    for message in request.messages() {
        let text = text_of(message);
        open.canaries.extend(canaries(&text));
        match message["role"].as_str() {
            Some("user") => open.marks.extend(lines_with_marks(&text)),
            Some("assistant") => match message["tool_calls"].as_array() {
                Some(calls) if !calls.is_empty() => {
                    let arguments = calls.iter().filter_map(|call| call["function"]["arguments"].as_str());
                    open.called.extend(arguments.flat_map(marks));
                }
                // Only what it names is answered: a message that joined late is not.
                _ => {
                    let answered = marks(&text);
                    open.marks.retain(|(mark, _)| !answered.contains(mark));
                }
            },
            _ => {}
        }
    }
    open.canaries.sort();
    open.canaries.dedup();
    open
}

/// Several messages may stand in one, a line each.
fn lines_with_marks(text: &str) -> Vec<(String, String)> {
    text.lines().flat_map(|line| marks(line).into_iter().map(|mark| (mark, line.to_owned()))).collect()
}

/// A model that answers as the module says; `held` answers wait for the gate.
#[must_use]
pub fn script(ledger: &Ledger, gate: &Gate) -> Script {
    let (path, gate) = (ledger.path().display().to_string(), gate.clone());
    Script::by(move |request, _| reply(request, &path, &gate))
}

/// The same, and tells of every request that no provider would take.
#[must_use]
pub fn checking_script(ledger: &Ledger, invalid: &Arc<Mutex<Vec<String>>>) -> Script {
    let (path, invalid, gate) = (ledger.path().display().to_string(), Arc::clone(invalid), Gate::new());
    Script::by(move |request, _| {
        if catch_unwind(AssertUnwindSafe(|| valid(request))).is_err() {
            invalid.lock().push(request.body.to_string());
        }
        reply(request, &path, &gate)
    })
}

fn reply(request: &Request, ledger: &str, gate: &Gate) -> Reply {
    let open = look(request);
    let wants = |line: &str, want: Want| plain_words(line).any(|word| word == want.word());
    let due = open.marks.iter().find(|(mark, line)| wants(line, Want::Tool) && !open.called.contains(mark));
    if let Some((mark, _)) = due {
        return Reply::tool("exec", json!({"command": format!("echo {mark} >> {ledger}")}));
    }
    let marks: Vec<&str> = open.marks.iter().map(|(mark, _)| mark.as_str()).collect();
    let text = format!("answer to {} {}", marks.join(" "), open.canaries.join(" "));
    let any = |want| open.marks.iter().any(|(_, line)| wants(line, want));
    if any(Want::Held) {
        return Reply::text(&text).held_by(gate);
    }
    if any(Want::Slow) {
        let pause = Hold::For(Duration::from_millis(900));
        // Cut between words: half a mark would be another message's. The first piece carries the role.
        let marks = format!(" {}", marks.join(" "));
        let reply = Reply::deltas(["answer to", &marks, &format!(" {}", open.canaries.join(" "))]);
        return reply.hold_after(2, pause.clone()).hold_after(3, pause);
    }
    Reply::text(&text)
}

/// Whether a text is an answer to this mark.
#[must_use]
pub fn answers(text: &str, mark: &str) -> bool {
    text.contains("answer to") && marks(text).iter().any(|known| known == mark)
}
