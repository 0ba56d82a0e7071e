//! A conversation in the terminal.

mod commands;
mod echo;
mod editor;
mod history;
mod lines;
mod multiline;
mod plain;
mod questions;
mod signals;
mod talk;

use std::io::IsTerminal as _;

use agent_core::AgentError;
use session_api::{RunOverrides, SessionKey};

use super::{
    screen::{self, Screen},
    session_name::name,
};
use crate::{Assistant, exit};

use editor::{Ask, Editor, Input};
use signals::Signals;
use talk::{Next, Talk};

/// Words that leave.
const EXIT: [&str; 5] = ["exit", "quit", "/exit", "/quit", ":q"];

/// How the conversation is held.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// For every message.
    pub(crate) overrides: RunOverrides,
    /// How runs are shown.
    pub(crate) screen: screen::Options,
}

/// Reads messages and shows the answers until the person leaves, and returns the exit code. stdin must be a terminal.
///
/// Ctrl-C stops what runs and keeps the conversation; pressed again within two seconds, or at an empty prompt twice, it
/// leaves. What fails is told and the conversation goes on.
pub(crate) async fn run(
    assistant: &Assistant,
    session: SessionKey,
    options: Options,
) -> Result<u8, AgentError> {
    let signals = Signals::new().map_err(|error| AgentError::Context(format!("no signals: {error}")))?;
    let mut screen = Screen::new(options.screen);
    let line_editing = options.screen.stdout_tty && std::io::stdin().is_terminal();
    let history = match history::prepare(assistant.home()) {
        Ok(path) => Some(path),
        Err(error) => {
            screen.error(&format!("what you type will not be remembered: {error}"));
            None
        }
    };
    let editor = Editor::start(line_editing, history)
        .map_err(|error| AgentError::Context(format!("the line editor could not be started: {error}")))?;
    banner(assistant, &session, &options, &mut screen);
    let overrides = options.overrides;
    let mut talk = Talk { assistant, session, overrides, screen, editor, signals };
    let code = converse(&mut talk).await;
    talk.editor.end();
    Ok(code)
}

fn banner(assistant: &Assistant, session: &SessionKey, options: &Options, screen: &mut Screen) {
    let default = || assistant.core().models.default_model().name();
    let RunOverrides { model, preset, .. } = options.overrides.clone();
    let model = model.or(preset).unwrap_or_else(default);
    screen.note(&format!(
        "Factotum {} · {model} · session {}\n/help for commands · Alt-Enter for a new line · Ctrl-D to leave",
        env!("CARGO_PKG_VERSION"),
        name(session),
    ));
}

async fn converse(talk: &mut Talk<'_>) -> u8 {
    if let Next::Leave(code) = talk.take_up().await {
        return code;
    }
    // Whether the last thing typed was Ctrl-C at an empty prompt.
    let mut leaving = false;
    loop {
        let text = match talk.read(Ask::Message).await {
            Input::Line(text) => text,
            Input::Interrupted if leaving => return exit::OK,
            Input::Interrupted => {
                leaving = true;
                talk.screen.note("Ctrl-C again, Ctrl-D or /exit leaves.");
                continue;
            }
            Input::End => return exit::OK,
            Input::Terminated => {
                talk.editor.end();
                talk.screen.note("\nEnding, as the process was asked to.");
                return exit::STOPPED;
            }
            Input::Failed(why) => {
                talk.screen.error(&why);
                return exit::FAILED;
            }
        };
        leaving = false;
        let said = text.trim();
        if EXIT.contains(&said.to_lowercase().as_str()) {
            return exit::OK;
        }
        if said.is_empty() {
            continue;
        }
        if let Next::Leave(code) = talk.say(said).await {
            return code;
        }
    }
}
