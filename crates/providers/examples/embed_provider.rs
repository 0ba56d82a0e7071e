//! A provider alone, without turn, store and network: the offline provider is asked, its tool call is answered by hand, and
//! its reply is printed as it comes.

use std::collections::HashMap;
use std::time::Duration;

use agent_core::{LlmProvider, ModelError, ModelEvent, ModelRequest};
use futures_util::StreamExt;
use providers::offline::OfflineProvider;
use session_api::{Message, MessageId, Part, Role, Timestamp, ToolResult, ToolStatus, TurnId};
use tool_api::{Effect, ToolSpec};

fn message(role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId(Default::default()), TurnId(Default::default()));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn converse(provider: &dyn LlmProvider) -> Result<(), ModelError> {
    let calculator = ToolSpec {
        name: "calculate_expression".into(),
        description: "Calculates.".into(),
        parameters: serde_json::json!({"type": "object"}),
        effect: Effect::Pure,
        timeout: Duration::from_secs(1),
    };
    let mut messages = vec![message(Role::User, vec![Part::text("what is 6 times 7?")])];
    loop {
        let request = ModelRequest {
            model: "offline".into(),
            system: "".into(),
            messages: messages.clone().into(),
            tools: [calculator.clone()].into(),
            blobs: HashMap::new(),
            effort: None,
            max_output_tokens: None,
            correlation: String::new(),
        };
        let mut stream = provider.stream(request).await?;
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        while let Some(event) = stream.next().await {
            match event? {
                ModelEvent::Text(text) => print!("{text}"),
                ModelEvent::ToolCall(call) => {
                    println!("[{} {}]", call.name, call.arguments);
                    results.push(Part::ToolResult(ToolResult::new(
                        call.id.clone(),
                        call.name.clone(),
                        ToolStatus::Ok,
                        vec![Part::text("42")],
                    )));
                    calls.push(Part::ToolCall(call));
                }
                _ => {}
            }
        }
        if calls.is_empty() {
            println!();
            return Ok(());
        }
        messages.push(message(Role::Assistant, calls));
        messages.push(message(Role::Tool, results));
    }
}

fn main() -> Result<(), ModelError> {
    // The offline provider waits for nothing, so the smallest of all executors will do.
    futures_util::FutureExt::now_or_never(converse(&OfflineProvider::new("offline"))).unwrap_or(Ok(()))
}
