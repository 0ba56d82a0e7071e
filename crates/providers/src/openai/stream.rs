//! From the events of a reply to what they say.

use std::collections::VecDeque;

use agent_core::{FinishReason, Finished, ModelEvent, TokenUsage};
use serde_json::Value;

use super::{
    KIND,
    calls::Calls,
    extras::{self, Details},
    wire::{self, Chunk},
};
use crate::{
    exchange::{
        error::Trouble,
        stream::{Assembler, Size},
    },
    sse::Go,
};

/// A reply, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Reply {
    size: Size,
    answered: bool,
    calls: Calls,
    details: Details,
    /// The server, which is noted beside what only it may get back.
    from: String,
    /// Whether such things are kept.
    keep: bool,
    reason: Option<FinishReason>,
    usage: Option<TokenUsage>,
    model: Option<String>,
}

impl Reply {
    pub(super) fn new(from: String, keep: bool) -> Self {
        Self { from, keep, ..Self::default() }
    }
}

impl Assembler for Reply {
    /// Text after the finish reason is kept: the reply ends with the stream, not with it.
    fn frame(&mut self, data: &[u8], out: &mut VecDeque<ModelEvent>) -> Result<Go, Trouble> {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(Go::Stop);
        }
        if data.is_empty() {
            return Ok(Go::On);
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|_| Trouble::Nonsense)?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Trouble::Said(error));
        }
        if self.model.is_none() && !chunk.model.0.is_empty() {
            self.model = Some(chunk.model.0);
        }
        if let Some(usage) = chunk.usage.as_ref().and_then(wire::usage) {
            self.usage = Some(usage);
        }
        // Nobody asked for a second choice.
        let first = |index: &Option<Value>| index.as_ref().and_then(Value::as_u64).unwrap_or(0) == 0;
        for choice in chunk.choices.unwrap_or_default() {
            if !first(&choice.index) {
                continue;
            }
            if let Some(delta) = choice.delta.or(choice.message) {
                self.delta(delta, out)?;
            }
            if let Some(reason) = finish_reason(&choice.finish_reason.0) {
                self.reason = Some(reason);
            }
        }
        Ok(Go::On)
    }

    fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    fn end(&mut self, done: bool, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let something = self.answered || !self.calls.is_empty();
        let reason = match (self.reason, done) {
            (Some(reason), _) => reason,
            (None, true) if something => FinishReason::Stop,
            (None, true) => return Err(Trouble::Empty),
            (None, false) => return Err(Trouble::BrokeOff),
        };
        // Many servers say `stop` where there are calls, and some say `tool_calls` where there are none.
        let reason = match (reason, self.calls.is_empty()) {
            (FinishReason::Stop, false) => FinishReason::ToolCalls,
            (FinishReason::ToolCalls, true) => FinishReason::Stop,
            (reason, _) => reason,
        };
        let opaque = |data| ModelEvent::Opaque { format: KIND.to_owned(), data };
        out.extend(self.details.finish(&self.from).map(opaque));
        for (extra, call) in self.calls.finish() {
            out.extend(extra.filter(|_| self.keep).map(|extra| opaque(extras::of_call(&self.from, &extra))));
            out.push_back(ModelEvent::ToolCall(call));
        }
        out.push_back(ModelEvent::Finished(Finished { reason, usage: self.usage, model: self.model.take() }));
        Ok(())
    }
}

impl Reply {
    fn delta(&mut self, delta: wire::Delta, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        // Servers that send both fields send the same text twice.
        let thought =
            if delta.reasoning_content.0.is_empty() { delta.reasoning } else { delta.reasoning_content };
        if !thought.0.is_empty() {
            self.size.add(thought.0.len())?;
            out.push_back(ModelEvent::Reasoning(thought.0));
        }
        for text in [delta.content.0, delta.refusal.0] {
            if !text.is_empty() {
                self.size.add(text.len())?;
                self.answered = true;
                out.push_back(ModelEvent::Text(text));
            }
        }
        if let Some(details) = delta.reasoning_details.filter(|_| self.keep) {
            self.size.add(self.details.take(details))?;
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            let bytes = self.calls.take(piece).map_err(|_| Trouble::TooManyCalls)?;
            self.size.add(bytes)?;
        }
        Ok(())
    }
}

/// The reason, if one is given; one that nobody knows is as good as `stop`.
fn finish_reason(text: &str) -> Option<FinishReason> {
    Some(match text {
        "" => return None,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" | "safety" | "refusal" => FinishReason::Filtered,
        _ => FinishReason::Stop,
    })
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
