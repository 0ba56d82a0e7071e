//! Which model answers when nobody says otherwise, and why that one.

use std::{collections::BTreeMap, sync::Arc};

use agent_core::Models;
use providers::{ProviderSettings, Registry, Settings, Switchboard, detect, table};
use secrecy::SecretString;
use serde_json::json;

use crate::{Environment, SetupProblem};

/// The name of the provider for a server that was found on this machine.
const LOCAL: &str = "local";

/// The models of a core, and why the default is what it is.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) models: Models,
    /// Where names become models; none where the embedding program brought its own.
    pub(crate) registry: Option<Arc<Registry>>,
    pub(crate) reason: String,
}

/// What a configuration asks for.
pub(crate) enum Wanted<'a> {
    /// `agent.model`.
    Model(&'a str),
    /// `agent.preset`.
    Preset(&'a str),
    /// Neither.
    Nothing,
}

/// Chooses: what the configuration names, else its first provider, else a key in the environment, else a server on this
/// machine, else the offline provider. `settings` are those of the configuration alone.
pub(crate) async fn choose(
    wanted: Wanted<'_>,
    mut settings: Settings,
    environment: &Environment,
    board: &Arc<Switchboard>,
) -> Result<Choice, SetupProblem> {
    let configured = settings.providers.keys().next().cloned();
    let found = from_environment(&mut settings, environment);
    let (name, reason) = match (&wanted, configured) {
        (Wanted::Model(name), _) => (Some((*name).to_owned()), format!("agent.model = \"{name}\"")),
        (Wanted::Preset(name), _) => (None, format!("agent.preset = \"{name}\"")),
        (Wanted::Nothing, Some(name)) => {
            let reason = format!("[providers.{name}] is the first provider by name");
            (Some(name), reason)
        }
        (Wanted::Nothing, None) => match found {
            Some((name, variable)) => (Some(name), format!("{variable} is set")),
            None => match detect::local_server(&detect::USUAL, detect::WITHIN).await {
                Some(found) => {
                    let mut section = ProviderSettings::new("openai");
                    section.table = json!({ "base_url": found.base_url });
                    settings.providers.insert(LOCAL.to_owned(), section);
                    let reason = format!("{} answers at {}", found.what, found.base_url);
                    (Some(format!("{LOCAL}/{}", found.model)), reason)
                }
                None => {
                    let reason = "no provider is configured, no key is in the environment, and no local server answers";
                    (Some("offline".to_owned()), reason.to_owned())
                }
            },
        },
    };
    settings.default_provider = match &name {
        Some(name) => name.split('/').next().map(str::to_owned),
        None => settings.providers.keys().next().cloned(),
    };
    let registry = Arc::new(Registry::new(settings, board.clone()));
    let wrong = registry.check();
    if !wrong.is_empty() {
        let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        return Err(SetupProblem::Model(all.join("; ")));
    }
    let ready = match (&name, &wanted) {
        (Some(name), Wanted::Model(_)) => registry
            .model(name)
            .map_err(|error| SetupProblem::Model(format!("agent.model = \"{name}\": {error}")))?,
        (Some(name), _) => registry.model(name).map_err(problem)?,
        (None, Wanted::Preset(name)) => registry.preset(name).map_err(problem)?,
        (None, _) => return Err(SetupProblem::Model("no model is named".into())),
    };
    let models = Models::with_directory(ready.chosen(), registry.clone());
    Ok(Choice { models, registry: Some(registry), reason })
}

fn problem(error: providers::RegistryError) -> SetupProblem {
    SetupProblem::Model(error.to_string())
}

/// Takes keys and addresses of vendors from the environment: `NAME_API_KEY` and `NAME_BASE_URL`. Returns the model that
/// they make the default (`NAME_MODEL`, or the first one that the server lists), and the variable that did.
fn from_environment(settings: &mut Settings, environment: &Environment) -> Option<(String, String)> {
    settings.keys = table::Keys::read(|name| environment.get(name).map(SecretString::from));
    let mut addressed = BTreeMap::new();
    for vendor in table::VENDORS {
        let variable = variable(vendor.name, "BASE_URL");
        let Some(base_url) = environment.get(&variable) else { continue };
        if settings.keys.of(vendor).is_none() && !settings.providers.contains_key(vendor.name) {
            // A server of one's own may need no key.
            let mut section = ProviderSettings::new(vendor.kind);
            section.table = json!({ "base_url": base_url });
            settings.providers.insert(vendor.name.to_owned(), section);
            addressed.insert(vendor.name, variable);
        } else {
            settings.base_urls.insert(vendor.name.to_owned(), base_url.to_owned());
        }
    }
    let keyed = settings.keys.vendors().next().map(|vendor| {
        let held = vendor.env.iter().find(|name| environment.get(name).is_some_and(|key| !key.trim().is_empty()));
        (vendor.name, held.map_or_else(|| variable(vendor.name, "API_KEY"), |name| (*name).to_owned()))
    });
    let (name, why) = keyed.or_else(|| addressed.into_iter().next())?;
    let model = environment.get(&variable(name, "MODEL")).map(|model| format!("{name}/{model}"));
    Some((model.unwrap_or_else(|| name.to_owned()), why))
}

fn variable(name: &str, what: &str) -> String {
    format!("{}_{what}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The key for a configured provider that names none: `NAME_API_KEY` of the environment.
pub(crate) fn key_for(name: &str, environment: &Environment) -> Option<SecretString> {
    environment.get(&variable(name, "API_KEY")).map(SecretString::from)
}
