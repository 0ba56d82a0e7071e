//! /model, /local, /think.

use session_api::{Effort, SessionWrite, Writes};

use super::{CommandAnswer, CommandContext};
use crate::AgentError;

pub(super) async fn model(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let models = &context.core.models;
    let (text, choice) = match rest {
        "" => return show(context).await,
        "default" => {
            (format!("This conversation uses the default model, {}.", models.default_model().name()), None)
        }
        name => match models.resolve(name) {
            Ok(chosen) => {
                // A preset is kept by its name: more than a model may belong to it.
                let preset = models.directory().presets().into_iter().find(|preset| preset == name);
                (format!("This conversation now uses {}.", chosen.name()), preset.or(Some(chosen.name())))
            }
            Err(error) => return Ok(format!("{error}.").into()),
        },
    };
    let session = SessionWrite { model: Some(choice), ..SessionWrite::default() };
    Ok(CommandAnswer { text, writes: Writes { session: Some(session), ..Writes::default() } })
}

/// To the model that the configuration names for it, or back to the default one.
pub(super) async fn local(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let models = &context.core.models;
    let Some(name) = models.local() else {
        let text = "No local model is configured. `agent.local` in the configuration names one.";
        return Ok(text.to_owned().into());
    };
    let on = match rest {
        "" => chosen(context).await?.as_deref() != Some(name),
        "on" => true,
        "off" => false,
        _ => return Ok("Write `/local`, `/local on` or `/local off`.".to_owned().into()),
    };
    let (text, choice) = if on {
        match models.resolve(name) {
            Ok(chosen) => (format!("This conversation now uses {}.", chosen.name()), Some(name.to_owned())),
            Err(error) => return Ok(format!("{error}.").into()),
        }
    } else {
        (format!("This conversation uses the default model, {}.", models.default_model().name()), None)
    };
    let session = SessionWrite { model: Some(choice), ..SessionWrite::default() };
    Ok(CommandAnswer { text, writes: Writes { session: Some(session), ..Writes::default() } })
}

/// How hard the model thinks in this conversation from now on.
pub(super) async fn think(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let usual = match context.core.effort {
        Some(effort) => format!("the configuration says {effort}"),
        None => "as hard as its provider is set up for".to_owned(),
    };
    let (text, choice) = match rest {
        "" => {
            let scope = session_api::Scope::Session(context.session.clone());
            let info = context.ports.stores.sessions.session(&scope, context.session).await?;
            let now = match info.and_then(|info| info.effort) {
                Some(effort) => format!("In this conversation the model thinks: {effort}."),
                None => format!("In this conversation nobody chose how hard the model thinks: {usual}."),
            };
            return Ok(format!("{now} `/think off|low|medium|high|default` changes it.").into());
        }
        "default" => (format!("How hard the model thinks is no longer chosen here: {usual}."), None),
        word => match word.parse::<Effort>() {
            Ok(Effort::Off) => {
                ("The model answers here without thinking first, where it can.".to_owned(), Some(Effort::Off))
            }
            Ok(effort) => (format!("The model thinks here from now on: {effort}."), Some(effort)),
            Err(error) => return Ok(format!("{error}, or default.").into()),
        },
    };
    let session = SessionWrite { effort: Some(choice), ..SessionWrite::default() };
    Ok(CommandAnswer { text, writes: Writes { session: Some(session), ..Writes::default() } })
}

/// The model that this conversation chose.
async fn chosen(context: &CommandContext<'_>) -> Result<Option<String>, AgentError> {
    let scope = session_api::Scope::Session(context.session.clone());
    let info = context.ports.stores.sessions.session(&scope, context.session).await?;
    Ok(info.and_then(|info| info.model))
}

async fn show(context: &CommandContext<'_>) -> Result<CommandAnswer, AgentError> {
    let models = &context.core.models;
    let line = match chosen(context).await? {
        Some(model) => {
            format!("This conversation uses {model}; the default is {}.", models.default_model().name())
        }
        None => format!("This conversation uses the default model, {}.", models.default_model().name()),
    };
    let (providers, presets) = (models.directory().providers(), models.directory().presets());
    let presets =
        if presets.is_empty() { String::new() } else { format!("\nPresets: {}.", presets.join(", ")) };
    Ok(format!("{line}\nProviders: {}.{presets} `/model NAME` chooses another.", providers.join(", ")).into())
}
