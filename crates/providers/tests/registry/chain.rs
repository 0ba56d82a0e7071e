//! Models with all their layers, over sockets.

use std::{sync::Arc, time::Duration};

use agent_core::{
    ModelErrorKind as Kind,
    contract::provider::{collect, request},
};
use futures_util::future::join_all;
use providers::{
    Registry, Settings,
    layers::{BreakerPolicy, BreakerState, RatePolicy},
};
use serde_json::json;
use servers::{End, ModelServer, Reply, Script, Usage};

use crate::support::{board, provider, registry, settings};

#[tokio::test]
async fn a_chain_of_three_gives_one_clean_answer_and_tells_the_story() {
    let a = ModelServer::start(Reply::rate_limited(7));
    let b = ModelServer::start(
        Reply::text("Half of an answer that nobody wants.").in_deltas(4).cut_at(400, End::Cut),
    );
    let c = ModelServer::start(Reply::text("One clean answer.").in_deltas(3).usage(Usage {
        prompt: 50,
        completion: 5,
        cached: 10,
    }));
    let mut settings = settings(&[("a", &a), ("b", &b), ("c", &c)]);
    settings.fallback = vec!["b/two".into(), "c/three".into()];
    for section in settings.providers.values_mut() {
        section.price = serde_json::from_value(json!({"input": 1.0, "output": 2.0, "cached": 0.5})).unwrap();
    }
    let registry = registry(settings);
    let ready = registry.model("a/one").unwrap();
    let mut asked = request("hello");
    asked.model = ready.model.clone();
    let reply = collect(ready.provider.as_ref(), asked.clone()).await;
    assert_eq!((reply.text.as_str(), &reply.error), ("One clean answer.", &None));
    let story: Vec<String> = reply
        .attempts
        .iter()
        .map(|attempt| {
            let (from, to) = (&attempt.provider, &attempt.next_provider);
            format!("{from}/{} {:?} -> {to}/{}", attempt.model, attempt.kind, attempt.next_model)
        })
        .collect();
    assert_eq!(story, ["a/one RateLimited -> b/two", "b/two BadReply -> c/three"]);
    assert_eq!(reply.attempts[0].usage, agent_core::TokenUsage::default());
    let broken = &reply.attempts[1];
    assert!(broken.usage.output_tokens > 0, "{broken:?}");
    assert!(registry.cost("b", "two", &broken.usage) > Some(0));
    let usage = reply.finished.unwrap().usage.unwrap();
    assert_eq!(registry.cost("c", "three", &usage), Some(40 + 5 + 10));
    let models: Vec<&str> = [&a, &b, &c]
        .iter()
        .map(|server| {
            let n = server.requests().len();
            assert_eq!(n, 1);
            if server.address() == a.address() {
                "one"
            } else if server.address() == b.address() {
                "two"
            } else {
                "three"
            }
        })
        .collect();
    assert_eq!(
        [&a, &b, &c].map(|server| server.requests()[0].body["model"].clone()),
        [models[0], models[1], models[2]]
    );

    // What the first one asked for is kept to, by every run of the process.
    let states = registry.board().states();
    let of = |name: &str| states.iter().find(|state| state.provider == name).unwrap();
    let paused = of("a").rate.paused_millis;
    assert!((1..=7_000).contains(&paused), "{paused}");
    assert_eq!((of("b").failed, of("b").last_failure), (1, Some(Kind::BadReply)));
    assert_eq!((of("c").calls, of("c").failed), (1, 0));
    let again = collect(ready.provider.as_ref(), asked).await;
    assert_eq!((again.text.as_str(), again.attempts.len()), ("One clean answer.", 2));
    assert_eq!(a.requests().len(), 1, "it was left in peace");
}

