//! Which model answers: names, presets and prices.

use std::{collections::BTreeMap, fmt, sync::Arc};

use session_api::{Effort, RunOverrides};

use crate::{LlmProvider, ModelError, ModelErrorKind, Router, TokenUsage};

/// A model that a request can go to.
#[derive(Clone)]
pub struct ChosenModel {
    /// The provider.
    pub provider: Arc<dyn LlmProvider>,
    /// The model, as the provider names it.
    pub model: String,
    /// Who may answer in its place when it fails: providers by name, and their models.
    pub behind: Vec<(String, String)>,
    /// How hard it is to think where nobody says otherwise.
    pub effort: Option<Effort>,
}

impl ChosenModel {
    /// A model with nobody behind it.
    pub fn new(provider: Arc<dyn LlmProvider>, model: impl Into<String>) -> Self {
        Self { provider, model: model.into(), behind: Vec::new(), effort: None }
    }

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

/// Turns names into models, and knows what they cost. The registry of providers is one.
pub trait ModelDirectory: Send + Sync {
    /// The model of this name. The error says what is wrong with the name and what to write instead.
    fn model(&self, name: &str) -> Result<ChosenModel, ModelError>;

    /// The model of this preset.
    fn preset(&self, name: &str) -> Result<ChosenModel, ModelError>;

    /// The model of this name, with `main` and those behind it to answer in its place.
    fn in_front_of(&self, name: &str, main: &str) -> Result<ChosenModel, ModelError>;

    /// What a person may put in front of a slash, by name.
    fn providers(&self) -> Vec<String>;

    /// The presets, by name.
    fn presets(&self) -> Vec<String>;

    /// What a call cost, in millionths of a US dollar; `None` where nobody knows the price. `provider` and `model` are
    /// those that answered.
    fn cost(&self, provider: &str, model: &str, usage: &TokenUsage) -> Option<u64>;

    /// The most that a call may cost, whoever of those behind the chosen model answers; `None` where the price of one of
    /// them is not known.
    fn ceiling(&self, chosen: &ChosenModel, usage: &TokenUsage) -> Option<u64> {
        let first = self.cost(&chosen.provider.info().name, &chosen.model, usage)?;
        chosen
            .behind
            .iter()
            .try_fold(first, |most, (provider, model)| Some(most.max(self.cost(provider, model, usage)?)))
    }
}

/// The model to use when nobody says otherwise, and the directory of all others.
#[derive(Clone)]
pub struct Models {
    default: ChosenModel,
    directory: Arc<dyn ModelDirectory>,
    local: Option<String>,
    routers: Arc<[Arc<dyn Router>]>,
}

impl Models {
    /// `default` and further providers, by their names alone: no presets, and no prices.
    #[must_use]
    pub fn new(default: ChosenModel, others: Vec<Arc<dyn LlmProvider>>) -> Self {
        let all = others.into_iter().chain([default.provider.clone()]);
        let providers = all.map(|provider| (provider.info().name.clone(), provider)).collect();
        let directory = Arc::new(ByName { providers, default: default.clone() });
        Self::with_directory(default, directory)
    }

    /// `default`, and a directory.
    #[must_use]
    pub fn with_directory(default: ChosenModel, directory: Arc<dyn ModelDirectory>) -> Self {
        Self { default, directory, local: None, routers: Arc::from([]) }
    }

    /// These, with a model (by its name) that `/local` switches to.
    #[must_use]
    pub fn with_local(mut self, name: Option<String>) -> Self {
        self.local = name;
        self
    }

    /// These, with routers that are asked in this order where nobody chose a model.
    #[must_use]
    pub fn with_routers(mut self, routers: Vec<Arc<dyn Router>>) -> Self {
        self.routers = routers.into();
        self
    }

    /// What `/local` switches to.
    #[must_use]
    pub fn local(&self) -> Option<&str> {
        self.local.as_deref()
    }

    /// Who is asked where nobody chose a model.
    #[must_use]
    pub fn routers(&self) -> &Arc<[Arc<dyn Router>]> {
        &self.routers
    }

    /// The model that is used when nobody says otherwise.
    #[must_use]
    pub fn default_model(&self) -> &ChosenModel {
        &self.default
    }

    /// All the others.
    #[must_use]
    pub fn directory(&self) -> &dyn ModelDirectory {
        self.directory.as_ref()
    }

    /// The model that `name` means.
    pub fn resolve(&self, name: &str) -> Result<ChosenModel, ModelError> {
        self.directory.model(name)
    }

    /// The model that a router had chosen when the turn began, by its full name.
    pub(crate) fn routed(&self, name: &str) -> Result<ChosenModel, ModelError> {
        self.directory.in_front_of(name, &self.default.name())
    }

    /// The model for a run: its override, else the session's choice, else the default.
    pub fn choose(&self, overrides: &RunOverrides, session: Option<&str>) -> Result<ChosenModel, ModelError> {
        match (&overrides.preset, overrides.model.as_deref().or(session)) {
            (Some(preset), _) => self.directory.preset(preset),
            (None, Some(name)) => self.resolve(name),
            (None, None) => Ok(self.default.clone()),
        }
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("default", &self.default).finish_non_exhaustive()
    }
}

/// Providers that were handed in, each under its own name.
struct ByName {
    providers: BTreeMap<String, Arc<dyn LlmProvider>>,
    default: ChosenModel,
}

impl ByName {
    fn unknown(&self, message: &str) -> ModelError {
        let message = format!("{message}; known providers are {}", self.providers().join(", "));
        ModelError::new(ModelErrorKind::NotConfigured, message)
    }
}

impl ModelDirectory for ByName {
    /// `PROVIDER/MODEL`, or a model of the default provider.
    fn model(&self, name: &str) -> Result<ChosenModel, ModelError> {
        let named =
            name.split_once('/').and_then(|(provider, model)| Some((self.providers.get(provider)?, model)));
        // The offline provider has no models that one could mean: it would answer whatever the name.
        if named.is_none() && self.default.provider.info().kind == "offline" && name != self.default.model {
            return Err(self.unknown(&format!("there is no provider for the model `{name}`")));
        }
        let (provider, model) = named.unwrap_or((&self.default.provider, name));
        if model.trim().is_empty() {
            return Err(self.unknown(&format!("`{name}` names no model; write PROVIDER/MODEL")));
        }
        Ok(ChosenModel::new(provider.clone(), model))
    }

    fn preset(&self, name: &str) -> Result<ChosenModel, ModelError> {
        // Taking the default instead would answer with a model that nobody asked for.
        Err(self.unknown(&format!("there is no preset `{name}`; name a model as PROVIDER/MODEL instead")))
    }

    /// Nobody stands behind it: these providers have no chains.
    fn in_front_of(&self, name: &str, _main: &str) -> Result<ChosenModel, ModelError> {
        self.model(name)
    }

    fn providers(&self) -> Vec<String> {
        self.providers.keys().cloned().collect()
    }

    fn presets(&self) -> Vec<String> {
        Vec::new()
    }

    fn cost(&self, _: &str, _: &str, _: &TokenUsage) -> Option<u64> {
        None
    }
}
