//! From a [`ModelRequest`] to the bytes of a request.
//!
//! The order is fixed and puts first what changes least. Up to four marks tell the server what to keep in its cache: the
//! tools, the system prompt, the newest message, and the newest message of the request before. The marks move from turn to
//! turn; all other bytes before the newest message stay.

use agent_core::ModelRequest;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Value, json};
use session_api::{Effort, Message, Part, Role};
use tool_api::ToolSpec;

use super::{
    config::{AnthropicConfig, Thinking},
    content::{Block, FILES, Mark, Marked, is_said, kept},
};
use crate::{
    exchange::{extra, parts::Sight},
    table,
};

/// What the user says where the format wants the user to begin or to have the last word.
const GO_ON: &str = "(the conversation goes on)";

/// The body of a request for a message.
pub(super) struct Body<'a> {
    request: &'a ModelRequest,
    config: &'a AnthropicConfig,
    turns: Vec<Turn<'a>>,
    thinking: Thinking,
}

/// What one side says before the other does.
struct Turn<'a> {
    role: &'static str,
    blocks: Vec<Block<'a>>,
}

impl<'a> Body<'a> {
    /// `from`: the server, for thoughts that only the server which signed them may get back.
    pub(super) fn new(request: &'a ModelRequest, config: &'a AnthropicConfig, from: &str) -> Self {
        let sight = Sight { blobs: &request.blobs, images: config.images, files: FILES };
        let thinking = match thinking(request, config) {
            // The server refuses to think on in the middle of work that began without a thought of its own.
            Thinking::Budget(_) if at_work_without_thought(&request.messages, from) => Thinking::Unsaid,
            thinking => thinking,
        };
        Self { request, config, turns: turns(&request.messages, &sight, from), thinking }
    }

    /// The most tokens to write, and the most of them to think.
    fn limits(&self) -> (u32, Option<u32>) {
        // Who asks for more thought wants no shorter answer for it.
        let room = self.request.effort.map_or(0, budget);
        let most =
            self.request.max_output_tokens.unwrap_or(self.config.max_output_tokens.saturating_add(room));
        let Thinking::Budget(budget) = self.thinking else { return (most, None) };
        // The budget is a part of the whole; half of it is left for the answer.
        let budget = if budget < most { budget } else { most / 2 };
        (most, (budget >= Thinking::LEAST).then_some(budget))
    }

    /// The places of the marks: in which turn, on which block.
    fn marks(&self) -> Vec<(usize, usize)> {
        let last_block = |at: usize| {
            let block = self.turns[at].blocks.iter().rposition(|block| !block.is_kept())?;
            Some((at, block))
        };
        // Turns of the user end requests; the assistant's are what the server wrote itself.
        let users = (0..self.turns.len()).rev().filter(|at| self.turns[*at].role == "user");
        users.take(2).filter_map(last_block).collect()
    }
}

/// Whether and how long to think: as the request says, else the configuration.
fn thinking(request: &ModelRequest, config: &AnthropicConfig) -> Thinking {
    match request.effort {
        None => config.thinking,
        Some(Effort::Off) => Thinking::Unsaid,
        Some(effort) if table::thinks_by_budget(&request.model) => Thinking::Budget(budget(effort)),
        Some(_) => Thinking::Adaptive,
    }
}

/// The most tokens to think, where the model must be told.
fn budget(effort: Effort) -> u32 {
    match effort {
        Effort::Off => 0,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
    }
}

/// Whether the newest work with tools began without a thought that this server signed.
fn at_work_without_thought(messages: &[Message], from: &str) -> bool {
    let work = messages.iter().rev().take_while(|message| message.role != Role::User);
    // Later calls of the same work may follow without a new one.
    let first = work.filter(|message| message.tool_calls().next().is_some()).last();
    let is_thought = |block: &Value| block["type"].as_str().is_some_and(|kind| kind.ends_with("thinking"));
    first.is_some_and(|message| !message.parts.iter().any(|part| kept(part, from).is_some_and(is_thought)))
}

