//! What it stands.

use std::time::Duration;

use agent_core::{
    ChannelError, HookRequest, ScriptedReply,
    gateway::{ChannelPolicy, ChannelState, GatewayChannel, GatewayConfig, Role},
};
use bytes::Bytes;
use session_api::{Inbound, InboundKind, InboundState, Outcome, Part, Route, Timestamp};
use tool_api::Effect;

use crate::support::{Does, Fault, Platform, Probe, TestApp, core, none, script};

use super::{arrival, channel_is, platform_idle, session, shows, start, start_with};

#[tokio::test]
async fn a_second_gateway_stands_by_and_takes_over_when_the_first_dies() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("one")]), vec![]));
    let platform = Platform::sound();
    let first = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one"]).await;

    let another = app.another(core(script(vec![ScriptedReply::text("two")]), vec![]));
    let second = start(&another, &platform);
    assert_eq!(second.gateway.health().borrow().role, Role::Standby);
    first.task.abort();
    app.crash();
    platform.inner.put(arrival("2", "ann", "chat", "are you there?"));
    shows(&another, &platform, "chat", &["one", "two"]).await;
    assert_eq!(second.gateway.health().borrow().role, Role::Primary);
    second.stop.cancel();
    another.in_time(second.task).await.unwrap();
}

#[tokio::test]
async fn a_lost_channel_is_connected_again_and_a_wrong_key_stops_it() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("one")]), vec![]));
    let platform = Platform::sound();
    let lost = || ChannelError::Temporary { message: "connection reset".into(), after: None };
    platform.connects.lock().extend([lost(), lost()]);
    platform.runs.lock().push_back(lost());
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();

    platform.connects.lock().push_back(ChannelError::Setup { message: "wrong token".into() });
    let running = start(&app, &platform);
    let mut health = running.gateway.health();
    let stopped = health.wait_for(|health| {
        let channel = health.channels.get("loopback");
        channel.is_some_and(|channel| matches!(channel.state, ChannelState::Stopped { .. }))
    });
    app.in_time(stopped).await.unwrap();
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_message_that_nobody_works_on_is_ended_and_its_sender_told() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let config = GatewayConfig { deadline: Duration::from_secs(60), ..GatewayConfig::default() };
    let running = start_with(&app, &platform, config, ChannelPolicy::default());
    // It waits for more of the same, and its window is far too long.
    let id = session_api::InboundId(uuid::Uuid::from_u128(77));
    let waits = Inbound {
        id,
        external_id: "9".into(),
        session: session(),
        parent: None,
        reply: Route::to_session(&session()),
        principal: session_api::Principal::owner(),
        kind: InboundKind::Message,
        coalesce: Some(Duration::from_secs(7200)),
        busy: session_api::WhenBusy::Steer,
        runner: session_api::Runner::Any,
        overrides: session_api::RunOverrides::default(),
        parts: vec![Part::text("hello")],
        shared: false,
        received_at: Timestamp(1_795_000_000_000),
        correlation: "c".into(),
    };
    drop(app.stores.mailbox.accept(None, vec![waits].into(), None).await.unwrap());
    let told = "Your message waited for more than 1 minutes and was not worked on. Please send it again.";
    shows(&app, &platform, "chat", &[told]).await;
    let state = app.stores.mailbox.inbound(id).await.unwrap().unwrap().state;
    assert!(matches!(state, InboundState::Settled(settled) if settled.outcome == Outcome::Failed));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn the_end_lets_a_running_turn_finish_and_cuts_one_that_does_not() {
    // The tool gives up after 5 s, the model never.
    for (second, answered) in [(ScriptedReply::text("done"), true), (ScriptedReply::hang(), false)] {
        let slow = Probe::new("look", Effect::Pure, Does::Hang);
        let replies = vec![ScriptedReply::tool("look", &none()), second];
        let app = TestApp::new(core(script(replies), vec![slow]));
        let platform = Platform::sound();
        let policy = ChannelPolicy { live: false, ..ChannelPolicy::default() };
        let running = start_with(&app, &platform, GatewayConfig::default(), policy);
        platform.inner.put(arrival("1", "ann", "chat", "look"));
        app.in_time(platform_idle(&app)).await;
        let before = app.elapsed();
        running.stop.cancel();
        app.in_time(running.task).await.unwrap();
        assert!(app.elapsed() - before < Duration::from_secs(15));
        assert_eq!(!platform.inner.shown("chat").is_empty(), answered);
    }
}

#[tokio::test]
async fn a_channel_that_ends_late_takes_nothing_from_the_one_in_its_place() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("one")]), vec![]));
    let old = Platform::sound();
    old.sends.lock().push_back(Fault::ShownThenSilence);
    let running = start(&app, &old);
    old.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &old, "chat", &["one"]).await;
    let new = Platform::sound();
    let channel = GatewayChannel { channel: new.clone(), policy: ChannelPolicy::default() };
    app.in_time(running.gateway.set_channels(vec![channel])).await;
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Connected { .. })).await;
    // Longer than a send may take: the old one is over by then.
    app.in_time(session_api::Clock::sleep(&app.clock, Duration::from_secs(130))).await;
    let request = HookRequest { headers: vec![], body: Bytes::new() };
    assert_eq!(running.gateway.hook("loopback", request).await.status, 404, "asked, and it takes no hooks");
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Connected { .. })).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_reload_tries_a_stopped_channel_again() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    platform.connects.lock().push_back(ChannelError::Setup { message: "intent not enabled".into() });
    let running = start(&app, &platform);
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Stopped { .. })).await;
    let same = GatewayChannel { channel: platform.clone(), policy: ChannelPolicy::default() };
    app.in_time(running.gateway.set_channels(vec![same])).await;
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Connected { .. })).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_lost_its_role_starts_no_channel_at_a_reload() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Connected { .. })).await;
    // Others think that it is dead, as after a long pause of the whole process.
    app.store.kill(session_api::WorkerId(uuid::Uuid::from_u128((0xF0_00 << 64) | 1)));
    let another = app.another(core(script(vec![]), vec![]));
    let elsewhere = start(&another, &Platform::sound());
    let mut health = running.gateway.health();
    drop(app.in_time(health.wait_for(|health| health.role == Role::Standby)).await.unwrap());
    let new = Platform::sound();
    new.connects.lock().push_back(ChannelError::Setup { message: "it was connected".into() });
    let channel = GatewayChannel { channel: new.clone(), policy: ChannelPolicy::default() };
    app.in_time(running.gateway.set_channels(vec![channel])).await;
    app.in_time(session_api::Clock::sleep(&app.clock, Duration::from_secs(2))).await;
    assert_eq!(new.connects.lock().len(), 1, "a gateway that stands by connects nothing");
    for gateway in [running, elsewhere] {
        gateway.stop.cancel();
        app.in_time(gateway.task).await.unwrap();
    }
}
