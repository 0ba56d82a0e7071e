//! How the gateway and its parts are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use session_api::Timestamp;
use tokio::sync::watch;

/// Which part this process plays on its data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It works.
    Primary,
    /// Another gateway works; this one takes over when that one ends.
    Standby,
}

/// How a channel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChannelState {
    /// It connects for the first time.
    Connecting,
    /// It works.
    Connected {
        /// The bot's own id on the platform.
        account: String,
        /// The bot's name there.
        name: String,
    },
    /// The connection was lost or could not be made; it is tried again.
    Retrying {
        /// Why.
        error: String,
    },
    /// Its configuration or key is wrong: it waits for somebody to mend that and to reload.
    Stopped {
        /// Why, and what to mend.
        error: String,
    },
}

/// A channel's state and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelHealth {
    /// How it is.
    #[serde(flatten)]
    pub state: ChannelState,
    /// Since when.
    pub since: Timestamp,
}

/// How a gateway is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Its role.
    pub role: Role,
    /// Since when it has that role.
    pub since: Timestamp,
    /// Whether it takes messages and works on them.
    pub ready: bool,
    /// Its channels, by kind.
    pub channels: BTreeMap<String, ChannelHealth>,
}

/// Where health is noted and read.
#[derive(Debug, Clone)]
pub(super) struct HealthBoard(watch::Sender<Health>);

impl HealthBoard {
    pub(super) fn new(since: Timestamp) -> Self {
        let health = Health { role: Role::Standby, since, ready: false, channels: BTreeMap::new() };
        Self(watch::Sender::new(health))
    }

    pub(super) fn watch(&self) -> watch::Receiver<Health> {
        self.0.subscribe()
    }

    pub(super) fn role(&self, role: Role, ready: bool, since: Timestamp) {
        self.0.send_modify(|health| {
            if health.role != role {
                (health.role, health.since) = (role, since);
            }
            health.ready = ready;
        });
    }

    pub(super) fn channel(&self, kind: &str, state: ChannelState, since: Timestamp) {
        self.0.send_if_modified(|health| {
            let same = health.channels.get(kind).is_some_and(|known| known.state == state);
            if !same {
                health.channels.insert(kind.to_owned(), ChannelHealth { state, since });
            }
            !same
        });
    }

    pub(super) fn forget(&self, kind: &str) {
        self.0.send_if_modified(|health| health.channels.remove(kind).is_some());
    }
}
