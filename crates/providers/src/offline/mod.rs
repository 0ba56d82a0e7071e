//! Kind `offline`: plain requests without a model. For people: `docs.md`.
//!
//! `table` is what it understands, `fit` matches texts with its forms, `plan` makes calls of a message, and `answer` puts
//! the results into words.

mod answer;
mod fit;
mod plan;
mod table;

use agent_core::{
    FinishReason, Finished, LlmProvider, ModelError, ModelEvent, ModelRequest, ModelStream, ProviderInfo,
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use session_api::{CallId, Message, Part, Role, ToolCall, ToolResult};

pub use answer::FOOTER;
pub use table::{Row, TABLE, help, markdown};

use self::{
    answer::{Outcome, answer},
    plan::{Planned, Step, plan},
};

/// The name of this kind.
pub const KIND: &str = "offline";

/// Its table has no keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfflineConfig {}

/// Answers plain requests without a model, a key or a network.
///
/// It keeps nothing between calls: what to do follows from the request alone. So a turn that is resumed after a crash
/// goes on where it was.
#[derive(Debug)]
pub struct OfflineProvider {
    info: ProviderInfo,
}

impl OfflineProvider {
    /// The provider under this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            info: ProviderInfo { name: name.to_owned(), kind: KIND.to_owned(), images: false, files: &[] },
        }
    }
}

#[async_trait]
impl LlmProvider for OfflineProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let (mut events, reason) = reply(&request);
        let model = Some("offline".to_owned());
        events.push(ModelEvent::Finished(Finished { reason, usage: None, model }));
        Ok(stream::iter(events.into_iter().map(Ok)).boxed())
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        Ok(vec!["offline".into()])
    }
}

/// Calls what is still to be called, else answers.
fn reply(request: &ModelRequest) -> (Vec<ModelEvent>, FinishReason) {
    let turn = this_turn(&request.messages);
    let steps: Vec<Step> = turn.iter().flat_map(|message| said(message)).flat_map(plan).collect();
    let steps = if steps.is_empty() { vec![Step::Help] } else { steps };
    let made: Vec<&ToolCall> = turn.iter().flat_map(Message::tool_calls).collect();
    let offered = |tool: &str| request.tools.iter().any(|spec| spec.name == tool);
    let is_made = |planned: &Planned| made.iter().any(|call| is(planned, call));

    let mut calls: Vec<&Planned> = Vec::new();
    for step in &steps {
        if let Step::Call(planned) = step
            && offered(planned.tool)
            && !is_made(planned)
            && !calls.contains(&planned)
        {
            calls.push(planned);
        }
    }
    if !calls.is_empty() {
        let events = calls.iter().enumerate().map(|(index, planned)| {
            ModelEvent::ToolCall(ToolCall {
                id: CallId(format!("offline-{}", made.len() + index + 1)),
                name: planned.tool.to_owned(),
                arguments: planned.arguments.clone(),
            })
        });
        return (events.collect(), FinishReason::ToolCalls);
    }

    let result_of = |call: &ToolCall| -> Option<&ToolResult> {
        turn.iter().flat_map(Message::tool_results).find(|result| result.call_id == call.id)
    };
    let text = answer(&steps, |planned| match made.iter().find(|call| is(planned, call)) {
        Some(call) => result_of(call).map_or(Outcome::Lost, Outcome::Result),
        None => Outcome::NotOffered,
    });
    (in_pieces(&text), FinishReason::Stop)
}

fn is(planned: &Planned, call: &ToolCall) -> bool {
    call.name == planned.tool && call.arguments == planned.arguments
}

/// The messages since the last finished answer that belong to the newest message's turn.
fn this_turn(messages: &[Message]) -> &[Message] {
    let Some(last) = messages.last() else { return messages };
    let old = |message: &Message| {
        message.turn != last.turn
            || (message.role == Role::Assistant && message.tool_calls().next().is_none())
    };
    let begin = messages.iter().rposition(old).map_or(0, |index| index + 1);
    &messages[begin..]
}

/// What a person said in a message. Notes of the core (time, channel, memory) stand in brackets and are not meant.
fn said(message: &Message) -> Vec<&str> {
    if message.role != Role::User {
        return Vec::new();
    }
    message
        .parts
        .iter()
        .filter_map(Part::as_text)
        .filter(|text| !text.trim_start().starts_with(['[', '<']))
        .collect()
}

/// Pieces of some words each, as a model would stream them; fewer and longer ones for a long text.
fn in_pieces(text: &str) -> Vec<ModelEvent> {
    let size = (text.len() / 200).max(24);
    let mut events = Vec::new();
    let mut piece = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        piece.push_str(word);
        if piece.len() >= size {
            events.push(ModelEvent::Text(std::mem::take(&mut piece)));
        }
    }
    if !piece.is_empty() {
        events.push(ModelEvent::Text(piece));
    }
    events
}

#[cfg(test)]
mod tests;
