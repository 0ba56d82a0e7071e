//! Turns told to a reader, and driven once more offline. That every turn of all these tests is replayed the same is checked
//! where an app is dropped.

use std::sync::Arc;

use agent_core::{Attempt, ModelError, ModelErrorKind, ModelEvent, RecordedTurn, ScriptedReply, TokenUsage};
use proptest::prelude::*;
use session_api::{
    ApprovalState, CallId, Decision, InboundId, Message, MessageId, Outcome, Part, Role, Step, StepKind,
    ToolStatus, TurnId, TurnState,
};
use tool_api::{AlwaysAsk, Effect};

use crate::support::{Does, Probe, TestApp, core, none, request, script, session};

/// The turn of the newest message of the history.
async fn last_turn(app: &TestApp) -> TurnId {
    app.history().await.last().expect("something was said").turn
}

async fn recorded(app: &TestApp) -> RecordedTurn {
    app.factotum.recorded_turn(last_turn(app).await).await.unwrap().unwrap()
}

/// A turn that looks, sends after it was allowed to, and hears a second message on the way.
async fn eventful() -> TestApp {
    let look = Probe::new("look", Effect::Pure, Does::Wait);
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let provider = script(vec![
        ScriptedReply::tool("look", &none()),
        ScriptedReply::tools(vec![("send", none()), ("lok", none())]),
        ScriptedReply::text("All done."),
    ]);
    let mut core = core(provider, vec![look.clone(), send]);
    core.approver = Arc::new(AlwaysAsk(vec!["send".into()]));
    let app = TestApp::new(core);
    let first = app.factotum.run_streamed(request("Look and send.")).await.unwrap();
    look.had(1).await;
    let second = app.factotum.run_streamed(request("Quickly, please.")).await.unwrap();
    look.release();
    let first = first.wait().await.unwrap();
    drop(second);
    app.factotum.approvals().answer(first.questions[0].id, Decision::Allow).await.unwrap();
    assert_eq!(app.factotum.resume(&session()).await.unwrap()[0].result.content, "All done.");
    app
}

/// Ids of rows and turns are long and follow from how often a test asked for one.
fn without_ids(text: &str) -> String {
    let long = |word: &str| word.matches('-').count() == 4 && word.trim_matches([',', ';']).len() == 36;
    let words = text.split(' ').map(|word| if long(word) { "ID" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_turn_is_told_to_a_reader() {
    let app = eventful().await;
    let report = app.factotum.turn_report(last_turn(&app).await).await.unwrap().unwrap();
    insta::assert_snapshot!("report", without_ids(&report.to_string()));
    assert!(report.committed);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["state"], "done");
    assert_eq!(json["outcome"], "replied");
    assert_eq!(json["calls"][1]["asked"], "allowed");
    assert_eq!(json["calls"][1]["result"], "sent");
    assert_eq!(json["steps"][0]["type"], "tool_ended");
    assert_eq!(json["inbound"][1]["joined"], true);
    assert_eq!(json["outbox"].as_array().unwrap().len(), 2, "the question and the answer");
}

fn failed(
    kind: ModelErrorKind,
    message: &str,
    next: &str,
    wait_millis: u64,
    usage: TokenUsage,
) -> ModelEvent {
    ModelEvent::Attempt(Box::new(Attempt {
        provider: "first".into(),
        model: "large".into(),
        kind,
        message: message.into(),
        millis: 12,
        wait_millis,
        usage,
        next_provider: next.into(),
        next_model: "large".into(),
    }))
}

#[tokio::test]
async fn a_call_that_did_not_go_well_at_once_is_told_as_a_story() {
    let lost = TokenUsage { input_tokens: 40, output_tokens: 3, ..TokenUsage::default() };
    let none = TokenUsage::default();
    let app = TestApp::new(core(
        script(vec![ScriptedReply::events(vec![
            failed(ModelErrorKind::RateLimited, "provider `first` wants fewer requests.", "first", 500, none),
            ModelEvent::Text("Half an ans".into()),
            failed(ModelErrorKind::BadReply, "the reply broke off", "second", 0, lost),
            ModelEvent::Text("Well.".into()),
        ])]),
        Vec::new(),
    ));
    assert_eq!(app.say("hello").await.content, "Well.");
    let report = app.factotum.turn_report(last_turn(&app).await).await.unwrap().unwrap();
    insta::assert_snapshot!("story", without_ids(&report.to_string()));
    let json = serde_json::to_value(&report).unwrap();
    let story = json["attempts"].as_array().unwrap();
    assert_eq!(story.len(), 3);
    assert_eq!(
        (&story[0]["failed"]["kind"], &story[0]["failed"]["wait_millis"]),
        (&"rate_limited".into(), &500.into())
    );
    assert_eq!(
        (&story[1]["usage"]["output_tokens"], &story[1]["failed"]["next_provider"]),
        (&3.into(), &"second".into())
    );
    assert_eq!((&story[2]["provider"], &story[2]["failed"]), (&"second".into(), &serde_json::Value::Null));
}

#[tokio::test]
async fn a_reply_that_broke_off_with_nobody_left_is_told() {
    let error = ModelError::new(ModelErrorKind::BadReply, "the reply broke off");
    let app = TestApp::new(core(script(vec![ScriptedReply::text("Half").then_error(error)]), Vec::new()));
    app.say("hello").await;
    let turn = app.stores.audit.audit_rows(None, 10).await.unwrap()[0].entry.turn.unwrap();
    let report = app.factotum.turn_report(turn).await.unwrap().unwrap();
    assert_eq!(report.attempts.len(), 1, "{report}");
    let told = report.attempts[0].to_string();
    assert!(told.contains("the reply broke off") && told.ends_with("nobody else was asked"), "{told}");
}

#[tokio::test]
async fn a_replay_shows_each_step_and_what_followed() {
    let app = eventful().await;
    let replay = app.factotum.replay(last_turn(&app).await).await.unwrap().unwrap();
    assert_eq!((replay.divergence.as_ref(), replay.not_replayed.as_ref()), (None, None));
    insta::assert_snapshot!("replay", replay.to_string());
}

type Tamper = fn(&mut RecordedTurn);

fn results(turn: &mut RecordedTurn, nth: usize) -> &mut Message {
    turn.messages.iter_mut().filter(|message| message.role == Role::Tool).nth(nth).unwrap()
}

fn calls(message: &mut Message) -> impl Iterator<Item = &mut session_api::ToolResult> {
    message.parts.iter_mut().filter_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    })
}

