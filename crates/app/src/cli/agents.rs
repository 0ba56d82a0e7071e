//! `factotum agents`.

use std::fmt::Write as _;

use agent_core::AgentView;

use super::{args::Agents, error::CliError, out, session_name::key, start::Start};
use crate::exit;

/// Shows the agents of one conversation, or of all that have some under way.
pub(super) async fn run(start: &Start, command: Agents) -> Result<u8, CliError> {
    let Agents { session, all, json } = command;
    let session = session.as_deref().map(key).transpose()?;
    let running = start.assistant().await?;
    let result = async {
        let assistant = &running.assistant;
        let sessions = match session {
            Some(session) => vec![session],
            None => assistant.with_agents(all).await?,
        };
        let mut any = false;
        for session in sessions {
            let agents = assistant.agents(&session).await?;
            any |= !agents.is_empty();
            if json {
                out::json(&serde_json::json!({ "session": session.to_string(), "agents": agents }))?;
            } else if !agents.is_empty() {
                let mut text = format!("{session}\n");
                agents.iter().for_each(|agent| line(&mut text, agent, 1));
                out::line(&out::plain(text.trim_end()));
            }
        }
        if !any && !json {
            out::line("No agents are under way; `--all` shows those that have ended.");
        }
        Ok(exit::OK)
    }
    .await;
    running.end(result).await
}

fn line(text: &mut String, agent: &AgentView, depth: usize) {
    let AgentView { id, name, profile, state, since, cost_micros, task, agents, .. } = agent;
    let profile = profile.as_ref().map_or_else(String::new, |profile| format!(" ({profile})"));
    let since = out::time(*since);
    let dollars = std::time::Duration::from_micros(*cost_micros).as_secs_f64();
    let cost = if *cost_micros > 0 { format!(", ${dollars:.4}") } else { String::new() };
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "{}{id} “{name}”{profile} {state} since {since}{cost}: {task}", "  ".repeat(depth));
    agents.iter().for_each(|agent| line(text, agent, depth + 1));
}
