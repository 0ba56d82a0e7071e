//! The turn, the context and the ports around them.

mod fakes;
mod provider;

pub use fakes::{ScriptedProvider, ScriptedReply};
pub use provider::{
    FinishReason, Finished, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStream,
    ProviderInfo, Retry, TokenUsage,
};

#[cfg(any(test, feature = "contract"))]
pub mod contract;
