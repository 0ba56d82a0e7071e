//! What the next request of a session would hold, for people.

use std::fmt;

use serde::Serialize;
use session_api::SessionKey;

use super::{Decision, Placement};

/// What the next request of a session would hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextReport {
    /// The session.
    pub session: SessionKey,
    /// The model that would be asked.
    pub model: String,
    /// What it takes, in tokens.
    pub window: u64,
    /// Whether that is known; else it is `agent.budget.unknown_window`.
    pub window_known: bool,
    /// The model's own count for 100 tokens of our estimate.
    pub gauge: u16,
    /// All that the request would hold, without the message that asks.
    pub tokens: u64,
    /// Kept free for the reply.
    pub reply: u64,
    /// What stands before the conversation, with its sections.
    pub prompt: u64,
    /// What became of each section.
    pub sections: Vec<Decision>,
    /// The tools on offer.
    pub tools: ToolsReport,
    /// The conversation so far.
    pub history: HistoryReport,
}

/// The tools on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ToolsReport {
    /// How many.
    pub count: usize,
    /// What is told of them.
    pub tokens: u64,
}

/// The conversation so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// Its room.
    pub room: u64,
    /// What it takes, its summary included.
    pub tokens: u64,
    /// Messages that are in, word for word.
    pub messages: usize,
    /// The places of the first and the last of them.
    pub from: Option<u64>,
    /// As `from`.
    pub to: Option<u64>,
    /// The summary stands for messages up to this one.
    pub summary_upto: Option<u64>,
    /// The summary's tokens.
    pub summary_tokens: u64,
    /// Older messages of which only the beginning is in: tools' results of low importance.
    pub shortened: usize,
    /// Messages that are neither in nor in the summary.
    pub left_out: u64,
}

impl fmt::Display for ContextReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = if self.window_known { "" } else { ", taken for granted" };
        writeln!(
            f,
            "Context: {} of {} tokens ({} %) for {}{known}; {} are kept free for the reply.",
            self.tokens,
            self.window,
            self.tokens * 100 / self.window.max(1),
            self.model,
            self.reply
        )?;
        writeln!(
            f,
            "Prompt: {} tokens; {} tools: {} tokens",
            self.prompt, self.tools.count, self.tools.tokens
        )?;
        for Decision { share, name, tokens, placement, why } in &self.sections {
            let why = why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            let tokens = if *placement == Placement::LeftOut { 0 } else { *tokens };
            writeln!(f, "- {name} [{}]: {}, {tokens} tokens{why}", share.key(), placement.words())?;
        }
        let history = &self.history;
        match (history.from, history.to) {
            (Some(from), Some(to)) => write!(f, "History: messages #{from}-#{to}, word for word")?,
            _ => write!(f, "History: no messages")?,
        }
        if let Some(upto) = history.summary_upto {
            write!(f, "; a summary of #1-#{upto} ({} tokens)", history.summary_tokens)?;
        }
        if history.left_out > 0 {
            write!(f, "; {} messages before them are left out", history.left_out)?;
        }
        if history.shortened > 0 {
            write!(f, "; {} of them, tool results of low importance, are shortened", history.shortened)?;
        }
        write!(f, "; {} of {} tokens", history.tokens, history.room)
    }
}
