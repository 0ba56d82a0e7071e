//! Each layer, and all of them together, keep the port's contract as the bare provider does; and what only shows when they
//! are worn.

use std::{sync::Arc, time::Duration};

use agent_core::{
    LlmProvider, ModelError, ModelErrorKind as Kind, ModelEvent, Retry, RetryPolicy, RetryingProvider,
    ScriptedProvider, ScriptedReply,
    contract::provider::{
        CALLS, Played, ProviderHarness, REASONING, RETRY_AFTER, Scenario, TEXT, UNKNOWN_MODEL, USAGE,
        collect, request,
    },
};
use async_trait::async_trait;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
};
use session_api::{Clock, ManualClock, SequentialIds, Timestamp};

use super::*;

/// A clock on which every wait passes at once.
#[derive(Default)]
struct Hasty(parking_lot::Mutex<Duration>);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        *self.0.lock() += duration;
        Box::pin(ready(()))
    }
}

fn hasty() -> Arc<Hasty> {
    Arc::default()
}

fn reply(scenario: Scenario) -> Option<ScriptedReply> {
    let calls = |count: usize| {
        let parsed =
            CALLS.iter().take(count).map(|(name, text)| (*name, serde_json::from_str(text).unwrap()));
        ScriptedReply::tools(parsed.collect())
    };
    let fails = |kind, message: &str| ScriptedReply::error(ModelError::new(kind, message));
    Some(match scenario {
        Scenario::Text => ScriptedReply::text(TEXT),
        Scenario::Tool => calls(1),
        Scenario::ParallelTools => calls(CALLS.len()),
        Scenario::Usage => ScriptedReply::text(TEXT).with_usage(USAGE),
        Scenario::Reasoning => ScriptedReply::events(vec![
            ModelEvent::Reasoning(REASONING.into()),
            ModelEvent::Text(TEXT.into()),
        ]),
        Scenario::UnknownEvents => return None,
        Scenario::Length => ScriptedReply::text(TEXT).with_reason(agent_core::FinishReason::Length),
        Scenario::Cut => {
            ScriptedReply::text("Grüße").then_error(ModelError::new(Kind::BadReply, "the reply broke off"))
        }
        Scenario::Malformed => fails(Kind::BadReply, "nonsense"),
        Scenario::Unauthorized => fails(Kind::Auth, "the key is refused"),
        Scenario::UnknownModel => fails(Kind::NotFound, UNKNOWN_MODEL),
        Scenario::RateLimited => ScriptedReply::error(ModelError {
            retry: Retry::After(RETRY_AFTER),
            ..ModelError::new(Kind::RateLimited, "too often")
        }),
        Scenario::ServerError => fails(Kind::Unavailable, "it failed"),
        Scenario::Silence => fails(Kind::Timeout, "it fell silent"),
        Scenario::Endless => ScriptedReply::text("Grüße").then_hang(),
    })
}

/// A layer around a scripted provider.
struct Worn(fn(Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider>);

#[async_trait]
impl ProviderHarness for Worn {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let inner = Arc::new(ScriptedProvider::new(vec![reply(scenario)?]));
        let watched = inner.clone();
        let mut played = Played::exactly((self.0)(inner));
        played.dropped =
            (scenario == Scenario::Endless).then(|| async move { watched.stream_dropped().await }.boxed());
        Some(played)
    }
}

fn breaking(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    breaking_by(inner, hasty())
}

fn limited(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    limited_by(inner, hasty())
}

fn first_model(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    Arc::new(FirstModelProvider::new(inner))
}

fn text_tools(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    Arc::new(TextToolsProvider::new(inner, Some(ToolStyle::Text), true))
}

/// With the model loaded, so that the script's first reply is for the request itself.
fn just_in_time(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    let gate = Gate::default();
    for model in [request("").model.as_str(), UNKNOWN_MODEL] {
        gate.loaded(model, Duration::ZERO);
    }
    Arc::new(JustInTimeProvider::new(inner, Arc::new(gate), Arc::new(ManualClock::default())))
}

fn failover(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    failover_by(inner, hasty())
}

fn breaking_by(inner: Arc<dyn LlmProvider>, clock: Arc<Hasty>) -> Arc<dyn LlmProvider> {
    Arc::new(BreakingProvider::new(inner, Arc::new(Breaker::new(BreakerPolicy::default())), clock))
}

fn limited_by(inner: Arc<dyn LlmProvider>, clock: Arc<Hasty>) -> Arc<dyn LlmProvider> {
    let rate = Rate::new(RatePolicy { requests_per_minute: Some(100), ..RatePolicy::default() });
    Arc::new(RateLimitedProvider::new(inner, Arc::new(rate), clock, true))
}

