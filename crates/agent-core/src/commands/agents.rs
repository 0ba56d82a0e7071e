//! /agents.

use std::fmt::Write as _;

use session_api::Timestamp;
use subagents::AgentView;

use super::CommandContext;
use crate::{AgentError, spending::dollars};

/// Most agents that have ended that are listed in a chat.
const ENDED: usize = 10;

/// The agents of this conversation, with theirs.
pub(super) async fn agents(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let tree = subagents::tree(&context.ports.stores, context.session).await?;
    let now = context.ports.clock.now();
    let over = tree.iter().filter(|agent| agent.state.is_over()).count();
    let mut text = String::new();
    let mut left_out = over.saturating_sub(ENDED);
    for agent in &tree {
        if agent.state.is_over() && left_out > 0 {
            left_out -= 1;
            continue;
        }
        line(&mut text, agent, now, 0);
    }
    if text.is_empty() {
        return Ok("No agents were started here. Ask for some: “have three agents look into …”.".into());
    }
    if over > ENDED {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "… and {} that ended before", over - ENDED);
    }
    Ok(text.trim_end().to_owned())
}

fn line(text: &mut String, agent: &AgentView, now: Timestamp, depth: usize) {
    let AgentView { id, name, profile, state, since, cost_micros, agents, .. } = agent;
    let profile = profile.as_ref().map_or_else(String::new, |profile| format!(" ({profile})"));
    let cost = if *cost_micros > 0 { format!(", {}", dollars(*cost_micros)) } else { String::new() };
    let time =
        if state.is_over() { String::new() } else { format!(" for {}", length(now.since(*since).as_secs())) };
    // The end of an id is what tells it apart: the beginning is a time.
    let short: String = id.chars().skip(id.len().saturating_sub(8)).collect();
    let _ = writeln!(text, "{}“{name}”{profile} – {state}{time}{cost} (`{short}`)", "  ".repeat(depth));
    for agent in agents {
        line(text, agent, now, depth + 1);
    }
}

fn length(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}
