//! `factotum trigger`.

use std::ffi::OsStr;

use session_api::{Route, SessionKey};

use super::{
    agent::message,
    args::Trigger,
    error::CliError,
    out,
    start::{Running, Start},
};
use crate::exit;

pub(super) async fn run(
    start: &Start,
    command: Option<Trigger>,
    id: Option<&str>,
    text: Option<&OsStr>,
) -> Result<u8, CliError> {
    // Before anything is opened: stdin may be long in coming.
    let text = message::read(text)?;
    let running = start.assistant().await?;
    let result = match command {
        Some(command) => change(&running, command).await,
        None => pull(&running, id.unwrap_or_default(), text.as_deref().unwrap_or_default()).await,
    };
    running.end(result).await
}

async fn pull(running: &Running, id: &str, text: &str) -> Result<u8, CliError> {
    let triggers = running.assistant.triggers();
    let Some(trigger) = triggers.find(id).await? else {
        let known: Vec<String> = triggers.list().await?.into_iter().map(|trigger| trigger.id).collect();
        let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(CliError::NotFound(format!("there is no trigger `{id}`; there are: {there}")));
    };
    let row = triggers.pull(&trigger, text).await.map_err(|error| CliError::Input(error.to_string()))?;
    Ok(out::line(&format!("“{id}” is pulled ({row}); the gateway takes it up.")))
}

async fn change(running: &Running, command: Trigger) -> Result<u8, CliError> {
    let assistant = &running.assistant;
    let triggers = assistant.triggers();
    match command {
        Trigger::Add { id, message, to } => {
            let reply = match to {
                Some(to) => route(&to)?,
                None => assistant.config().gateway.notify_route().ok_or_else(|| {
                    CliError::Input("to: name a chat with --to CHANNEL:CHAT, or set gateway.notify".into())
                })?,
            };
            let made = triggers.add(&id, &message, reply).await;
            made.map_err(|error| CliError::Input(error.to_string()))?;
            Ok(out::line(&format!("“{id}” is there; `factotum trigger {id} TEXT` pulls it.")))
        }
        Trigger::List { json } => {
            for trigger in triggers.list().await? {
                if json {
                    out::json(&trigger)?;
                } else {
                    let Route { channel, chat, .. } = &trigger.reply;
                    let prompt = out::short(&trigger.prompt, 80);
                    out::line(&out::plain(&format!("{} to {channel}:{chat}: {prompt}", trigger.id)));
                }
            }
            Ok(exit::OK)
        }
        Trigger::Remove { id } => {
            if !triggers.remove(&id).await? {
                return Err(CliError::NotFound(format!("there is no trigger `{id}`")));
            }
            Ok(out::line(&format!("“{id}” is removed.")))
        }
    }
}

fn route(to: &str) -> Result<Route, CliError> {
    let chat = to.split_once(':').map(|(channel, chat)| (channel.trim(), chat.trim()));
    match chat.filter(|(channel, chat)| !channel.is_empty() && !chat.is_empty()) {
        Some((channel, chat)) => Ok(Route::to_session(&SessionKey::new(channel, "", chat))),
        None => Err(CliError::Input(format!(
            "to: `{to}` names no chat; write CHANNEL:CHAT, as in telegram:123456"
        ))),
    }
}
