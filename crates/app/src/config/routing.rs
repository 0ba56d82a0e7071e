//! The section `[routing]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who answers a message for which nobody chose a model (`--model`, `/model`, `/local`). Without anything here the main model
/// does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingSection {
    /// A small model that chooses between the main model, the specialist and a tool that only looks, where no rule fits.
    /// It is waited for 8 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// The model for what needs long thought; the main model stands behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub specialist: Option<String>,
    /// A cheap model that runs the tool loop: once the model that answers has called tools, this one says which come next, until
    /// it wants none. When it fails, the model that answers goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub worker: Option<String>,
    /// How often the worker is asked in one turn, at most.
    #[schemars(range(min = 1, max = 1000))]
    pub worker_calls: u32,
    /// Rules by name; of several that fit the first by name counts.
    pub rules: BTreeMap<String, RuleSection>,
}

impl Default for RoutingSection {
    fn default() -> Self {
        Self { model: None, specialist: None, worker: None, worker_calls: 10, rules: BTreeMap::new() }
    }
}

/// A rule: what a message must look like, and who answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSection {
    /// A regular expression that is looked for in the message, in upper or lower case.
    #[serde(rename = "match")]
    #[schemars(length(min = 1))]
    pub pattern: String,
    /// The model that answers, or a preset; the main model stands behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// In its place a tool that is called without arguments, and whose result is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub tool: Option<String>,
}
