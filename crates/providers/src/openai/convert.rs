//! From a [`ModelRequest`] to the bytes of a request.
//!
//! Texts and images are not copied on the way: the serialisers borrow. The order is fixed and puts first what changes
//! least, so that the bytes before the newest message are the same from turn to turn and the server's cache of prompts
//! holds.

use std::borrow::Cow;

use agent_core::ModelRequest;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value, json};
use session_api::{Effort, Message, Part, Role, ToolCall, ToolResult};
use tool_api::ToolSpec;

use super::{
    content::Content,
    extras,
    quirks::{EffortField, Quirks},
};
use crate::exchange::{
    extra,
    parts::{Piece, Sight, arguments, name, short_call_id, silent},
};

/// What the user says where servers want the user to begin.
const GO_ON: &str = "(the conversation goes on)";

/// What the assistant says between results and the user, where servers want it to have the word.
const NOTED: &str = "(noted)";

/// The body of a request for a completion.
pub(super) struct Body<'a> {
    pub(super) request: &'a ModelRequest,
    /// Whether the reply is to come piece by piece.
    pub(super) stream: bool,
    /// Whether the model can think before it answers, or nobody knows.
    pub(super) thinks: bool,
    /// What the configuration adds.
    pub(super) server_tools: &'a [Value],
    pub(super) extra_body: &'a Map<String, Value>,
    /// Whether images are sent.
    pub(super) images: bool,
    pub(super) quirks: &'a Quirks,
    /// The server, for what only the server that made it may get back.
    pub(super) from: &'a str,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &self.request.model)?;
        map.serialize_entry("stream", &self.stream)?;
        if self.stream && self.quirks.stream_usage {
            map.serialize_entry("stream_options", &StreamOptions { include_usage: true })?;
        }
        if let Some(effort) = self.request.effort.filter(|_| self.thinks) {
            self.effort(effort, &mut map)?;
        }
        if let Some(limit) = self.request.max_output_tokens {
            map.serialize_entry(self.quirks.limit_field.as_str(), &limit)?;
        }
        extra::write(self.extra_body, &mut map)?;
        if !self.request.tools.is_empty() || !self.server_tools.is_empty() {
            if let Some(parallel) = self.quirks.parallel_tool_calls {
                map.serialize_entry("parallel_tool_calls", &parallel)?;
            }
            map.serialize_entry("tools", &Tools(&self.request.tools, self.server_tools))?;
        }
        map.serialize_entry("messages", &self.speeches())?;
        map.end()
    }
}

impl Body<'_> {
    fn effort<M: SerializeMap>(&self, effort: Effort, map: &mut M) -> Result<(), M::Error> {
        let on = effort != Effort::Off;
        let degree = if on { effort.as_str() } else { "none" };
        match self.quirks.effort_field {
            EffortField::ReasoningEffort => map.serialize_entry("reasoning_effort", degree),
            EffortField::Reasoning => map.serialize_entry("reasoning", &json!({ "effort": degree })),
            EffortField::EnableThinking => map.serialize_entry("enable_thinking", &on),
            EffortField::Thinking => {
                map.serialize_entry("thinking", &json!({ "type": if on { "enabled" } else { "disabled" } }))
            }
        }
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

struct Tools<'a>(&'a [ToolSpec], &'a [Value]);

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            r#type: &'static str,
            function: Function<'a>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            description: &'a str,
            parameters: &'a Value,
        }
        let mut specs: Vec<&ToolSpec> = self.0.iter().collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut list = serializer.serialize_seq(Some(self.1.len() + specs.len()))?;
        self.1.iter().try_for_each(|tool| list.serialize_element(tool))?;
        for spec in specs {
            let (name, description, parameters) = (&*spec.name, &*spec.description, &spec.parameters);
            let function = Function { name, description, parameters };
            list.serialize_element(&Tool { r#type: "function", function })?;
        }
        list.end()
    }
}

/// One message as it is sent.
struct Speech<'a> {
    role: &'static str,
    /// The call that a result answers.
    answers: Option<Cow<'a, str>>,
    pieces: Vec<Piece<'a>>,
    /// What stands there when nothing is said.
    placeholder: &'static str,
    /// Of the assistant, in the field that the quirks name.
    thoughts: Vec<&'a str>,
    details: Option<&'a Value>,
    calls: Vec<Call<'a>>,
    /// Where the thoughts go.
    thoughts_field: Option<&'static str>,
}

impl<'a> Speech<'a> {
    fn new(role: &'static str, pieces: Vec<Piece<'a>>, placeholder: &'static str) -> Self {
        Self {
            role,
            answers: None,
            pieces,
            placeholder,
            thoughts: Vec::new(),
            details: None,
            calls: Vec::new(),
            thoughts_field: None,
        }
    }
}

impl Serialize for Speech<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role)?;
        if let Some(id) = &self.answers {
            map.serialize_entry("tool_call_id", id)?;
        }
        if self.pieces.is_empty() && !self.calls.is_empty() {
            map.serialize_entry("content", &())?;
        } else if self.pieces.is_empty() {
            map.serialize_entry("content", self.placeholder)?;
        } else {
            map.serialize_entry("content", &Content(&self.pieces))?;
        }
        if let Some(field) = self.thoughts_field.filter(|_| !self.thoughts.is_empty()) {
            map.serialize_entry(field, &self.thoughts.concat())?;
        }
        if let Some(details) = self.details {
            map.serialize_entry("reasoning_details", details)?;
        }
        if !self.calls.is_empty() {
            map.serialize_entry("tool_calls", &self.calls)?;
        }
        map.end()
    }
}

