//! `models test`: which part failed.

use providers::{Outcome, Part, ProviderSettings, Settings};
use serde_json::json;
use servers::{End, ModelServer, Reply, Usage, refused_url};

use crate::support::{provider, registry, secret, settings, vendors};

fn failed(outcome: Outcome) -> (Part, String) {
    match outcome {
        Outcome::Fails { part, message } => (part, message),
        works @ Outcome::Works { .. } => panic!("{works:?}"),
    }
}

#[tokio::test]
async fn a_model_that_works_says_what_it_cost() {
    let usage = Usage { prompt: 1_000, completion: 2, cached: 0 };
    let server = ModelServer::start(Reply::text(" Ready.\n").usage(usage));
    let mut settings = settings(&[("main", &server)]);
    let main = settings.providers.get_mut("main").unwrap();
    main.price = serde_json::from_value(json!({"input": 1.0, "output": 2.0})).unwrap();
    let registry = registry(settings);
    for name in ["main/m", "main"] {
        let tested = registry.test(name).await;
        assert_eq!(tested.target.unwrap().provider, "main");
        let Outcome::Works { answer, cost_micros, .. } = tested.outcome else {
            panic!("{:?}", tested.outcome)
        };
        assert_eq!((answer.as_str(), cost_micros), ("Ready.", Some(1_004)));
    }
    let sent: Vec<_> = server.requests().iter().map(|request| request.body["model"].clone()).collect();
    assert_eq!(sent, ["m", "scripted"], "a provider alone means its first model");
    assert_eq!(server.requests()[0].tools(), [""; 0]);
}

#[tokio::test]
async fn the_part_that_failed_is_named_with_what_to_do() {
    let error = |status, code: &str, message: &str| {
        let body = json!({"error": {"message": message, "code": code}}).to_string();
        Reply::status(status, "application/json", &body)
    };
    for (reply, part, says) in [
        (error(401, "invalid_api_key", "no"), Part::Key, "check api_key in [providers.main]"),
        (error(403, "", "no"), Part::Key, "check the key's rights"),
        (error(404, "model_not_found", "no"), Part::Name, "does not know the model `scripetd`"),
        (error(404, "model_not_found", "no"), Part::Name, "; it lists `scripted`"),
        (error(400, "", "what model?"), Part::Name, "; it lists `scripted`"),
        (Reply::html(404, "<html><title>Not Found</title>"), Part::Name, "it usually ends in /v1"),
        (Reply::html(200, "<html>hello"), Part::BaseUrl, "it usually ends in /v1"),
        (error(308, "", ""), Part::BaseUrl, "has moved"),
        (error(402, "", "pay"), Part::Quota, "add credit"),
        (error(429, "insufficient_quota", "pay"), Part::Quota, "add credit"),
        (Reply::rate_limited(30), Part::Quota, "wants fewer requests"),
        (error(500, "", "on fire"), Part::Server, "cannot serve now"),
        (Reply::text("Half").cut_at(20, End::Cut), Part::Server, "broke off"),
    ] {
        let server = ModelServer::start(reply);
        let tested = registry(settings(&[("main", &server)])).test("main/scripetd").await;
        assert_eq!(server.requests().len(), 1, "nothing is tried again");
        let (found, message) = failed(tested.outcome);
        assert_eq!(found, part, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn what_is_wrong_before_any_server_is_asked_is_named_too() {
    let wrong_path = ModelServer::start(Reply::text("hi"));
    let at = |url: &str| {
        let providers = [("main".to_owned(), provider(url, "key-1"))];
        Settings { providers: providers.into(), ..Settings::default() }
    };
    let keyless = ProviderSettings { key: None, ..provider("https://api.openai.com/v1", "") };
    let keyless = Settings { providers: [("main".to_owned(), keyless)].into(), ..Settings::default() };
    let mut empty = at("https://api.openai.com/v1");
    empty.providers.get_mut("main").unwrap().key = Some(secret(""));
    let typo = wrong_path.base_url().replace("/v1", "/v1/v2");
    for (settings, name, part, says) in [
        (at(&refused_url()), "main/m", Part::Network, "refused"),
        (at("http://api.opnai.com.invalid/v1"), "main/m", Part::Network, "check base_url"),
        (at(&typo), "main/m", Part::BaseUrl, "check"),
        (at("ftp://x"), "main/m", Part::BaseUrl, "http://"),
        (keyless, "main/m", Part::Key, "has no key"),
        (empty, "main/m", Part::Key, "is empty"),
        (vendors(&[("openai", "sk-ant-1")]), "gpt-5", Part::Key, "looks like one of Anthropic"),
        (vendors(&[("openai", "sk-proj-1")]), "gtp-5", Part::Name, "`gpt-5`"),
    ] {
        let (found, message) = failed(registry(settings).test(name).await.outcome);
        assert_eq!(found, part, "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
    }
}
