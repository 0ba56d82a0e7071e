//! The contract suite of [`LlmProvider`].
//!
//! An adapter implements [`ProviderHarness`] and writes `agent_core::provider_contract!(its_harness())` in a test file.
//! Each case becomes a test of that name; a case that the harness cannot play says so on stderr.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken contract fails the test that runs the suite"
)]

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, future::BoxFuture};
use session_api::{Message, MessageId, Part, Role, Timestamp, TurnId};
use tool_api::{Effect, ToolSpec};

use crate::{
    Attempt, FinishReason, Finished, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest,
    Retry, TokenUsage,
};

/// The text of [`Scenario::Text`] and its likes.
pub const TEXT: &str = "Grüße aus Köln: 2 + 2 = 4.";
/// What is thought aloud in [`Scenario::Reasoning`].
pub const REASONING: &str = "Two and two are four.";
/// Name and arguments of the calls in [`Scenario::ParallelTools`], in order; [`Scenario::Tool`] has the first only.
pub const CALLS: [(&str, &str); 3] = [
    ("read_file", r#"{"path":"notes/día.md"}"#),
    ("calculate_expression", r#"{"expression":"2+2"}"#),
    ("read_file", r#"{"path":"b.md"}"#),
];
/// What is used in [`Scenario::Usage`].
pub const USAGE: TokenUsage =
    TokenUsage { input_tokens: 120, cached_tokens: 64, cache_write_tokens: 0, output_tokens: 17 };
/// How long the server asks to wait in [`Scenario::RateLimited`].
pub const RETRY_AFTER: Duration = Duration::from_secs(7);
/// A model that no server knows, for [`Scenario::UnknownModel`].
pub const UNKNOWN_MODEL: &str = "no-such-model-1";

/// What the other side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// It answers [`TEXT`] in at least two pieces.
    Text,
    /// It calls the first of [`CALLS`].
    Tool,
    /// It calls all [`CALLS`] in one reply.
    ParallelTools,
    /// It answers [`TEXT`] and says that it used [`USAGE`].
    Usage,
    /// It thinks [`REASONING`], then answers [`TEXT`].
    Reasoning,
    /// It answers [`TEXT`] between events and fields that nobody has heard of.
    UnknownEvents,
    /// It stops at its limit of tokens after [`TEXT`].
    Length,
    /// The connection ends in the middle of [`TEXT`].
    Cut,
    /// The reply is not what the wire format says.
    Malformed,
    /// It refuses the key.
    Unauthorized,
    /// It does not know [`UNKNOWN_MODEL`], which the request names.
    UnknownModel,
    /// It is asked too often and wants [`RETRY_AFTER`] to pass.
    RateLimited,
    /// It fails.
    ServerError,
    /// It sends a piece of text and then nothing; the provider's time limit passes.
    Silence,
    /// It sends a piece of text and then nothing for longer than any test runs; the provider does not give up.
    Endless,
}

/// A scenario, ready to be played once.
pub struct Played {
    /// The provider.
    pub provider: Arc<dyn LlmProvider>,
    /// What to ask it; made with [`request`].
    pub request: ModelRequest,
    /// Whether text, calls and the like are exactly the scenario's. A provider that makes its own answers keeps only
    /// to their shape.
    pub exact: bool,
    /// Ready when the other side has noticed that the stream was dropped ([`Scenario::Endless`] only).
    pub dropped: Option<BoxFuture<'static, ()>>,
}

impl Played {
    /// A scenario that is played exactly, with a plain question.
    pub fn exactly(provider: Arc<dyn LlmProvider>) -> Self {
        Self { provider, request: request("2 + 2?"), exact: true, dropped: None }
    }
}

/// Sets scenarios up for one provider.
#[async_trait]
pub trait ProviderHarness: Send + Sync {
    /// The scenario, or `None` where this provider can never come into it; its case is then skipped.
    async fn scenario(&self, scenario: Scenario) -> Option<Played>;

    /// What must never stand in an error: the key.
    fn secret(&self) -> Option<&str> {
        None
    }
}

/// How a case ended, if it did not panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// The harness cannot play it.
    Skipped,
}

/// A request with one user message and the tools of [`CALLS`] and `current_datetime` on offer.
#[must_use]
pub fn request(text: &str) -> ModelRequest {
    let message = Message {
        id: MessageId(Default::default()),
        role: Role::User,
        principal: None,
        turn: TurnId(Default::default()),
        at: Timestamp(1_800_000_000_000),
        parts: vec![Part::text(text)],
    };
    let tools = ["calculate_expression", "current_datetime", "read_file"].map(|name| ToolSpec {
        name: name.into(),
        description: format!("Does what `{name}` says."),
        parameters: serde_json::json!({"type": "object"}),
        effect: Effect::Pure,
        timeout: Duration::from_secs(5),
    });
    ModelRequest {
        model: "test-model".into(),
        system: "You are a test.".into(),
        messages: Arc::new(vec![message]),
        tools: tools.into(),
        blobs: HashMap::new(),
        effort: None,
        max_output_tokens: None,
        correlation: "contract-1".into(),
    }
}

/// A whole reply, put together. Panics where the port's rules for every stream are broken.
#[derive(Debug, Default, PartialEq)]
pub struct Reply {
    /// All text.
    pub text: String,
    /// In how many pieces it came.
    pub pieces: usize,
    /// All reasoning.
    pub reasoning: String,
    /// Name and arguments of all calls, in order.
    pub calls: Vec<(String, String)>,
    /// Attempts that failed before this reply came.
    pub attempts: Vec<Attempt>,
    /// The end, if it was a good one.
    pub finished: Option<Finished>,
    /// The error, if that was the end.
    pub error: Option<ModelError>,
}

/// Reads a reply to its end.
///
/// # Panics
/// When text or reasoning is empty, when anything follows the end, or when the end is missing.
pub async fn collect(provider: &dyn LlmProvider, request: ModelRequest) -> Reply {
    let mut reply = Reply::default();
    let mut stream = match provider.stream(request).await {
        Ok(stream) => stream,
        Err(error) => {
            reply.error = Some(error);
            return reply;
        }
    };
    while let Some(item) = stream.next().await {
        assert!(reply.finished.is_none() && reply.error.is_none(), "{item:?} follows the end");
        match item {
            Ok(ModelEvent::Text(text)) => {
                assert!(!text.is_empty(), "a piece of text is empty");
                reply.pieces += 1;
                reply.text.push_str(&text);
            }
            Ok(ModelEvent::Reasoning(text)) => {
                assert!(!text.is_empty(), "a piece of reasoning is empty");
                reply.reasoning.push_str(&text);
            }
            Ok(ModelEvent::ToolCall(call)) => reply.calls.push((call.name, call.arguments)),
            Ok(ModelEvent::Opaque { .. }) => {}
            // What came before is void.
            Ok(ModelEvent::Attempt(attempt)) => {
                assert!(!attempt.message.trim().is_empty(), "an attempt fails without a word");
                let attempts = std::mem::take(&mut reply.attempts);
                reply = Reply { attempts, ..Reply::default() };
                reply.attempts.push(*attempt);
            }
            Ok(ModelEvent::Finished(finished)) => reply.finished = Some(finished),
            Err(error) => reply.error = Some(error),
        }
    }
    assert!(reply.finished.is_some() || reply.error.is_some(), "the stream stopped without an end");
    reply
}

async fn play(harness: &dyn ProviderHarness, scenario: Scenario) -> Option<(Reply, bool)> {
    let played = harness.scenario(scenario).await?;
    let reply = collect(played.provider.as_ref(), played.request).await;
    Some((reply, played.exact))
}

/// Plays a scenario that ends well.
async fn play_well(harness: &dyn ProviderHarness, scenario: Scenario) -> Option<(Reply, Finished, bool)> {
    let (mut reply, exact) = play(harness, scenario).await?;
    assert_eq!(reply.error, None, "{scenario:?} failed");
    let finished = reply.finished.take().expect("an end without an error is Finished");
    Some((reply, finished, exact))
}

/// Plays a scenario that fails; the error must be of that kind, for a person, and without the key.
async fn play_badly(
    harness: &dyn ProviderHarness,
    scenario: Scenario,
    kind: ModelErrorKind,
) -> Option<ModelError> {
    let (reply, _) = play(harness, scenario).await?;
    let error = reply.error.unwrap_or_else(|| panic!("{scenario:?} ended well: {:?}", reply.finished));
    assert_eq!(error.kind, kind, "{scenario:?}: {error}");
    assert!(!error.message.trim().is_empty(), "{scenario:?}: no message");
    assert!(!error.message.contains('\n'), "{scenario:?}: more than a line: {error}");
    assert!(error.message.chars().count() <= 600, "{scenario:?}: too long: {error}");
    if let Some(secret) = harness.secret() {
        assert!(!format!("{error} {error:?}").contains(secret), "{scenario:?}: the key is in {error:?}");
    }
    Some(error)
}

macro_rules! played {
    ($played:expr) => {
        match $played {
            Some(played) => played,
            None => return Outcome::Skipped,
        }
    };
}

/// Text comes whole and in order, in pieces, and the end says `Stop`.
pub async fn text_arrives_whole_and_in_pieces(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, finished, exact) = played!(play_well(harness, Scenario::Text).await);
    assert!(!reply.text.is_empty() && reply.calls.is_empty());
    assert!(reply.pieces >= 2, "the text came in {} pieces", reply.pieces);
    assert_eq!(finished.reason, FinishReason::Stop);
    assert!(!exact || reply.text == TEXT, "{:?}", reply.text);
    Outcome::Passed
}

