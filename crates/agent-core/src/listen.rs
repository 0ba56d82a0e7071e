//! Replies that nobody sees while they come: those of a router, a summariser, a worker.

use futures_util::StreamExt as _;
use session_api::{Message, MessageId, Part, Role, Timestamp, TurnId};

use crate::{
    Attempt, ChosenModel, Finished, ModelError, ModelErrorKind, ModelEvent, ModelRequest, TokenUsage,
    estimate_tokens,
};

/// A reply as far as it has come. It can be read and billed also where listening ended with an error.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Who gives it: the model that was asked, or the one that stepped in.
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) parts: Vec<Part>,
    /// Attempts that failed before.
    pub(crate) failed: Vec<Attempt>,
}

impl Heard {
    /// Nothing yet, of `chosen`.
    pub(crate) fn nothing(chosen: &ChosenModel) -> Self {
        Self {
            provider: chosen.provider.info().name.clone(),
            model: chosen.model.clone(),
            parts: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Listens to the end. A reply with more than `most` bytes of text is an error: whatever a model sends, memory is bounded.
    pub(crate) async fn listen(
        &mut self,
        chosen: &ChosenModel,
        request: ModelRequest,
        most: usize,
    ) -> Result<Finished, ModelError> {
        let mut stream = chosen.provider.stream(request).await?;
        let mut bytes = 0;
        loop {
            match stream.next().await {
                Some(Ok(ModelEvent::Finished(finished))) => {
                    if let Some(model) = &finished.model {
                        self.model.clone_from(model);
                    }
                    return Ok(finished);
                }
                Some(Ok(ModelEvent::Attempt(attempt))) => {
                    (bytes, self.parts) = (0, Vec::new());
                    (self.provider, self.model) = (attempt.next_provider.clone(), attempt.next_model.clone());
                    self.failed.push(*attempt);
                }
                Some(Ok(event)) => {
                    if let ModelEvent::Text(text) = &event {
                        bytes += text.len();
                    }
                    if bytes > most {
                        let message = format!("{} did not come to an end within {most} bytes", chosen.name());
                        return Err(ModelError::new(ModelErrorKind::BadReply, message));
                    }
                    collect(&mut self.parts, event);
                }
                Some(Err(error)) => return Err(error),
                None => {
                    let message = format!("{} ended its reply in the middle", chosen.name());
                    return Err(ModelError::new(ModelErrorKind::BadReply, message));
                }
            }
        }
    }

    /// What was said aloud.
    pub(crate) fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// What a call that read `read` tokens used, as far as can be told from what has come.
    pub(crate) fn estimate(&self, read: u64) -> TokenUsage {
        TokenUsage {
            input_tokens: read,
            output_tokens: estimate_tokens(&self.text()),
            ..TokenUsage::default()
        }
    }
}

/// Puts one piece of a reply to `parts`; pieces of one kind become one part.
pub(crate) fn collect(parts: &mut Vec<Part>, event: ModelEvent) {
    match (event, parts.last_mut()) {
        (ModelEvent::Text(piece), Some(Part::Text { text }))
        | (ModelEvent::Reasoning(piece), Some(Part::Reasoning { text })) => text.push_str(&piece),
        (ModelEvent::Text(text), _) => parts.push(Part::Text { text }),
        (ModelEvent::Reasoning(text), _) => parts.push(Part::Reasoning { text }),
        (ModelEvent::ToolCall(call), _) => parts.push(Part::ToolCall(call)),
        (ModelEvent::Opaque { format, data }, _) => parts.push(Part::Opaque { format, data }),
        // They are no part of what was said.
        (ModelEvent::Attempt(_) | ModelEvent::Finished(_), _) => {}
    }
}

/// A message that stands in no history: a question to a model beside the conversation.
pub(crate) fn question(text: String) -> Message {
    Message {
        id: MessageId(uuid::Uuid::nil()),
        role: Role::User,
        principal: None,
        turn: TurnId(uuid::Uuid::nil()),
        at: Timestamp(0),
        parts: vec![Part::text(text)],
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::{ScriptedProvider, ScriptedReply};

    async fn heard(reply: &str, most: usize) -> (Heard, Result<Finished, ModelError>) {
        let provider = Arc::new(ScriptedProvider::new(vec![ScriptedReply::text(reply)]));
        let chosen = ChosenModel::new(provider, "small");
        let request = ModelRequest {
            model: "small".into(),
            system: "".into(),
            messages: Arc::new(vec![question("hello".into())]),
            tools: Arc::from([]),
            blobs: HashMap::new(),
            effort: None,
            max_output_tokens: None,
            correlation: String::new(),
        };
        let mut heard = Heard::nothing(&chosen);
        let end = heard.listen(&chosen, request, most).await;
        (heard, end)
    }

    #[tokio::test]
    async fn pieces_of_a_text_become_one_part() {
        let (heard, end) = heard("one two three", 13).await;
        end.unwrap();
        assert_eq!(heard.parts, [Part::text("one two three")]);
        assert!(heard.estimate(7).input_tokens == 7 && heard.estimate(7).output_tokens > 0);
    }

    #[tokio::test]
    async fn a_text_beyond_the_bound_is_an_error_and_what_came_is_still_there() {
        let (heard, end) = heard("one two three", 9).await;
        let error = end.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::BadReply);
        assert_eq!(error.message, "scripted/small did not come to an end within 9 bytes");
        assert!("one two three".starts_with(&heard.text()) && !heard.text().is_empty());
    }
}
