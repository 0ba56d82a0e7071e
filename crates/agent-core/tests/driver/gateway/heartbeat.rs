//! Beats, and what they cost.

use std::{sync::Arc, time::Duration};

use agent_core::{
    Heartbeat, HeartbeatSource, QuietHours, ScriptedProvider, ScriptedReply,
    gateway::{ChannelPolicy, ChannelState, GatewayConfig},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use schedule::{JobRequest, Payload, When};
use session_api::{Principal, Purpose, Route, Scope, SessionKey, Timestamp, UsageBy};
use tool_api::{Effect, Tool};

use crate::support::{Does, Platform, Probe, TestApp, core, script};

use super::{Running, start_on};

/// A file that a test writes, and how often anything was asked of it.
#[derive(Default)]
struct File {
    text: Mutex<Option<String>>,
    mark: Mutex<String>,
    passes: Mutex<bool>,
    reads: Mutex<u32>,
}

#[async_trait]
impl HeartbeatSource for File {
    async fn text(&self) -> Option<String> {
        *self.reads.lock() += 1;
        self.text.lock().clone()
    }

    async fn mark(&self, _path: &str) -> Option<String> {
        Some(self.mark.lock().clone())
    }

    async fn check(&self, name: &str) -> bool {
        name == "mail" && *self.passes.lock()
    }
}

struct Rig {
    app: TestApp,
    model: Arc<ScriptedProvider>,
    platform: Arc<Platform>,
    file: Arc<File>,
    running: Running,
}

fn begin(replies: &[&str], quiet: Option<&str>) -> Rig {
    begin_on(&[], vec![], replies, quiet)
}

/// The same with tools, and with more channels.
fn begin_on(
    others: &[Arc<Platform>],
    tools: Vec<Arc<dyn Tool>>,
    replies: &[&str],
    quiet: Option<&str>,
) -> Rig {
    let model = script(replies.iter().map(|text| ScriptedReply::text(text)).collect());
    let app = TestApp::new(core(model.clone(), tools));
    let (platform, file) = (Platform::sound(), Arc::new(File::default()));
    let heartbeat = heart(&file, 1800, quiet);
    let config = GatewayConfig { heartbeat: Some(heartbeat), ..GatewayConfig::default() };
    let platforms: Vec<_> = [platform.clone()].into_iter().chain(others.iter().cloned()).collect();
    let running = start_on(&app, &platforms, config, ChannelPolicy::default());
    Rig { app, model, platform, file, running }
}

fn heart(file: &Arc<File>, seconds: u64, quiet: Option<&str>) -> Heartbeat {
    Heartbeat {
        every: Duration::from_secs(seconds),
        quiet: quiet.and_then(QuietHours::parse),
        model: None,
        reply: Some(Route::to_session(&SessionKey::new("loopback", "bot", "owner"))),
        source: file.clone(),
    }
}

impl Rig {
    /// Lets time pass, and everything happen that happens meanwhile.
    async fn pass(&self, time: Duration) {
        let step = Duration::from_secs(20);
        for _ in 0..time.as_secs() / step.as_secs() {
            self.app.clock.advance(step);
            for _ in 0..40 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn says(&self, text: &str) {
        *self.file.text.lock() = Some(text.to_owned());
        self.pass(Duration::from_secs(1800)).await;
    }

    fn calls(&self) -> usize {
        self.model.requests().len()
    }

    async fn end(self) {
        self.running.stop.cancel();
        self.app.in_time(self.running.task).await.unwrap();
    }
}

/// A day with a heartbeat, five jobs that come due each hour and have nothing to do, and three channels on which nobody
/// speaks: no model is asked, and nobody is written to.
#[tokio::test]
async fn a_day_with_nothing_to_do_costs_no_model_call() {
    let looks = Probe::new("look", Effect::Pure, Does::Say("NOTHING_TO_REPORT".into()));
    let others = [Platform::named("second"), Platform::named("third")];
    let rig = begin_on(&others, vec![looks.clone()], &[], None);
    let jobs = rig.app.factotum.jobs();
    for n in 0..5 {
        let when = When::Every { seconds: 3600, first: jobs.now().plus(Duration::from_secs(60 * (n + 1))) };
        let payload = Payload::Tool { name: "look".into(), arguments: serde_json::json!({"n": n}) };
        let reply = Route::to_session(&SessionKey::new("loopback", "bot", "owner"));
        let request = JobRequest::new(when, payload, Principal::owner(), reply);
        jobs.add(jobs.make(request).unwrap()).await.unwrap();
    }
    *rig.file.text.lock() =
        Some("# Tasks\n\n<!-- none -->\n- [x] done\n- [ ]\n- mail (if mail)\n- read (if changed a)\n".into());
    rig.pass(Duration::from_secs(24 * 3600)).await;
    let channels = rig.running.gateway.health().borrow().channels.clone();
    let connected = channels.values().filter(|one| matches!(one.state, ChannelState::Connected { .. }));
    assert_eq!(connected.count(), 3);
    assert_eq!((rig.calls(), *rig.file.reads.lock(), looks.effects()), (0, 48, 5 * 24));
    let sent = others.iter().chain([&rig.platform]).map(|platform| platform.inner.sent().len());
    assert_eq!(sent.sum::<usize>(), 0);
    rig.end().await;
}

#[tokio::test]
async fn a_beat_is_quiet_or_speaks_and_sees_no_earlier_beat() {
    let rig = begin(&["HEARTBEAT_OK", "**HEARTBEAT_OK**", "The plants are dry.", "Again."], None);
    for _ in 0..4 {
        rig.says("- look after the plants").await;
    }
    assert_eq!(rig.platform.inner.shown("owner"), ["The plants are dry.", "Again."]);
    let requests = rig.model.requests();
    assert!(requests.len() == 4 && requests.iter().all(|request| request.messages.len() == 1));
    let text = requests[3].messages[0].text();
    assert!(text.contains("[Heartbeat, ") && text.ends_with("- look after the plants"), "{text}");
    let purpose =
        rig.app.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Purpose).await.unwrap();
    assert_eq!((purpose.len(), purpose[0].calls), (1, 4));
    assert_eq!(purpose[0].group, serde_json::to_value(Purpose::Heartbeat).unwrap().as_str().unwrap());
    rig.end().await;
}

#[tokio::test]
async fn conditions_are_looked_at_before_the_model_is() {
    let rig = begin(&["mail", "changed"], None);
    rig.says("- new mail (if mail)\n- notes (if changed notes.md)").await;
    assert_eq!(rig.calls(), 0);
    *rig.file.passes.lock() = true;
    rig.pass(Duration::from_secs(1800)).await;
    *rig.file.passes.lock() = false;
    *rig.file.mark.lock() = "2".into();
    rig.pass(Duration::from_secs(3600)).await;
    let texts: Vec<String> = rig.model.requests().iter().map(|request| request.messages[0].text()).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].ends_with("\n- new mail") && texts[1].ends_with("\n- notes"), "{texts:?}");
    rig.end().await;
}