/// A tool call comes whole, its arguments byte for byte, and the end says `ToolCalls`.
pub async fn a_tool_call_arrives_whole(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, finished, exact) = played!(play_well(harness, Scenario::Tool).await);
    assert_eq!(reply.calls.len(), 1, "{:?}", reply.calls);
    assert_eq!(finished.reason, FinishReason::ToolCalls);
    assert!(!exact || reply.calls == calls(1), "{:?}", reply.calls);
    Outcome::Passed
}

/// Several calls of one reply keep their order and their arguments.
pub async fn parallel_calls_keep_their_order(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, finished, exact) = played!(play_well(harness, Scenario::ParallelTools).await);
    assert!(reply.calls.len() >= 2, "{:?}", reply.calls);
    assert_eq!(finished.reason, FinishReason::ToolCalls);
    assert!(!exact || reply.calls == calls(CALLS.len()), "{:?}", reply.calls);
    Outcome::Passed
}

fn calls(count: usize) -> Vec<(String, String)> {
    CALLS.iter().take(count).map(|(name, arguments)| ((*name).into(), (*arguments).into())).collect()
}

/// What was used is reported with the end.
pub async fn usage_comes_with_the_end(harness: &dyn ProviderHarness) -> Outcome {
    let (_, finished, _) = played!(play_well(harness, Scenario::Usage).await);
    // How much was put into the cache is told by few.
    let usage = finished.usage.map(|usage| TokenUsage { cache_write_tokens: 0, ..usage });
    assert_eq!(usage, Some(USAGE));
    Outcome::Passed
}

