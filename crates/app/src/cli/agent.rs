//! `factotum agent`.

mod attachments;
mod ephemeral;
mod follow_up;
pub(super) mod message;

use std::{io::IsTerminal as _, pin::pin, time::Duration};

use agent_core::ResumedRun;
use session_api::{RunOverrides, SessionKey};

use super::{
    args::Agent,
    ask::{ask_all, can_ask, telling},
    error::{CliError, run_code},
    out, repl,
    screen::{Options, Screen},
    session_name::key,
    start::{Running, Start},
    stop::{self, Stop},
};
use crate::{Assistant, RunRequest, RunResult, exit};

pub(super) async fn run(start: &Start, agent: Agent) -> Result<u8, CliError> {
    let session = key(&agent.session)?;
    let message = message::read(agent.message.as_deref())?;
    if message.is_none()
        && (agent.json || agent.ephemeral || !agent.image.is_empty() || !agent.file.is_empty())
    {
        return Err(CliError::Input(
            "--json, --ephemeral, --image and --file need a message: add -m TEXT".into(),
        ));
    }
    let running = match &message {
        None => start.conversation().await?,
        Some(text) if agent.ephemeral => {
            let (running, store) = ephemeral::assistant(start).await?;
            let said = say(&running, &agent, session, text.clone()).await;
            let recorded = ephemeral::record(start, &running.assistant, &store).await;
            return running.end(said.and_then(|code| recorded.map(|()| code))).await;
        }
        Some(_) => start.assistant().await?,
    };
    let result = match message {
        Some(text) => say(&running, &agent, session, text).await,
        None => talk(&running, &agent, session).await,
    };
    running.end(result).await
}

/// What the flags say of the model.
fn overrides(agent: &Agent) -> RunOverrides {
    RunOverrides {
        model: agent.model.clone(),
        preset: agent.preset.clone(),
        effort: agent.effort,
        ..RunOverrides::default()
    }
}

fn options(assistant: &Assistant, agent: &Agent) -> Options {
    let stdout_tty = std::io::stdout().is_terminal();
    let chosen = assistant.core().models.choose(&overrides(agent), None);
    Options {
        stdout_tty,
        whole: !stdout_tty && chosen.is_ok_and(|chosen| !chosen.behind.is_empty()),
        stderr_tty: std::io::stderr().is_terminal(),
        markdown: !agent.no_markdown,
        reasoning: agent.show_reasoning,
        quiet: agent.quiet || agent.json,
    }
}

/// One message. Ctrl-C stops its run; a second one leaves without waiting for that, as for a place in a queue.
async fn say(running: &Running, agent: &Agent, session: SessionKey, text: String) -> Result<u8, CliError> {
    let stop = stop::asked();
    tokio::select! {
        said = say_it(running, agent, session, text, &stop) => said,
        () = stop::insisted() => {
            eprint_line("left; what had not ended is taken up by the next run of this conversation");
            Ok(exit::STOPPED)
        }
    }
}

/// One message, after what other runs of this session left.
async fn say_it(
    running: &Running,
    agent: &Agent,
    session: SessionKey,
    text: String,
    stop: &Stop,
) -> Result<u8, CliError> {
    let assistant = &running.assistant;
    let about_waiting = is_about_waiting(&text);

    if !about_waiting && let Some(code) = leftovers(assistant, agent, &session, stop).await? {
        return Ok(code);
    }
    let mut request = RunRequest::new(session.clone(), text).with(overrides(agent));
    request.parts.extend(attachments::parts(assistant, &agent.image, &agent.file).await?);
    let said = assistant.said_so_far(&session).await?;
    let stream = assistant.run_streamed(request).await?;
    let inbound = stream.inbound();
    let mut screen = Screen::new(options(assistant, agent));
    let result = if agent.json {
        telling(assistant, &session, follow_silently(stream, stop)).await?
    } else {
        telling(assistant, &session, screen.follow(stream, stop.clone())).await?
    };
    let code = finish(assistant, agent, &mut screen, result, inbound, stop).await?;
    tell_of_summaries(assistant, agent, &session, stop).await;
    if about_waiting {
        return carry_out(assistant, agent, &session, code, stop).await;
    }
    if agent.detach {
        follow_up::name(assistant, agent, &session).await?;
        return Ok(code);
    }
    follow_up::wait(assistant, agent, &session, (said, inbound), code, stop).await
}

