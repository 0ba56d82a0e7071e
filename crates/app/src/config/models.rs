//! What a configuration says about models: how servers are asked, presets, and what may be spent.

use agent_core::SpendingCaps;
use providers::{
    Preset,
    layers::{BreakerPolicy, RatePolicy, ToolStyle},
    price::PriceConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use session_api::Effort;

/// How fast a provider may be asked with one key, by all that this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateSection {
    /// Most requests in any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Most tokens in any 60 seconds, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000u64))]
    pub tokens_per_minute: Option<u64>,
    /// The longest that a request waits for its turn, in seconds. One with a fallback does not wait.
    #[schemars(range(min = 0, max = 3600))]
    pub longest_wait_seconds: u64,
}

impl Default for RateSection {
    fn default() -> Self {
        let RatePolicy { requests_per_minute, tokens_per_minute, longest_wait_seconds } =
            RatePolicy::default();
        Self { requests_per_minute, tokens_per_minute, longest_wait_seconds }
    }
}

impl RateSection {
    pub(crate) fn policy(self) -> RatePolicy {
        let Self { requests_per_minute, tokens_per_minute, longest_wait_seconds } = self;
        RatePolicy { requests_per_minute, tokens_per_minute, longest_wait_seconds }
    }
}

/// When a server that fails is left alone for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSection {
    /// After so many failures in a row; 0: never.
    #[schemars(range(min = 0, max = 1000))]
    pub failures: u32,
    /// For so many seconds at first; it doubles each time the server fails again when it is tried.
    #[schemars(range(min = 1, max = 3600))]
    pub cool_down_seconds: u64,
    /// For so many seconds at most.
    #[schemars(range(min = 1, max = 86_400))]
    pub longest_seconds: u64,
}

impl Default for BreakerSection {
    fn default() -> Self {
        let BreakerPolicy { failures, cool_down_seconds, longest_seconds } = BreakerPolicy::default();
        Self { failures, cool_down_seconds, longest_seconds }
    }
}

impl BreakerSection {
    pub(crate) fn policy(self) -> BreakerPolicy {
        let Self { failures, cool_down_seconds, longest_seconds } = self;
        BreakerPolicy { failures, cool_down_seconds, longest_seconds }
    }
}

/// What the models of a provider cost, in US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    /// Read.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub input: f64,
    /// Written.
    #[schemars(range(min = 0.0, max = 1e6))]
    pub output: f64,
    /// Read from a cache; without it as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub cached: Option<f64>,
    /// Put into a cache; without it as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub cache_write: Option<f64>,
}

impl PriceSection {
    pub(crate) fn price(self) -> PriceConfig {
        let Self { input, output, cached, cache_write } = self;
        PriceConfig { input, output, cached, cache_write }
    }
}

/// How the models of a provider call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolsSection {
    /// In plain text where the model is known to know no other way, and the server is one of your own.
    #[default]
    Auto,
    /// By the fields that the wire format has for them.
    Native,
    /// In plain text, for models that were never taught anything else.
    Text,
}

impl ToolsSection {
    pub(crate) fn style(self) -> Option<ToolStyle> {
        match self {
            Self::Auto => None,
            Self::Native => Some(ToolStyle::Native),
            Self::Text => Some(ToolStyle::Text),
        }
    }
}

/// A model under a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetSection {
    /// The model, as anywhere else.
    #[schemars(length(min = 1))]
    pub model: String,
    /// Who is asked, in this order, when it fails; without it `agent.fallback`, and `[]` for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Vec<String>>,
    /// How hard it thinks before it answers: `off`, `low`, `medium` or `high`; without it `agent.effort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::effort")]
    pub effort: Option<Effort>,
}

impl PresetSection {
    pub(crate) fn preset(&self) -> Preset {
        Preset { model: self.model.clone(), fallback: self.fallback.clone(), effort: self.effort }
    }
}

/// How much money may be spent on models, in US dollars. Days and months are those of UTC. Where a limit is set, a model
/// whose price is not known is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpendingSection {
    /// For one message, however many calls of models it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub turn: Option<f64>,
    /// In a day, over all conversations. The chat is warned at 80 %; `/usage extend day DOLLARS` allows more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub day: Option<f64>,
    /// In a month, over all conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub month: Option<f64>,
    /// The most tokens that a reply may have while there is a limit: what a call may cost must be known before it.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub reply_tokens: u32,
}

impl Default for SpendingSection {
    fn default() -> Self {
        Self { turn: None, day: None, month: None, reply_tokens: SpendingCaps::default().reply_tokens }
    }
}

impl SpendingSection {
    pub(crate) fn caps(self) -> SpendingCaps {
        // A cast of a float ends at the bounds of the integer.
        let micros = |dollars: Option<f64>| dollars.map(|dollars| (dollars * 1e6).round() as u64);
        let Self { turn, day, month, reply_tokens } = self;
        SpendingCaps { turn: micros(turn), day: micros(day), month: micros(month), reply_tokens }
    }
}