/// The conversation by turns, beginning and ending with the user. Results stand first in the turn after their calls,
/// also where each came as a message of its own.
fn turns<'a>(messages: &'a [Message], sight: &Sight<'a>, from: &str) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::with_capacity(messages.len() + 1);
    for message in messages {
        let mut blocks: Vec<Block<'a>> = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match part {
                Part::ToolCall(call) => blocks.push(Block::Call(call)),
                Part::ToolResult(result) => blocks.push(Block::result(result, sight)),
                Part::Opaque { .. } => blocks.extend(kept(part, from).map(Block::Kept)),
                part => blocks.extend(sight.piece(part).filter(is_said).map(Block::Piece)),
            }
        }
        let role = if message.role == Role::Assistant { "assistant" } else { "user" };
        if blocks.iter().all(Block::is_kept) {
            // Thoughts alone are no message either.
            blocks.push(Block::text(if role == "user" { "(empty)" } else { "(no text)" }));
        }
        match turns.last_mut() {
            Some(last) if last.role == role => last.blocks.extend(blocks),
            None if role == "assistant" => {
                turns.push(Turn { role: "user", blocks: vec![Block::text(GO_ON)] });
                turns.push(Turn { role, blocks });
            }
            _ => turns.push(Turn { role, blocks }),
        }
    }
    if turns.last().is_none_or(|last| last.role == "assistant") {
        turns.push(Turn { role: "user", blocks: vec![Block::text(GO_ON)] });
    }
    turns
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (most, budget) = self.limits();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &self.request.model)?;
        map.serialize_entry("stream", &self.config.stream)?;
        map.serialize_entry("max_tokens", &most)?;
        match (self.thinking, budget) {
            (Thinking::Adaptive, _) => {
                map.serialize_entry("thinking", &Think::of("adaptive", None))?;
                if let Some(effort) = self.request.effort {
                    map.serialize_entry("output_config", &json!({ "effort": effort }))?;
                }
            }
            (_, Some(budget)) => map.serialize_entry("thinking", &Think::of("enabled", Some(budget)))?,
            _ => {}
        }
        extra::write(&self.config.extra_body, &mut map)?;
        let (specs, of_server) = (&*self.request.tools, &*self.config.server_tools);
        if !specs.is_empty() || !of_server.is_empty() {
            map.serialize_entry("tools", &Tools { specs, of_server, mark: self.config.cache })?;
        }
        if !self.request.system.trim().is_empty() {
            let block = Block::text(&self.request.system);
            map.serialize_entry("system", &[Marked { block: &block, mark: self.config.cache }])?;
        }
        map.serialize_entry("messages", &Turns(self))?;
        map.end()
    }
}

#[derive(Serialize)]
struct Think {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u32>,
}

impl Think {
    fn of(r#type: &'static str, budget_tokens: Option<u32>) -> Self {
        Self { r#type, budget_tokens }
    }
}

struct Tools<'a> {
    specs: &'a [ToolSpec],
    /// Those that the server runs by itself.
    of_server: &'a [Value],
    /// Whether the last one is marked.
    mark: bool,
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            name: &'a str,
            description: &'a str,
            input_schema: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            cache_control: Option<Mark>,
        }
        let mut specs: Vec<&ToolSpec> = self.specs.iter().collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut list = serializer.serialize_seq(Some(self.of_server.len() + specs.len()))?;
        self.of_server.iter().try_for_each(|tool| list.serialize_element(tool))?;
        let last = specs.len().saturating_sub(1);
        for (at, spec) in specs.into_iter().enumerate() {
            list.serialize_element(&Tool {
                name: &spec.name,
                description: &spec.description,
                input_schema: &spec.parameters,
                cache_control: (self.mark && at == last).then_some(Mark::HERE),
            })?;
        }
        list.end()
    }
}

struct Turns<'a>(&'a Body<'a>);

impl Serialize for Turns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Message<'a> {
            role: &'static str,
            content: Vec<Marked<'a>>,
        }
        let marks = if self.0.config.cache { self.0.marks() } else { Vec::new() };
        serializer.collect_seq(self.0.turns.iter().enumerate().map(|(at, turn)| {
            Message {
                role: turn.role,
                content: turn
                    .blocks
                    .iter()
                    .enumerate()
                    .map(|(n, block)| Marked { block, mark: marks.contains(&(at, n)) })
                    .collect(),
            }
        }))
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