/// How long a summary that follows an answer is waited for; what is cut off then changes nothing.
const SUMMARY_TIME: Duration = Duration::from_secs(30);
/// A summary that takes longer is told of: the answer is there, and the program does not end.
const SUMMARY_UNTOLD: Duration = Duration::from_secs(1);

/// Waits for a summary that the run made due, and tells of it in one line.
async fn tell_of_summaries(assistant: &Assistant, agent: &Agent, session: &SessionKey, stop: &Stop) {
    let talks = !agent.quiet && !agent.json;
    let waited = async {
        let mut made = assistant.settle_compactions(session, SUMMARY_UNTOLD).await;
        if made.is_empty() && assistant.compacts(session) {
            if talks {
                eprint_line(&format!(
                    "The older part of this conversation is being summarised, for {} s at most; Ctrl-C leaves it for later.",
                    SUMMARY_TIME.as_secs()
                ));
            }
            made = assistant.settle_compactions(session, SUMMARY_TIME).await;
        }
        made
    };
    let made = tokio::select! {
        made = waited => made,
        () = stop.clone() => return,
    };
    for made in made.iter().filter(|_| talks) {
        eprint_line(&made.notice());
    }
}

/// `/stop`, `/approve ID` and `/deny ID` are about what stands in the way of other messages, and must get past it.
fn is_about_waiting(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    matches!(word.as_str(), "/stop" | "/approve" | "/deny")
}

/// After a stop or an answer: goes on with the turn that it was about, unless another process does.
async fn carry_out(
    assistant: &Assistant,
    agent: &Agent,
    session: &SessionKey,
    code: u8,
    stop: &Stop,
) -> Result<u8, CliError> {
    let (ended, interrupted) = resume(assistant, session, stop).await?;
    // The stop itself worked, and the process whose turn it ended says so too.
    let stopped = code == exit::STOPPED;
    let mut code = if stopped { exit::OK } else { code };
    if stopped && ended.is_empty() && !agent.json {
        out::line("Stopped.");
    }
    for resumed in ended {
        if agent.json {
            out::json(&resumed.result)?;
        } else {
            out::line(&out::plain(&resumed.result.content));
        }
        code = match run_code(&resumed.result) {
            exit::STOPPED => exit::OK,
            code => code,
        };
    }
    let still = assistant.waiting(session).await?.questions;
    for question in &still {
        eprint_line(&format!(
            "another question waits: `factotum approvals allow {0}` or `factotum approvals deny {0}`",
            question.id
        ));
    }
    Ok(match still.is_empty() {
        _ if interrupted => exit::STOPPED,
        true => code,
        false => exit::QUESTION,
    })
}

/// Goes on with what others left. Ctrl-C stops it; says whether it was pressed.
async fn resume(
    assistant: &Assistant,
    session: &SessionKey,
    stop: &Stop,
) -> Result<(Vec<ResumedRun>, bool), CliError> {
    let mut resumed = pin!(assistant.resume(session));
    let mut stop = stop.clone();
    let mut stopped = false;
    loop {
        tokio::select! {
            ended = &mut resumed => return Ok((ended?, stopped)),
            () = &mut stop, if !stopped => {
                stopped = true;
                assistant.stop(session).await?;
            }
        }
    }
}