impl<'a> Body<'a> {
    fn speeches(&self) -> Vec<Speech<'a>> {
        let sight = Sight { blobs: &self.request.blobs, images: self.images, files: &[] };
        let mut list = Vec::with_capacity(self.request.messages.len() + 1);
        if !self.request.system.is_empty() {
            let pieces = vec![Piece::Text(&self.request.system)];
            list.push(Speech::new(self.quirks.system_role.as_str(), pieces, ""));
        }
        // Results must follow their calls without anything in between, so their images wait until all have been
        // written, even where each result is a message of its own.
        let mut with_images: Vec<&ToolResult> = Vec::new();
        for message in self.request.messages.iter() {
            if message.role != Role::Tool && !with_images.is_empty() {
                list.push(images_of(&std::mem::take(&mut with_images), &sight));
            }
            match message.role {
                Role::User => list.push(Speech::new("user", sight.pieces(&message.parts), "(empty)")),
                Role::Assistant => list.push(self.assistant(message, &sight)),
                Role::Tool => {
                    for result in message.tool_results() {
                        list.push(self.answer(result, &sight));
                        if !self.quirks.tool_result_images && result.content.iter().any(is_image) {
                            with_images.push(result);
                        }
                    }
                }
            }
        }
        if !with_images.is_empty() {
            list.push(images_of(&with_images, &sight));
        }
        if self.quirks.strict_alternation { self.take_turns(list) } else { list }
    }

    fn assistant(&self, message: &'a Message, sight: &Sight<'a>) -> Speech<'a> {
        let mut speech = Speech::new("assistant", sight.pieces(&message.parts), "(no text)");
        let kept = |part, key| extras::kept(part, self.from, key).filter(|_| self.quirks.replay_extras);
        let mut extra = None;
        for part in &message.parts {
            match part {
                Part::Reasoning { text } => speech.thoughts.push(text),
                Part::ToolCall(call) => {
                    speech.calls.push(Call { id: self.id(&call.id.0), call, extra: extra.take() });
                }
                part => {
                    speech.details = speech.details.or(kept(part, "reasoning_details"));
                    extra = kept(part, "extra_content");
                }
            }
        }
        speech.thoughts_field = self.quirks.replay_reasoning.field();
        speech
    }

    /// A call's id. Most servers take back any id that some model made up.
    fn id(&self, id: &'a str) -> Cow<'a, str> {
        if self.quirks.short_call_ids { short_call_id(id) } else { Cow::Borrowed(id) }
    }

    fn answer(&self, result: &'a ToolResult, sight: &Sight<'a>) -> Speech<'a> {
        let pieces = result.content.iter().filter_map(|part| match part {
            Part::Image { .. } if !self.quirks.tool_result_images => {
                Some(Piece::Note("[an image: see the user message after the results]".into()))
            }
            part => sight.piece(part),
        });
        let mut speech = Speech::new("tool", pieces.collect(), silent(result.status));
        speech.answers = Some(self.id(&result.call_id.0));
        speech
    }

    /// The same conversation with user and assistant by turns.
    fn take_turns(&self, list: Vec<Speech<'a>>) -> Vec<Speech<'a>> {
        let system = self.quirks.system_role.as_str();
        let mut turns: Vec<Speech<'a>> = Vec::with_capacity(list.len() + 1);
        for speech in list {
            match turns.last_mut().map(|last| last.role) {
                Some(last) if last == speech.role && matches!(last, "user" | "assistant") => {
                    let Some(last) = turns.last_mut() else { continue };
                    last.pieces.extend(speech.pieces);
                    last.thoughts.extend(speech.thoughts);
                    last.details = last.details.or(speech.details);
                    last.calls.extend(speech.calls);
                    continue;
                }
                Some("tool") if speech.role == "user" => {
                    turns.push(Speech::new("assistant", vec![Piece::Text(NOTED)], ""));
                }
                last if speech.role == "assistant"
                    && last.is_none_or(|last| last == system && last != "user") =>
                {
                    turns.push(Speech::new("user", vec![Piece::Text(GO_ON)], ""));
                }
                _ => {}
            }
            turns.push(speech);
        }
        turns
    }
}

fn is_image(part: &Part) -> bool {
    matches!(part, Part::Image { .. })
}

/// The images of tool results as a message of the user, for servers whose results can hold only text.
fn images_of<'a>(results: &[&'a ToolResult], sight: &Sight<'a>) -> Speech<'a> {
    let mut pieces = Vec::new();
    for result in results {
        pieces.push(Piece::Note(format!(
            "[images from the result of `{}` ({}):]",
            result.name, result.call_id
        )));
        pieces
            .extend(result.content.iter().filter(|part| is_image(part)).filter_map(|part| sight.piece(part)));
    }
    Speech::new("user", pieces, "")
}

struct Call<'a> {
    id: Cow<'a, str>,
    call: &'a ToolCall,
    extra: Option<&'a Value>,
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            id: &'a str,
            r#type: &'static str,
            function: Function<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            extra_content: Option<&'a Value>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: Cow<'a, str>,
            arguments: Cow<'a, str>,
        }
        let function = Function { name: name(&self.call.name), arguments: arguments(&self.call.arguments) };
        Wire { id: &self.id, r#type: "function", function, extra_content: self.extra }.serialize(serializer)
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
