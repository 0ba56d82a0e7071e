//! /help, /status, /usage.

use session_api::{Timestamp, UsageBy};

use super::{COMMANDS, CommandContext};
use crate::AgentError;

/// One line for each command. Chats show it in fonts of their own, so nothing is aligned by blanks.
pub(super) fn help() -> String {
    let line = |usage: &str, help: &str| format!("`{usage}` – {help}");
    let mut lines: Vec<String> = COMMANDS
        .iter()
        .map(|command| line(format!("/{} {}", command.name, command.arguments).trim_end(), command.help))
        .collect();
    lines.push(line("tool:NAME {JSON}", "call a tool directly, without a model (owner only)"));
    lines.join("\n")
}

pub(super) async fn status(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let scope = session_api::Scope::Session(context.session.clone());
    let info = context.ports.stores.sessions.session(&scope, context.session).await?;
    let chosen = info.as_ref().and_then(|info| info.model.clone());
    let model = chosen.unwrap_or_else(|| context.core.models.default_model().name());
    let (messages, pending) = info.as_ref().map_or((0, 0), |info| (info.messages, info.pending));
    let open = context.ports.stores.mailbox.approvals(&scope, true).await?.len();
    let tools = context.core.tools.names().count();
    Ok(format!(
        "Model: {model}\nConversation: {}, {messages} messages\nTools: {tools}\nWaiting: {pending} messages, {open} \
         questions",
        context.session
    ))
}

pub(super) async fn usage(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let totals =
        context.ports.stores.usage.usage_totals(&context.scope(), Timestamp(0), UsageBy::Day).await?;
    if totals.is_empty() {
        return Ok("No model was called yet.".into());
    }
    let lines = totals.iter().map(|total| {
        let cost = match (total.cost_micros, total.unpriced_calls) {
            (_, unpriced) if unpriced == total.calls => "price unknown".to_owned(),
            (micros, 0) => dollars(micros),
            (micros, unpriced) => format!("{} and {unpriced} calls of unknown price", dollars(micros)),
        };
        format!(
            "{}: {} calls, {} tokens in ({} cached), {} out, {cost}",
            total.group, total.calls, total.input_tokens, total.cached_tokens, total.output_tokens
        )
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn dollars(micros: u64) -> String {
    format!("${}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100)
}
