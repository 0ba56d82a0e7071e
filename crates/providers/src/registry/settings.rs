//! What a registry knows of the configuration.

use std::{collections::BTreeMap, fmt};

use agent_core::RetryPolicy;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use session_api::Effort;

use crate::{
    layers::{BreakerPolicy, RatePolicy, ToolStyle},
    price::PriceConfig,
    table::Keys,
};

/// Everything that decides which model a name means and how it is asked. Made by whoever reads configuration and
/// environment.
#[derive(Clone, Default)]
pub struct Settings {
    /// The keys of vendors that need no section of their own.
    pub keys: Keys,
    /// Other addresses of vendors, by the vendor's name: what `NAME_BASE_URL` says.
    pub base_urls: BTreeMap<String, String>,
    /// The configured providers, by name. A name here goes before a vendor of the same name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// The provider that a model is taken from when its name says nothing of a provider.
    pub default_provider: Option<String>,
    /// Models with a name of their own.
    pub presets: BTreeMap<String, Preset>,
    /// Who is asked, in this order, when a model fails that has no fallback of its own.
    pub fallback: Vec<String>,
    /// How often and how patiently a call is tried again.
    pub retry: RetryPolicy,
    /// When a server is left alone.
    pub breaker: BreakerPolicy,
}

impl fmt::Debug for Settings {
    /// Without what the URLs may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, url): (&String, &String)| (name.clone(), crate::exchange::shown(url));
        f.debug_struct("Settings")
            .field("keys", &self.keys)
            .field("base_urls", &self.base_urls.iter().map(shown).collect::<BTreeMap<_, _>>())
            .field("providers", &self.providers)
            .field("default_provider", &self.default_provider)
            .field("presets", &self.presets)
            .field("fallback", &self.fallback)
            .field("retry", &self.retry)
            .field("breaker", &self.breaker)
            .finish()
    }
}

/// A configured provider.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Its kind, as [`kinds`](crate::kinds) names them.
    pub kind: String,
    /// Its table without `kind`, `api_key` and what else stands here.
    pub table: Value,
    /// Its key.
    pub key: Option<SecretString>,
    /// How fast it may be asked.
    pub rate: RatePolicy,
    /// How its models call tools, where it is not by what is known of them.
    pub tools: Option<ToolStyle>,
    /// Whether its server loads a model when it is asked for, so that it is asked one thing after the other.
    pub just_in_time: bool,
    /// What its models cost, where it is not what the vendor's do.
    pub price: Option<PriceConfig>,
    /// The most tokens that a request to its models may hold, where it is not what the vendor's may.
    pub context: Option<u32>,
}

impl fmt::Debug for ProviderSettings {
    /// Without the values of its table, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.table.as_object().into_iter().flat_map(|table| table.keys()).collect();
        f.debug_struct("ProviderSettings")
            .field("kind", &self.kind)
            .field("table", &keys)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl ProviderSettings {
    /// A provider with nothing but a kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            table: Value::Object(serde_json::Map::new()),
            key: None,
            rate: RatePolicy::default(),
            tools: None,
            just_in_time: false,
            price: None,
            context: None,
        }
    }
}

/// A model under a name of its own, with those that stand behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The model, as anywhere else.
    pub model: String,
    /// Who is asked, in this order, when it fails; without it as for every other model, and `[]` for nobody.
    #[serde(default)]
    pub fallback: Option<Vec<String>>,
    /// How hard it thinks.
    #[serde(default)]
    pub effort: Option<Effort>,
}