/// Reasoning is no part of the text.
pub async fn reasoning_is_not_text(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, _, _) = played!(play_well(harness, Scenario::Reasoning).await);
    assert_eq!((reply.reasoning.as_str(), reply.text.as_str()), (REASONING, TEXT));
    Outcome::Passed
}

/// Events and fields that nobody has heard of change nothing.
pub async fn unknown_events_are_tolerated(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, finished, _) = played!(play_well(harness, Scenario::UnknownEvents).await);
    assert_eq!(reply.text, TEXT);
    assert_eq!(finished.reason, FinishReason::Stop);
    Outcome::Passed
}

/// A reply at its limit of tokens says so.
pub async fn a_full_reply_says_length(harness: &dyn ProviderHarness) -> Outcome {
    let (reply, finished, _) = played!(play_well(harness, Scenario::Length).await);
    assert_eq!((finished.reason, reply.text.as_str()), (FinishReason::Length, TEXT));
    Outcome::Passed
}

/// A reply that breaks off is an error, never a short answer.
pub async fn a_cut_reply_is_an_error(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::Cut, ModelErrorKind::BadReply).await);
    assert_eq!(error.retry, Retry::Backoff);
    Outcome::Passed
}

/// A reply that makes no sense is an error.
pub async fn a_malformed_reply_is_an_error(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::Malformed, ModelErrorKind::BadReply).await);
    assert_eq!(error.retry, Retry::Backoff);
    Outcome::Passed
}

