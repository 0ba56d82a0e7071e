use std::sync::Arc;

use agent_core::{
    ScriptedProvider, ScriptedReply,
    contract::provider::{collect, request},
};
use session_api::ManualClock;

use super::*;

fn error(kind: Kind, retry: Retry) -> ScriptedReply {
    ScriptedReply::error(ModelError { retry, ..ModelError::new(kind, format!("{kind:?} it is")) })
}

fn chain(replies: Vec<(&str, ScriptedReply)>) -> (FailoverProvider, Vec<Arc<ScriptedProvider>>) {
    let all: Vec<Arc<ScriptedProvider>> = replies
        .into_iter()
        .map(|(name, reply)| Arc::new(ScriptedProvider::new(vec![reply]).named(name)))
        .collect();
    let mut links = all.iter().enumerate().map(|(index, provider)| Link {
        provider: provider.clone(),
        model: (index > 0).then(|| format!("model-{index}")),
    });
    let first = links.next().unwrap();
    (FailoverProvider::new(first, links.collect(), Arc::new(ManualClock::default())), all)
}

#[tokio::test]
async fn the_next_one_answers_also_after_a_break_in_the_middle() {
    let broken = ModelError::new(Kind::BadReply, "it broke off");
    let (chain, all) = chain(vec![
        ("a", error(Kind::RateLimited, Retry::After(Duration::from_secs(7)))),
        ("b", ScriptedReply::text("Half an answer").then_error(broken)),
        ("c", ScriptedReply::text("One clean answer.")),
        ("d", ScriptedReply::text("never asked")),
    ]);
    let reply = collect(&chain, request("hello there")).await;
    assert_eq!((reply.text.as_str(), reply.error), ("One clean answer.", None));
    let story: Vec<_> = reply
        .attempts
        .iter()
        .map(|attempt| {
            let (from, to) = (&attempt.provider, &attempt.next_provider);
            (from.as_str(), attempt.model.as_str(), attempt.kind, to.as_str(), attempt.next_model.as_str())
        })
        .collect();
    assert_eq!(
        story,
        [
            ("a", "test-model", Kind::RateLimited, "b", "model-1"),
            ("b", "model-1", Kind::BadReply, "c", "model-2")
        ]
    );
    assert_eq!(reply.attempts[0].usage, TokenUsage::default(), "a refusal costs nothing");
    let usage = reply.attempts[1].usage;
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
    let asked: Vec<usize> = all.iter().map(|provider| provider.requests().len()).collect();
    assert_eq!((asked, chain.info().name.as_str()), (vec![1, 1, 1, 0], "a"));
}

#[tokio::test]
async fn only_what_is_the_providers_own_fault_goes_to_the_next() {
    for (kind, moves) in [
        (Kind::Auth, true),
        (Kind::RateLimited, true),
        (Kind::Quota, true),
        (Kind::Unavailable, true),
        (Kind::Timeout, true),
        (Kind::BadReply, true),
        (Kind::NotConfigured, true),
        (Kind::NotFound, false),
        (Kind::BadRequest, false),
        (Kind::ContextTooLong, false),
    ] {
        let (chain, all) = chain(vec![("a", error(kind, Retry::Never)), ("b", ScriptedReply::text("hello"))]);
        let reply = collect(&chain, request("hello")).await;
        assert_eq!(all[1].requests().len(), usize::from(moves), "{kind:?}");
        assert_eq!(reply.error.map(|error| error.kind), (!moves).then_some(kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_chain_that_failed_tells_of_all_and_can_be_asked_again_when_the_first_one_can() {
    let after = |seconds| Retry::After(Duration::from_secs(seconds));
    for (errors, kind, retry, says) in [
        (
            vec![
                error(Kind::RateLimited, after(9)),
                error(Kind::RateLimited, after(3)),
                error(Kind::Auth, Retry::Never),
            ],
            Kind::RateLimited,
            after(3),
            "RateLimited it is (also asked: `0` wants fewer requests, `2` refused the key)",
        ),
        (
            vec![error(Kind::Unavailable, Retry::Backoff), error(Kind::Quota, Retry::Never)],
            Kind::Unavailable,
            Retry::Backoff,
            "Unavailable it is (also asked: `1` has no credit left)",
        ),
        (
            vec![error(Kind::Auth, Retry::Never), error(Kind::Quota, Retry::Never)],
            Kind::Quota,
            Retry::Never,
            "Quota it is (also asked: `0` refused the key)",
        ),
        (
            vec![error(Kind::Unavailable, Retry::Backoff), error(Kind::BadRequest, Retry::Never)],
            Kind::BadRequest,
            Retry::Never,
            "BadRequest it is (also asked: `0` cannot serve)",
        ),
    ] {
        let names: Vec<String> = (0..errors.len()).map(|index| index.to_string()).collect();
        let (chain, _) = chain(names.iter().map(String::as_str).zip(errors).collect());
        let told = collect(&chain, request("hello")).await.error.unwrap();
        assert_eq!((told.kind, told.retry, told.message.as_str()), (kind, retry, says));
    }
}
