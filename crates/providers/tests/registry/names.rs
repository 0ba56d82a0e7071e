//! What a name means.

use providers::{Part, Preset, ProviderSettings, Settings};
use serde_json::json;

use crate::support::{provider, registry, secret, vendors};

/// An account of one's own at `OpenAI`, a proxy at home, and keys of two vendors in the environment.
fn at_home() -> Settings {
    let vendors = vendors(&[("anthropic", "sk-ant-1"), ("groq", "gsk_1")]);
    let providers = [
        ("work".to_owned(), provider("https://api.openai.com/v1", "sk-proj-1")),
        ("proxy".to_owned(), provider("http://127.0.0.1:4000/v1", "any")),
        ("quiet".to_owned(), ProviderSettings::new("offline")),
    ];
    Settings { providers: providers.into(), ..vendors }
}

#[test]
fn a_name_leads_to_one_provider() {
    let home = at_home();
    let work = Settings { default_provider: Some("work".into()), ..at_home() };
    let proxy = Settings { default_provider: Some("proxy".into()), ..at_home() };
    let other_url = Settings {
        base_urls: [("groq".to_owned(), " http://127.0.0.1:9/v1 ".to_owned())].into(),
        ..at_home()
    };
    for (settings, name, expected) in [
        // A configured provider by its name.
        (&home, "work/gpt-5", ("work", "gpt-5", "api.openai.com:443")),
        (
            &home,
            " proxy / anthropic/claude-sonnet-5",
            ("proxy", "anthropic/claude-sonnet-5", "127.0.0.1:4000"),
        ),
        (&home, "proxy", ("proxy", "first", "127.0.0.1:4000")),
        (&home, "quiet/x", ("quiet", "x", "")),
        (&home, "offline", ("offline", "offline", "")),
        // Vendors with keys; the account in the configuration goes before the table.
        (&home, "claude-sonnet-5", ("anthropic", "claude-sonnet-5", "api.anthropic.com:443")),
        (&home, "gpt-5", ("work", "gpt-5", "api.openai.com:443")),
        (&home, "openai/gpt-5", ("work", "gpt-5", "api.openai.com:443")),
        (&home, "groq", ("groq", "first", "api.groq.com:443")),
        (&home, "ollama/llama3.2", ("ollama", "llama3.2", "127.0.0.1:11434")),
        (&other_url, "groq/llama", ("groq", "llama", "127.0.0.1:9")),
        // A name alone is one of the default provider, unless that is a vendor's without such a model.
        (&work, "gpt-5-mini", ("work", "gpt-5-mini", "api.openai.com:443")),
        (&work, "claude-sonnet-5", ("anthropic", "claude-sonnet-5", "api.anthropic.com:443")),
        (&proxy, "claude-sonnet-5", ("proxy", "claude-sonnet-5", "127.0.0.1:4000")),
        (&proxy, "a-model-of-mine", ("proxy", "a-model-of-mine", "127.0.0.1:4000")),
        (&proxy, "team/a-model", ("proxy", "team/a-model", "127.0.0.1:4000")),
        // Whoever has a key of the vendor means the vendor; whoever has none may mean the proxy.
        (&proxy, "anthropic/claude-sonnet-5", ("anthropic", "claude-sonnet-5", "api.anthropic.com:443")),
        (&proxy, "deepseek/deepseek-chat", ("proxy", "deepseek/deepseek-chat", "127.0.0.1:4000")),
    ] {
        let target =
            registry(settings.clone()).resolve(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = (target.provider.as_str(), target.model.as_str(), target.server.as_str());
        assert_eq!(found, expected, "{name}");
        registry(settings.clone()).model(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_mistake_says_which_part_is_at_fault_and_what_to_do() {
    let with = |change: fn(&mut ProviderSettings)| {
        let mut settings = at_home();
        change(settings.providers.get_mut("work").unwrap());
        settings
    };
    let empty = with(|work| work.key = Some(secret(" \n")));
    let foreign = with(|work| work.key = Some(secret("sk-ant-canary")));
    let no_scheme = with(|work| work.table = json!({"base_url": "htps://api.openai.com/v1"}));
    let odd_key = with(|work| work.table = json!({"base_ulr": "x"}));
    let bad_url =
        Settings { base_urls: [("groq".to_owned(), "api.groq.com canary".to_owned())].into(), ..at_home() };
    let nowhere = Settings { fallback: vec!["work/gpt-5".into(), "nowhere-1".into()], ..at_home() };
    for (settings, name, part, says) in [
        (
            &at_home(),
            "claude-sonet-5",
            Part::Name,
            "did you mean `claude-sonnet-5`, `claude-sonnet-4-5`, `claude-sonnet-5-5`?",
        ),
        (&at_home(), " ", Part::Name, "names no model"),
        (&at_home(), "work/ ", Part::Name, "names no model"),
        (
            &at_home(),
            "deepseek/deepseek-chat",
            Part::Key,
            "is one of DeepSeek, and the key at hand is one of Anthropic; set DEEPSEEK_API_KEY",
        ),
        (
            &empty,
            "work/gpt-5",
            Part::Key,
            "the key of provider `work` is empty; set api_key in [providers.work] or WORK_API_KEY",
        ),
        (
            &foreign,
            "work/gpt-5",
            Part::Key,
            "looks like one of Anthropic, and its base_url is that of OpenAI",
        ),
        (&no_scheme, "work/gpt-5", Part::BaseUrl, "`base_url` must begin with http:// or https://"),
        (&odd_key, "work/gpt-5", Part::Name, "base_ulr"),
        (&bad_url, "groq/llama", Part::BaseUrl, "GROQ_BASE_URL: `base_url`"),
        (&at_home(), "custom/llama", Part::BaseUrl, "whose address is nowhere given; set CUSTOM_BASE_URL"),
        (&nowhere, "claude-sonnet-5", Part::Name, "the fallback `nowhere-1` cannot be used: "),
    ] {
        let error = registry(settings.clone()).model(name).err().unwrap_or_else(|| panic!("{name} works"));
        assert_eq!(error.part(), part, "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error}");
    }
    let told: Vec<String> = registry(empty).check().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(registry(at_home()).check(), []);
}

#[test]
fn nothing_secret_is_shown() {
    let mut settings = at_home();
    settings.base_urls.insert("groq".into(), "https://me:canary@127.0.0.1/v1?token=canary".into());
    let work = settings.providers.get_mut("work").unwrap();
    work.key = Some(secret("sk-proj-canary"));
    work.table["headers"] = json!({"x-token": "canary"});
    let registry = registry(settings);
    let target = registry.resolve("groq/llama").unwrap();
    let ready = registry.model("work/gpt-5").unwrap();
    let shown = format!("{registry:?} {target:?} {ready:?} {:?}", registry.board());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("work") && shown.contains("api.openai.com"), "{shown}");
}

#[test]
fn presets_and_fallbacks_make_chains() {
    let preset = |model: &str, fallback: Option<&[&str]>| Preset {
        model: model.into(),
        fallback: fallback.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        effort: None,
    };
    let settings = Settings {
        presets: [
            ("fast".to_owned(), preset("groq/llama", None)),
            ("alone".to_owned(), preset("groq/llama", Some(&[]))),
            (
                "careful".to_owned(),
                preset("claude-opus-5", Some(&["work/gpt-5", "claude-opus-5", "offline"])),
            ),
        ]
        .into(),
        fallback: vec!["claude-sonnet-5".into()],
        ..at_home()
    };
    let registry = registry(settings);
    let chain = |preset: &str| {
        let ready = registry.preset(preset).unwrap();
        assert_eq!(ready.provider.info().name, ready.chain[0].provider);
        let names = ready.chain.iter().map(|target| format!("{}/{}", target.provider, target.model));
        names.collect::<Vec<_>>()
    };
    assert_eq!(chain("fast"), ["groq/llama", "anthropic/claude-sonnet-5"]);
    assert_eq!(chain("alone"), ["groq/llama"]);
    assert_eq!(chain("careful"), ["anthropic/claude-opus-5", "work/gpt-5", "offline/offline"]);
    let ready = registry.model("claude-sonnet-5").unwrap();
    assert_eq!((ready.chain.len(), ready.chosen().name().as_str()), (1, "anthropic/claude-sonnet-5"));
    let in_front = agent_core::ModelDirectory::in_front_of(&registry, "groq/llama", "work/gpt-5").unwrap();
    let behind: Vec<String> = in_front.behind.iter().map(|(name, model)| format!("{name}/{model}")).collect();
    assert_eq!(behind, ["work/gpt-5", "anthropic/claude-sonnet-5"], "the main model, then the usual ones");
    let error = registry.preset("slow").unwrap_err().to_string();
    assert_eq!(error, "there is no preset `slow`; there are `alone`, `careful`, `fast`");
}

#[test]
fn all_that_is_known_is_listed_once() {
    let known = registry(at_home()).known();
    let of = |provider: &str| known.iter().filter(|target| target.provider == provider).count();
    assert!(of("work") > 20 && of("anthropic") > 10 && of("groq") > 1, "{known:?}");
    assert_eq!((of("proxy"), of("quiet"), of("openai"), of("deepseek")), (1, 1, 0, 0));
    let mut names: Vec<_> = known.iter().map(|target| (&target.provider, &target.model)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), known.len());
    assert!(known.iter().all(|target| target.vendor.is_none() || target.price.is_some()), "{known:?}");
}

#[tokio::test]
async fn the_first_model_is_asked_for_once() {
    let server = servers::ModelServer::start(servers::Reply::text("hi"));
    let registry = registry(crate::support::settings(&[("main", &server)]));
    for _ in 0..3 {
        let ready = registry.model("main").unwrap();
        let mut asked = agent_core::contract::provider::request("hello");
        asked.model = ready.model.clone();
        let reply = agent_core::contract::provider::collect(ready.provider.as_ref(), asked).await;
        assert_eq!(reply.text, "hi");
    }
    assert_eq!((server.requests().len(), server.other_requests().len()), (3, 1));
}

#[test]
fn what_is_known_of_a_model_comes_with_it() {
    let mut settings = at_home();
    let proxy = settings.providers.get_mut("proxy").unwrap();
    proxy.context = Some(8_192);
    proxy.price = serde_json::from_value(json!({"input": 1.0, "output": 2.0})).unwrap();
    let registry = registry(settings);
    let used = agent_core::TokenUsage { input_tokens: 1_000, output_tokens: 10, ..Default::default() };
    for (name, context, images, cost) in [
        ("work/gpt-5-mini", Some(272_000), Some(true), Some(250 + 20)),
        ("anthropic/claude-of-tomorrow", None, None, None),
        ("proxy/anything", Some(8_192), None, Some(1_020)),
        ("ollama/llama3.2", None, None, Some(0)),
        ("offline", None, None, Some(0)),
    ] {
        let target = registry.resolve(name).unwrap();
        assert_eq!((target.context, target.images), (context, images), "{name}");
        assert_eq!(registry.cost(&target.provider, &target.model, &used), cost, "{name}");
        assert_eq!(target.price.map(|price| price.of(&used)), cost, "{name}");
    }
    // As a server names the model that answered.
    assert_eq!(registry.cost("work", "gpt-5-mini-2025-08-07", &used), Some(270));
    assert_eq!(registry.cost("nobody", "gpt-5-mini", &used), None);
}
