//! Limits on spending, and the bill.

use std::sync::Arc;

use agent_core::{
    ChosenModel, Core, LlmProvider, ModelDirectory, ModelError, ModelErrorKind, Models, ScriptedProvider,
    ScriptedReply, SpendingCaps, TokenUsage,
};
use session_api::{
    ChildRun, InboundId, Outside, Principal, Route, RunOverrides, Scope, SessionKey, Timestamp, UsageBy,
    UsageTotal,
};

use crate::support::{TestApp, core, script, session};

/// A directory where each token written costs so much.
struct Priced {
    provider: Arc<dyn LlmProvider>,
    micros: Option<u64>,
}

impl ModelDirectory for Priced {
    fn model(&self, name: &str) -> Result<ChosenModel, ModelError> {
        Ok(ChosenModel::new(self.provider.clone(), name))
    }

    fn preset(&self, name: &str) -> Result<ChosenModel, ModelError> {
        self.model(name)
    }

    fn in_front_of(&self, name: &str, _: &str) -> Result<ChosenModel, ModelError> {
        self.model(name)
    }

    fn providers(&self) -> Vec<String> {
        Vec::new()
    }

    fn presets(&self) -> Vec<String> {
        vec!["fast".into()]
    }

    fn cost(&self, _: &str, _: &str, usage: &TokenUsage) -> Option<u64> {
        self.micros.map(|micros| micros * usage.output_tokens)
    }
}

fn priced(provider: Arc<ScriptedProvider>, micros: Option<u64>, caps: SpendingCaps) -> Core {
    let default = ChosenModel::new(provider.clone(), "model");
    let directory = Arc::new(Priced { provider: provider.clone(), micros });
    Core { models: Models::with_directory(default, directory), caps, ..core(provider, Vec::new()) }
}

fn used(output_tokens: u64) -> TokenUsage {
    TokenUsage { input_tokens: 10, output_tokens, ..TokenUsage::default() }
}

fn caps(day: u64) -> SpendingCaps {
    SpendingCaps { day: Some(day), reply_tokens: 100, ..SpendingCaps::default() }
}

async fn bill(app: &TestApp) -> UsageTotal {
    let ledger = &app.stores.usage;
    ledger.usage_totals(&Scope::All, Timestamp(0), UsageBy::Purpose).await.unwrap().remove(0)
}

/// What was said to the conversation, oldest first.
async fn said(app: &TestApp) -> Vec<String> {
    let mut said = app.stores.mailbox.outbox(&session(), 100).await.unwrap();
    said.reverse();
    let text = |message: session_api::OutboxMessage| message.parts[0].as_text().unwrap().to_owned();
    said.into_iter().map(text).collect()
}

#[tokio::test]
async fn what_a_call_cost_stands_on_the_bill() {
    let model = script(vec![ScriptedReply::text("hi").with_usage(used(7))]);
    let app = TestApp::new(priced(model, Some(3), SpendingCaps::default()));
    app.say("hello").await;
    assert_eq!((bill(&app).await.cost_micros, bill(&app).await.unpriced_calls), (21, 0));
}

#[tokio::test]
async fn a_limit_is_warned_of_once_kept_and_extended_by_the_owner() {
    let replies = (0..6).map(|_| ScriptedReply::text("hi").with_usage(used(85))).collect();
    let model = script(replies);
    let app = TestApp::new(priced(model.clone(), Some(10_000), caps(2_600_000)));
    // A call may cost a dollar. Two are 1.70 of 2.60.
    for _ in 0..2 {
        assert_eq!(app.say("hello").await.content, "hi");
    }
    assert!(!said(&app).await.iter().any(|text| text.contains("may be spent")));
    let refused = app.say("hello").await;
    insta::assert_snapshot!(refused.content.lines().next().unwrap(), @r"I could not answer: the limit on spending for today is $2.60; $1.70 is spent or reserved, and this call may cost up to $1.00; the owner can allow more: `/usage extend day DOLLARS`.");
    assert_eq!(model.requests().len(), 2);
    assert_eq!(model.requests()[0].max_output_tokens, Some(100));
    insta::assert_snapshot!(app.say("/usage extend day 1").await.content, @r"Up to $3.60 may now be spent today.");
    for _ in 0..2 {
        app.say("hello").await;
    }
    let warned: Vec<String> =
        said(&app).await.into_iter().filter(|text| text.contains("may be spent today is gone")).collect();
    insta::assert_snapshot!(warned.join("\n"), @r"$3.40 of the $3.60 that may be spent today is gone. The owner can allow more: `/usage extend day DOLLARS`.");
    assert_eq!(bill(&app).await.cost_micros, 3_400_000);
    // The next day begins anew.
    app.clock.advance(std::time::Duration::from_secs(24 * 60 * 60));
    assert_eq!(app.say("hello").await.content, "hi");
}

