//! A provider that answers from a script, for tests and demonstrations.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use session_api::{CallId, ToolCall};
use tokio::sync::Notify;

use crate::{
    FinishReason, Finished, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStream,
    ProviderInfo, TokenUsage,
};

/// One reply of a [`ScriptedProvider`]: its pieces, and how it ends.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedReply {
    events: Vec<ModelEvent>,
    end: End,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Finished(Finished),
    Error(ModelError),
    Never,
}

impl ScriptedReply {
    /// A reply of these pieces that ends well. Pieces that the port forbids (empty ones, `Finished`) are left out.
    #[must_use]
    pub fn events(events: Vec<ModelEvent>) -> Self {
        let events: Vec<ModelEvent> = events.into_iter().filter(is_piece).collect();
        let calls = events.iter().any(|event| matches!(event, ModelEvent::ToolCall(_)));
        let reason = if calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        Self { events, end: End::Finished(Finished { reason, usage: None, model: None }) }
    }

    /// A text, in pieces of a word each.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::events(text.split_inclusive(' ').map(|word| ModelEvent::Text(word.to_owned())).collect())
    }

    /// A tool call with the id `call-1`.
    #[must_use]
    pub fn tool(name: &str, arguments: &serde_json::Value) -> Self {
        Self::tools(vec![(name, arguments.clone())])
    }

    /// Several tool calls with the ids `call-1`, `call-2`, …
    #[must_use]
    pub fn tools(calls: Vec<(&str, serde_json::Value)>) -> Self {
        let events = calls.into_iter().enumerate().map(|(index, (name, arguments))| {
            ModelEvent::ToolCall(ToolCall {
                id: CallId(format!("call-{}", index + 1)),
                name: name.to_owned(),
                arguments: arguments.to_string(),
            })
        });
        Self::events(events.collect())
    }

    /// A failure before the first piece.
    #[must_use]
    pub fn error(error: ModelError) -> Self {
        Self { events: Vec::new(), end: End::Error(error) }
    }

    /// A reply that never comes.
    #[must_use]
    pub fn hang() -> Self {
        Self { events: Vec::new(), end: End::Never }
    }

    /// This, failing after its pieces instead of ending well.
    #[must_use]
    pub fn then_error(mut self, error: ModelError) -> Self {
        self.end = End::Error(error);
        self
    }

    /// This, never ending after its pieces.
    #[must_use]
    pub fn then_hang(mut self) -> Self {
        self.end = End::Never;
        self
    }

    /// This, with what it used. Nothing changes in a reply that does not end well.
    #[must_use]
    pub fn with_usage(mut self, usage: TokenUsage) -> Self {
        if let End::Finished(finished) = &mut self.end {
            finished.usage = Some(usage);
        }
        self
    }

    /// This, ending for another reason. Nothing changes in a reply that does not end well.
    #[must_use]
    pub fn with_reason(mut self, reason: FinishReason) -> Self {
        if let End::Finished(finished) = &mut self.end {
            finished.reason = reason;
        }
        self
    }
}

fn is_piece(event: &ModelEvent) -> bool {
    match event {
        ModelEvent::Text(text) | ModelEvent::Reasoning(text) => !text.is_empty(),
        ModelEvent::ToolCall(_) | ModelEvent::Opaque { .. } | ModelEvent::Attempt(_) => true,
        ModelEvent::Finished(_) => false,
    }
}

/// Answers with prepared replies in order, the last one for ever, and remembers the requests.
///
/// With an empty script every call fails with `NotConfigured`.
pub struct ScriptedProvider {
    info: ProviderInfo,
    replies: Mutex<Vec<ScriptedReply>>,
    requests: Mutex<Vec<ModelRequest>>,
    dropped: Arc<Dropped>,
}

impl ScriptedProvider {
    /// A provider named `scripted`.
    #[must_use]
    pub fn new(replies: Vec<ScriptedReply>) -> Self {
        let info = ProviderInfo {
            name: "scripted".into(),
            kind: "scripted".into(),
            images: true,
            files: &["application/pdf"],
        };
        Self {
            info,
            replies: Mutex::new(replies),
            requests: Mutex::new(Vec::new()),
            dropped: Arc::new(Dropped { count: AtomicUsize::new(0), changed: Notify::new() }),
        }
    }

    /// This, under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.info.name);
        self
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.requests.lock().clone()
    }

    /// Waits until a stream has been dropped before its end; at once if that has happened already.
    pub async fn stream_dropped(&self) {
        loop {
            let changed = self.dropped.changed.notified();
            if self.dropped.count.load(Ordering::SeqCst) > 0 {
                return;
            }
            changed.await;
        }
    }

    fn next_reply(&self) -> ScriptedReply {
        let mut replies = self.replies.lock();
        match replies.len() {
            0 => ScriptedReply::error(ModelError::new(
                ModelErrorKind::NotConfigured,
                "the script of the scripted provider is empty",
            )),
            1 => replies[0].clone(),
            _ => replies.remove(0),
        }
    }
}

#[async_trait]
impl LlmProvider for ScriptedProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.requests.lock().push(request);
        let reply = self.next_reply();
        let mut guard = DropGuard { ended: false, dropped: Arc::clone(&self.dropped) };
        let mut events = reply.events.into_iter();
        let mut end = Some(reply.end);
        let pieces = stream::poll_fn(move |_| {
            if let Some(event) = events.next() {
                return Poll::Ready(Some(Ok(event)));
            }
            if end == Some(End::Never) {
                return Poll::Pending;
            }
            guard.end();
            Poll::Ready(match end.take() {
                Some(End::Finished(finished)) => Some(Ok(ModelEvent::Finished(finished))),
                Some(End::Error(error)) => Some(Err(error)),
                Some(End::Never) | None => None,
            })
        });
        yield_once().await;
        Ok(pieces.boxed())
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        Ok(vec!["scripted".into()])
    }
}

/// Gives way once, so that a caller that forgets to await in between is found out.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Dropped {
    count: AtomicUsize,
    changed: Notify,
}

struct DropGuard {
    ended: bool,
    dropped: Arc<Dropped>,
}

impl DropGuard {
    /// A method, because a closure that only assigned the field would capture a copy of the flag and not the guard.
    fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if !self.ended {
            self.dropped.count.fetch_add(1, Ordering::SeqCst);
            self.dropped.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
#[path = "fakes_tests.rs"]
pub(crate) mod tests;
