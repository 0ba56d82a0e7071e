//! The questions of `onboard` on a terminal.

use std::io::{self, BufRead as _, Write as _};

use super::Answers;
use crate::cli::error::CliError;

/// Asks for a provider and a model; an empty answer takes what stands in brackets.
pub(super) fn ask() -> Result<Answers, CliError> {
    say(
        "Which model shall answer? Leave it empty to go without one: the offline provider then does simple things.",
    )?;
    let base_url = question("Base URL of an OpenAI-compatible server", "https://api.openai.com/v1")?;
    let model = question("Model (empty: none for now)", "")?;
    if model.is_empty() {
        return Ok(Answers::default());
    }
    let name = question("A name for this provider", "openai")?;
    let api_key = question("Where its key is: env:NAME, file:PATH or cmd:PROGRAM", "env:OPENAI_API_KEY")?;
    let model = match model.strip_prefix(&format!("{name}/")) {
        Some(bare) => format!("{name}/{bare}"),
        None => format!("{name}/{model}"),
    };
    Ok(Answers { model: Some(model), base_url: Some(base_url), api_key: Some(api_key) })
}

fn say(text: &str) -> Result<(), CliError> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn question(text: &str, usual: &str) -> Result<String, CliError> {
    let hint = if usual.is_empty() { String::new() } else { format!(" [{usual}]") };
    let mut out = io::stdout();
    write!(out, "{text}{hint}: ")?;
    out.flush()?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(CliError::Failed("the questions were not answered; nothing was written".into()));
    }
    let answer = line.trim();
    Ok(if answer.is_empty() { usual.to_owned() } else { answer.to_owned() })
}
