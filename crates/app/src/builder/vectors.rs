//! From a configuration to vectors of what was said and noted.

use std::{sync::Arc, time::Duration};

use agent_core::{Embedder, Vectors, VectorsConfig};
use providers::{EmbedderOf, ProviderSetupError, embedder_of, table};
use session_api::Stores;

use super::Builder;
use crate::{SetupProblem, config::EmbeddingsSection, config::KeyPath, provider_choice};

impl Builder {
    /// What makes vectors, where the configuration wants that.
    pub(super) fn vectors(&self, stores: &Stores, embedder: Arc<dyn Embedder>) -> Arc<Vectors> {
        let section = &self.config.memory.embeddings;
        let mut model = section.model.clone().unwrap_or_default();
        if let Some(dimensions) = section.dimensions {
            model.push_str(&format!("@{dimensions}"));
        }
        let config = VectorsConfig {
            model,
            batch: usize::try_from(section.batch).unwrap_or(1),
            least: f32::from(section.similarity_percent) / 100.0,
            patience: Duration::from_secs(u64::from(section.wait_seconds)),
        };
        Arc::new(Vectors::new(stores.vectors.clone(), embedder, self.clock.clone(), config))
    }

    /// The model of `[memory.embeddings]`, where one is named.
    pub(super) fn embedder(&self, problems: &mut Vec<SetupProblem>) -> Option<Arc<dyn Embedder>> {
        let section = &self.config.memory.embeddings;
        let (provider, model) = section.model.as_deref()?.split_once('/')?;
        let found = if self.config.providers.contains_key(provider) {
            self.at_configured(section, provider, model)
        } else {
            self.at_vendor(section, provider, model).map_err(SetupProblem::from)
        };
        found.map_err(|problem| problems.push(problem)).ok()
    }

    fn at_configured(
        &self,
        section: &EmbeddingsSection,
        provider: &str,
        model: &str,
    ) -> Result<Arc<dyn Embedder>, SetupProblem> {
        let Some(configured) = self.config.providers.get(provider) else {
            return Err(unknown(provider).into());
        };
        let place = KeyPath(vec!["providers".into(), provider.to_owned()]);
        let key = match &configured.api_key {
            Some(reference) => {
                Some(self.config.resolve(place.child("api_key"), reference, &self.environment)?)
            }
            None => provider_choice::key_for(provider, &self.environment),
        };
        let table = self.config.resolve_table(&place, &self.environment)?;
        let base_url = table["base_url"].as_str();
        Ok(embedder_of(&of(section, provider, &configured.kind, base_url, model), key)?)
    }

    /// A vendor that nobody configured: its key, and perhaps its address, are in the environment.
    fn at_vendor(
        &self,
        section: &EmbeddingsSection,
        provider: &str,
        model: &str,
    ) -> Result<Arc<dyn Embedder>, ProviderSetupError> {
        if let Some(kind) =
            providers::kinds().iter().find(|kind| kind.name == provider && kind.base_url.is_empty())
        {
            return embedder_of(&of(section, provider, kind.name, None, model), None);
        }
        let vendor = table::vendor(provider).ok_or_else(|| unknown(provider))?;
        let variable = provider_choice::variable(vendor.name, "BASE_URL");
        let usual = (!vendor.base_url.is_empty()).then_some(vendor.base_url);
        let base_url = self.environment.get(&variable).or(usual);
        let mut keys = vendor.env.iter().filter_map(|name| self.environment.get(name));
        let key = keys.next().map(secrecy::SecretString::from);
        embedder_of(&of(section, provider, vendor.kind, base_url, model), key)
    }
}

fn of<'a>(
    section: &EmbeddingsSection,
    provider: &'a str,
    kind: &'a str,
    base_url: Option<&'a str>,
    model: &'a str,
) -> EmbedderOf<'a> {
    let (dimensions, batch) = (section.dimensions, usize::try_from(section.batch).unwrap_or(1));
    EmbedderOf { provider, kind, base_url, model, dimensions, batch }
}

fn unknown(provider: &str) -> ProviderSetupError {
    ProviderSetupError::Value {
        name: provider.to_owned(),
        key: "model",
        message: format!(
            "`memory.embeddings.model` names it, and nobody knows it; set up [providers.{provider}]"
        ),
    }
}
