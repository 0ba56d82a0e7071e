//! The immutable core: what a turn needs to know of the configuration, taken as one snapshot when it starts.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use session_api::RunOverrides;
use sha2::{Digest, Sha256};
use tool_api::{Approver, Registry, ToolSpec};

use crate::{Hook, LlmProvider, ModelError, ModelErrorKind, PromptSource, Transcriber, turn::Limits};

/// How much room each thing has in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Most messages of history in a request.
    pub history_messages: usize,
    /// Most bytes of stored history in a request.
    pub history_bytes: usize,
    /// Most bytes of one instruction file; a longer one is left out whole and the model is told.
    pub file_bytes: usize,
    /// Most characters of one tool result; a longer one is stored whole and cut.
    pub result_chars: usize,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { history_messages: 200, history_bytes: 256 * 1024, file_bytes: 32 * 1024, result_chars: 16_000 }
    }
}

/// A model that a request can go to.
#[derive(Clone)]
pub struct ChosenModel {
    /// The provider.
    pub provider: Arc<dyn LlmProvider>,
    /// The model, as the provider names it.
    pub model: String,
}

impl ChosenModel {
    /// `PROVIDER/MODEL`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider.info().name, self.model)
    }
}

impl fmt::Debug for ChosenModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The providers by name, and the model to use when nobody says otherwise.
#[derive(Clone)]
pub struct Models {
    providers: BTreeMap<String, Arc<dyn LlmProvider>>,
    default: ChosenModel,
}

impl Models {
    /// `default` and further providers.
    #[must_use]
    pub fn new(default: ChosenModel, others: Vec<Arc<dyn LlmProvider>>) -> Self {
        let all = others.into_iter().chain([default.provider.clone()]);
        let providers = all.map(|provider| (provider.info().name.clone(), provider)).collect();
        Self { providers, default }
    }

    /// The model that is used when nobody says otherwise.
    #[must_use]
    pub fn default_model(&self) -> &ChosenModel {
        &self.default
    }

    /// All providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<dyn LlmProvider>> {
        self.providers.values()
    }

    /// The model that `name` means: `PROVIDER/MODEL`, or a model of the default provider.
    pub fn resolve(&self, name: &str) -> Result<ChosenModel, ModelError> {
        let named =
            name.split_once('/').and_then(|(provider, model)| Some((self.providers.get(provider)?, model)));
        // The offline provider has no models that one could mean: it would answer whatever the name.
        if named.is_none() && self.default.provider.info().kind == "offline" && name != self.default.model {
            let known: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            let message = format!(
                "there is no provider for the model `{name}`; known providers are {}",
                known.join(", ")
            );
            return Err(ModelError::new(ModelErrorKind::NotConfigured, message));
        }
        let (provider, model) = named.unwrap_or((&self.default.provider, name));
        if model.trim().is_empty() {
            let known: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            let message =
                format!("`{name}` names no model; write PROVIDER/MODEL, with one of: {}", known.join(", "));
            return Err(ModelError::new(ModelErrorKind::NotConfigured, message));
        }
        Ok(ChosenModel { provider: provider.clone(), model: model.to_owned() })
    }

    /// The model for a run: its override, else the session's choice, else the default.
    pub fn choose(&self, overrides: &RunOverrides, session: Option<&str>) -> Result<ChosenModel, ModelError> {
        if let Some(preset) = &overrides.preset {
            // Taking the default instead would answer with a model that nobody asked for.
            let message = format!("there is no preset `{preset}`; name a model as PROVIDER/MODEL instead");
            return Err(ModelError::new(ModelErrorKind::NotConfigured, message));
        }
        match overrides.model.as_deref().or(session) {
            Some(name) => self.resolve(name),
            None => Ok(self.default.clone()),
        }
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("default", &self.default).finish_non_exhaustive()
    }
}

#[derive(Clone)]
/// A snapshot of everything configured. Immutable: a reload makes another one, and turns under way keep theirs.
pub struct Core {
    /// The providers.
    pub models: Models,
    /// The tools.
    pub tools: Registry,
    /// Who decides about calls.
    pub approver: Arc<dyn Approver>,
    /// What an embedder hung in.
    pub hooks: Vec<Arc<dyn Hook>>,
    /// Where instructions come from.
    pub prompts: Arc<dyn PromptSource>,
    /// What hears voice notes; `None`: they are named, not heard.
    pub transcriber: Option<Arc<dyn Transcriber>>,
    /// How far a turn may go.
    pub limits: Limits,
    /// How much room each thing has.
    pub budget: BudgetConfig,
    /// How long a question stays open.
    pub approval_expiry: Duration,
}

impl Core {
    /// The tools on offer to a run, by name.
    #[must_use]
    pub fn specs(&self, overrides: &RunOverrides) -> Arc<[ToolSpec]> {
        match &overrides.tools {
            None => self.tools.shared_specs(),
            Some(only) => self.tools.specs().filter(|spec| only.contains(&spec.name)).cloned().collect(),
        }
    }

    /// A digest of what decides how a turn goes on: default model, tools and limits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.models.default_model().name());
        for spec in self.tools.specs() {
            hasher.update(spec.digest());
        }
        hasher.update(format!("{:?}{:?}", self.limits, self.budget));
        hex::encode(&hasher.finalize()[..8])
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("models", &self.models)
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