/// A refused key is not tried again, and the message names the provider.
pub async fn a_refused_key_is_not_retried(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::Unauthorized, ModelErrorKind::Auth).await);
    assert_eq!(error.retry, Retry::Never);
    Outcome::Passed
}

/// An unknown model is not tried again, and the message names it.
pub async fn an_unknown_model_is_named(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::UnknownModel, ModelErrorKind::NotFound).await);
    assert_eq!(error.retry, Retry::Never);
    assert!(error.message.contains(UNKNOWN_MODEL), "{error}");
    Outcome::Passed
}

/// Too many requests: the server's time is handed on.
pub async fn a_rate_limit_says_when(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::RateLimited, ModelErrorKind::RateLimited).await);
    assert_eq!(error.retry, Retry::After(RETRY_AFTER));
    Outcome::Passed
}

/// A failing server may be asked again after a while.
pub async fn a_failing_server_may_be_asked_again(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::ServerError, ModelErrorKind::Unavailable).await);
    assert_eq!(error.retry, Retry::Backoff);
    Outcome::Passed
}

/// A server that falls silent is given up.
pub async fn silence_times_out(harness: &dyn ProviderHarness) -> Outcome {
    let error = played!(play_badly(harness, Scenario::Silence, ModelErrorKind::Timeout).await);
    assert_eq!(error.retry, Retry::Backoff);
    Outcome::Passed
}

/// Dropping the stream ends the call on the other side too.
pub async fn dropping_the_stream_ends_the_call(harness: &dyn ProviderHarness) -> Outcome {
    let played = played!(harness.scenario(Scenario::Endless).await);
    let dropped = played.dropped.expect("the harness watches the other side of an endless call");
    let mut stream = played.provider.stream(played.request).await.expect("it begins");
    let mut first = stream.next().await;
    while let Some(Ok(ModelEvent::Attempt(_))) = first {
        first = stream.next().await;
    }
    assert!(matches!(first, Some(Ok(ModelEvent::Text(_)))), "{first:?}");
    drop(stream);
    dropped.await;
    Outcome::Passed
}

/// What a provider says of itself does not change, and it lists its models.
pub async fn it_says_what_it_is(harness: &dyn ProviderHarness) -> Outcome {
    let played = played!(harness.scenario(Scenario::Text).await);
    let info = played.provider.info().clone();
    assert!(!info.name.is_empty() && !info.kind.is_empty());
    collect(played.provider.as_ref(), played.request).await;
    assert_eq!(played.provider.info(), &info);
    Outcome::Passed
}

/// Says on stderr that a case was skipped.
#[expect(clippy::print_stderr, reason = "a skipped case must be seen in the test's output")]
pub fn note(case: &str, outcome: Outcome) {
    if outcome == Outcome::Skipped {
        eprintln!("skipped: {case} (this provider never comes into that scenario)");
    }
}

/// A test for each case of the suite, on a fresh harness each.
#[macro_export]
macro_rules! provider_contract {
    ($harness:expr) => {
        $crate::provider_contract!(@cases $harness;
            text_arrives_whole_and_in_pieces
            a_tool_call_arrives_whole
            parallel_calls_keep_their_order
            usage_comes_with_the_end
            reasoning_is_not_text
            unknown_events_are_tolerated
            a_full_reply_says_length
            a_cut_reply_is_an_error
            a_malformed_reply_is_an_error
            a_refused_key_is_not_retried
            an_unknown_model_is_named
            a_rate_limit_says_when
            a_failing_server_may_be_asked_again
            silence_times_out
            dropping_the_stream_ends_the_call
            it_says_what_it_is
        );
    };
    (@cases $harness:expr; $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let harness = $harness;
                let outcome = $crate::contract::provider::$case(&harness).await;
                $crate::contract::provider::note(stringify!($case), outcome);
            }
        )+
    };
}
