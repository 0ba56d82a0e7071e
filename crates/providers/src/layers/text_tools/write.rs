//! A request in which tools, calls and results are words.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use agent_core::ModelRequest;
use serde_json::value::RawValue;
use session_api::{Message, Part, Role, ToolCall, ToolResult, ToolStatus};
use tool_api::ToolSpec;

use super::{CLOSE, OPEN};
use crate::exchange::parts::silent;

/// What is said behind the result of a block that was not as it must be.
const REMINDER: &str = "That block was not understood, and nothing was called. Between the marks stands one JSON object with \
                        exactly the keys `name` and `arguments`, and `arguments` is an object. Write the whole block again.";

/// The same request without a field for tools.
pub(super) fn in_words(mut request: ModelRequest) -> ModelRequest {
    let mut calls: Vec<&ToolCall> = Vec::new();
    let mut messages = Vec::with_capacity(request.messages.len());
    for message in request.messages.iter() {
        messages.push(match message.role {
            Role::User => message.clone(),
            Role::Assistant => {
                calls = message.tool_calls().collect();
                assistant(message)
            }
            Role::Tool => results(message, &calls),
        });
    }
    request.messages = Arc::new(messages);
    if !request.tools.is_empty() {
        request.system = offer(&request.system, &request.tools).into();
        request.tools = Arc::from([]);
    }
    request
}

/// The system prompt with the tools behind it, always in the same order.
fn offer(system: &str, tools: &[ToolSpec]) -> String {
    let mut text = system.to_owned();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let _ = write!(
        text,
        "# Tools\n\nTo call a tool, end your answer with a block of exactly this form, each mark on a line of its own:\n\n\
         {OPEN}\n{{\"name\": \"NAME\", \"arguments\": {{\"KEY\": \"VALUE\"}}}}\n{CLOSE}\n\n\
         Write one block for each call and nothing behind the last one: what the tools say comes with the next message. \
         Never write a result yourself. `{CLOSE}` must not stand in an argument; write `<\\/tool_call>` there. \
         Without a block your answer is final. The tools:\n"
    );
    let mut tools: Vec<&ToolSpec> = tools.iter().collect();
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    for tool in tools {
        let _ = write!(text, "\n## {}\n{}\nArguments: {}\n", tool.name, tool.description, tool.parameters);
    }
    text
}

fn assistant(message: &Message) -> Message {
    let mut parts: Vec<Part> = Vec::with_capacity(message.parts.len());
    for part in &message.parts {
        match part {
            Part::ToolCall(call) => match parts.last_mut() {
                Some(Part::Text { text }) => {
                    text.push('\n');
                    text.push_str(&block(call));
                }
                _ => parts.push(Part::text(block(call))),
            },
            part => parts.push(part.clone()),
        }
    }
    Message { parts, ..message.clone() }
}

/// A call as the model wrote it, or would have.
fn block(call: &ToolCall) -> String {
    let raw = call.arguments.trim();
    if raw.starts_with(OPEN) {
        return format!("{raw}\n{CLOSE}");
    }
    let name = serde_json::Value::from(call.name.as_str());
    let arguments = if raw.is_empty() { "{}" } else { raw };
    // What is no JSON was written by a model that calls by other means.
    let arguments = match serde_json::from_str::<&RawValue>(arguments) {
        Ok(_) => Cow::Borrowed(arguments),
        Err(_) => Cow::Owned(serde_json::Value::from(arguments).to_string()),
    };
    let arguments = arguments.replace(CLOSE, "<\\/tool_call>");
    format!("{OPEN}\n{{\"name\": {name}, \"arguments\": {arguments}}}\n{CLOSE}")
}

/// Results as a message of the user; their images stay parts of it.
fn results(message: &Message, calls: &[&ToolCall]) -> Message {
    let mut parts = Vec::new();
    for result in message.tool_results() {
        parts.push(Part::text(spoken(result)));
        parts.extend(reminder(calls, result).map(Part::text));
        parts.extend(result.content.iter().filter(|part| part.as_text().is_none()).cloned());
    }
    Message { role: Role::User, parts, ..message.clone() }
}

fn spoken(result: &ToolResult) -> String {
    let texts: Vec<&str> = result.content.iter().filter_map(Part::as_text).collect();
    let mut text = texts.join("\n");
    if text.is_empty() && result.content.is_empty() {
        silent(result.status).clone_into(&mut text);
    }
    // A result that ends itself could speak on as the user.
    let text = text.replace("</tool_result", "<\\/tool_result");
    let name = serde_json::Value::from(result.name.as_str());
    let failed = if result.status == ToolStatus::Ok { "" } else { " failed=\"true\"" };
    format!("<tool_result name={name}{failed}>\n{text}\n</tool_result>")
}

/// Behind the results of blocks that called nothing.
fn reminder(calls: &[&ToolCall], result: &ToolResult) -> Option<&'static str> {
    let call = calls.iter().find(|call| call.id == result.call_id)?;
    call.arguments.starts_with(OPEN).then_some(REMINDER)
}
