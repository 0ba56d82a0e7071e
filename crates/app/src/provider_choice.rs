//! Which model answers when nobody says otherwise, and why that one.

mod first_model;

use std::{collections::BTreeMap, sync::Arc};

use agent_core::{ChosenModel, LlmProvider, Models};
use providers::detect;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{Environment, SetupProblem};
use first_model::FirstModel;

/// The name of a model that stands for the first one that its provider lists.
pub(crate) const FIRST: &str = "first";

/// Providers that a key in the environment sets up: name, base URL. The key is `NAME_API_KEY`; `NAME_BASE_URL` and
/// `NAME_MODEL` say more. With several keys the first one here counts.
const KEYED: [(&str, &str); 6] = [
    ("openrouter", "https://openrouter.ai/api/v1"),
    ("deepseek", "https://api.deepseek.com/v1"),
    ("openai", "https://api.openai.com/v1"),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    ("zhipu", "https://open.bigmodel.cn/api/paas/v4"),
    ("groq", "https://api.groq.com/openai/v1"),
];

/// The models of a core, and why the default is what it is.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) models: Models,
    pub(crate) reason: String,
}

/// Chooses: what the configuration names, else a key in the environment, else a server on this machine, else the
/// offline provider. `configured` are the providers of the configuration by name; `wrap` puts the layers around one.
pub(crate) async fn choose(
    model: Option<&str>,
    configured: BTreeMap<String, Arc<dyn LlmProvider>>,
    environment: &Environment,
    wrap: &(dyn Fn(Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> + Sync),
) -> Result<Choice, SetupProblem> {
    let offline = || providers::build("offline", "offline", Value::Null, None);
    let mut all: BTreeMap<String, Arc<dyn LlmProvider>> =
        configured.into_iter().map(|(name, provider)| (name, first_model_of(wrap(provider)))).collect();
    let (name, model, reason) = if let Some(wanted) = model {
        let (name, model) = named(wanted, &all)?;
        if !all.contains_key(&name) {
            // Only `offline` needs no section of its own.
            all.insert(name.clone(), offline()?);
        }
        (name, model, format!("agent.model = \"{wanted}\""))
    } else if let Some(name) = all.keys().next().cloned() {
        (name.clone(), FIRST.to_owned(), format!("[providers.{name}] is the first provider by name"))
    } else if let Some((name, provider, model, key)) = keyed(environment)? {
        all.insert(name.clone(), first_model_of(wrap(provider)));
        (name, model, format!("{key} is set"))
    } else if let Some(found) = detect::local_server(&detect::USUAL, detect::WITHIN).await {
        let provider = providers::build("local", "openai", json!({ "base_url": found.base_url }), None)?;
        all.insert("local".into(), wrap(provider));
        let reason = format!("{} answers at {}", found.what, found.base_url);
        ("local".to_owned(), found.model, reason)
    } else {
        let reason = "no provider is configured, no key is in the environment, and no local server answers";
        ("offline".to_owned(), "offline".to_owned(), reason.to_owned())
    };
    if !all.contains_key("offline") {
        all.insert("offline".into(), offline()?);
    }
    let Some(provider) = all.get(&name).cloned() else {
        return Err(SetupProblem::Model(format!("there is no provider `{name}`")));
    };
    let models = Models::new(ChosenModel { provider, model }, all.into_values().collect());
    Ok(Choice { models, reason })
}

/// `NAME/MODEL`, or `NAME` alone for the provider's first model.
fn named(
    wanted: &str,
    configured: &BTreeMap<String, Arc<dyn LlmProvider>>,
) -> Result<(String, String), SetupProblem> {
    let (name, model) = wanted.split_once('/').unwrap_or((wanted, FIRST));
    if configured.contains_key(name) || name == "offline" {
        let model = if name == "offline" { "offline" } else { model };
        if model.trim().is_empty() {
            return Err(SetupProblem::Model(format!(
                "agent.model = \"{wanted}\" names no model behind the slash"
            )));
        }
        return Ok((name.to_owned(), model.to_owned()));
    }
    let known: Vec<&str> = configured.keys().map(String::as_str).chain(["offline"]).collect();
    Err(SetupProblem::Model(format!(
        "agent.model = \"{wanted}\": there is no [providers.{name}]; known providers are {}",
        known.join(", ")
    )))
}

type Keyed = (String, Arc<dyn LlmProvider>, String, String);

/// The first provider that the environment sets up.
fn keyed(environment: &Environment) -> Result<Option<Keyed>, SetupProblem> {
    for (name, usual_url) in KEYED {
        let upper = name.to_ascii_uppercase();
        let variable = |what: &str| format!("{upper}_{what}");
        let key = environment.get(&variable("API_KEY"));
        let url = environment.get(&variable("BASE_URL"));
        // A server of one's own may need no key.
        let Some(why) = key.map(|_| variable("API_KEY")).or_else(|| url.map(|_| variable("BASE_URL"))) else {
            continue;
        };
        let table = json!({ "base_url": url.unwrap_or(usual_url) });
        let provider = providers::build(name, "openai", table, key.map(SecretString::from))?;
        let model = environment.get(&variable("MODEL")).unwrap_or(FIRST).to_owned();
        return Ok(Some((name.to_owned(), provider, model, why)));
    }
    Ok(None)
}

/// The key for a configured provider that names none: `NAME_API_KEY` of the environment.
pub(crate) fn key_for(name: &str, environment: &Environment) -> Option<SecretString> {
    let variable = format!("{}_API_KEY", name.to_ascii_uppercase().replace('-', "_"));
    environment.get(&variable).map(SecretString::from)
}

fn first_model_of(provider: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    Arc::new(FirstModel::new(provider))
}
