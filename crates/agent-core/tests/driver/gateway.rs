//! The gateway: messages in through a channel, answers out through it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent_core::{
    AllowList, Arrival, ChannelError, ChannelRules, Gate, HookRequest, ModelEvent, Place, Reconciled,
    ScriptedReply,
    gateway::{ChannelPolicy, ChannelState, Gateway, GatewayChannel, GatewayConfig, Role},
};
use bytes::Bytes;
use session_api::{
    CallId, Inbound, InboundKind, InboundState, OnDoubt, Outcome, Part, Rank, Route, Scope, SessionKey,
    Timestamp, ToolCall,
};
use tokio_util::sync::CancellationToken;
use tool_api::Effect;

use crate::support::{Does, Fault, Platform, Probe, TestApp, core, none, script};

/// Somebody writes `text` in `chat`, as event `id`.
fn arrival(id: &str, sender: &str, chat: &str, text: &str) -> Arrival {
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

struct Running {
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn start_with(
    app: &TestApp,
    platform: &Arc<Platform>,
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
    let channels = vec![GatewayChannel { channel: platform.clone(), policy }];
    let gateway = Arc::new(Gateway::new(app.factotum.clone(), config, channels, Arc::new(gate)));
    let stop = CancellationToken::new();
    let (running, token) = (gateway.clone(), stop.clone());
    #[expect(clippy::disallowed_methods, reason = "owned by Running; each test awaits or aborts it")]
    let task = tokio::spawn(async move { running.run(token).await });
    Running { gateway, stop, task }
}

fn start(app: &TestApp, platform: &Arc<Platform>) -> Running {
    start_with(app, platform, GatewayConfig::default(), ChannelPolicy::default())
}

/// Waits until the platform shows exactly these texts in `chat`.
async fn shows(app: &TestApp, platform: &Platform, chat: &str, texts: &[&str]) {
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

fn session() -> SessionKey {
    SessionKey::new("loopback", "bot", "chat")
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

/// Waits until a turn runs.
async fn platform_idle(app: &TestApp) {
    while app.stores.mailbox.backlog().await.unwrap().running == 0 {
        tokio::task::yield_now().await;
    }
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

/// Waits until the channel is in this state.
async fn channel_is(app: &TestApp, gateway: &Gateway, wanted: fn(&ChannelState) -> bool) {
    let mut health = gateway.health();
    let reached =
        health.wait_for(|health| health.channels.get("loopback").is_some_and(|one| wanted(&one.state)));
    drop(app.in_time(reached).await.unwrap());
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
