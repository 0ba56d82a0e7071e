//! Who answers a message, where nobody has chosen: the main model, a specialist, or a tool alone.
//!
//! Routers are asked in order at the beginning of a turn; the first that decides is followed. Whatever one cannot do, be it
//! that it fails, takes too long or says something odd, means that the main model answers.

mod rules;
mod small;

use std::time::Duration;

use async_trait::async_trait;
use tool_api::ToolSpec;

pub use rules::{Rule, RuleError, Rules};
pub use small::SmallModel;

use crate::{ChosenModel, ModelError, TokenUsage};

/// The longest that routers may take together: somebody waits, and has not even been begun to be answered.
pub const LONGEST_ROUTING: Duration = Duration::from_secs(8);

/// What is asked of a router.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What the person wrote.
    pub text: &'a str,
    /// The tools that may be called without a model: they only look.
    pub tools: &'a [ToolSpec],
    /// For the logs of the server that is asked.
    pub correlation: &'a str,
}

/// Who answers.
#[derive(Debug, Clone)]
pub enum Destination {
    /// The main model.
    Main,
    /// Another one.
    Model(ChosenModel),
    /// A tool, whose result is the answer.
    Tool {
        /// Its name.
        name: String,
        /// JSON, not checked yet.
        arguments: String,
    },
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Routed {
    /// Who answers.
    pub to: Destination,
    /// Why, for a person.
    pub why: String,
    /// What the question used, where a model was asked.
    pub used: Option<Used>,
}

/// What a router's own model call used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The provider that answered.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// How much.
    pub tokens: TokenUsage,
    /// Whether that is only our estimate.
    pub estimated: bool,
}

/// Decides who answers.
#[async_trait]
pub trait Router: Send + Sync {
    /// What it is called where its decisions are shown.
    fn name(&self) -> String;

    /// The model that it asks, and what its request has for tokens at most (read, written); `None`: it asks none, and costs
    /// nothing.
    fn asks(&self, _asked: &Asked<'_>) -> Option<(ChosenModel, TokenUsage)> {
        None
    }

    /// Decides; `None`: it has no opinion. It is dropped when it takes too long.
    async fn route(&self, asked: &Asked<'_>) -> Result<Option<Routed>, ModelError>;
}
