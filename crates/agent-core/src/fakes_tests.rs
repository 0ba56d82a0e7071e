//! The scripted provider keeps the port's contract.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;

use crate::contract::provider::{
    CALLS, Played, ProviderHarness, REASONING, RETRY_AFTER, Scenario, TEXT, UNKNOWN_MODEL, USAGE, collect,
    request,
};
use crate::{
    FinishReason, LlmProvider, ModelError, ModelErrorKind as Kind, ModelEvent, Retry, ScriptedProvider,
    ScriptedReply,
};

/// Plays the suite's scenarios by script.
pub(crate) struct Scripted;

#[async_trait]
impl ProviderHarness for Scripted {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let calls = |count: usize| {
            let parsed = CALLS.iter().take(count).map(|(name, arguments)| {
                (*name, serde_json::from_str(arguments).expect("the suite's arguments are JSON"))
            });
            ScriptedReply::tools(parsed.collect())
        };
        let reply = match scenario {
            Scenario::Text => ScriptedReply::text(TEXT),
            Scenario::Tool => calls(1),
            Scenario::ParallelTools => calls(CALLS.len()),
            Scenario::Usage => ScriptedReply::text(TEXT).with_usage(USAGE),
            Scenario::Reasoning => ScriptedReply::events(vec![
                ModelEvent::Reasoning(REASONING.into()),
                ModelEvent::Reasoning(String::new()),
                ModelEvent::Text(TEXT.into()),
            ]),
            Scenario::UnknownEvents => return None,
            Scenario::Length => ScriptedReply::text(TEXT).with_reason(FinishReason::Length),
            Scenario::Cut => ScriptedReply::text("Grüße")
                .then_error(ModelError::new(Kind::BadReply, "the reply broke off")),
            Scenario::Malformed => ScriptedReply::error(ModelError::new(Kind::BadReply, "nonsense")),
            Scenario::Unauthorized => ScriptedReply::error(ModelError::new(Kind::Auth, "the key is refused")),
            Scenario::UnknownModel => ScriptedReply::error(ModelError::new(Kind::NotFound, UNKNOWN_MODEL)),
            Scenario::RateLimited => ScriptedReply::error(ModelError {
                retry: Retry::After(RETRY_AFTER),
                ..ModelError::new(Kind::RateLimited, "too often")
            }),
            Scenario::ServerError => ScriptedReply::error(ModelError::new(Kind::Unavailable, "it failed")),
            Scenario::Silence => ScriptedReply::error(ModelError::new(Kind::Timeout, "it fell silent")),
            Scenario::Endless => {
                let provider =
                    Arc::new(ScriptedProvider::new(vec![ScriptedReply::text("Grüße").then_hang()]));
                let watched = Arc::clone(&provider);
                let dropped = async move { watched.stream_dropped().await }.boxed();
                return Some(Played { dropped: Some(dropped), ..Played::exactly(provider) });
            }
        };
        Some(Played::exactly(Arc::new(ScriptedProvider::new(vec![reply]))))
    }
}

crate::provider_contract!(Scripted);

#[tokio::test]
async fn replies_come_in_order_and_the_last_for_ever() {
    let provider = ScriptedProvider::new(vec![ScriptedReply::text("one"), ScriptedReply::text("two")]);
    for expected in ["one", "two", "two"] {
        assert_eq!(collect(&provider, request("next")).await.text, expected);
    }
    assert_eq!(provider.requests().len(), 3);
    assert_eq!(provider.requests()[0].messages[0].text(), "next");
}

#[tokio::test]
async fn an_empty_script_is_an_error() {
    let reply = collect(&ScriptedProvider::new(Vec::new()), request("hello")).await;
    assert_eq!(reply.error.map(|error| error.kind), Some(Kind::NotConfigured));
}

#[tokio::test]
async fn a_stream_that_ended_does_not_count_as_dropped() {
    let provider = ScriptedProvider::new(vec![ScriptedReply::text("done"), ScriptedReply::hang()]);
    collect(&provider, request("first")).await;
    assert!(provider.stream_dropped().now_or_never().is_none());
    drop(provider.stream(request("second")).await);
    assert!(provider.stream_dropped().now_or_never().is_some());
}
