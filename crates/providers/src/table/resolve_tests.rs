use super::*;

fn keys(held: &[(&str, &str)]) -> Keys {
    held.iter().fold(Keys::default(), |keys, (name, key)| {
        keys.with(vendor(name).unwrap(), SecretString::from((*key).to_owned()))
    })
}

#[test]
fn a_name_leads_to_one_vendor() {
    let all = keys(&[
        ("openrouter", "sk-or-1"),
        ("deepseek", "sk-1"),
        ("anthropic", "sk-ant-1"),
        ("openai", "sk-proj-1"),
        ("gemini", "AIza1"),
        ("zhipu", "1.1"),
        ("groq", "gsk_1"),
    ]);
    let two = keys(&[("anthropic", "sk-ant-1"), ("groq", "gsk_1")]);
    let hub = keys(&[("aihubmix", "sk-1")]);
    let none = Keys::default();
    for (held, name, expected) in [
        // The owner, when it has a key; a gateway that stands before it in the order goes first.
        (&two, "claude-sonnet-5", ("anthropic", "claude-sonnet-5")),
        (&two, " claude-sonnet-5 ", ("anthropic", "claude-sonnet-5")),
        (&two, "claude-sonnet-5-20260901", ("anthropic", "claude-sonnet-5-20260901")),
        (&two, "openai/gpt-oss-120b", ("groq", "openai/gpt-oss-120b")),
        (&all, "claude-sonnet-5", ("openrouter", "anthropic/claude-sonnet-5")),
        (&all, "gemini-2.5-pro", ("openrouter", "google/gemini-2.5-pro")),
        (&all, "qwen3-mini/x", ("openrouter", "qwen3-mini/x")),
        // A vendor asked for by name.
        (&all, "anthropic/claude-sonnet-5", ("anthropic", "claude-sonnet-5")),
        (&all, "Anthropic/claude-of-tomorrow", ("anthropic", "claude-of-tomorrow")),
        (&all, "open-router/qwen/qwen3-32b", ("openrouter", "qwen/qwen3-32b")),
        (&all, "zai/glm-5", ("zhipu", "glm-5")),
        (&two, "groq/openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        // Without a key of its own a gateway takes its place.
        (&hub, "anthropic/claude-sonnet-5", ("aihubmix", "claude-sonnet-5")),
        (&hub, "gpt-5", ("aihubmix", "gpt-5")),
        // Servers that need no key are there without one, and never get a key that is empty.
        (&none, "ollama/llama3.2:3b", ("ollama", "llama3.2:3b")),
        (&two, "vllm/Qwen/Qwen3-32B", ("vllm", "Qwen/Qwen3-32B")),
    ] {
        let resolved = resolve(name, held).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((resolved.vendor.name, resolved.model.as_ref()), expected, "{name}");
        assert_eq!(resolved.key.is_some(), !resolved.vendor.keyless, "{name}");
    }
}

/// Snapshots would hide which of the texts belongs to which mistake.
#[test]
fn a_mistake_is_answered_with_what_to_do() {
    let none = Keys::default();
    let openai = keys(&[("openai", "sk-proj-1")]);
    let wrong = keys(&[("anthropic", "sk-or-1"), ("deepseek", " "), ("openai", "sk-ant-1")]);
    for (held, name, expected) in [
        (
            &openai,
            " ",
            "`` names no model; write one such as `claude-sonnet-5` or `openrouter/qwen/qwen3-32b`",
        ),
        (
            &openai,
            "openai/",
            "`openai/` names no model; write one such as `claude-sonnet-5` or `openrouter/qwen/qwen3-32b`",
        ),
        (
            &openai,
            "claude-sonet-5",
            "no vendor with a key here offers a model `claude-sonet-5`; did you mean `claude-sonnet-5`, `claude-sonnet-4-5`, `claude-sonnet-5-5`?",
        ),
        (
            &none,
            "claude-sonnet-5",
            "the model `claude-sonnet-5` is one of Anthropic, and there is no key for it; set ANTHROPIC_API_KEY",
        ),
        (
            &none,
            "groq/llama",
            "the model `groq/llama` is one of Groq, and there is no key for it; set GROQ_API_KEY",
        ),
        (
            &openai,
            "claude-sonnet-5",
            "the model `claude-sonnet-5` is one of Anthropic, and the key at hand is one of OpenAI; set ANTHROPIC_API_KEY, or choose a model of OpenAI",
        ),
        (
            &openai,
            "anthropic/claude-sonnet-5",
            "the model `claude-sonnet-5` is one of Anthropic, and the key at hand is one of OpenAI; set ANTHROPIC_API_KEY, or choose a model of OpenAI",
        ),
        (&wrong, "deepseek-chat", "the key of DeepSeek is empty; set DEEPSEEK_API_KEY"),
        (
            &wrong,
            "claude-sonnet-5",
            "the key for Anthropic looks like one of OpenRouter; set ANTHROPIC_API_KEY to a key of Anthropic",
        ),
        (
            &wrong,
            "openai/gpt-5",
            "the key for OpenAI looks like one of Anthropic; set OPENAI_API_KEY to a key of OpenAI",
        ),
    ] {
        let error = resolve(name, held).err().unwrap_or_else(|| panic!("{name} leads somewhere"));
        assert_eq!(error.to_string(), expected, "{name}");
    }
}

#[test]
fn what_is_known_of_a_model_is_found_through_gateways() {
    let held = keys(&[("openrouter", "sk-or-1"), ("anthropic", "sk-ant-1"), ("azure", "1")]);
    for (name, context, price) in [
        ("anthropic/claude-opus-5", Some(1_000_000), Some(5_000_000)),
        ("openrouter/anthropic/claude-opus-5", Some(1_000_000), Some(5_000_000)),
        ("openrouter/anthropic/claude-opus-5:free", Some(1_000_000), None),
        ("openrouter/nobody/claude-opus-5", None, None),
        ("anthropic/claude-of-tomorrow", None, None),
        ("azure/gpt-5-mini", Some(272_000), Some(250_000)),
        ("azure/the-intern", None, None),
        ("ollama/llama3.2", None, Some(0)),
        ("custom/gpt-5-mini", Some(272_000), None),
    ] {
        let resolved = resolve(name, &held).unwrap();
        assert_eq!(resolved.known.map(|model| model.context), context, "{name}");
        assert_eq!(resolved.price().map(|price| price.input), price, "{name}");
    }
}

#[test]
fn every_vendor_can_be_built_from_its_own_table() {
    for vendor in VENDORS {
        let held = Keys::default().with(vendor, SecretString::from("key-1".to_owned()));
        let name = format!("{}/some-model", vendor.name);
        let resolved = resolve(&name, &held).unwrap();
        let built = crate::build(vendor.name, vendor.kind, resolved.table(), resolved.key.cloned());
        assert!(built.is_ok(), "{}: {:?}", vendor.name, built.err());
    }
}

#[test]
fn no_text_holds_a_key() {
    let held = keys(&[("anthropic", "sk-or-canary"), ("openai", "canary")]);
    for name in ["claude-sonnet-5", "gpt-5", "nonsense", "groq/x"] {
        assert!(!format!("{:?} {held:?}", resolve(name, &held)).contains("canary"), "{name}");
    }
}
