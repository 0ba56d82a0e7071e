//! The binary against a proxy of `LiteLLM`, which `tests/servers/conformance/litellm.sh` starts: another hand's idea of the
//! three formats, with replies in pieces and whole.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{history, parse_lines, run, say};
use servers::TempHome;

const KINDS: [&str; 3] = ["openai", "anthropic", "openai-responses"];

#[expect(clippy::disallowed_methods, reason = "where the proxy is, which only its script knows")]
fn home(kind: &str, streams: bool, key: &str) -> TempHome {
    let url = std::env::var("LITELLM_URL").unwrap();
    TempHome::with_config(&format!(
        "[agent]\nmodel = \"proxy/quick\"\n[providers.proxy]\nkind = \"{kind}\"\nbase_url = \"{url}/v1\"\napi_key = \"{key}\"\nstream = {streams}\n"
    ))
}

/// Every kind, with replies in pieces and whole.
fn ways() -> impl Iterator<Item = (&'static str, bool)> {
    KINDS.into_iter().flat_map(|kind| [(kind, true), (kind, false)])
}

#[test]
#[ignore = "needs a LiteLLM proxy"]
fn litellm_models_test_says_that_a_model_works_or_what_is_wrong() {
    for (kind, streams) in ways() {
        let with = home(kind, streams, "sk-conformance");
        let test = |home: &TempHome, name: &str| {
            let tested = run(home.command().args(["models", "test", name, "--json"]));
            (parse_lines(&tested.out).remove(0), tested)
        };
        let (said, tested) = test(&with, "proxy/quick");
        assert_eq!((&said["outcome"], tested.code), (&"works".into(), Some(0)), "{kind} {streams}: {tested}");
        assert!(
            servers::quick::TEXT.contains(said["answer"].as_str().unwrap()),
            "{kind} {streams}: {tested}"
        );
        assert!(said["usage"]["output_tokens"].as_u64().unwrap() > 0, "{kind} {streams}: {tested}");

        let (said, tested) = test(&with, "proxy/quikc");
        assert_eq!((&said["part"], tested.code), (&"name".into(), Some(69)), "{kind} {streams}: {tested}");
        assert!(said["message"].as_str().unwrap().contains("`quick`"), "{kind} {streams}: {tested}");

        // Without a database the proxy answers 400 to a key that it does not know, so that no part can be blamed for sure.
        let (said, tested) = test(&home(kind, streams, "sk-of-nobody"), "proxy/quick");
        assert_eq!(
            (&said["outcome"], tested.code),
            (&"fails".into(), Some(69)),
            "{kind} {streams}: {tested}"
        );
        assert!(!tested.all().contains("sk-of-nobody"), "{kind} {streams}: {tested}");
    }
}

#[test]
#[ignore = "needs a LiteLLM proxy"]
fn litellm_a_turn_with_a_tool_passes_in_every_format() {
    for (kind, streams) in ways() {
        let home = home(kind, streams, "sk-conformance");
        let answer = say(&home, "default", "please calc it").with_code(0);
        assert_eq!(answer.out.trim(), servers::quick::TEXT, "{kind} {streams}: {answer}");
        let history = history(&home, "default");
        let results = history.parts("tool_result");
        assert_eq!(
            (results.len(), &results[0]["status"]),
            (1, &"ok".into()),
            "{kind} {streams}: {history:?}"
        );
        assert!(results[0].to_string().contains("216.048"), "{kind} {streams}: {history:?}");
        // The conversation goes on behind the call and its result.
        let answer = say(&home, "default", "thank you").with_code(0);
        assert_eq!(answer.out.trim(), servers::quick::TEXT, "{kind} {streams}: {answer}");
        let bill = run(home.command().args(["usage", "--by", "model", "--json"])).with_code(0);
        assert_eq!(parse_lines(&bill.out)[0]["calls"], 3, "{kind} {streams}: {bill}");
    }
}
