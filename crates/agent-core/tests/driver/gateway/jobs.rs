//! Jobs: what fires, when, how often, and what becomes of it.

use std::time::Duration;

use agent_core::{ModelError, ModelErrorKind, ScriptedReply, gateway::GatewayConfig};
use schedule::{JobRequest, Misfire, Payload, When};
use session_api::{Job, Principal, Rank, Route, SessionKey, Timestamp};
use tool_api::Effect;

use crate::support::{Does, Platform, Probe, TestApp, core, script};

use super::{arrival, shows, start, start_with};

const MINUTE: Duration = Duration::from_secs(60);

fn chat() -> Route {
    Route::to_session(&SessionKey::new("loopback", "bot", "chat"))
}

fn request(app: &TestApp, seconds: u64, text: &str) -> JobRequest {
    let when = When::Every { seconds, first: app.factotum.jobs().now().plus(Duration::from_secs(seconds)) };
    JobRequest::new(when, Payload::Prompt { text: text.into() }, Principal::owner(), chat())
}

async fn add(app: &TestApp, request: JobRequest) -> Job {
    let job = app.factotum.jobs().make(request).unwrap();
    app.factotum.jobs().add(job.clone()).await.unwrap();
    job
}

async fn outcomes(app: &TestApp, job: &Job) -> Vec<&'static str> {
    let history = app.factotum.jobs().history(job.id, 99).await.unwrap();
    history.iter().rev().map(|report| report.outcome).collect()
}

async fn until(app: &TestApp, job: &Job, wanted: &[&str]) {
    let limit = app.elapsed() + Duration::from_secs(7200);
    let wait = async {
        loop {
            let now = outcomes(app, job).await;
            if now == wanted {
                return;
            }
            assert!(app.elapsed() < limit, "{now:?}, expected {wanted:?}");
            tokio::task::yield_now().await;
        }
    };
    app.in_time(wait).await;
}

fn replies(texts: &[&str]) -> Vec<ScriptedReply> {
    texts.iter().map(|text| ScriptedReply::text(text)).collect()
}