#[tokio::test]
async fn what_is_known_of_servers_and_their_connections_live_on_in_another_registry() {
    let down = ModelServer::start(Reply::error(500, "down"));
    let up = ModelServer::start(Reply::text("hi"));
    let make = || {
        let settings = settings(&[("down", &down), ("up", &up)]);
        let breaker = BreakerPolicy { failures: 3, ..BreakerPolicy::default() };
        Settings { breaker, ..settings }
    };
    let board = board();
    for _ in 0..3 {
        let registry = Registry::new(make(), board.clone());
        let ready = registry.model("up/m").unwrap();
        assert_eq!(collect(ready.provider.as_ref(), request("hello")).await.text, "hi");
    }
    assert_eq!(up.connections(), 1, "the second call opens no socket");
    let ready = Registry::new(make(), board.clone()).model("down/m").unwrap();
    let error = collect(ready.provider.as_ref(), request("hello")).await.error.unwrap();
    assert_eq!((error.kind, down.requests().len()), (Kind::Unavailable, 3));
    let reloaded = Registry::new(make(), board.clone());
    let state = |name: &str| board.states().into_iter().find(|state| state.provider == name).unwrap();
    assert!(matches!(state("down").breaker, BreakerState::Open { .. }), "{:?}", state("down"));
    let ready = reloaded.model("down/m").unwrap();
    let stream =
        tokio::time::timeout(Duration::from_millis(200), collect(ready.provider.as_ref(), request("hello")))
            .await;
    assert!(stream.is_err(), "it waits until the server may be tried");
    assert_eq!(down.requests().len(), 3, "an open breaker asks nobody");
    // Another key is another line.
    let mut settings = make();
    settings.providers.insert("down".into(), provider(&down.base_url(), "another-key"));
    let ready = Registry::new(settings, board.clone()).model("down/m").unwrap();
    collect(ready.provider.as_ref(), request("hello")).await;
    assert_eq!((down.requests().len(), board.states().len()), (6, 3));
}

#[tokio::test]
async fn a_limit_holds_for_all_models_of_a_server_and_a_key() {
    let server = ModelServer::start(Reply::text("hi"));
    let mut settings = settings(&[("main", &server)]);
    let rate = RatePolicy { requests_per_minute: Some(2), longest_wait_seconds: 0, ..RatePolicy::default() };
    settings.providers.get_mut("main").unwrap().rate = rate;
    settings.retry.attempts = 1;
    let registry = registry(settings);
    for (model, works) in [("one", true), ("two", true), ("three", false)] {
        let ready = registry.model(&format!("main/{model}")).unwrap();
        let reply = collect(ready.provider.as_ref(), request("hello")).await;
        assert_eq!(reply.error.map(|error| error.kind), (!works).then_some(Kind::RateLimited), "{model}");
    }
    assert_eq!(server.requests().len(), 2);
}

/// Runs of many models at once, half of which go through a chain whose first server fails: each gets its own answer from the
/// model that it asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_with_different_models_under_load_never_cross() {
    let echo = |name: &'static str| {
        ModelServer::start(Script::by(move |asked, n| {
            let model = asked.body["model"].as_str().unwrap_or("");
            if name == "flaky" && n % 3 == 0 {
                return Reply::error(503, "busy");
            }
            let text = asked.last_user_text().unwrap_or_default();
            Reply::text(&format!("{name} {model} {text}")).in_deltas(5)
        }))
    };
    let (flaky, steady) = (echo("flaky"), echo("steady"));
    let mut settings = settings(&[("flaky", &flaky), ("steady", &steady)]);
    settings.breaker.failures = 0;
    settings.fallback = vec!["steady/backup".into()];
    let registry = Arc::new(registry(settings));
    let runs = (0..200).map(|n| {
        let registry = registry.clone();
        async move {
            let (provider, model) = (["flaky", "steady"][n % 2], format!("model-{}", n % 7));
            let ready = registry.model(&format!("{provider}/{model}")).unwrap();
            let mut asked = request(&format!("message {n}"));
            asked.model = ready.model.clone();
            let reply = collect(ready.provider.as_ref(), asked).await;
            let expected = if reply.attempts.is_empty() {
                format!("{provider} {model} message {n}")
            } else {
                format!("steady backup message {n}")
            };
            assert_eq!((reply.text, reply.error), (expected, None));
            reply.attempts.len()
        }
    });
    let attempts: usize = join_all(runs).await.into_iter().sum();
    assert!(attempts > 20, "the chain was at work: {attempts}");
    let calls: u64 = registry.board().states().iter().map(|state| state.calls).sum();
    assert_eq!(usize::try_from(calls).unwrap(), flaky.requests().len() + steady.requests().len());
}