#[tokio::test]
async fn without_a_price_nothing_is_spent_where_there_is_a_limit() {
    let model = script(vec![ScriptedReply::text("hi")]);
    let app = TestApp::new(priced(model.clone(), None, caps(1_000_000)));
    let refused = app.say("hello").await;
    insta::assert_snapshot!(refused.content.lines().next().unwrap(), @r"I could not answer: there is a limit on spending, and the price of scripted/model or of a model behind it is not known; set `price` in its section of the configuration, or take the limit away.");
    assert!(model.requests().is_empty());
}

#[tokio::test]
async fn a_call_that_failed_holds_nothing_back() {
    let down = ModelError::new(ModelErrorKind::BadRequest, "no");
    let model = script(vec![ScriptedReply::error(down), ScriptedReply::text("hi").with_usage(used(1))]);
    let app = TestApp::new(priced(model, Some(1), caps(120)));
    assert_eq!(app.say("hello").await.stop_reason, "model_failed");
    assert_eq!(app.say("hello").await.content, "hi");
}

#[tokio::test]
async fn one_message_has_a_limit_of_its_own() {
    let turn = SpendingCaps { turn: Some(99), reply_tokens: 100, ..SpendingCaps::default() };
    let app = TestApp::new(priced(script(vec![ScriptedReply::text("hi")]), Some(1), turn));
    let refused = app.say("hello").await;
    assert!(refused.content.contains("for one message is $0.0000; $0.00 is spent"), "{}", refused.content);
}

#[tokio::test]
async fn only_the_owner_extends_and_only_what_is_limited() {
    let app = TestApp::new(priced(script(vec![]), Some(1), caps(100)));
    for (command, answer) in [
        ("/usage extend month 1", "There is no limit for this month: `spending.month` is not set."),
        ("/usage extend year 1", "`year` has no limit that could be extended; `day` and `month` have."),
        ("/usage extend day -1", "`-1` is no amount; write dollars, as in `2.50`."),
        ("/usage extend", "Write `/usage`, or `/usage extend day|month DOLLARS`."),
    ] {
        assert_eq!(app.say(command).await.content, answer);
    }
}

/// Accepts the first row of an agent that may cost `most`, or another message to it where it is there already.
async fn task(app: &TestApp, id: InboundId, parent: &SessionKey, most: u64, again: bool) {
    let child = ChildRun {
        name: "a".into(),
        depth: 1,
        profile: None,
        instructions: None,
        max_cost_micros: Some(most),
        plan: None,
    };
    let start = subagents::Start {
        id,
        parent,
        reply: &Route::to_session(&session()),
        principal: &Principal::owner(),
        task: "work".into(),
        outside: &Outside::default(),
        overrides: RunOverrides { child: Some(Box::new(child)), ..RunOverrides::default() },
        now: Timestamp(0),
    };
    let mut row = subagents::row(start);
    if again {
        row.id = InboundId::new(app.ids.as_ref());
        row.external_id = row.id.to_string();
    }
    drop(app.stores.mailbox.accept(None, vec![row].into(), None).await.unwrap());
    app.in_time(app.factotum.resume(&subagents::session_of(id))).await.unwrap();
}

#[tokio::test]
async fn an_agents_limit_holds_for_its_whole_life_and_for_those_below_it_together() {
    let model = script((0..9).map(|_| ScriptedReply::text("done").with_usage(used(40))).collect());
    let caps = SpendingCaps { reply_tokens: 50, ..SpendingCaps::default() };
    let app = TestApp::new(priced(model.clone(), Some(1), caps));
    let [parent, first, second, other] = [(); 4].map(|()| InboundId::new(app.ids.as_ref()));
    let below = subagents::session_of(parent);
    // Its first turn costs 40 of 140, and each of the two below it 40 more; then nobody of them may call once more.
    task(&app, parent, &session(), 140, false).await;
    task(&app, first, &below, 140, false).await;
    task(&app, second, &below, 140, false).await;
    assert_eq!(model.requests().len(), 3);
    for id in [parent, first, second] {
        let above = if id == parent { session() } else { below.clone() };
        task(&app, id, &above, 140, true).await;
    }
    assert_eq!(model.requests().len(), 3, "a second turn has no money of its own");
    task(&app, other, &session(), 140, false).await;
    assert_eq!(model.requests().len(), 4, "somebody else's child has its own");
}
