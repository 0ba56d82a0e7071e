//! Layers around a provider, each of them a provider itself, in the order in which the registry puts them on, outermost
//! first:
//!
//! 1. [`RetryingProvider`](agent_core::RetryingProvider), which stands beside the port: it asks again, but only when all
//!    that follow have failed.
//! 2. [`FailoverProvider`]: the next of a chain takes over, also in mid-stream.
//! 3. [`FirstModelProvider`]: "the first model that the server lists".
//! 4. [`BreakingProvider`]: a server that fails again and again is left alone for a while.
//! 5. [`RateLimitedProvider`]: no more requests and tokens in a minute than agreed, and none while the server wants none.
//! 6. [`JustInTimeProvider`]: one request after the other, and none before the model is loaded.
//! 7. [`TextToolsProvider`]: tools in plain text, for models that know no other way.
//!
//! Time limits are no layer: every adapter keeps them itself (connect, idle, total), where its errors can name the key to
//! change. The state of the fourth and fifth belongs to a server and a key, not to the provider that wears them: it is shared
//! by all that ask there, and lives on when the configuration is read again.

mod breaker;
mod breaking;
mod failover;
mod first_model;
#[cfg(feature = "openai")]
mod just_in_time;
mod rate;
mod rate_limited;
#[cfg(feature = "openai")]
mod text_tools;
mod watch;

pub use breaker::{Breaker, BreakerPolicy, BreakerState};
pub use breaking::BreakingProvider;
pub use failover::{FailoverProvider, Link};
pub use first_model::{FIRST, FirstModelProvider};
#[cfg(feature = "openai")]
pub use just_in_time::{Gate, JustInTimeProvider};
pub use rate::{Rate, RatePolicy, RateState};
pub use rate_limited::RateLimitedProvider;
#[cfg(feature = "openai")]
pub use text_tools::{TextToolsProvider, ToolStyle};

#[cfg(test)]
#[cfg(feature = "openai")]
mod contract_tests;

/// Whole milliseconds.
fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The tokens of what a request says, by estimate.
fn estimate(request: &agent_core::ModelRequest) -> u64 {
    let texts =
        request.messages.iter().flat_map(|message| &message.parts).filter_map(session_api::Part::as_text);
    texts.chain([&*request.system]).map(agent_core::estimate_tokens).sum()
}
