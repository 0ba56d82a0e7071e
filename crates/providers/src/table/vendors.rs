//! The vendors themselves.

use super::{Vendor, models};
use crate::openai::{EffortField, LimitField, Quirks, ReplayReasoning};

/// A vendor whose server is as most are.
const USUAL: Vendor = Vendor {
    name: "",
    label: "",
    aliases: &[],
    slug: "",
    env: &[],
    key_prefixes: &[],
    base_url: "",
    hosts: &[],
    kind: "openai",
    keyless: false,
    free: false,
    gateway: false,
    quirks: Quirks::USUAL,
    models: &[],
};

/// Servers whose models want their reasoning back while they are at work with tools, and can be told only whether to think.
const THINKS_ON: Quirks = Quirks {
    replay_reasoning: ReplayReasoning::ReasoningContent,
    effort_field: EffortField::Thinking,
    ..Quirks::USUAL
};

/// All vendors. With several keys and nothing else to go by, the first one here that has a key counts.
pub const VENDORS: &[Vendor] = &[
    Vendor {
        name: "openrouter",
        label: "OpenRouter",
        env: &["OPENROUTER_API_KEY"],
        key_prefixes: &["sk-or-"],
        base_url: "https://openrouter.ai/api/v1",
        hosts: &["openrouter.ai"],
        gateway: true,
        // The title shows up in the account's own list of calls.
        quirks: Quirks {
            replay_extras: true,
            effort_field: EffortField::Reasoning,
            headers: &[("x-title", "Factotum")],
            ..Quirks::USUAL
        },
        ..USUAL
    },
    Vendor {
        name: "deepseek",
        label: "DeepSeek",
        slug: "deepseek",
        env: &["DEEPSEEK_API_KEY"],
        base_url: "https://api.deepseek.com/v1",
        hosts: &["api.deepseek.com"],
        quirks: THINKS_ON,
        models: models::DEEPSEEK,
        ..USUAL
    },
    Vendor {
        name: "anthropic",
        label: "Anthropic",
        aliases: &["claude"],
        slug: "anthropic",
        env: &["ANTHROPIC_API_KEY"],
        key_prefixes: &["sk-ant-"],
        base_url: "https://api.anthropic.com",
        hosts: &["api.anthropic.com"],
        kind: "anthropic",
        models: models::ANTHROPIC,
        ..USUAL
    },
    Vendor {
        name: "openai",
        label: "OpenAI",
        slug: "openai",
        env: &["OPENAI_API_KEY"],
        key_prefixes: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        base_url: "https://api.openai.com/v1",
        hosts: &["api.openai.com"],
        quirks: Quirks { limit_field: LimitField::MaxCompletionTokens, ..Quirks::USUAL },
        models: models::OPENAI,
        ..USUAL
    },
    Vendor {
        name: "gemini",
        label: "Gemini",
        aliases: &["google"],
        slug: "google",
        env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        key_prefixes: &["AIza"],
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        hosts: &["generativelanguage.googleapis.com"],
        quirks: Quirks { replay_extras: true, ..Quirks::USUAL },
        models: models::GEMINI,
        ..USUAL
    },
    Vendor {
        name: "zhipu",
        label: "Zhipu",
        aliases: &["zai", "bigmodel"],
        slug: "z-ai",
        env: &["ZHIPU_API_KEY", "ZAI_API_KEY", "ZHIPUAI_API_KEY"],
        base_url: "https://open.bigmodel.cn/api/paas/v4",
        hosts: &["open.bigmodel.cn", "api.z.ai"],
        quirks: THINKS_ON,
        models: models::ZHIPU,
        ..USUAL
    },
    Vendor {
        name: "groq",
        label: "Groq",
        env: &["GROQ_API_KEY"],
        key_prefixes: &["gsk_"],
        base_url: "https://api.groq.com/openai/v1",
        hosts: &["api.groq.com"],
        models: models::GROQ,
        ..USUAL
    },
    Vendor {
        name: "vllm",
        label: "vLLM",
        env: &["VLLM_API_KEY"],
        base_url: "http://127.0.0.1:8000/v1",
        keyless: true,
        free: true,
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "mistral",
        label: "Mistral",
        aliases: &["mistralai"],
        slug: "mistralai",
        env: &["MISTRAL_API_KEY"],
        base_url: "https://api.mistral.ai/v1",
        hosts: &["api.mistral.ai"],
        quirks: Quirks {
            // It counts tokens unasked and refuses fields that it does not know.
            stream_usage: false,
            strict_alternation: true,
            short_call_ids: true,
            ..Quirks::USUAL
        },
        models: models::MISTRAL,
        ..USUAL
    },
    Vendor {
        name: "xai",
        label: "xAI",
        aliases: &["grok"],
        slug: "x-ai",
        env: &["XAI_API_KEY"],
        key_prefixes: &["xai-"],
        base_url: "https://api.x.ai/v1",
        hosts: &["api.x.ai"],
        models: models::XAI,
        ..USUAL
    },
    Vendor {
        name: "minimax",
        label: "MiniMax",
        slug: "minimax",
        env: &["MINIMAX_API_KEY"],
        base_url: "https://api.minimax.io/v1",
        hosts: &["api.minimax.io", "api.minimaxi.com"],
        models: models::MINIMAX,
        ..USUAL
    },
    Vendor {
        name: "moonshot",
        label: "Moonshot",
        aliases: &["moonshotai", "kimi"],
        slug: "moonshotai",
        env: &["MOONSHOT_API_KEY"],
        base_url: "https://api.moonshot.ai/v1",
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        quirks: THINKS_ON,
        models: models::MOONSHOT,
        ..USUAL
    },
    Vendor {
        name: "dashscope",
        label: "DashScope",
        aliases: &["qwen", "alibaba"],
        slug: "qwen",
        env: &["DASHSCOPE_API_KEY"],
        base_url: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        hosts: &["dashscope-intl.aliyuncs.com", "dashscope.aliyuncs.com", "dashscope-us.aliyuncs.com"],
        quirks: Quirks { effort_field: EffortField::EnableThinking, ..Quirks::USUAL },
        models: models::DASHSCOPE,
        ..USUAL
    },
    Vendor {
        name: "aihubmix",
        label: "AIHubMix",
        env: &["AIHUBMIX_API_KEY"],
        base_url: "https://aihubmix.com/v1",
        hosts: &["aihubmix.com"],
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "huggingface",
        label: "Hugging Face",
        aliases: &["hf"],
        env: &["HF_TOKEN", "HUGGINGFACE_API_KEY"],
        key_prefixes: &["hf_"],
        base_url: "https://router.huggingface.co/v1",
        hosts: &["router.huggingface.co"],
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "zhipu-coding",
        label: "Zhipu's coding plan",
        aliases: &["zai-coding"],
        env: &["ZHIPU_CODING_API_KEY", "ZAI_CODING_API_KEY"],
        // The host is Zhipu's, where `at` finds the same quirks.
        base_url: "https://open.bigmodel.cn/api/coding/paas/v4",
        quirks: THINKS_ON,
        models: models::ZHIPU,
        ..USUAL
    },
    Vendor {
        name: "azure",
        label: "Azure OpenAI",
        aliases: &["azure-openai"],
        env: &["AZURE_OPENAI_API_KEY"],
        hosts: &["*.openai.azure.com", "*.services.ai.azure.com", "*.cognitiveservices.azure.com"],
        // Its models have the names that the account gave to their deployments.
        gateway: true,
        quirks: Quirks {
            limit_field: LimitField::MaxCompletionTokens,
            key_header: "api-key",
            ..Quirks::USUAL
        },
        ..USUAL
    },
    Vendor {
        name: "lmstudio",
        label: "LM Studio",
        env: &["LMSTUDIO_API_KEY"],
        base_url: "http://127.0.0.1:1234/v1",
        keyless: true,
        free: true,
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "ollama",
        label: "Ollama",
        env: &["OLLAMA_API_KEY"],
        base_url: "http://127.0.0.1:11434/v1",
        keyless: true,
        free: true,
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "llamacpp",
        label: "llama.cpp",
        aliases: &["llama.cpp", "llama-server"],
        env: &["LLAMACPP_API_KEY"],
        base_url: "http://127.0.0.1:8080/v1",
        keyless: true,
        free: true,
        gateway: true,
        ..USUAL
    },
    Vendor {
        name: "custom",
        label: "a server of one's own",
        env: &["CUSTOM_API_KEY"],
        keyless: true,
        gateway: true,
        ..USUAL
    },
];
