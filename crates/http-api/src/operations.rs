//! What the server tells about the process it runs in.

use agent_core::{HookRequest, HookResponse};
use async_trait::async_trait;
use serde::Serialize;

/// How a channel is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelHealth {
    /// Its kind.
    pub kind: String,
    /// In a word: `running`, `starting`, `waiting`, `stopped`.
    pub state: String,
    /// One sentence where something is wrong. Never a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How the process is doing. It answers at all, so it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What it does on its data directory: `active`, or `standby` while another process is.
    pub role: String,
    /// Its version.
    pub version: String,
    /// Its channels.
    pub channels: Vec<ChannelHealth>,
}

/// Whether messages are taken in and worked on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Why not, a sentence each; ready where there is none.
    pub reasons: Vec<String>,
}

/// What the owner of the server, the gateway, gives it to answer with.
#[async_trait]
pub trait Operations: Send + Sync {
    /// How the process is doing. Answered from memory: it is asked often.
    fn health(&self) -> Health;

    /// Whether it is ready. Answered from memory.
    fn ready(&self) -> Readiness;

    /// The metrics, in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// Takes what came to the webhook of the channel of this kind. 404 with an empty body where there is none.
    async fn hook(&self, kind: &str, request: HookRequest) -> HookResponse;
}
