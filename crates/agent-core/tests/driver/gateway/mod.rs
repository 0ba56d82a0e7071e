//! The gateway: messages in through a channel, answers out through it.

mod agents;
mod consolidation;
mod faults;
mod heartbeat;
mod jobs;
mod many_jobs;
mod sending;
mod summaries;
mod talk;
mod vectors;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent_core::{
    Arrival, ChannelRules, Gate, Place,
    gateway::{ChannelPolicy, ChannelState, Gateway, GatewayChannel, GatewayConfig},
};
use session_api::{Part, SessionKey, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::support::{Platform, TestApp};

/// Somebody writes `text` in `chat`, as event `id`.
pub(super) fn arrival(id: &str, sender: &str, chat: &str, text: &str) -> Arrival {
    Arrival {
        external_id: id.into(),
        chat: chat.into(),
        thread: None,
        place: Place::Direct,
        sender: sender.into(),
        sender_name: Some("Ann".into()),
        addressed: true,
        distrusted: None,
        message_id: Some(format!("m{id}")),
        parts: vec![Part::text(text)],
        received_at: Timestamp(1_795_000_000_000),
    }
}

pub(super) struct Running {
    pub(super) gateway: Arc<Gateway>,
    pub(super) stop: CancellationToken,
    pub(super) task: tokio::task::JoinHandle<()>,
}

pub(super) fn start_with(
    app: &TestApp,
    platform: &Arc<Platform>,
    config: GatewayConfig,
    policy: ChannelPolicy,
) -> Running {
    start_on(app, std::slice::from_ref(platform), config, policy)
}

/// The same on several platforms.
pub(super) fn start_on(
    app: &TestApp,
    platforms: &[Arc<Platform>],
    config: GatewayConfig,
    policy: ChannelPolicy,
) -> Running {
    let rules = ChannelRules { allow: vec!["ann".into()], pairing: true, ..ChannelRules::default() };
    let gate = Gate::new(
        app.stores.clone(),
        Arc::new(app.clock.clone()),
        app.ids.clone(),
        BTreeMap::from([("loopback".to_owned(), rules)]),
        config.notify.clone(),
    );
    let channel = |platform: &Arc<Platform>| GatewayChannel { channel: platform.clone(), policy };
    let channels = platforms.iter().map(channel).collect();
    let gateway = Arc::new(Gateway::new(app.factotum.clone(), config, channels, Arc::new(gate)));
    let stop = CancellationToken::new();
    let (running, token) = (gateway.clone(), stop.clone());
    #[expect(clippy::disallowed_methods, reason = "owned by Running; each test awaits or aborts it")]
    let task = tokio::spawn(async move { running.run(token).await });
    Running { gateway, stop, task }
}

pub(super) fn start(app: &TestApp, platform: &Arc<Platform>) -> Running {
    start_with(app, platform, GatewayConfig::default(), ChannelPolicy::default())
}

/// Waits until the platform shows exactly these texts in `chat`.
pub(super) async fn shows(app: &TestApp, platform: &Platform, chat: &str, texts: &[&str]) {
    let wait = async {
        while platform.inner.shown(chat) != texts {
            tokio::task::yield_now().await;
        }
    };
    let limit = app.elapsed() + Duration::from_secs(3600);
    let bounded = async {
        tokio::select! {
            () = wait => {}
            () = async { while app.elapsed() < limit { tokio::task::yield_now().await } } => {
                panic!("shown in {chat}: {:?}, expected {texts:?}", platform.inner.shown(chat));
            }
        }
    };
    app.in_time(bounded).await;
}

/// Waits until the channel is in this state.
pub(super) async fn channel_is(app: &TestApp, gateway: &Gateway, wanted: fn(&ChannelState) -> bool) {
    let mut health = gateway.health();
    let reached =
        health.wait_for(|health| health.channels.get("loopback").is_some_and(|one| wanted(&one.state)));
    drop(app.in_time(reached).await.unwrap());
}

/// Waits until a turn runs.
pub(super) async fn platform_idle(app: &TestApp) {
    while app.stores.mailbox.backlog().await.unwrap().running == 0 {
        tokio::task::yield_now().await;
    }
}

/// The chat that the tests talk in.
pub(super) fn session() -> SessionKey {
    SessionKey::new("loopback", "bot", "chat")
}
