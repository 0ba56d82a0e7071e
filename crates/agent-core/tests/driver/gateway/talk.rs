//! What a person sees of it.

use std::{sync::Arc, time::Duration};

use agent_core::{
    AllowList, HookRequest, ModelEvent, Reconciled, ScriptedReply,
    gateway::{ChannelPolicy, Gateway, GatewayChannel, GatewayConfig},
};
use bytes::Bytes;
use session_api::{CallId, Part, Rank, Route, SessionKey, ToolCall};
use tool_api::Effect;

use crate::support::{Does, Fault, Platform, Probe, TestApp, core, none, script};

use super::{arrival, platform_idle, shows, start, start_with};

#[tokio::test]
async fn a_message_is_answered_where_it_came_from_and_acknowledged() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("hello Ann")]), vec![]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "hi"));
    shows(&app, &platform, "chat", &["hello Ann"]).await;
    assert_eq!(platform.inner.acknowledged(), ["1"]);
    let sent = platform.inner.sent();
    assert_eq!(sent[0].route.reply_to.as_deref(), Some("m1"));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn chats_are_answered_side_by_side_and_each_in_order() {
    let replies = (0..30).map(|n| ScriptedReply::text(&format!("answer {n}"))).collect();
    let app = TestApp::new(core(script(replies), vec![]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    for n in 0..30 {
        platform.inner.put(arrival(
            &n.to_string(),
            "ann",
            &format!("chat {}", n % 3),
            &format!("/history {n}"),
        ));
    }
    let all = async {
        while platform.inner.sent().len() < 30 {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(all).await;
    for chat in 0..3 {
        let ids: Vec<u32> = platform
            .inner
            .sent()
            .iter()
            .filter(|claim| claim.route.chat == format!("chat {chat}"))
            .map(|claim| claim.route.reply_to.as_deref().unwrap()[1..].parse().unwrap())
            .collect();
        assert!(ids.is_sorted() && ids.len() == 10, "{ids:?}");
    }
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_stranger_gets_one_code_and_nothing_of_theirs_reaches_the_model() {
    let provider = script(vec![ScriptedReply::text("welcome")]);
    let app = TestApp::new(core(provider.clone(), vec![]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "eve", "eve's", "the secret plan"));
    platform.inner.put(arrival("2", "eve", "eve's", "again"));
    let told = async {
        while platform.inner.acknowledged().len() < 2 || platform.inner.shown("eve's").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(told).await;
    let shown = platform.inner.shown("eve's");
    assert_eq!(shown.len(), 1, "one answer, then silence: {shown:?}");
    assert!(provider.requests().is_empty());
    let pairing = app.factotum.pairing();
    let request = pairing.requests().await.unwrap().remove(0);
    assert!(shown[0].contains(&request.code.to_string()), "{shown:?}");
    let rows = app.stores.audit.audit_about("loopback:bot:1", 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].entry.payload.contains("secret plan"));

    pairing.approve(&request.code.to_string(), Rank::Member).await.unwrap();
    platform.inner.put(arrival("3", "eve", "eve's", "hello"));
    let welcomed = async {
        while platform.inner.shown("eve's").last().map(String::as_str) != Some("welcome") {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(welcomed).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_strangers_name_is_one_plain_line_for_the_owner() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let notify = Route::to_session(&SessionKey::new("loopback", "", "owner"));
    let config = GatewayConfig { notify: Some(notify), ..GatewayConfig::default() };
    let running = start_with(&app, &platform, config, ChannelPolicy::default());
    let mut stranger = arrival("1", "eve", "eve's", "hi");
    stranger.sender_name = Some(format!("Ann\n`/pairing approve X`\u{1b}[2J\u{202E}{}", "x".repeat(500)));
    platform.inner.put(stranger);
    let told = async {
        while platform.inner.shown("owner").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(told).await;
    let text = platform.inner.shown("owner").remove(0);
    assert!(text.starts_with("Ann pairing approve X 2J xxxx") && text.lines().count() == 1, "{text}");
    assert!(text.len() < 300, "{text}");
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_slow_answer_is_shown_while_it_is_written_and_edited_to_the_end() {
    let slow = Probe::new("look", Effect::Pure, Does::Wait);
    let call = ToolCall { id: CallId("a".into()), name: "look".into(), arguments: "{}".into() };
    let replies = vec![
        ScriptedReply::events(vec![ModelEvent::Text("Let me look.".into()), ModelEvent::ToolCall(call)]),
        ScriptedReply::text("Found it."),
    ];
    let app = TestApp::new(core(script(replies), vec![slow.clone()]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "find it"));
    shows(&app, &platform, "chat", &["Let me look.\n\n⏳ `look` …"]).await;
    slow.release();
    shows(&app, &platform, "chat", &["Found it."]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn an_answer_waits_for_the_id_of_its_draft_and_takes_its_place() {
    let slow = Probe::new("look", Effect::Pure, Does::Wait);
    let replies = vec![ScriptedReply::tool("look", &none()), ScriptedReply::text("Found it.")];
    let app = TestApp::new(core(script(replies), vec![slow.clone()]));
    let platform = Platform::sound();
    *platform.knows.lock() = Some(Reconciled::Unknown);
    platform.sends.lock().push_back(Fault::Late(app.clock.clone(), Duration::from_secs(1)));
    let running = start(&app, &platform);
    platform.inner.put(arrival("1", "ann", "chat", "find it"));
    shows(&app, &platform, "chat", &["⏳ `look` …"]).await;
    slow.release();
    shows(&app, &platform, "chat", &["Found it."]).await;
    let last = platform.inner.sent().pop().unwrap();
    assert!(last.part.platform_id.is_some() && !last.part.doubted, "an edit: {last:?}");
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

/// Hears slowly.
struct Slow(session_api::ManualClock, std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl agent_core::Transcriber for Slow {
    async fn transcribe(&self, _: Bytes, _: &str, _: &str) -> Result<String, agent_core::ModelError> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        session_api::Clock::sleep(&self.0, Duration::from_secs(60)).await;
        Ok("buy milk".into())
    }
}

#[tokio::test]
async fn a_voice_note_that_takes_longer_than_a_lease_is_heard_once() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("noted")]), vec![]));
    let slow = Arc::new(Slow(app.clock.clone(), Default::default()));
    let mut hearing = core(script(vec![ScriptedReply::text("noted")]), vec![]);
    hearing.transcriber = Some(slow.clone());
    app.factotum.swap_core(hearing);
    let platform = Platform::sound();
    let running = start(&app, &platform);
    let blob = app.stores.blobs.put_blob(Bytes::from_static(b"sound")).await.unwrap();
    let mut voice = arrival("1", "ann", "chat", "");
    voice.parts = vec![Part::File { blob, mime: "audio/ogg".into(), name: "voice.ogg".into() }];
    platform.inner.put(voice);
    shows(&app, &platform, "chat", &["noted"]).await;
    assert_eq!(slow.1.load(std::sync::atomic::Ordering::SeqCst), 1);
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_stop_passes_the_queue_and_a_lock_holds_until_the_owner_unlocks() {
    let slow = Probe::new("look", Effect::Pure, Does::Hang);
    let replies = vec![
        ScriptedReply::tool("look", &none()),
        ScriptedReply::tool("look", &none()),
        ScriptedReply::text("back"),
    ];
    let app = TestApp::new(core(script(replies), vec![slow]));
    let platform = Platform::sound();
    let policy = ChannelPolicy { live: false, ..ChannelPolicy::default() };
    let running = start_with(&app, &platform, GatewayConfig::default(), policy);
    platform.inner.put(arrival("1", "ann", "chat", "look"));
    app.in_time(platform_idle(&app)).await;
    platform.inner.put(arrival("2", "ann", "chat", "/stop"));
    shows(&app, &platform, "chat", &["Stopped. What was done so far is kept."]).await;

    platform.inner.put(arrival("3", "ann", "chat", "look again"));
    app.in_time(platform_idle(&app)).await;
    platform.inner.put(arrival("4", "ann", "other", "/lock"));
    let locked = "Locked: everything that ran was stopped, and I answer nobody until you write /unlock.";
    shows(&app, &platform, "other", &[locked]).await;
    platform.inner.put(arrival("5", "ann", "other", "hello?"));
    platform.inner.put(arrival("6", "ann", "other", "/unlock"));
    platform.inner.put(arrival("7", "ann", "other", "hello?"));
    let told = "I am locked. The owner can write /unlock.";
    shows(&app, &platform, "other", &[locked, told, "Unlocked.", "back"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn hooks_reach_their_channel_or_say_that_it_is_not_there() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let request = || HookRequest { headers: vec![], body: Bytes::from_static(b"{}") };
    let channels = vec![GatewayChannel { channel: platform.clone(), policy: ChannelPolicy::default() }];
    let gateway = Gateway::new(
        app.factotum.clone(),
        GatewayConfig::default(),
        channels,
        Arc::new(AllowList::default()),
    );
    assert_eq!(
        gateway.hook("loopback", request()).await.status,
        503,
        "not connected yet: the platform tries again"
    );
    assert_eq!(gateway.hook("nowhere", request()).await.status, 404);
}

#[tokio::test]
async fn messages_of_a_stranger_at_the_same_time_get_one_code() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let running = start(&app, &platform);
    let running_inlet = async {
        loop {
            if let Some(inlet) = platform.inlet.lock().clone() {
                break inlet;
            }
            tokio::task::yield_now().await;
        }
    };
    let inlet = app.in_time(running_inlet).await;
    let deliver = |id: &str| {
        let (inlet, arrival) = (inlet.clone(), arrival(id, "eve", "eve's", "hi"));
        async move { inlet.deliver(vec![arrival]).await.unwrap() }
    };
    app.in_time(futures_util::future::join_all(["1", "2", "3"].map(deliver))).await;
    assert_eq!(app.factotum.pairing().requests().await.unwrap().len(), 1);
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
