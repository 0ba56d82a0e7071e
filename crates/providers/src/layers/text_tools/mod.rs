//! Tools for models that were never taught to call any: they are offered in the system prompt, called by blocks of text,
//! and their results come as messages of the user.
//!
//! `write` makes the request, `read` finds the calls in the reply. A block that is not exactly as it was asked for calls
//! nothing: it becomes a call whose arguments no tool takes, so that the turn tells the model what was wrong, and counts it.

mod read;
mod write;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use agent_core::{
    FinishReason, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStream,
    ProviderInfo,
};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};

use self::read::Reader;
use crate::table;

/// Begins a call.
const OPEN: &str = "<tool_call>";
/// Ends a call.
const CLOSE: &str = "</tool_call>";

/// How tools are offered to models, and called by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStyle {
    /// By the fields that the wire format has for them.
    Native,
    /// In plain text.
    Text,
}

/// A provider whose models call tools in plain text, all of them or only those that are known to know no other way.
pub struct TextToolsProvider {
    inner: Arc<dyn LlmProvider>,
    style: Option<ToolStyle>,
    own: bool,
}

impl TextToolsProvider {
    /// Wraps `inner`. Without a `style` it is by [`table::habits`], and only where the server is one's `own`.
    pub fn new(inner: Arc<dyn LlmProvider>, style: Option<ToolStyle>, own: bool) -> Self {
        Self { inner, style, own }
    }

    fn in_text(&self, model: &str) -> bool {
        match self.style {
            Some(style) => style == ToolStyle::Text,
            None => self.own && table::habits(model).is_some_and(|habits| habits.text_tools),
        }
    }
}

#[async_trait]
impl LlmProvider for TextToolsProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        if !self.in_text(&request.model) {
            return self.inner.stream(request).await;
        }
        let offered = !request.tools.is_empty();
        let stream = self.inner.stream(write::in_words(request)).await?;
        // Without tools a block is text like any other.
        Ok(if offered { Spoken::new(stream, &self.info().name).boxed() } else { stream })
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}

/// A reply in whose text calls are found.
struct Spoken {
    inner: ModelStream,
    provider: String,
    reader: Reader,
    ready: VecDeque<ModelEvent>,
    ended: bool,
}

impl Spoken {
    fn new(inner: ModelStream, provider: &str) -> Self {
        let provider = provider.to_owned();
        Self { inner, provider, reader: Reader::default(), ready: VecDeque::new(), ended: false }
    }

    fn hear(&mut self, event: ModelEvent) -> Result<(), ModelError> {
        match event {
            ModelEvent::Text(text) => {
                let shown = self.reader.take(&text).map_err(|limit| {
                    let text = format!("provider `{}` answered with {limit}", self.provider);
                    ModelError::new(ModelErrorKind::BadReply, text)
                })?;
                self.ready.extend((!shown.is_empty()).then_some(ModelEvent::Text(shown)));
            }
            ModelEvent::Finished(mut finished) => {
                self.ended = true;
                let (shown, calls) = std::mem::take(&mut self.reader).finish();
                self.ready.extend((!shown.is_empty()).then_some(ModelEvent::Text(shown)));
                if !calls.is_empty() {
                    finished.reason = FinishReason::ToolCalls;
                }
                self.ready.extend(calls.into_iter().map(ModelEvent::ToolCall));
                self.ready.push_back(ModelEvent::Finished(finished));
            }
            ModelEvent::Attempt(attempt) => {
                self.reader = Reader::default();
                self.ready.push_back(ModelEvent::Attempt(attempt));
            }
            event @ (ModelEvent::Reasoning(_) | ModelEvent::ToolCall(_) | ModelEvent::Opaque { .. }) => {
                self.ready.push_back(event);
            }
        }
        Ok(())
    }
}

impl Stream for Spoken {
    type Item = Result<ModelEvent, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(self.inner.as_mut().poll_next(context)) {
                Some(Ok(event)) => {
                    if let Err(error) = self.hear(event) {
                        self.ended = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                other => {
                    self.ended = true;
                    return Poll::Ready(other);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
