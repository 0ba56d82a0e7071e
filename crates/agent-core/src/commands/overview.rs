//! /help, /status.

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