/// As the last of a chain whose first one has no key.
fn failover_by(inner: Arc<dyn LlmProvider>, clock: Arc<Hasty>) -> Arc<dyn LlmProvider> {
    let keyless = Arc::new(ScriptedProvider::new(Vec::new()).named("keyless"));
    let link = |provider| Link { provider, model: None };
    Arc::new(FailoverProvider::new(link(keyless), vec![link(inner)], clock))
}

fn all(inner: Arc<dyn LlmProvider>) -> Arc<dyn LlmProvider> {
    let clock = hasty();
    let inner = breaking_by(limited_by(text_tools(inner), clock.clone()), clock.clone());
    let inner = failover_by(first_model(inner), clock.clone());
    let ids = Arc::new(SequentialIds::default());
    Arc::new(RetryingProvider::new(inner, RetryPolicy::default(), clock, ids))
}

mod breaking_keeps {
    agent_core::provider_contract!(super::Worn(super::breaking));
}
mod limited_keeps {
    agent_core::provider_contract!(super::Worn(super::limited));
}
mod first_model_keeps {
    agent_core::provider_contract!(super::Worn(super::first_model));
}
mod text_tools_keep {
    agent_core::provider_contract!(super::Worn(super::text_tools));
}
mod just_in_time_keeps {
    agent_core::provider_contract!(super::Worn(super::just_in_time));
}
mod failover_keeps {
    agent_core::provider_contract!(super::Worn(super::failover));
}
mod all_together_keep {
    agent_core::provider_contract!(super::Worn(super::all));
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone_and_tried_again_by_one() {
    let clock = ManualClock::default();
    let down = || ScriptedReply::error(ModelError::new(Kind::Unavailable, "down"));
    let inner = Arc::new(ScriptedProvider::new(vec![down(), down(), ScriptedReply::text("back")]));
    let policy = BreakerPolicy { failures: 2, ..BreakerPolicy::default() };
    let breaker = Arc::new(Breaker::new(policy));
    let provider = BreakingProvider::new(inner.clone(), breaker.clone(), Arc::new(clock.clone()));
    for _ in 0..2 {
        collect(&provider, request("hello")).await;
    }
    let error = collect(&provider, request("hello")).await.error.unwrap();
    let waits = Retry::After(Duration::from_secs(30));
    assert_eq!((error.kind, error.retry, inner.requests().len()), (Kind::Unavailable, waits, 2));
    assert_eq!(error.message, "provider `scripted` failed 2 times in a row and is left alone for 30 s more");
    clock.advance(Duration::from_secs(30));
    // A request that nobody waits for says nothing, and stands in nobody's way.
    drop(provider.stream(request("hello")).await.unwrap());
    assert_eq!(breaker.state(clock.monotonic()), BreakerState::HalfOpen);
    assert_eq!(collect(&provider, request("hello")).await.text, "back");
    assert_eq!(breaker.state(clock.monotonic()), BreakerState::Closed { failures: 0 });
}

#[tokio::test]
async fn what_a_server_refuses_says_that_it_is_well() {
    let clock = Arc::new(ManualClock::default());
    for (kind, failures) in [(Kind::Timeout, 1), (Kind::BadReply, 1), (Kind::Auth, 0), (Kind::RateLimited, 0)]
    {
        let refused = ScriptedReply::error(ModelError::new(kind, "no"));
        let breaker = Arc::new(Breaker::new(BreakerPolicy::default()));
        let inner = Arc::new(ScriptedProvider::new(vec![refused]));
        let provider = BreakingProvider::new(inner, breaker.clone(), clock.clone());
        collect(&provider, request("hello")).await;
        assert_eq!(breaker.state(Duration::ZERO), BreakerState::Closed { failures }, "{kind:?}");
    }
}

fn two_a_minute(clock: &ManualClock, patient: bool) -> (RateLimitedProvider, Arc<Rate>) {
    let policy = RatePolicy { requests_per_minute: Some(2), ..RatePolicy::default() };
    let rate = Arc::new(Rate::new(policy));
    let limited = ScriptedReply::error(ModelError {
        retry: Retry::After(Duration::from_secs(7)),
        ..ModelError::new(Kind::RateLimited, "slow down")
    });
    let inner =
        Arc::new(ScriptedProvider::new(vec![ScriptedReply::text("one"), limited, ScriptedReply::text("on")]));
    (RateLimitedProvider::new(inner, rate.clone(), Arc::new(clock.clone()), patient), rate)
}

#[tokio::test]
async fn requests_wait_for_their_turn_and_heed_the_server() {
    let clock = ManualClock::default();
    let (provider, rate) = two_a_minute(&clock, true);
    assert_eq!(collect(&provider, request("1")).await.text, "one");
    assert!(collect(&provider, request("2")).await.error.is_some());
    assert_eq!(rate.state(Duration::ZERO).paused_millis, 7_000, "the server was heard");
    let mut third = Box::pin(collect(&provider, request("3")));
    assert!((&mut third).now_or_never().is_none());
    assert_eq!(rate.state(Duration::ZERO).waiting, 1);
    clock.advance(Duration::from_secs(59));
    assert!((&mut third).now_or_never().is_none(), "two have come in this minute");
    clock.advance(Duration::from_secs(1));
    assert_eq!(third.await.text, "on");
}

#[tokio::test]
async fn who_has_another_provider_to_go_to_does_not_wait() {
    let clock = ManualClock::default();
    let (provider, rate) = two_a_minute(&clock, false);
    collect(&provider, request("1")).await;
    collect(&provider, request("2")).await;
    let error = collect(&provider, request("3")).await.error.unwrap();
    assert_eq!((error.kind, error.retry), (Kind::RateLimited, Retry::After(Duration::from_secs(60))));
    assert_eq!(error.message, "provider `scripted` wants no requests for 60 s more");
    clock.advance(Duration::from_secs(8));
    let error = collect(&provider, request("3")).await.error.unwrap();
    assert!(error.message.contains("the next is due in 52 s"), "{error}");
    assert_eq!(rate.state(clock.monotonic()).waiting, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_request_that_is_given_up_while_it_waits_gives_its_place_back() {
    let clock = ManualClock::default();
    let (provider, rate) = two_a_minute(&clock, true);
    collect(&provider, request("1")).await;
    collect(&provider, request("2")).await;
    let waiting = Box::pin(provider.stream(request("3")));
    assert!(waiting.now_or_never().is_none());
    assert_eq!(rate.state(Duration::ZERO).waiting, 0);
}

#[tokio::test]
async fn what_was_used_counts_towards_the_tokens_of_the_minute() {
    let clock = ManualClock::default();
    let policy = RatePolicy { tokens_per_minute: Some(150), ..RatePolicy::default() };
    let rate = Arc::new(Rate::new(policy));
    let inner = Arc::new(ScriptedProvider::new(vec![ScriptedReply::text("hi").with_usage(USAGE)]));
    let provider = RateLimitedProvider::new(inner, rate.clone(), Arc::new(clock.clone()), false);
    collect(&provider, request("hello")).await;
    assert_eq!(rate.state(Duration::ZERO).tokens, USAGE.input_tokens + USAGE.output_tokens);
    assert!(provider.stream(request(&"long ".repeat(200))).await.is_err());
}

/// A chain whose links break in mid-stream again and again: after each break all that was shown is void, so that even the
/// whole chain may be asked again, and the answer is one.
#[tokio::test]
async fn a_chain_is_asked_again_as_a_whole_when_all_of_it_failed() {
    let broken = || ScriptedReply::text("half").then_error(ModelError::new(Kind::BadReply, "it broke off"));
    let down = || ScriptedReply::error(ModelError::new(Kind::Unavailable, "down"));
    let a = Arc::new(ScriptedProvider::new(vec![broken(), ScriptedReply::text("whole")]).named("a"));
    let b = Arc::new(ScriptedProvider::new(vec![down()]).named("b"));
    let link = |provider: &Arc<ScriptedProvider>| Link { provider: provider.clone(), model: None };
    let chain = FailoverProvider::new(link(&a), vec![link(&b)], hasty());
    let ids = Arc::new(SequentialIds::default());
    let provider = RetryingProvider::new(Arc::new(chain), RetryPolicy::default(), hasty(), ids);
    let reply = collect(&provider, request("hello")).await;
    assert_eq!((reply.text.as_str(), reply.error), ("whole", None));
    let story: Vec<(&str, &str)> = reply
        .attempts
        .iter()
        .map(|attempt| (attempt.provider.as_str(), attempt.next_provider.as_str()))
        .collect();
    assert_eq!(story, [("a", "b"), ("b", "a")]);
}

/// Streams are read while others are: none waits for another, and each gets its own.
#[tokio::test]
async fn the_layers_hand_on_each_piece_as_it_comes() {
    let inner = Arc::new(ScriptedProvider::new(vec![ScriptedReply::text("one two").then_hang()]));
    let provider = all(inner);
    let mut stream = provider.stream(request("hello")).await.unwrap();
    let first = stream.by_ref().filter(|event| ready(matches!(event, Ok(ModelEvent::Text(_))))).next().await;
    assert_eq!(first, Some(Ok(ModelEvent::Text("one ".into()))));
}

/// Not a measurement, but a layer that does work in proportion to what came before would not get through this.
#[tokio::test]
async fn a_long_reply_costs_no_more_for_each_piece() {
    let piece = ModelEvent::Text("word ".into());
    let inner = Arc::new(ScriptedProvider::new(vec![ScriptedReply::events(vec![piece; 200_000])]));
    let reply = collect(all(inner).as_ref(), request("hello")).await;
    assert_eq!((reply.pieces, reply.text.len(), reply.error), (200_000, 1_000_000, None));
}
