//! From the events of a reply to what they say.

use std::collections::VecDeque;

use agent_core::{FinishReason, Finished, ModelEvent};
use serde_json::{Value, json};
use session_api::{CallId, ToolCall};

use super::{
    KIND,
    wire::{Block, Counts, Delta, Frame},
};
use crate::{
    exchange::{
        error::Trouble,
        stream::{Assembler, Size},
    },
    sse::Go,
};

/// Most tool calls in one reply.
const MOST_CALLS: usize = 128;

/// Most blocks that are open at once. By the book one is.
const MOST_OPEN: usize = 256;

/// A reply, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Reply {
    size: Size,
    /// The server, which is noted beside what only it may get back.
    from: String,
    /// Blocks that have begun and not ended, by index.
    open: Vec<(u64, Open)>,
    /// Calls, and thoughts behind them: nothing is called by half a reply, and the order must stay.
    held: Vec<ModelEvent>,
    calls: usize,
    answered: bool,
    thought: bool,
    reason: Option<FinishReason>,
    counts: Counts,
    model: Option<String>,
}

/// A block as far as it has come.
#[derive(Debug)]
enum Open {
    /// Its text has been passed on already.
    Text,
    Thinking {
        thinking: String,
        signature: String,
    },
    Redacted {
        data: String,
    },
    Call {
        call: ToolCall,
        input: Option<Value>,
    },
    /// What the server did by itself, or found.
    Server {
        block: Value,
        input: String,
    },
    /// Of a type that nobody has heard of.
    Other,
}

impl Reply {
    pub(super) fn new(from: String) -> Self {
        Self { from, ..Self::default() }
    }

    fn text(&mut self, text: String, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !text.is_empty() {
            self.size.add(text.len())?;
            self.answered = true;
            out.push_back(ModelEvent::Text(text));
        }
        Ok(())
    }

    fn think(&mut self, text: &str, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !text.is_empty() {
            self.size.add(text.len())?;
            out.push_back(ModelEvent::Reasoning(text.to_owned()));
        }
        Ok(())
    }

    fn begin(&mut self, index: u64, block: Block, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        // A server that forgets to end a block means that it has ended.
        self.finish_block(index, out)?;
        if self.open.len() == MOST_OPEN {
            return Err(Trouble::TooLong);
        }
        let open = match block.r#type.0.as_str() {
            "text" => {
                self.text(block.text.0, out)?;
                Open::Text
            }
            "thinking" => {
                self.think(&block.thinking.0, out)?;
                Open::Thinking { thinking: block.thinking.0, signature: block.signature.0 }
            }
            "redacted_thinking" => {
                self.size.add(block.data.0.len())?;
                Open::Redacted { data: block.data.0 }
            }
            "tool_use" => {
                if self.calls == MOST_CALLS {
                    return Err(Trouble::TooManyCalls);
                }
                self.calls += 1;
                self.size.add(block.id.0.len() + block.name.0.len())?;
                let call = ToolCall { id: CallId(block.id.0), name: block.name.0, arguments: String::new() };
                Open::Call { call, input: block.input }
            }
            kind if kind == "server_tool_use" || kind.ends_with("_tool_result") => {
                let block = of_server(block);
                self.size.add(block.to_string().len())?;
                Open::Server { block, input: String::new() }
            }
            _ => Open::Other,
        };
        self.open.push((index, open));
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: Delta, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let Some(at) = self.open.iter().position(|(known, _)| *known == index) else {
            // A server that forgets to begin a block can only mean text.
            return self.text(delta.text.0, out);
        };
        match &mut self.open[at].1 {
            Open::Text => return self.text(delta.text.0, out),
            Open::Thinking { thinking, signature } => {
                thinking.push_str(&delta.thinking.0);
                signature.push_str(&delta.signature.0);
                self.size.add(delta.signature.0.len())?;
                return self.think(&delta.thinking.0, out);
            }
            Open::Call { call, .. } => {
                call.arguments.push_str(&delta.partial_json.0);
                self.size.add(delta.partial_json.0.len())?;
            }
            Open::Server { input, .. } => {
                input.push_str(&delta.partial_json.0);
                self.size.add(delta.partial_json.0.len())?;
            }
            Open::Redacted { .. } | Open::Other => {}
        }
        Ok(())
    }

    fn finish_block(&mut self, index: u64, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let Some(at) = self.open.iter().position(|(known, _)| *known == index) else { return Ok(()) };
        match self.open.remove(at).1 {
            Open::Thinking { thinking, signature } if !(thinking.is_empty() && signature.is_empty()) => {
                self.keep(&json!({"type": "thinking", "thinking": thinking, "signature": signature}), out);
            }
            Open::Redacted { data } if !data.is_empty() => {
                self.keep(&json!({"type": "redacted_thinking", "data": data}), out);
            }
            Open::Server { mut block, input } => {
                if let Ok(input) = serde_json::from_str::<Value>(&input) {
                    block["input"] = input;
                }
                self.keep(&block, out);
            }
            Open::Call { mut call, input } => {
                // Some servers send the whole input with the beginning.
                if call.arguments.is_empty()
                    && let Some(input) = input.filter(|input| !input.is_null())
                {
                    call.arguments = input.to_string();
                    self.size.add(call.arguments.len())?;
                }
                self.held.push(ModelEvent::ToolCall(call));
            }
            Open::Text | Open::Thinking { .. } | Open::Redacted { .. } | Open::Other => {}
        }
        Ok(())
    }

    /// Keeps a block for the next request, in its place among the others.
    fn keep(&mut self, block: &Value, out: &mut VecDeque<ModelEvent>) {
        self.thought = true;
        let event =
            ModelEvent::Opaque { format: KIND.to_owned(), data: json!({"from": self.from, "block": block}) };
        if self.held.is_empty() {
            out.push_back(event);
        } else {
            self.held.push(event);
        }
    }

    fn finish_all(&mut self, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        while let Some((index, _)) = self.open.first() {
            let index = *index;
            self.finish_block(index, out)?;
        }
        Ok(())
    }

    fn note(&mut self, model: String, usage: Option<&Value>, reason: &str) {
        if self.model.is_none() && !model.is_empty() {
            self.model = Some(model);
        }
        if let Some(usage) = usage {
            self.counts.take(usage);
        }
        self.reason = stop_reason(reason).or(self.reason);
    }
}

