//! `factotum context`.

use super::{args::ContextCommand, error::CliError, out, session_name::key, start::Start};
use crate::exit;

pub(super) async fn run(start: &Start, command: ContextCommand) -> Result<u8, CliError> {
    let ContextCommand::Show { session, json } = command;
    let session = key(&session)?;
    let running = start.assistant().await?;
    let report = running.assistant.context(&session).await;
    let report = running.end(report.map_err(CliError::from)).await?;
    if json {
        out::json(&report)?;
    } else {
        out::line(&out::plain(&report.to_string()));
    }
    Ok(exit::OK)
}
