//! From a configuration to models, and to what hears and speaks.

use std::sync::Arc;

use agent_core::{Speaker, Transcriber};
use providers::{ProviderSettings, ProviderSetupError, Settings, Switchboard};
use secrecy::SecretString;
use serde_json::Value;

use super::Builder;
use crate::{
    SetupError, SetupProblem,
    config::{AudioSection, ConfigError, KeyPath, PriceSection, ProviderSection},
    provider_choice::{self, Choice, Known},
};

impl Builder {
    /// The models, where the embedding program did not bring its own those of the configuration.
    pub(super) async fn choice(&mut self, problems: &mut Vec<SetupProblem>) -> Option<Choice> {
        match self.models.take() {
            Some(models) => {
                Some(Choice { models, registry: None, reason: "given by the embedding program".into() })
            }
            None => self.choose(problems).await,
        }
    }

    /// What hears voice notes, where the configuration wants that.
    pub(super) fn transcriber(&self, problems: &mut Vec<SetupProblem>) -> Option<Arc<dyn Transcriber>> {
        self.audio("transcription", &self.config.transcription, providers::transcriber, problems)
    }

    /// What reads aloud, where the configuration wants that.
    pub(super) fn speaker(&self, problems: &mut Vec<SetupProblem>) -> Option<Arc<dyn Speaker>> {
        self.audio("speech", &self.config.speech, providers::speaker, problems)
    }

    fn audio<T>(
        &self,
        name: &str,
        section: &AudioSection,
        make: impl FnOnce(Value, Option<SecretString>) -> Result<T, ProviderSetupError>,
        problems: &mut Vec<SetupProblem>,
    ) -> Option<T> {
        if !section.enabled {
            return None;
        }
        let place = KeyPath(vec![name.into()]);
        let key = match &section.api_key {
            Some(reference) => {
                self.config.resolve(place.child("api_key"), reference, &self.environment).map(Some)
            }
            None => Ok(self.environment.get("OPENAI_API_KEY").map(SecretString::from)),
        };
        let table = self.config.resolve_table(&place, &self.environment);
        let built = match (key, table) {
            (Ok(key), Ok(table)) => make(table, key).map_err(SetupProblem::from),
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        };
        built.map_err(|problem| problems.push(problem)).ok()
    }

    /// What names of models can mean, and the name of the default, of which nobody has looked yet whether it can be had. Opens
    /// nothing and starts nothing.
    pub(crate) async fn known_models(self) -> Result<(Arc<providers::Registry>, String), SetupError> {
        let mut problems = Vec::new();
        match self.known(&mut problems).await {
            Some(known) => Ok((known.registry, known.name)),
            None => Err(SetupError(problems)),
        }
    }

    async fn choose(&self, problems: &mut Vec<SetupProblem>) -> Option<Choice> {
        let known = self.known(problems).await?;
        match provider_choice::choose(known, self.config.agent.model.as_deref()) {
            Ok(choice) => Some(crate::routing::apply(choice, &self.config, problems)),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    async fn known(&self, problems: &mut Vec<SetupProblem>) -> Option<Known> {
        let mut settings = Settings {
            presets: self
                .config
                .presets
                .iter()
                .map(|(name, preset)| (name.clone(), preset.preset()))
                .collect(),
            fallback: self.config.agent.fallback.clone(),
            retry: self.config.agent.retry,
            breaker: self.config.agent.breaker.policy(),
            ..Settings::default()
        };
        let before = problems.len();
        for (name, section) in &self.config.providers {
            match self.provider(name, section) {
                Ok(provider) => {
                    settings.providers.insert(name.clone(), provider);
                }
                Err(error) => problems.push(error.into()),
            }
        }
        if problems.len() > before {
            return None;
        }
        let wanted = self.config.agent.model.as_deref();
        let board = self.switchboard();
        Some(provider_choice::known(wanted, settings, &self.environment, &board).await)
    }

    fn provider(&self, name: &str, section: &ProviderSection) -> Result<ProviderSettings, ConfigError> {
        let place = KeyPath(vec!["providers".into(), name.to_owned()]);
        let key = match &section.api_key {
            Some(reference) => {
                Some(self.config.resolve(place.child("api_key"), reference, &self.environment)?)
            }
            None => provider_choice::key_for(name, &self.environment),
        };
        Ok(ProviderSettings {
            kind: section.kind.clone(),
            table: self.config.resolve_table(&place, &self.environment)?,
            key,
            rate: section.rate.policy(),
            tools: section.tools.style(),
            just_in_time: section.just_in_time,
            price: section.price.map(PriceSection::price),
            context: section.context,
        })
    }

    /// What is known of the servers: that of the assistant that runs already, else a new one.
    fn switchboard(&self) -> Arc<Switchboard> {
        self.board.clone().unwrap_or_else(|| Switchboard::new(self.clock.clone(), self.ids.clone()))
    }
}