/// A block of the server's own tools, as it must come back.
fn of_server(block: Block) -> Value {
    let Block { r#type, id, name, input, mut rest, .. } = block;
    for (key, text) in [("type", r#type.0), ("id", id.0), ("name", name.0)] {
        if !text.is_empty() {
            rest.insert(key.to_owned(), text.into());
        }
    }
    rest.extend(input.map(|input| ("input".to_owned(), input)));
    Value::Object(rest)
}

impl Assembler for Reply {
    fn frame(&mut self, data: &[u8], out: &mut VecDeque<ModelEvent>) -> Result<Go, Trouble> {
        let data = data.trim_ascii();
        if data.is_empty() {
            return Ok(Go::On);
        }
        let frame: Frame = serde_json::from_slice(data).map_err(|_| Trouble::Nonsense)?;
        let index = frame.index.as_ref().and_then(Value::as_u64).unwrap_or(0);
        match frame.r#type.0.as_str() {
            "message_start" => {
                if let Some(head) = frame.message {
                    self.note(head.model.0, head.usage.as_ref(), "");
                }
            }
            "content_block_start" => self.begin(index, frame.content_block.unwrap_or_default(), out)?,
            "content_block_delta" => self.delta(index, frame.delta.unwrap_or_default(), out)?,
            "content_block_stop" => self.finish_block(index, out)?,
            "message_delta" => {
                let reason = frame.delta.unwrap_or_default().stop_reason.0;
                self.note(String::new(), frame.usage.as_ref(), &reason);
            }
            "message_stop" => return Ok(Go::Stop),
            "error" => return Err(Trouble::Said(frame.error.unwrap_or(Value::Null))),
            "message" => {
                for (index, block) in (0..).zip(frame.content.unwrap_or_default()) {
                    self.begin(index, block, out)?;
                    self.finish_block(index, out)?;
                }
                self.note(frame.model.0, frame.usage.as_ref(), &frame.stop_reason.0);
            }
            // A server of another kind says its errors so.
            _ => {
                if let Some(error) = frame.error.filter(|error| !error.is_null()) {
                    return Err(Trouble::Said(error));
                }
            }
        }
        Ok(Go::On)
    }

    fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    fn end(&mut self, done: bool, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let something = self.answered || self.thought || self.calls > 0;
        let reason = match (self.reason, done) {
            (Some(reason), _) => reason,
            (None, true) if something => FinishReason::Stop,
            (None, true) => return Err(Trouble::Empty),
            (None, false) => return Err(Trouble::BrokeOff),
        };
        // A call whose end did not come is whole when the reply is.
        self.finish_all(out)?;
        let reason = match (reason, self.calls) {
            (FinishReason::Stop, 1..) => FinishReason::ToolCalls,
            (FinishReason::ToolCalls, 0) => FinishReason::Stop,
            (reason, _) => reason,
        };
        out.extend(self.held.drain(..));
        let usage = self.counts.usage();
        out.push_back(ModelEvent::Finished(Finished { reason, usage, model: self.model.take() }));
        Ok(())
    }
}

/// The reason, if one is given; one that nobody knows is as good as the end of the turn.
fn stop_reason(text: &str) -> Option<FinishReason> {
    Some(match text {
        "" => return None,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    })
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