/// Runs what was begun and not ended, and shows open questions. Some(code): the message may not be accepted yet.
async fn leftovers(
    assistant: &Assistant,
    agent: &Agent,
    session: &SessionKey,
    stop: &Stop,
) -> Result<Option<u8>, CliError> {
    let waiting = assistant.waiting(session).await?;
    if !waiting.unfinished {
        return Ok(None);
    }
    let (ended, interrupted) = resume(assistant, session, stop).await?;
    for resumed in ended {
        if agent.json {
            out::json(&resumed.result)?;
        } else {
            out::line(&format!("[resumed] {}", out::plain(&resumed.result.content)));
        }
    }
    if interrupted {
        return Ok(Some(exit::STOPPED));
    }
    let waiting = assistant.waiting(session).await?;
    let questions = waiting.questions;
    if questions.is_empty() {
        if waiting.unfinished && !agent.quiet && !agent.json {
            let pending = assistant.sessions().get(session).await?.map_or(0, |info| info.pending);
            let place = pending.saturating_add(2);
            eprint_line(&format!(
                "another run of this conversation is under way; this one waits, number {place} in the queue (`factotum \
                 agent -m /stop` ends the other)"
            ));
        }
        return Ok(None);
    }
    if can_ask() && !agent.json {
        let answered = ask_all(assistant, &questions, stop).await?;
        if answered {
            let (ended, interrupted) = resume(assistant, session, stop).await?;
            for resumed in ended {
                out::line(&format!("[resumed] {}", out::plain(&resumed.result.content)));
            }
            return Ok(interrupted.then_some(exit::STOPPED));
        }
    }
    for question in &questions {
        eprint_line(&format!(
            "a question waits in this session: may `{}` run with {}? Answer with `factotum approvals allow {}` or \
             `factotum approvals deny {}`; `factotum approvals list` shows all.",
            question.call.name, question.call.arguments, question.id, question.id
        ));
    }
    Ok(Some(exit::QUESTION))
}

/// Prints what is left to print. A suspended run is asked about at once where somebody can answer.
async fn finish(
    assistant: &Assistant,
    agent: &Agent,
    screen: &mut Screen,
    mut result: RunResult,
    inbound: session_api::InboundId,
    stop: &Stop,
) -> Result<u8, CliError> {
    while result.stop_reason == "suspended" {
        if agent.json || !can_ask() || !ask_all(assistant, &result.questions, stop).await? {
            if agent.json {
                out::json(&result)?;
            }
            for question in &result.questions {
                eprint_line(&format!(
                    "`{}` waits for an answer ({}): `factotum approvals allow {}` or `factotum approvals deny {}`; \
                     `factotum approvals list` shows all.",
                    question.call.name, question.reason, question.id, question.id
                ));
            }
            return Ok(exit::QUESTION);
        }
        let Some(session) = result.questions.first().map(|question| question.session.clone()) else { break };
        let stream = assistant.attach(session, inbound);
        result = screen.follow(stream, stop.clone()).await?;
    }
    if agent.json {
        out::json(&result)?;
    }
    let code = run_code(&result);
    if let Some(error) = result.error.as_ref().filter(|_| !agent.json) {
        tracing::debug!(error = error.message, "the run failed");
    }
    Ok(code)
}

/// For `--json`: Ctrl-C stops the run, and its object says so.
async fn follow_silently(mut stream: crate::RunStream, stop: &Stop) -> Result<RunResult, CliError> {
    let mut stop = stop.clone();
    let mut stopping = false;
    loop {
        tokio::select! {
            event = stream.next() => if event.is_none() { break },
            () = &mut stop, if !stopping => {
                stopping = true;
                stream.cancel().await?;
            }
        }
    }
    Ok(stream.wait().await?)
}

async fn talk(running: &Running, agent: &Agent, session: SessionKey) -> Result<u8, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Input(
            "stdin is not a terminal; use `factotum agent -m -` to read one message from it".into(),
        ));
    }
    Ok(repl::run(
        &running.assistant,
        session,
        repl::Options { overrides: overrides(agent), screen: options(&running.assistant, agent) },
    )
    .await?)
}

fn eprint_line(text: &str) {
    // A closed stderr leaves only the exit code.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{}\n", out::plain(text)).as_bytes());
}
