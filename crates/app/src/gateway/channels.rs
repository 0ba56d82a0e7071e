//! From the configuration to channels and rules.

use std::{collections::BTreeMap, sync::Arc};

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelRules, ChannelSetupError, Inlet,
    Reconciled, Sent, TextUnit, gateway::GatewayChannel,
};
use async_trait::async_trait;
use serde_json::Value;
use session_api::PartClaim;
use tokio_util::sync::CancellationToken;

use crate::{
    Assistant, Environment, SystemClock, SystemIds,
    channel_kinds::{self, WEBSOCKET},
    config::{Config, ConfigError, KeyPath},
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
            let channel: Arc<dyn Channel> = match resolved(config, environment, name) {
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

/// Why one channel cannot be built.
#[derive(Debug)]
pub(crate) enum BuildError {
    /// A secret that is not there.
    Config(ConfigError),
    /// What its adapter says.
    Setup(ChannelSetupError),
}

/// The channel of this kind alone, switched on or not: to see whether it connects. The kind exists and is not the
/// WebSocket.
pub(crate) fn build_channel(assistant: &Assistant, name: &str) -> Result<Arc<dyn Channel>, BuildError> {
    let config = assistant.config();
    let table = resolved(config, assistant.environment(), name).map_err(BuildError::Config)?;
    let none = || ChannelSetupError { key: String::new(), message: channel_kinds::unknown(name).0 };
    let kind = channel_kinds::find(name).ok_or_else(none).map_err(BuildError::Setup)?;
    (kind.build)(table, &deps(assistant)).map_err(BuildError::Setup)
}

/// What channels are built with.
pub(super) fn deps(assistant: &Assistant) -> ChannelDeps {
    ChannelDeps {
        blobs: assistant.stores().blobs.clone(),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(SystemIds),
    }
}

fn resolved(config: &Config, environment: &Environment, name: &str) -> Result<Value, ConfigError> {
    config.resolve_table(&KeyPath(vec!["channels".into(), name.to_owned()]), environment)
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
