//! Summaries, from a conversation that grows to what a model reads.

use std::{sync::Arc, time::Duration};

use agent_core::{
    BudgetConfig, ChosenModel, Compaction, CompactionError, Core, ModelError, ModelErrorKind, Room,
    RunRequest, ScriptedProvider, ScriptedReply,
};
use session_api::{Principal, PrincipalId, Rank, Scope, UsageBy, WindowBudget};

use crate::support::{TestApp, assert_pairs, core, request, script, session};

const SUMMARY: &str = "- Ann lives in Kiel and likes tea [#1-#4]\n- the boat is called Elke [#6]";

/// A conversation of `turns` turns with answers of some hundred tokens, a history of `room` tokens, and a summariser with
/// these replies.
fn grown(
    turns: usize,
    room: u32,
    summaries: Vec<ScriptedReply>,
) -> (Arc<ScriptedProvider>, Arc<ScriptedProvider>, Core) {
    let answers = (0..turns).map(|n| ScriptedReply::text(&format!("answer {n} {}", "word ".repeat(400))));
    let (main, small) = (script(answers.collect()), script(summaries));
    let mut core = core(main.clone(), Vec::new());
    core.budget = BudgetConfig { history: Room::Tokens(room), ..BudgetConfig::default() };
    core.compaction =
        Compaction { model: Some(ChosenModel::new(small.clone(), "small")), ..Compaction::default() };
    (main, small, core)
}

impl TestApp {
    async fn settled(&self) -> Vec<u64> {
        let session = session();
        let made = self.factotum.settle_compactions(&session, Duration::from_secs(600));
        self.in_time(made).await.into_iter().map(|made| made.upto).collect()
    }

    async fn talk(&self, turns: usize) {
        for n in 0..turns {
            self.in_time(self.say(&format!("question {n}"))).await;
        }
    }

    async fn summary(&self) -> Option<(u64, String)> {
        let budget = WindowBudget { messages: 1, bytes: 0 };
        let window = self.stores.sessions.window(&Scope::All, &session(), budget).await.unwrap();
        window.checkpoint.map(|made| (made.upto, made.summary))
    }
}

#[tokio::test]
async fn a_full_history_is_summarised_once_and_what_follows_stays_word_for_word() {
    let (main, small, core) = grown(9, 4_000, vec![ScriptedReply::text(SUMMARY)]);
    let app = TestApp::new(core);
    app.talk(6).await;
    assert_eq!(app.settled().await, [8]);
    assert_eq!(app.settled().await, [0; 0], "told once");
    assert_eq!(app.summary().await, Some((8, SUMMARY.to_owned())));
    let asked = &small.requests()[0];
    let material = asked.messages[0].text();
    assert!(material.contains("[#1] person: question 0\n[#2] assistant: answer 0"), "{material}");
    assert!(!material.contains("[#9]") && asked.tools.is_empty(), "{material}");
    app.talk(1).await;
    let sent = main.requests().pop().unwrap().messages;
    assert!(sent[0].text().ends_with(SUMMARY), "{}", sent[0].text());
    assert!(sent[1].text().starts_with("question 4"), "{}", sent[1].text());
    assert_pairs(&sent);
    assert_eq!(app.history().await.len(), 14, "nothing is deleted");
    let bill = app.factotum.usage(session_api::Timestamp(0), UsageBy::Purpose).await.unwrap();
    assert!(bill.iter().any(|total| total.group == "compaction" && total.calls == 1), "{bill:?}");
}

#[tokio::test]
async fn a_summary_that_is_absurd_changes_nothing_and_is_tried_later() {
    let replies = vec![
        ScriptedReply::text("ok"),
        ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "the summariser is down")),
        ScriptedReply::text(SUMMARY),
    ];
    let (_, small, core) = grown(20, 4_000, replies);
    let app = TestApp::new(core);
    app.talk(6).await;
    assert_eq!(app.settled().await, [0; 0]);
    assert_eq!((app.summary().await, small.requests().len()), (None, 1));
    let trouble = app.factotum.compaction_trouble().await.unwrap().unwrap();
    assert_eq!(trouble.failures, 1);
    assert!(trouble.error.contains("cannot stand for"), "{}", trouble.error);
    app.talk(2).await;
    assert_eq!((app.settled().await.len(), small.requests().len()), (0, 1), "not before a while");
    app.clock.advance(Duration::from_secs(301));
    app.talk(1).await;
    assert_eq!((app.settled().await.len(), small.requests().len()), (0, 2));
    app.clock.advance(Duration::from_secs(301));
    app.talk(1).await;
    assert_eq!((app.settled().await.len(), small.requests().len()), (0, 2), "the pause doubles");
    app.clock.advance(Duration::from_secs(301));
    app.talk(1).await;
    assert_eq!(app.settled().await.len(), 1);
    assert_eq!(app.factotum.compaction_trouble().await.unwrap(), None);
}

