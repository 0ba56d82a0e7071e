//! From the events of a reply to what they say.

use std::collections::VecDeque;

use agent_core::{FinishReason, Finished, ModelEvent, TokenUsage};
use serde_json::{Value, json};

use super::{
    KIND,
    calls::Calls,
    wire::{self, Frame, Response},
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
    /// The server, which is noted beside what only it may get back.
    from: String,
    calls: Calls,
    /// Thoughts behind calls wait with these, so that the order stays; the number of calls before each is noted.
    held: Vec<(usize, ModelEvent)>,
    /// The item whose text or thoughts came in pieces, and are not to be said again at its end.
    told: Option<u64>,
    /// Whether any item has come. A response at the end repeats all of them.
    any: bool,
    answered: bool,
    thought: bool,
    reason: Option<FinishReason>,
    usage: Option<TokenUsage>,
    model: Option<String>,
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

    fn think(&mut self, text: String, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !text.is_empty() {
            self.size.add(text.len())?;
            out.push_back(ModelEvent::Reasoning(text));
        }
        Ok(())
    }

    fn keep(&mut self, key: &str, value: Value, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.size.add(value.to_string().len())?;
        let mut data = json!({"from": self.from});
        data[key] = value;
        let event = ModelEvent::Opaque { format: KIND.to_owned(), data };
        match self.calls.len() {
            0 => out.push_back(event),
            before => self.held.push((before, event)),
        }
        Ok(())
    }

    fn begin(&mut self, index: u64, item: &Value, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.any = true;
        match item["type"].as_str() {
            Some("function_call") => self.call(index, item, false),
            Some("message") => self.phase(item, out),
            _ => Ok(()),
        }
    }

    /// Which part of the work a message belongs to; newer models want to hear it again.
    fn phase(&mut self, item: &Value, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        match item["phase"].as_str() {
            Some(phase) => self.keep("phase", phase.into(), out),
            None => Ok(()),
        }
    }

    fn call(&mut self, index: u64, item: &Value, done: bool) -> Result<(), Trouble> {
        let bytes = self.calls.item(index, item, done).map_err(|_| Trouble::TooManyCalls)?;
        self.size.add(bytes)
    }

    /// An item that has ended, with everything that belongs to it.
    fn done(&mut self, index: u64, item: &Value, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.any = true;
        let told = self.told.take_if(|told| *told == index).is_some();
        match item["type"].as_str() {
            Some("function_call") => self.call(index, item, true)?,
            Some("message") if !told => self.text(wire::text_of(item), out)?,
            Some("reasoning") => {
                if !told {
                    self.think(wire::summary_of(item), out)?;
                }
                if let Some(thought) = wire::sealed(item) {
                    self.thought = true;
                    self.keep("item", thought, out)?;
                }
            }
            // What the server did by itself, such as `web_search_call`: the thought before it must not come back alone.
            Some(kind) if kind.ends_with("_call") => {
                self.thought = true;
                self.keep("item", item.clone(), out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A response at its end, by whatever name the event or its status calls that.
    fn close(&mut self, response: Response, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if let Some(error) = response.error.filter(|error| !error.is_null()) {
            return Err(Trouble::Said(error));
        }
        if response.status.0 == "failed" {
            return Err(Trouble::Said(Value::Null));
        }
        if self.model.is_none() && !response.model.0.is_empty() {
            self.model = Some(response.model.0);
        }
        self.usage = response.usage.as_ref().and_then(wire::usage).or(self.usage);
        if !self.any {
            for (index, item) in (0..).zip(response.output.unwrap_or_default()) {
                if item["type"] == "message" {
                    self.phase(&item, out)?;
                }
                self.done(index, &item, out)?;
            }
        }
        let why = response.incomplete_details.unwrap_or_default();
        self.reason = match (response.status.0.as_str(), why["reason"].as_str()) {
            ("incomplete", Some("content_filter")) => Some(FinishReason::Filtered),
            ("incomplete", _) => Some(FinishReason::Length),
            _ => Some(FinishReason::Stop),
        };
        Ok(())
    }
}

impl Assembler for Reply {
    fn frame(&mut self, data: &[u8], out: &mut VecDeque<ModelEvent>) -> Result<Go, Trouble> {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(Go::Stop);
        }
        if data.is_empty() {
            return Ok(Go::On);
        }
        let frame: Frame = serde_json::from_slice(data).map_err(|_| Trouble::Nonsense)?;
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_u64).unwrap_or(0);
        let index = number(&frame.output_index);
        match frame.r#type.0.as_str() {
            "response.created" | "response.in_progress" => {
                let model = frame.response.map(|response| response.model.0).filter(|model| !model.is_empty());
                self.model = model.or(self.model.take());
            }
            "response.output_item.added" => self.begin(index, &frame.item.unwrap_or_default(), out)?,
            "response.output_text.delta" | "response.refusal.delta" => {
                self.any = true;
                self.told = Some(index);
                self.text(frame.delta.0, out)?;
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.told = Some(index);
                self.think(frame.delta.0, out)?;
            }
            "response.reasoning_summary_part.added" if number(&frame.summary_index) > 0 => {
                self.think("\n\n".into(), out)?;
            }
            "response.function_call_arguments.delta" => {
                self.size.add(frame.delta.0.len())?;
                self.calls.more(index, &frame.delta.0);
            }
            "response.function_call_arguments.done" => {
                self.size.add(frame.arguments.0.len())?;
                self.calls.whole(index, frame.arguments.0);
            }
            "response.output_item.done" => self.done(index, &frame.item.unwrap_or_default(), out)?,
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let mut response = frame.response.unwrap_or_default();
                if frame.r#type.0 == "response.failed" {
                    response.status.0 = "failed".into();
                } else if frame.r#type.0 == "response.incomplete" {
                    response.status.0 = "incomplete".into();
                }
                self.close(response, out)?;
                return Ok(Go::Stop);
            }
            "error" => {
                let alone = json!({"code": frame.code, "message": frame.message});
                return Err(Trouble::Said(frame.error.filter(|error| !error.is_null()).unwrap_or(alone)));
            }
            _ if frame.object.0 == "response" => {
                let response = serde_json::from_slice(data).map_err(|_| Trouble::Nonsense)?;
                self.close(response, out)?;
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
        let something = self.answered || self.thought || self.calls.len() > 0;
        let reason = match (self.reason, done) {
            // A model may have nothing to say, but its server then still counts what it read.
            (Some(FinishReason::Stop), _) if !something && self.usage.is_none() => {
                return Err(Trouble::Empty);
            }
            (Some(reason), _) => reason,
            (None, true) if something => FinishReason::Stop,
            (None, true) => return Err(Trouble::Empty),
            (None, false) => return Err(Trouble::BrokeOff),
        };
        let reason = match (reason, self.calls.len()) {
            (FinishReason::Stop, 1..) => FinishReason::ToolCalls,
            (reason, _) => reason,
        };
        let mut held = std::mem::take(&mut self.held).into_iter().peekable();
        for (n, call) in (1..).zip(self.calls.take()) {
            out.push_back(ModelEvent::ToolCall(call));
            while let Some((_, event)) = held.next_if(|(before, _)| *before <= n) {
                out.push_back(event);
            }
        }
        out.push_back(ModelEvent::Finished(Finished { reason, usage: self.usage, model: self.model.take() }));
        Ok(())
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
