//! From the bytes of a reply to its events.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use agent_core::{FinishReason, Finished, ModelError, ModelEvent, ModelStream, TokenUsage};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_client::TransportError;
use serde_json::Value;
use tokio::time::Sleep;

use super::{
    calls::Calls,
    error::{Trouble, Voice},
    wire::{self, Chunk},
};
use crate::sse::{Go, SseReader};

/// Most bytes of text, reasoning and calls in one reply.
pub(super) const LARGEST_REPLY: usize = 2 * 1024 * 1024;

/// How long a reply that has named its finish reason is waited on: for the token counts and the end of the stream.
const AFTER_FINISH: Duration = Duration::from_secs(5);

/// Puts a reply together. Knows nothing of time and connections.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    bytes: usize,
    answered: bool,
    calls: Calls,
    reason: Option<FinishReason>,
    usage: Option<TokenUsage>,
    model: Option<String>,
}

impl Assembler {
    /// Takes the data of one event. Text after the finish reason is kept: the reply ends with the stream, not with it.
    pub(super) fn frame(&mut self, data: &[u8], out: &mut VecDeque<ModelEvent>) -> Result<Go, Trouble> {
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

    fn delta(&mut self, delta: wire::Delta, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        // Servers that send both fields send the same text twice.
        let thought =
            if delta.reasoning_content.0.is_empty() { delta.reasoning } else { delta.reasoning_content };
        if !thought.0.is_empty() {
            self.count(thought.0.len())?;
            out.push_back(ModelEvent::Reasoning(thought.0));
        }
        for text in [delta.content.0, delta.refusal.0] {
            if !text.is_empty() {
                self.count(text.len())?;
                self.answered = true;
                out.push_back(ModelEvent::Text(text));
            }
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            let bytes = self.calls.take(piece).map_err(|_| Trouble::TooManyCalls)?;
            self.count(bytes)?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.bytes += bytes;
        if self.bytes > LARGEST_REPLY { Err(Trouble::TooLong) } else { Ok(()) }
    }

    /// Whether the server has said why it stopped; what is missing then is not missed.
    pub(super) fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    /// Ends the reply; `done`: in the way that the wire format asks for.
    pub(super) fn end(&mut self, done: bool, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
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
        out.extend(self.calls.finish().map(ModelEvent::ToolCall));
        out.push_back(ModelEvent::Finished(Finished { reason, usage: self.usage, model: self.model.take() }));
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

/// A whole reply of a server that does not stream.
pub(super) fn whole_reply(body: &[u8], voice: &Voice) -> Result<ModelStream, ModelError> {
    let mut assembler = Assembler::default();
    let mut events = VecDeque::new();
    assembler
        .frame(body, &mut events)
        .and_then(|_| assembler.end(true, &mut events))
        .map_err(|trouble| voice.trouble(&trouble))?;
    Ok(stream::iter(events.into_iter().map(Ok)).boxed())
}

/// The time limits of one reply.
pub(super) struct Limits {
    /// The longest silence.
    pub(super) idle: Duration,
    /// Ends when the whole time is over. It began with the request.
    pub(super) total: Pin<Box<Sleep>>,
}

/// A streamed reply. Dropping it drops `body`, and with that the connection.
pub(super) fn streamed_reply<S>(body: S, limits: Limits, voice: Arc<Voice>) -> ModelStream
where
    S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
{
    let reading = Reading {
        body: Some(body),
        sse: SseReader::default(),
        assembler: Assembler::default(),
        ready: VecDeque::new(),
        error: None,
        limits,
        voice,
    };
    stream::unfold(reading, |mut reading| async move { Some((reading.next().await?, reading)) }).boxed()
}

struct Reading<S> {
    /// Gone when the reply has ended.
    body: Option<S>,
    sse: SseReader,
    assembler: Assembler,
    ready: VecDeque<ModelEvent>,
    /// Comes after `ready`.
    error: Option<ModelError>,
    limits: Limits,
    voice: Arc<Voice>,
}

/// What waiting for bytes brought.
enum Came {
    Bytes(Bytes),
    End,
    Failure(TransportError),
    Silence,
    Late,
}

impl<S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin> Reading<S> {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            let came = self.wait().await?;
            self.take(came);
        }
    }

    /// The next bytes; `None` when the reply has ended.
    async fn wait(&mut self) -> Option<Came> {
        let body = self.body.as_mut()?;
        let silence =
            if self.assembler.has_reason() { AFTER_FINISH.min(self.limits.idle) } else { self.limits.idle };
        Some(tokio::select! {
            biased;
            () = self.limits.total.as_mut() => Came::Late,
            came = tokio::time::timeout(silence, body.next()) => match came {
                Ok(Some(Ok(bytes))) => Came::Bytes(bytes),
                Ok(Some(Err(error))) => Came::Failure(error),
                Ok(None) => Came::End,
                Err(_) => Came::Silence,
            },
        })
    }

    fn take(&mut self, came: Came) {
        let finished = self.assembler.has_reason();
        let error = match came {
            Came::Bytes(bytes) => return self.read(Some(&bytes)),
            Came::End => return self.read(None),
            // All that matters had come; how the connection ended does not matter.
            Came::Failure(_) | Came::Silence | Came::Late if finished => return self.end(false),
            Came::Failure(error) => self.voice.broken(&error),
            Came::Silence => self.voice.silence(self.limits.idle),
            Came::Late => self.voice.late(),
        };
        self.fail(error);
    }

    /// Reads bytes, or what is left at the end of all bytes.
    fn read(&mut self, bytes: Option<&[u8]>) {
        let mut done = false;
        let mut trouble = None;
        let (assembler, ready) = (&mut self.assembler, &mut self.ready);
        let on_event = |data: &[u8]| match assembler.frame(data, ready) {
            Ok(Go::On) => Go::On,
            Ok(Go::Stop) => {
                done = true;
                Go::Stop
            }
            Err(found) => {
                trouble = Some(found);
                Go::Stop
            }
        };
        let fed = match bytes {
            Some(bytes) => self.sse.feed(bytes, on_event),
            None => self.sse.finish(on_event),
        };
        match (trouble, fed) {
            // The last line of a stream that was cut makes no sense because the rest is missing.
            (Some(Trouble::Nonsense), _) if bytes.is_none() => self.end(false),
            (Some(trouble), _) => self.fail(self.voice.trouble(&trouble)),
            (None, Err(_)) => self.fail(self.voice.trouble(&Trouble::TooLong)),
            (None, Ok(())) if done || bytes.is_none() => self.end(done),
            (None, Ok(())) => {}
        }
    }

    fn end(&mut self, done: bool) {
        self.body = None;
        if let Err(trouble) = self.assembler.end(done, &mut self.ready) {
            self.error = Some(self.voice.trouble(&trouble));
        }
    }

    fn fail(&mut self, error: ModelError) {
        self.body = None;
        self.error = Some(error);
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
