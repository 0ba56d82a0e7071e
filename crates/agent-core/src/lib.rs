//! The turn, the context and the ports around them.

mod provider;

pub use provider::{
    FinishReason, Finished, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStream,
    ProviderInfo, Retry, TokenUsage,
};