#[tokio::test]
async fn a_job_runs_at_its_times_and_answers_in_its_chat() {
    let model = script(replies(&["one", "two"]));
    let app = TestApp::new(core(model.clone(), vec![]));
    let platform = Platform::sound();
    let job = add(&app, JobRequest { max_runs: Some(2), ..request(&app, 600, "Report") }).await;
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["one", "two"]).await;
    until(&app, &job, &["replied", "replied"]).await;
    let history = app.factotum.jobs().history(job.id, 9).await.unwrap();
    let first = job.due.unwrap();
    assert_eq!([history[1].due, history[0].due], [first, first.plus(10 * MINUTE)]);
    assert!(
        history.iter().all(|run| run.delivery == Some("sent") && run.fired_at.since(run.due) < MINUTE / 6)
    );
    assert_eq!((history[0].reply.as_deref(), history[0].model_calls), (Some("two"), 1));
    // Each run begins anew: the second one saw nothing of the first.
    let asked = model.requests();
    assert!(asked.iter().all(|request| request.messages.len() == 1), "{asked:?}");
    let text = asked[0].messages[0].text();
    assert!(text.contains("Scheduled job “Report”") && text.ends_with("Report"), "{text}");
    let job = app.factotum.jobs().find("Report").await.unwrap();
    assert_eq!((job.runs, job.next_run_at), (2, None));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_quiet_run_says_nothing_and_is_not_remembered() {
    let app = TestApp::new(core(script(replies(&["`NOTHING_TO_REPORT`.", "news"])), vec![]));
    let platform = Platform::sound();
    let job = add(&app, JobRequest { max_runs: Some(2), ..request(&app, 60, "Look") }).await;
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["news"]).await;
    until(&app, &job, &["quiet", "replied"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_tool_call_needs_no_model() {
    let model = script(vec![]);
    let probe = Probe::new("water", Effect::Unsafe, Does::Say("watered".into()));
    let app = TestApp::new(core(model.clone(), vec![probe.clone()]));
    let platform = Platform::sound();
    let payload = Payload::Tool { name: "water".into(), arguments: serde_json::json!({}) };
    add(&app, JobRequest { payload, max_runs: Some(1), ..request(&app, 60, "") }).await;
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["watered"]).await;
    assert_eq!((probe.effects(), model.requests().len()), (1, 0));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_run_without_a_model_is_tried_again_and_then_told() {
    let down = || ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "the server is down"));
    let app = TestApp::new(core(script(vec![down(), down(), down()]), vec![]));
    let platform = Platform::sound();
    let job = add(&app, JobRequest { max_runs: Some(1), ..request(&app, 60, "Report") }).await;
    let running = start(&app, &platform);
    until(&app, &job, &["failed"]).await;
    let told = async {
        while platform.inner.sent().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(told).await;
    let sent = platform.inner.shown("chat");
    assert!(sent.len() == 1 && sent[0].contains("the server is down"), "{sent:?}");
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_run_that_goes_well_the_second_time_is_told_once() {
    let down = ScriptedReply::error(ModelError::new(ModelErrorKind::Timeout, "no answer"));
    let app = TestApp::new(core(script(vec![down, ScriptedReply::text("done")]), vec![]));
    let platform = Platform::sound();
    add(&app, JobRequest { max_runs: Some(1), ..request(&app, 60, "Report") }).await;
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["done"]).await;
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

/// The gateway was off for an hour.
#[tokio::test]
async fn missed_runs_follow_their_policy() {
    for (misfire, expected, answers) in [
        (Misfire::Skip, vec!["left_out"], 0),
        (Misfire::Once, vec!["replied"], 1),
        (Misfire::All, vec!["replied"; 6], 6),
    ] {
        let texts: Vec<String> = (0..answers).map(|n| format!("answer {n}")).collect();
        let app =
            TestApp::new(core(script(texts.iter().map(|text| ScriptedReply::text(text)).collect()), vec![]));
        let platform = Platform::sound();
        let until_then = Some(app.factotum.jobs().now().plus(65 * MINUTE));
        let job = add(&app, JobRequest { misfire, until: until_then, ..request(&app, 600, "Report") }).await;
        app.clock.advance(69 * MINUTE);
        let running = start(&app, &platform);
        until(&app, &job, &expected).await;
        let stored = app.factotum.jobs().find("Report").await.unwrap();
        assert_eq!((stored.runs, stored.next_run_at), (answers, None), "{misfire:?}");
        running.stop.cancel();
        app.in_time(running.task).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_does_not_begin_while_the_one_before_it_waits() {
    let app = TestApp::new(core(script(vec![ScriptedReply::hang()]), vec![]));
    let job = add(&app, request(&app, 60, "Slow")).await;
    app.factotum.jobs().run_now(&job, None).await.unwrap();
    let platform = Platform::sound();
    let running = start(&app, &platform);
    until(&app, &job, &["running", "left_out"]).await;
    running.task.abort();
}

/// A clock ten years ahead makes up for one run; when it is set right, jobs go on at once and nothing runs twice.
#[tokio::test]
async fn a_clock_that_jumps_neither_doubles_nor_loses_runs() {
    let app = TestApp::new(core(script(replies(&["a", "b", "c", "d"])), vec![]));
    let platform = Platform::sound();
    let start_at = app.factotum.jobs().now();
    let job = add(&app, JobRequest { max_runs: Some(4), ..request(&app, 600, "Report") }).await;
    let running = start(&app, &platform);
    shows(&app, &platform, "chat", &["a"]).await;
    let right = app.factotum.jobs().now();
    app.clock.jump_to(right.plus(Duration::from_secs(10 * 365 * 86_400)));
    shows(&app, &platform, "chat", &["a", "b"]).await;
    app.clock.jump_to(right.plus(MINUTE));
    shows(&app, &platform, "chat", &["a", "b", "c", "d"]).await;
    let history = app.factotum.jobs().history(job.id, 9).await.unwrap();
    let mut due: Vec<Timestamp> = history.iter().map(|run| run.due).collect();
    due.sort();
    let at = |n: u32| start_at.plus(10 * MINUTE * n);
    assert_eq!((due[0], due[1], due[2]), (at(1), at(2), at(3)));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn a_job_that_makes_no_sense_is_switched_off_and_the_owner_told() {
    let app = TestApp::new(core(script(vec![]), vec![]));
    let platform = Platform::sound();
    let job = app.factotum.jobs().make(request(&app, 60, "Report")).unwrap();
    app.factotum.jobs().add(Job { definition: "{}".into(), ..job.clone() }).await.unwrap();
    let owner = Route::to_session(&SessionKey::new("loopback", "bot", "owner"));
    let config = GatewayConfig { notify: Some(owner), ..GatewayConfig::default() };
    let running = start_with(&app, &platform, config, Default::default());
    let told = async {
        while platform.inner.shown("owner").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    app.in_time(told).await;
    assert!(platform.inner.shown("owner")[0].contains("switched the job “Report” off"));
    let stored = app.factotum.jobs().find("Report").await.unwrap();
    assert!(!stored.enabled && stored.next_run_at.is_none());
    assert_eq!(outcomes(&app, &job).await, ["left_out"]);
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}

#[tokio::test]
async fn two_gateways_fire_each_job_once() {
    let app = TestApp::new(core(script(replies(&["x"; 20])), vec![]));
    let other = app.another(core(script(replies(&["x"; 20])), vec![]));
    let platform = Platform::sound();
    for n in 0..20 {
        add(&app, JobRequest { max_runs: Some(1), name: format!("job {n}"), ..request(&app, 60 + n, "Hi") })
            .await;
    }
    let (first, second) = (start(&app, &platform), start(&other, &platform));
    shows(&app, &platform, "chat", &["x"; 20]).await;
    app.clock.advance(10 * MINUTE);
    for running in [first, second] {
        running.stop.cancel();
        app.in_time(running.task).await.unwrap();
    }
    assert_eq!(platform.inner.sent().len(), 20);
}

#[tokio::test]
async fn a_chat_lists_and_changes_its_jobs() {
    let app = TestApp::new(core(script(replies(&["hello"])), vec![]));
    let platform = Platform::sound();
    add(&app, request(&app, 86_400, "Water the plants")).await;
    let theirs = Principal { id: session_api::PrincipalId("bob".into()), rank: Rank::Member };
    add(&app, JobRequest { principal: theirs, ..request(&app, 86_400, "Secret") }).await;
    let running = start(&app, &platform);
    let ask = async |id: &str, text: &str| {
        let before = platform.inner.sent().len();
        platform.inner.put(arrival(id, "ann", "chat", text));
        let answered = async {
            while platform.inner.sent().len() == before {
                tokio::task::yield_now().await;
            }
        };
        app.in_time(answered).await;
        platform.inner.shown("chat").last().unwrap().clone()
    };
    let list = ask("1", "/jobs").await;
    assert!(list.contains("“Water the plants” – every 1 d, next ") && list.contains("Secret"), "{list}");
    assert_eq!(ask("2", "/jobs off Water the plants").await, "“Water the plants” is off.");
    assert!(ask("3", "/jobs on Water the plants").await.contains("is on; its next run"));
    assert_eq!(ask("4", "/jobs remove nothing").await, "There is no job `nothing`.");
    assert_eq!(ask("5", "/jobs remove Secret").await, "“Secret” is removed.");
    assert!(ask("6", "/jobs dance").await.contains("/jobs on|off|run|remove"));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