#[tokio::test]
async fn nights_are_quiet() {
    let rig = begin(&["awake"; 48], Some("00:00-23:00"));
    *rig.file.text.lock() = Some("- look".into());
    rig.pass(Duration::from_secs(24 * 3600)).await;
    assert_eq!(rig.calls(), 2);
    rig.end().await;
}

#[tokio::test]
async fn the_heart_follows_what_it_is_told_while_it_runs() {
    let rig = begin(&["awake"; 99], None);
    *rig.file.text.lock() = Some("- look".into());
    let hour = Duration::from_secs(3600);
    let mut calls = 0;
    for (told, beats) in [
        (Some(heart(&rig.file, 1800, None)), 2),
        (Some(heart(&rig.file, 600, None)), 6),
        (None, 0),
        (Some(heart(&rig.file, 1200, None)), 3),
        (Some(heart(&rig.file, 1200, Some("00:00-23:59"))), 0),
    ] {
        rig.running.gateway.set_heartbeat(told);
        rig.pass(hour).await;
        assert_eq!(rig.calls() - calls, beats);
        calls = rig.calls();
    }
    rig.end().await;
}

/// A reload that changes nothing neither loses a beat nor adds one, however often it comes.
#[tokio::test]
async fn the_same_again_changes_no_beat() {
    let rig = begin(&["awake"; 99], None);
    *rig.file.text.lock() = Some("- look".into());
    for _ in 0..360 {
        rig.running.gateway.set_heartbeat(Some(heart(&rig.file, 1800, None)));
        rig.pass(Duration::from_secs(20)).await;
    }
    assert_eq!(rig.calls(), 4);
    rig.end().await;
}
