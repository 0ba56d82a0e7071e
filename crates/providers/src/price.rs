//! What a model call costs.

use agent_core::TokenUsage;
use serde::{Deserialize, Serialize};

use crate::table::Price;

/// A price as its owner writes it: US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from a cache; without it as `input`.
    pub cached: Option<f64>,
    /// Put into a cache; without it as `input`.
    pub cache_write: Option<f64>,
}

impl PriceConfig {
    /// The price in millionths of a dollar. What is negative or no number counts as nothing.
    #[must_use]
    pub fn price(&self) -> Price {
        // A cast of a float ends at the bounds of the integer.
        let micros = |dollars: f64| (dollars * 1e6).round() as u64;
        Price {
            input: micros(self.input),
            output: micros(self.output),
            cached: micros(self.cached.unwrap_or(self.input)),
            cache_write: micros(self.cache_write.unwrap_or(self.input)),
        }
    }
}

impl Price {
    /// What this costs, in millionths of a US dollar, rounded up.
    #[must_use]
    pub fn of(&self, usage: &TokenUsage) -> u64 {
        let TokenUsage { input_tokens, cached_tokens, cache_write_tokens, output_tokens } = *usage;
        self.cost_micros(input_tokens, cached_tokens, cache_write_tokens, output_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn reads_and_writes_of_the_cache_have_their_own_price() {
        let usage = TokenUsage {
            input_tokens: 1_000,
            cached_tokens: 600,
            cache_write_tokens: 300,
            output_tokens: 50,
        };
        let of = |vendor, model| {
            table::of(table::vendor(vendor).unwrap(), model).price().map(|price| price.of(&usage))
        };
        // 100 × 5 + 600 × 0.5 + 300 × 6.25 + 50 × 25 dollars for a million.
        assert_eq!(of("anthropic", "claude-opus-5"), Some(500 + 300 + 1_875 + 1_250));
        assert_eq!(of("anthropic", "claude-opus-5-20260801"), of("anthropic", "claude-opus-5"));
        assert_eq!(of("openrouter", "anthropic/claude-opus-5"), of("anthropic", "claude-opus-5"));
        assert_eq!(of("anthropic", "claude-of-tomorrow"), None);
        assert_eq!(of("custom", "claude-opus-5"), None);
        assert_eq!(of("ollama", "anything"), Some(0));
    }

    #[test]
    fn a_price_in_dollars_is_one_in_millionths() {
        let config = PriceConfig { input: 0.15, output: 0.6, cached: Some(0.075), cache_write: None };
        let price = Price { input: 150_000, cached: 75_000, output: 600_000, cache_write: 150_000 };
        assert_eq!(config.price(), price);
        let odd = PriceConfig { input: -1.0, output: f64::NAN, cached: None, cache_write: None };
        assert_eq!(odd.price(), Price::FREE);
    }
}
