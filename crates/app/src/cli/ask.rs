//! Asking a person on the terminal.

use std::{
    collections::HashSet,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    pin::pin,
};

use session_api::{Approval, Decision, SessionKey};

use super::{error::CliError, out, stop::Stop};
use crate::Assistant;

/// Whether somebody sits at the terminal who can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks each question and stores the answers. `false`: the person went away (Ctrl-C, end of
/// input), and the questions stay open.
pub(super) async fn ask_all(
    assistant: &Assistant,
    questions: &[Approval],
    stop: &Stop,
) -> Result<bool, CliError> {
    for question in questions {
        let text = format!(
            "May I run `{}` with {}?\n(because {}) [y]es / [n]o: ",
            question.call.name, question.call.arguments, question.reason
        );
        // A person may think for as long as they like: not on the thread that runs the assistant.
        let asked = tokio::task::spawn_blocking(move || yes_or_no(&text));
        let answer = tokio::select! {
            answer = asked => answer.map_err(io::Error::other)??,
            () = stop.clone() => {
                // The cursor stands behind the question.
                writeln!(io::stderr())?;
                None
            }
        };
        let Some(decision) = answer else { return Ok(false) };
        assistant.approvals().answer(question.id, decision).await?;
    }
    Ok(true)
}

/// Carries `run` on and tells meanwhile what subagents of its conversation ask: its own turn may be waiting for them.
pub(super) async fn telling<T>(
    assistant: &Assistant,
    session: &SessionKey,
    run: impl Future<Output = T>,
) -> T {
    let (mut run, mut told) = (pin!(run), HashSet::new());
    loop {
        tokio::select! {
            biased;
            done = &mut run => return done,
            asked = assistant.asked_by_agents(session, &mut told) => match asked {
                Ok(questions) => questions.iter().for_each(tell),
                Err(error) => {
                    tracing::warn!(%error, "questions of agents could not be read");
                    return run.await;
                }
            },
        }
    }
}

/// Says how an agent's question is answered from elsewhere.
pub(super) fn tell(question: &Approval) {
    let text = format!(
        "an agent waits for an answer: may `{}` run ({})? `factotum approvals allow {}` or `factotum approvals deny {}`\n",
        question.call.name, question.reason, question.id, question.id
    );
    // A closed stderr leaves only the exit code.
    let _ = io::stderr().write_all(out::plain(&text).as_bytes());
}

fn yes_or_no(text: &str) -> io::Result<Option<Decision>> {
    loop {
        let mut err = io::stderr();
        err.write_all(out::plain(text).as_bytes())?;
        err.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(Some(Decision::Allow)),
            "n" | "no" => return Ok(Some(Decision::Deny)),
            _ => writeln!(err, "Please answer with y or n.")?,
        }
    }
}