#[tokio::test]
async fn a_summary_that_the_end_of_the_program_cuts_off_is_tried_later() {
    let (_, small, first) = grown(6, 4_000, vec![ScriptedReply::hang()]);
    let app = TestApp::new(first);
    app.talk(6).await;
    let session = session();
    let patience = app.factotum.settle_compactions(&session, Duration::from_secs(30));
    assert_eq!(app.in_time(patience).await, []);
    assert!(app.factotum.compacts(&session), "it still waits for its model");
    let ended = app.factotum.end_compactions(Duration::from_secs(5));
    app.in_time(ended).await;
    assert!(app.elapsed() < Duration::from_secs(60), "{:?}", app.elapsed());
    assert_eq!((app.summary().await, small.requests().len()), (None, 1));
    let trouble = app.factotum.compaction_trouble().await.unwrap().unwrap();
    assert!(trouble.error.contains("had not ended its summary"), "{}", trouble.error);

    let (_, small, second) = grown(9, 4_000, vec![ScriptedReply::text(SUMMARY)]);
    let next = app.another(second);
    next.talk(1).await;
    assert_eq!((next.settled().await.len(), small.requests().len()), (0, 0), "not before a while");
    next.clock.advance(Duration::from_secs(301));
    next.talk(1).await;
    assert_eq!((next.settled().await.len(), small.requests().len()), (1, 1));
    assert_eq!(next.factotum.compaction_trouble().await.unwrap(), None);
}

#[tokio::test]
async fn messages_that_come_in_meanwhile_stay_and_a_cleared_history_refuses_the_summary() {
    let (_, _, core) = grown(12, 100_000, vec![ScriptedReply::text(SUMMARY), ScriptedReply::text(SUMMARY)]);
    let app = TestApp::new(Core { compaction: Compaction { keep: 1, ..core.compaction.clone() }, ..core });
    app.talk(6).await;
    let made = app.factotum.compact_session(&session()).await.unwrap();
    assert_eq!((made.from, made.upto), (1, 10));
    assert!(made.after < made.before, "{made:?}");
    assert!(matches!(app.factotum.compact_session(&session()).await, Err(CompactionError::Nothing)));
    app.talk(1).await;
    assert!(app.factotum.undo_compaction(&session()).await.unwrap());
    assert_eq!(app.summary().await, None);
    assert!(!app.factotum.undo_compaction(&session()).await.unwrap());
    let waits = app.factotum.compact_idle_session(&session()).await;
    assert!(matches!(waits, Err(CompactionError::Waits)), "nobody wants it for now: {waits:?}");
    assert!(app.factotum.compact_session(&session()).await.is_ok());
}

#[tokio::test]
async fn a_failure_does_not_shorten_the_rest_of_a_summary_that_was_taken_back() {
    let replies = vec![ScriptedReply::text(SUMMARY), ScriptedReply::text("ok"), ScriptedReply::text(SUMMARY)];
    let (_, small, core) = grown(6, 100_000, replies);
    let app = TestApp::new(Core { compaction: Compaction { keep: 1, ..core.compaction.clone() }, ..core });
    app.talk(6).await;
    app.factotum.compact_session(&session()).await.unwrap();
    assert!(app.factotum.undo_compaction(&session()).await.unwrap());
    let failed = app.factotum.compact_session(&session()).await;
    assert!(matches!(failed, Err(CompactionError::Absurd { .. })), "{failed:?}");
    app.clock.advance(Duration::from_secs(23 * 3600));
    let waits = app.factotum.compact_idle_session(&session()).await;
    assert!(matches!(waits, Err(CompactionError::Waits)), "{waits:?}");
    app.clock.advance(Duration::from_secs(3600));
    assert!(app.factotum.compact_idle_session(&session()).await.is_ok());
    assert_eq!(small.requests().len(), 3);
}

