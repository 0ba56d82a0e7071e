//! Which model answers when nobody says otherwise, and why that one.

use std::{collections::BTreeMap, sync::Arc};

use agent_core::{ModelDirectory, Models};
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

/// What names can mean here, and the one that counts when nobody says otherwise.
pub(crate) struct Known {
    pub(crate) registry: Arc<Registry>,
    /// The default: a model or a preset. Nobody has looked yet whether it can be had.
    pub(crate) name: String,
    reason: String,
}

/// Finds that out: what the configuration names, else its first provider, else a key in the environment, else a server on this
/// machine, else the offline provider. `wanted` is `agent.model`, `settings` are those of the configuration alone.
pub(crate) async fn known(
    wanted: Option<&str>,
    mut settings: Settings,
    environment: &Environment,
    board: &Arc<Switchboard>,
) -> Known {
    let configured = settings.providers.keys().next().cloned();
    let found = from_environment(&mut settings, environment);
    let (name, reason) = match (wanted, configured, found) {
        (Some(name), ..) => (name.to_owned(), format!("agent.model = \"{name}\"")),
        (None, Some(name), _) => {
            let reason = format!("[providers.{name}] is the first provider by name");
            (name, reason)
        }
        (None, None, Some((name, variable))) => (name, format!("{variable} is set")),
        (None, None, None) => match detect::local_server(&detect::USUAL, detect::WITHIN).await {
            Some(found) => {
                let mut section = ProviderSettings::new("openai");
                section.table = json!({ "base_url": found.base_url });
                settings.providers.insert(LOCAL.to_owned(), section);
                (format!("{LOCAL}/{}", found.model), format!("{} answers at {}", found.what, found.base_url))
            }
            None => {
                let reason =
                    "no provider is configured, no key is in the environment, and no local server answers";
                ("offline".to_owned(), reason.to_owned())
            }
        },
    };
    let front = settings.presets.get(&name).map_or(name.as_str(), |preset| preset.model.as_str());
    settings.default_provider = front.split('/').next().map(str::to_owned);
    Known { registry: Arc::new(Registry::new(settings, board.clone())), name, reason }
}

/// The model of [`Known::name`], where it and all that is configured beside it can be had. `wanted` is `agent.model`.
pub(crate) fn choose(known: Known, wanted: Option<&str>) -> Result<Choice, SetupProblem> {
    let Known { registry, name, reason } = known;
    let wrong = registry.check();
    if !wrong.is_empty() {
        let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        return Err(SetupProblem::Model(all.join("; ")));
    }
    let default = ModelDirectory::model(registry.as_ref(), &name).map_err(|error| {
        let place = wanted.map_or_else(String::new, |name| format!("agent.model = \"{name}\": "));
        SetupProblem::Model(format!("{place}{error}"))
    })?;
    Ok(Choice { models: Models::with_directory(default, registry.clone()), registry: Some(registry), reason })
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
        let held =
            vendor.env.iter().find(|name| environment.get(name).is_some_and(|key| !key.trim().is_empty()));
        (vendor.name, held.map_or_else(|| variable(vendor.name, "API_KEY"), |name| (*name).to_owned()))
    });
    let (name, why) = keyed.or_else(|| addressed.into_iter().next())?;
    let model = environment.get(&variable(name, "MODEL")).map(|model| format!("{name}/{model}"));
    Some((model.unwrap_or_else(|| name.to_owned()), why))
}

/// The name of a variable that says something of a vendor or a provider: `NAME_BASE_URL`.
pub(crate) fn variable(name: &str, what: &str) -> String {
    format!("{}_{what}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The key for a configured provider that names none: `NAME_API_KEY` of the environment.
pub(crate) fn key_for(name: &str, environment: &Environment) -> Option<SecretString> {
    environment.get(&variable(name, "API_KEY")).map(SecretString::from)
}
