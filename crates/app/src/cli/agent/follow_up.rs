//! What comes after the answer: agents that the turn started, and what the assistant makes of what they come to.

use std::collections::HashSet;

use agent_core::FollowUp;
use session_api::{InboundId, OutboxId, OutboxMessage, Part, SessionKey};

use super::{
    super::{
        args::Agent,
        ask::{ask_all, can_ask, tell},
        error::CliError,
        out,
        stop::Stop,
    },
    eprint_line,
};
use crate::{Assistant, exit};

/// Most answers of the run itself.
const ANSWERS: usize = 50;

/// Waits until nothing is under way in `session` any more, and prints what is said meanwhile. Ctrl-C stops it. `said`: what
/// had been said before the run, and the run. `code` is that of the run.
pub(super) async fn wait(
    assistant: &Assistant,
    agent: &Agent,
    session: &SessionKey,
    (mut said, run): (HashSet<OutboxId>, InboundId),
    code: u8,
    stop: &Stop,
) -> Result<u8, CliError> {
    if code == exit::QUESTION || !assistant.is_under_way(session).await? {
        return Ok(code);
    }
    // The answer of the run itself was printed as it came.
    let answers = assistant.said(session, ANSWERS).await?.into_iter();
    said.extend(answers.filter(|message| message.inbound == Some(run)).map(|message| message.id));
    if !agent.quiet && !agent.json {
        eprint_line("agents are still at work; Ctrl-C stops them");
    }
    let mut stop = stop.clone();
    let mut stopped = false;
    loop {
        let next = tokio::select! {
            next = assistant.follow_up(session, &mut said) => next?,
            () = &mut stop, if !stopped => {
                stopped = true;
                assistant.stop(session).await?;
                continue;
            }
        };
        match next {
            FollowUp::Said(message) => print(agent, &message)?,
            FollowUp::Over => return Ok(if stopped { exit::STOPPED } else { code }),
            FollowUp::Asks(questions) => {
                if !agent.json && can_ask() && ask_all(assistant, &questions, &stop).await? {
                    continue;
                }
                questions.iter().for_each(tell);
                assistant.leave_agents(session);
                return Ok(exit::QUESTION);
            }
        }
    }
}

/// Names the agents that are under way, and leaves them to others.
pub(super) async fn name(assistant: &Assistant, agent: &Agent, session: &SessionKey) -> Result<(), CliError> {
    assistant.leave_agents(session);
    for view in assistant.agents(session).await?.iter().filter(|view| !view.state.is_over()) {
        if agent.json {
            out::json(view)?;
        } else {
            eprint_line(&format!("agent “{}” {}, id {}: {}", view.name, view.state, view.id, view.task));
        }
    }
    Ok(())
}

fn print(agent: &Agent, message: &OutboxMessage) -> Result<(), CliError> {
    let texts: Vec<&str> = message.parts.iter().filter_map(Part::as_text).collect();
    let text = texts.join("\n");
    if agent.json {
        let object = serde_json::json!({ "content": text, "turn": message.turn, "follow_up": true });
        out::json(&object)?;
    } else {
        out::line(&out::plain(&text));
    }
    Ok(())
}