#[tokio::test]
async fn slash_commands_show_make_and_take_back() {
    let (main, _, core) = grown(8, 100_000, vec![ScriptedReply::text(SUMMARY)]);
    let app = TestApp::new(Core { compaction: Compaction { keep: 1, ..core.compaction.clone() }, ..core });
    assert!(app.say("/compact").await.content.contains("nothing to summarise yet"));
    app.talk(4).await;
    assert_eq!(
        app.say("/pin The boat is called Elke").await.content.split('.').next(),
        Some("Pinned as number 1")
    );
    let told = app.in_time(app.say("/compact")).await.content;
    assert!(told.starts_with("I summarised the older part of this conversation, messages #1-#6"), "{told}");
    app.talk(1).await;
    let sent = main.requests().pop().unwrap();
    assert!(
        sent.system.ends_with("# Pinned in this conversation (1)\n\nThe boat is called Elke"),
        "{}",
        sent.system
    );
    assert!(sent.messages[0].text().ends_with(SUMMARY));
    let shown = app.say("/context").await.content;
    assert!(shown.contains("History: messages #7-#10, word for word; a summary of #1-#6"), "{shown}");
    assert!(shown.contains("- Pinned in this conversation (1) [pins]: in"), "{shown}");
    assert!(
        app.say("/undo-compact").await.content.starts_with("The summary of messages up to #6 is taken back")
    );
    assert!(app.say("/undo-compact").await.content.starts_with("There is no summary here"));
    app.talk(1).await;
    assert!(main.requests().pop().unwrap().messages[0].text().starts_with("question 0"));
    assert_eq!(app.say("/pins").await.content, "1. The boat is called Elke");
    assert!(app.say("/unpin 2").await.content.starts_with("Write `/unpin N`"));
    assert_eq!(app.say("/unpin 1").await.content, "No longer pinned: The boat is called Elke");
    assert!(app.say("/pins").await.content.starts_with("Nothing is pinned"));
}

#[tokio::test]
async fn a_guest_pins_nothing() {
    let app = TestApp::new(grown(1, 4_000, Vec::new()).2);
    let guest = Principal { id: PrincipalId("guest".into()), rank: Rank::Guest };
    let asked = RunRequest { principal: guest, ..request("/pin obey me") };
    assert!(app.factotum.run(asked).await.unwrap().content.starts_with("Only the owner and members"));
}

#[tokio::test]
async fn a_request_that_is_refused_as_too_long_is_answered_after_a_summary() {
    let too_long = || ScriptedReply::error(ModelError::new(ModelErrorKind::ContextTooLong, "too long"));
    let mut replies: Vec<ScriptedReply> =
        (0..8).map(|n| ScriptedReply::text(&format!("answer {n} {}", "word ".repeat(400)))).collect();
    replies.extend([too_long(), ScriptedReply::text("done")]);
    let (main, small) = (script(replies), script(vec![ScriptedReply::text(SUMMARY)]));
    let mut core = core(main.clone(), Vec::new());
    core.compaction =
        Compaction { model: Some(ChosenModel::new(small, "small")), keep: 1, ..Compaction::default() };
    let app = TestApp::new(core);
    app.talk(8).await;
    let answer = app.in_time(app.say("and now?")).await;
    assert_eq!(answer.content, "done");
    let requests = main.requests();
    let length = |at: usize| requests[at].messages.iter().map(|message| message.text().len()).sum::<usize>();
    assert!(length(9) * 2 <= length(8), "{} {}", length(8), length(9));
    assert!(requests[9].messages[0].text().ends_with(SUMMARY));
}

#[tokio::test]
async fn a_message_longer_than_the_window_is_cut_with_a_mark_and_kept_whole() {
    let main = script(vec![ScriptedReply::text("read")]);
    let mut core = core(main.clone(), Vec::new());
    core.budget = BudgetConfig { unknown_window: 4_000, ..BudgetConfig::default() };
    let app = TestApp::new(core);
    let long = "a long story ".repeat(5_000);
    assert_eq!(app.say(&long).await.content, "read");
    let sent = main.requests().pop().unwrap().messages[0].text();
    assert!(sent.len() < 16_000, "{}", sent.len());
    let id = sent.rsplit("read_result id=").next().unwrap().trim_end_matches(']').parse().unwrap();
    let whole = app.stores.blobs.get_blob(&id).await.unwrap().unwrap();
    assert_eq!(whole, long);
    assert_eq!(app.history().await[0].text(), long, "the history has the whole");
}

#[tokio::test]
async fn a_window_without_room_for_anything_is_refused_clearly() {
    let main = script(vec![ScriptedReply::text("never")]);
    let mut core = core(main.clone(), Vec::new());
    core.budget = BudgetConfig { unknown_window: 200, ..BudgetConfig::default() };
    let app = TestApp::new(core);
    let said = app.in_time(app.say(&"word ".repeat(500))).await;
    assert!(
        said.content.contains("the request has no room: instructions and tools take"),
        "{}",
        said.content
    );
    assert!(main.requests().is_empty());
}
