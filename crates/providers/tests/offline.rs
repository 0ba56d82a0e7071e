//! The offline provider keeps the port's contract, as far as it can come into its scenarios.

use std::sync::Arc;

use agent_core::contract::provider::{Played, ProviderHarness, Scenario, request};
use async_trait::async_trait;
use providers::offline::OfflineProvider;

struct Offline;

#[async_trait]
impl ProviderHarness for Offline {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let ask = match scenario {
            Scenario::Text => "help",
            Scenario::Tool => "what time is it?",
            Scenario::ParallelTools => "what time is it, and what is 17.5% of 1234.56?",
            // It uses no tokens, does not think, and nothing is between it and the request.
            _ => return None,
        };
        let provider = Arc::new(OfflineProvider::new("offline"));
        Some(Played { request: request(ask), exact: false, ..Played::exactly(provider) })
    }
}

agent_core::provider_contract!(Offline);
