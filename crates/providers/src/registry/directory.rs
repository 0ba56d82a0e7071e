//! The registry as the core knows it.

use agent_core::{ChosenModel, ModelDirectory, ModelError, ModelErrorKind, TokenUsage};

use super::{Registry, RegistryError, find::OFFLINE};

impl From<RegistryError> for ModelError {
    fn from(error: RegistryError) -> Self {
        Self::new(ModelErrorKind::NotConfigured, error.to_string())
    }
}

impl ModelDirectory for Registry {
    /// The name of a preset is one of a model too.
    fn model(&self, name: &str) -> Result<ChosenModel, ModelError> {
        let ready = if self.is_preset(name) { Self::preset(self, name) } else { Self::model(self, name) };
        Ok(ready?.chosen())
    }

    fn preset(&self, name: &str) -> Result<ChosenModel, ModelError> {
        Ok(Self::preset(self, name)?.chosen())
    }

    fn in_front_of(&self, name: &str, main: &str) -> Result<ChosenModel, ModelError> {
        Ok(Self::in_front_of(self, name, main)?.chosen())
    }

    /// The configured providers, and the vendors with a key.
    fn providers(&self) -> Vec<String> {
        let mut names: Vec<String> = self.settings.providers.keys().cloned().collect();
        names.extend(self.keys().vendors().map(|vendor| vendor.name.to_owned()));
        names.push(OFFLINE.to_owned());
        names.sort();
        names.dedup();
        names
    }

    fn presets(&self) -> Vec<String> {
        self.settings.presets.keys().cloned().collect()
    }

    fn cost(&self, provider: &str, model: &str, usage: &TokenUsage) -> Option<u64> {
        Self::cost(self, provider, model, usage)
    }
}
