//! `factotum profiles`.

use agent_core::{Profile, ProfileError};

use super::{args::Profiles, error::CliError, out, start::Start};
use crate::exit;

pub(super) async fn run(start: &Start, command: Profiles) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let known: Vec<String> = running.assistant.core().tools.names().map(str::to_owned).collect();
    let result = tools::Workspace::open(running.assistant.workspace())
        .map_err(|error| CliError::Failed(error.to_string()))
        .and_then(|workspace| act(&command, &tools::profiles(&workspace, &known)));
    running.end(result).await
}

fn act(
    command: &Profiles,
    profiles: &std::collections::BTreeMap<String, Result<Profile, ProfileError>>,
) -> Result<u8, CliError> {
    match command {
        Profiles::List { json } => {
            if profiles.is_empty() && !json {
                out::line("There are no profiles; a file profiles/NAME.yaml of the workspace makes one.");
            }
            for (name, read) in profiles {
                match read {
                    Ok(profile) if *json => out::json(profile)?,
                    Err(error) if *json => {
                        out::json(&serde_json::json!({ "name": name, "error": error.to_string() }))?;
                    }
                    Ok(profile) => {
                        out::line(&out::plain(&format!("{name}: {}", out::short(&profile.description, 100))));
                    }
                    Err(error) => {
                        out::line(&out::plain(&format!("{name}: cannot be used: {}", error.reason)));
                    }
                }
            }
            Ok(exit::OK)
        }
        Profiles::Show { name, json } => match profiles.get(name) {
            None => {
                let names: Vec<&str> = profiles.keys().map(String::as_str).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(CliError::NotFound(format!("there is no profile `{name}`; there are: {there}")))
            }
            Some(Err(error)) => Err(CliError::Input(error.to_string())),
            Some(Ok(profile)) if *json => {
                out::json(profile)?;
                Ok(exit::OK)
            }
            Some(Ok(profile)) => Ok(out::line(&out::plain(&shown(profile)))),
        },
        Profiles::Check => {
            let wrong: Vec<String> =
                profiles.values().filter_map(|read| read.as_ref().err()).map(ToString::to_string).collect();
            if wrong.is_empty() {
                return Ok(out::line(&format!("All {} profiles can be used.", profiles.len())));
            }
            Err(CliError::Input(wrong.join("\n")))
        }
    }
}

fn shown(profile: &Profile) -> String {
    let Profile { name, description, model, prompt, tools, limits } = profile;
    let mut lines = vec![format!("{name}: {description}")];
    lines.push(format!("model: {}", model.as_deref().unwrap_or("as its parent")));
    lines.push(match tools {
        Some(tools) if tools.is_empty() => "tools: none".to_owned(),
        Some(tools) => format!("tools: {}", tools.join(", ")),
        None => "tools: as its parent, without those that speak to people".to_owned(),
    });
    let limit = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let limits: Vec<String> = [
        limit("model calls", limits.model_calls.map(|n| n.to_string())),
        limit("tool calls", limits.tool_calls.map(|n| n.to_string())),
        limit("seconds", limits.seconds.map(|n| n.to_string())),
        limit("dollars", limits.dollars.map(|n| n.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !limits.is_empty() {
        lines.push(format!("limits: {}", limits.join(", ")));
    }
    if !prompt.trim().is_empty() {
        lines.push(format!("\n{}", prompt.trim_end()));
    }
    lines.join("\n")
}
