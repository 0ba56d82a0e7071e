//! From the configuration to channels and rules.

use std::{collections::BTreeMap, sync::Arc};

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelRules, Inlet, Reconciled, Sent,
    TextUnit, gateway::GatewayChannel,
};
use async_trait::async_trait;
use serde_json::Value;
use session_api::PartClaim;
use tokio_util::sync::CancellationToken;

use crate::{
    Environment,
    channel_kinds::{self, WEBSOCKET},
    config::{Config, KeyPath},
};

/// The channels of a configuration and who may speak on them.
#[derive(Default)]
pub(crate) struct Configured {
    pub(crate) channels: Vec<GatewayChannel>,
    pub(crate) rules: BTreeMap<String, ChannelRules>,
    /// The table that each channel was made of, with its secrets: to see what a reload changed. Never shown.
    tables: BTreeMap<String, Value>,
}

impl Configured {
    /// Builds every channel that is switched on; those of `before` whose table is the same stay the same. One that
    /// cannot be built, for want of a key for instance, is there all the same and says why when it is connected: it
    /// stops nobody else.
    pub(crate) fn of(config: &Config, environment: &Environment, deps: &ChannelDeps, before: &Self) -> Self {
        let mut made = Self::default();
        for (name, section) in config.channels.iter().filter(|(_, section)| section.enabled) {
            let Some(kind) = channel_kinds::find(name) else {
                // Websocket clients come to the HTTP server; its rules are its token.
                debug_assert!(name == WEBSOCKET, "the configuration was checked");
                continue;
            };
            made.rules.insert(name.clone(), section.rules(kind.pairing));
            let place = KeyPath(vec!["channels".into(), name.clone()]);
            let table = config.resolve_table(&place, environment);
            let channel: Arc<dyn Channel> = match table {
                Ok(table) => {
                    let same = before.tables.get(name) == Some(&table);
                    let old = before.channels.iter().find(|old| old.channel.kind() == name);
                    made.tables.insert(name.clone(), table.clone());
                    match old.filter(|_| same) {
                        Some(old) => old.channel.clone(),
                        None => (kind.build)(table, deps).unwrap_or_else(|error| {
                            Arc::new(Unusable { kind: kind.name, why: error.to_string() })
                        }),
                    }
                }
                Err(error) => Arc::new(Unusable { kind: kind.name, why: error.to_string() }),
            };
            made.channels.push(GatewayChannel { channel, policy: section.policy() });
        }
        made
    }
}

/// A channel whose section cannot be used. It says so and does nothing else.
struct Unusable {
    kind: &'static str,
    why: String,
}

impl Unusable {
    fn error(&self) -> ChannelError {
        ChannelError::Setup { message: self.why.clone() }
    }
}

#[async_trait]
impl Channel for Unusable {
    fn kind(&self) -> &str {
        self.kind
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: usize::MAX,
            unit: TextUnit::Chars,
            edits: None,
            working: None,
            buttons: false,
            threads: false,
            media: None,
            idempotent_sends: false,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        Err(self.error())
    }

    async fn run(&self, _inlet: Inlet, _stop: CancellationToken) -> Result<(), ChannelError> {
        Err(self.error())
    }

    async fn send(&self, _claim: &PartClaim) -> Result<Sent, ChannelError> {
        Err(self.error())
    }

    async fn reconcile(&self, _claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        Err(self.error())
    }
}