fn without(turn: &mut RecordedTurn, unwanted: fn(&StepKind) -> bool) {
    turn.journal.retain(|entry| !unwanted(&entry.step.kind));
}

fn say(turn: &mut RecordedTurn, at: usize, role: Role) {
    let mut more = turn.messages[0].clone();
    (more.id, more.role) = (MessageId(uuid::Uuid::from_u128(77)), role);
    more.parts = vec![Part::text("Nobody said this.")];
    turn.messages.insert(at, more);
}

const TAMPERS: &[(&str, Tamper)] = &[
    ("the first message is gone", |turn| drop(turn.messages.remove(0))),
    ("a message that nobody sent", |turn| say(turn, 1, Role::User)),
    ("a reply too many at the end", |turn| {
        let end = turn.messages.len();
        say(turn, end, Role::Assistant);
    }),
    ("the answer is gone", |turn| drop(turn.messages.pop())),
    ("the results of the first reply are gone", |turn| {
        turn.messages.retain(|message| !message.tool_results().any(|result| result.name == "look"));
    }),
    ("a result for another call", |turn| {
        calls(results(turn, 0)).next().unwrap().call_id = CallId("call-9".into());
    }),
    ("a failure where the journal knows of none", |turn| {
        calls(results(turn, 1)).next().unwrap().status = ToolStatus::Error;
    }),
    ("another call in the reply", |turn| {
        for part in turn.messages.iter_mut().flat_map(|message| message.parts.iter_mut()) {
            if let Part::ToolCall(call) = part
                && call.name == "send"
            {
                call.id = CallId("call-7".into());
            }
        }
    }),
    ("the end of a call is not journalled", |turn| {
        without(turn, |kind| matches!(kind, StepKind::ToolEnded { .. }));
    }),
    ("a call ended before it could begin", |turn| {
        let last =
            turn.journal.iter().rposition(|entry| matches!(entry.step.kind, StepKind::ToolEnded { .. }));
        let entry = turn.journal.remove(last.unwrap());
        turn.journal.insert(0, entry);
    }),
    ("a call more at the end of the journal", |turn| {
        let mut entry = turn.journal[0].clone();
        let kind = StepKind::ToolEnded { call_id: CallId("call-8".into()), ok: true, millis: 1 };
        entry.step = Step { kind, durable: true };
        turn.journal.push(entry);
    }),
    ("the suspension is not journalled", |turn| without(turn, |kind| *kind == StepKind::Suspended)),
    ("the answer to the question was no", |turn| turn.approvals[0].state = ApprovalState::Denied),
    ("the question is still open", |turn| turn.approvals[0].state = ApprovalState::Open),
    ("there was no question", |turn| turn.approvals.clear()),
    ("nobody joined", |turn| without(turn, |kind| matches!(kind, StepKind::Absorbed { .. }))),
    ("somebody joined and is not in the history", |turn| {
        for entry in &mut turn.journal {
            if let StepKind::Absorbed { inbound } = &mut entry.step.kind {
                inbound.push(InboundId(uuid::Uuid::from_u128(5)));
            }
        }
    }),
    ("it failed", |turn| turn.outcome = Some(Outcome::Failed)),
    ("it was stopped", |turn| turn.outcome = Some(Outcome::Stopped)),
];

