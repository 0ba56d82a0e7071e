//! What the HTTP server tells and takes on behalf of the gateway.

use std::sync::Arc;

use agent_core::{
    HookRequest, HookResponse,
    gateway::{ChannelState, Gateway, Health, Role},
};
use async_trait::async_trait;
use http_api::{ChannelHealth, Operations, Readiness};
use metrics_exporter_prometheus::PrometheusHandle;
use providers::Switchboard;
use tokio::sync::watch;

use super::measure;

pub(super) struct GatewayOperations {
    pub(super) gateway: Arc<Gateway>,
    pub(super) health: watch::Receiver<Health>,
    pub(super) metrics: Option<PrometheusHandle>,
    /// What is known of the servers of models; none where the embedding program brought models of its own.
    pub(super) board: Option<Arc<Switchboard>>,
}

#[async_trait]
impl Operations for GatewayOperations {
    fn health(&self) -> http_api::Health {
        let health = self.health.borrow();
        let role = match health.role {
            Role::Primary => "primary",
            Role::Standby => "standby",
        };
        let channels = health.channels.iter().map(|(kind, channel)| {
            let (state, detail) = match &channel.state {
                ChannelState::Connecting => ("connecting", None),
                ChannelState::Connected { name, .. } => ("connected", Some(name.clone())),
                ChannelState::Retrying { error } => ("retrying", Some(error.clone())),
                ChannelState::Stopped { error } => ("stopped", Some(error.clone())),
            };
            ChannelHealth { kind: kind.clone(), state: state.to_owned(), detail }
        });
        http_api::Health {
            role: role.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            channels: channels.collect(),
        }
    }

    fn ready(&self) -> Readiness {
        let health = self.health.borrow();
        let why = match health.role {
            _ if health.ready => return Readiness::default(),
            Role::Primary => "it is ending",
            Role::Standby => "another gateway works on this data; this one stands by",
        };
        Readiness { reasons: vec![why.to_owned()] }
    }

    fn metrics(&self) -> String {
        let Some(metrics) = &self.metrics else { return String::new() };
        if let Some(board) = &self.board {
            measure::providers(&board.states());
        }
        metrics.render()
    }

    async fn hook(&self, kind: &str, request: HookRequest) -> HookResponse {
        self.gateway.hook(kind, request).await
    }
}
