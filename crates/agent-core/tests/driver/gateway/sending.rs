//! What becomes of a part that is sent.

use std::time::Duration;

use agent_core::{
    ChannelError, Reconciled, ScriptedReply,
    gateway::{ChannelPolicy, ChannelState, GatewayConfig},
};
use session_api::{OnDoubt, Route, Scope, SessionKey};

use crate::support::{Fault, Platform, TestApp, core, script};

use super::{arrival, channel_is, session, shows, start, start_with};

#[tokio::test]
async fn a_send_that_may_be_tried_again_is_and_one_that_may_not_is_kept() {
    let replies = vec![ScriptedReply::text("one"), ScriptedReply::text("two"), ScriptedReply::text("three")];
    let app = TestApp::new(core(script(replies), vec![]));
    let platform = Platform::sound();
    let busy = || ChannelError::Temporary { message: "429".into(), after: Some(Duration::from_secs(2)) };
    platform.sends.lock().extend([Fault::Error(busy()), Fault::Error(busy())]);
    let notify = Route::to_session(&SessionKey::new("loopback", "", "owner"));
    let config = GatewayConfig { notify: Some(notify), ..GatewayConfig::default() };
    let running = start_with(&app, &platform, config, ChannelPolicy::default());
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one"]).await;

    let blocked = ChannelError::Permanent { message: "the bot was blocked".into() };
    platform.sends.lock().push_back(Fault::Error(blocked));
    platform.inner.put(arrival("2", "ann", "chat", "hi"));
    let told = async {
        while platform.inner.shown("owner").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(told).await;
    assert!(platform.inner.shown("owner")[0].contains("the bot was blocked"));
    let kept = app.stores.mailbox.undelivered(&Scope::All, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    platform.inner.put(arrival("3", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one", "three"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_part_in_doubt_is_sent_again_only_when_the_platform_does_not_have_it() {
    for (knows, policy, expected) in [
        // It has it.
        (None, OnDoubt::ResendOnce, 1),
        // It cannot tell: once more, or never.
        (Some(Reconciled::Unknown), OnDoubt::ResendOnce, 2),
        (Some(Reconciled::Unknown), OnDoubt::NeverAndTell, 1),
        // It says no, wrongly here, which makes the second send visible.
        (Some(Reconciled::NotSent), OnDoubt::NeverAndTell, 2),
    ] {
        let app = TestApp::new(core(script(vec![ScriptedReply::text("one")]), vec![]));
        let platform = Platform::sound();
        *platform.knows.lock() = knows.clone();
        platform.sends.lock().push_back(Fault::ShownThenSilence);
        let policy = ChannelPolicy { on_doubt: policy, ..ChannelPolicy::default() };
        let running = start_with(&app, &platform, GatewayConfig::default(), policy);
        platform.inner.put(arrival("1", "ann", "chat", "hi"));
        let settled = async {
            loop {
                let parts = match app.stores.mailbox.outbox(&session(), 1).await.unwrap().first() {
                    Some(message) => app.stores.mailbox.parts(message.id).await.unwrap(),
                    None => Vec::new(),
                };
                use session_api::PartState::{Sent, Unknown};
                if parts.iter().any(|part| matches!(part.state, Sent | Unknown)) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        app.in_time(settled).await;
        assert_eq!(platform.inner.sent().len(), expected, "{knows:?} {policy:?}");
        running.stop.cancel();
        app.in_time(running.task).await.unwrap();
    }
}

#[tokio::test]
async fn a_send_that_panics_is_in_doubt_and_the_channel_goes_on() {
    let app =
        TestApp::new(core(script(vec![ScriptedReply::text("one"), ScriptedReply::text("two")]), vec![]));
    let platform = Platform::sound();
    platform.sends.lock().push_back(Fault::Panic);
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one"]).await;
    platform.inner.put(arrival("2", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one", "two"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_lost_channel_waits_only_shortly_for_a_send_that_hangs() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("one")]), vec![]));
    let platform = Platform::sound();
    platform.sends.lock().push_back(Fault::ShownThenSilence);
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["one"]).await;
    let lost_at = app.elapsed();
    platform.lose.notify_one();
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Retrying { .. })).await;
    channel_is(&app, &running.gateway, |state| matches!(state, ChannelState::Connected { .. })).await;
    assert!(app.elapsed() - lost_at < Duration::from_secs(60), "{:?}", app.elapsed() - lost_at);
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