#[tokio::test]
async fn a_record_that_was_tampered_with_shows_where() {
    let app = eventful().await;
    let sound = recorded(&app).await;
    assert_eq!(sound.replay().divergence, None);
    let mut shown = String::new();
    for (name, tamper) in TAMPERS {
        let mut turn = sound.clone();
        tamper(&mut turn);
        let divergence = turn.replay().divergence.unwrap_or_else(|| panic!("{name}: replayed the same"));
        shown.push_str(&format!("{name}\n  {}\n", without_ids(&divergence.to_string())));
    }
    insta::assert_snapshot!("tampered", shown);
}

/// What may happen to a list.
fn disturb<T: Clone>(list: &mut Vec<T>, how: u8, a: usize, b: usize) {
    if list.is_empty() {
        return;
    }
    let (a, b) = (a % list.len(), b % list.len());
    match how % 4 {
        0 => drop(list.remove(a)),
        1 => list.swap(a, b),
        2 => list.insert(b, list[a].clone()),
        _ => list.truncate(a),
    }
}

#[test]
fn a_replay_of_whatever_is_stored_has_an_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sound = runtime.block_on(async { recorded(&eventful().await).await });
    let outcomes = [None, Some(Outcome::Replied), Some(Outcome::Stopped), Some(Outcome::Failed)];
    let change = (any::<bool>(), any::<u8>(), any::<usize>(), any::<usize>());
    let changes = proptest::collection::vec(change, 0..6);
    proptest!(|(changes in changes, outcome in 0usize..4)| {
        let mut turn = RecordedTurn { outcome: outcomes[outcome], ..sound.clone() };
        for (journal, how, a, b) in changes {
            if journal {
                disturb(&mut turn.journal, how, a, b);
            } else {
                disturb(&mut turn.messages, how, a, b);
            }
        }
        let replay = turn.replay();
        prop_assert!(replay.steps.len() <= 40, "{}", replay);
        let same = turn.messages == sound.messages && turn.journal == sound.journal && outcome == 1;
        prop_assert!(!same || replay.divergence.is_none(), "{}", replay);
    });
}

#[tokio::test]
async fn a_change_deep_in_a_long_text_is_shown_where_it_is() {
    let look = Probe::new("look", Effect::Pure, Does::Say("seen".into()));
    let provider =
        script(vec![ScriptedReply::tools(vec![("look", none()), ("look", none()), ("look", none())])]);
    let app = TestApp::new(core(provider, vec![look]));
    assert_eq!(app.say("go").await.stop_reason, "repeated_call");
    let mut turn = recorded(&app).await;
    let result = calls(results(&mut turn, 0)).last().unwrap();
    let Some(Part::Text { text }) = result.content.first_mut() else { panic!("a text") };
    assert_eq!(text, "not run: the turn reached a limit");
    text.push('!');
    let divergence = turn.replay().divergence.unwrap();
    assert!(divergence.recorded.contains("limit!"), "{divergence}");
}

#[tokio::test]
async fn what_cannot_be_replayed_says_why() {
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let provider = script(vec![ScriptedReply::tool("send", &none()), ScriptedReply::text("All right.")]);
    let mut asking = core(provider, vec![send]);
    asking.approver = Arc::new(AlwaysAsk(vec!["send".into()]));
    let app = TestApp::new(asking);
    app.say("/status").await;
    let command = app.outbox().await[0].turn.unwrap();
    let first = app.say("Send it.").await;
    let waiting = first.questions[0].turn;
    let nobody = TurnId(uuid::Uuid::from_u128(1 << 90));
    assert_eq!(app.factotum.replay(nobody).await.unwrap(), None);
    assert_eq!(app.factotum.turn_report(nobody).await.unwrap(), None);
    for (turn, says) in [(command, "a command"), (waiting, "waits for an answer")] {
        let replay = app.factotum.replay(turn).await.unwrap().unwrap();
        assert!(replay.not_replayed.as_ref().is_some_and(|why| why.contains(says)), "{replay:?}");
        assert!(replay.to_string().starts_with("not replayed: "), "{replay}");
    }
    let report = app.factotum.turn_report(waiting).await.unwrap().unwrap();
    assert_eq!((report.state, report.committed, report.outcome), ("suspended", false, None));
    assert_eq!(report.model.as_deref(), Some("scripted/model"));
    assert_eq!(report.calls[0].asked, Some(ApprovalState::Open));
    assert_eq!(report.calls[0].status, None);

    let mut running = app.factotum.recorded_turn(waiting).await.unwrap().unwrap();
    for (state, says) in [(TurnState::Running, "runs"), (TurnState::Failed, "failed")] {
        running.state = state;
        assert!(running.replay().not_replayed.unwrap().contains(says));
    }
    app.factotum.approvals().answer(first.questions[0].id, Decision::Deny).await.unwrap();
    app.factotum.resume(&session()).await.unwrap();
    app.factotum.sessions().clear(&session()).await.unwrap();
    let replay = app.factotum.replay(waiting).await.unwrap();
    // A store may forget the turn with its session.
    assert!(replay.is_none_or(|replay| replay.not_replayed.unwrap().contains("taken away")));
}
