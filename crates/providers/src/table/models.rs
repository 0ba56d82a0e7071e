//! What is known of single models: how much they can hold, what they cost, whether they see.
//!
//! Prices are those of November 2026, for prompts short enough for the first tier. Models come faster than releases of this
//! program, so that a name which is not here is no mistake, and what holds for a family is only guessed where being wrong
//! costs nothing: a price never is.

/// A model, or a family of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// With what its name begins; upper and lower case make no difference.
    pub prefix: &'static str,
    /// The most tokens that a request may hold.
    pub context: u32,
    /// Whether it takes images.
    pub images: bool,
    /// Whether it thinks before it answers.
    pub reasoning: bool,
    /// What it costs.
    pub price: Price,
}

/// Millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Price {
    /// Read.
    pub input: u64,
    /// Read from the vendor's cache.
    pub cached: u64,
    /// Written.
    pub output: u64,
    /// Read and put into the cache.
    pub cache_write: u64,
}

impl Price {
    /// Nothing at all.
    pub const FREE: Self = Self { input: 0, cached: 0, output: 0, cache_write: 0 };

    /// What a call costs, in millionths of a US dollar, rounded up. `input` counts all tokens read; `cached` and `written`
    /// are those of them that came from the cache and went into it.
    #[must_use]
    pub fn cost_micros(&self, input: u64, cached: u64, written: u64, output: u64) -> u64 {
        let cached = cached.min(input);
        let written = written.min(input - cached);
        let plain = input - cached - written;
        let parts =
            [(plain, self.input), (cached, self.cached), (written, self.cache_write), (output, self.output)];
        let sum: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

impl Model {
    const fn sees(mut self) -> Self {
        self.images = true;
        self
    }

    /// The price of the model `name`: known when that is this very model, or a dated or otherwise pinned issue of it.
    #[must_use]
    pub fn price_of(&self, name: &str) -> Option<Price> {
        let rest = name.get(self.prefix.len()..).filter(|_| begins(name, self.prefix))?;
        same_model(rest).then_some(self.price)
    }
}

/// The model of `models` that `name` begins with; of several the longest.
#[must_use]
pub fn find<'a>(models: &'a [Model], name: &str) -> Option<&'a Model> {
    let fits = |model: &&Model| {
        begins(name, model.prefix)
            && name.as_bytes().get(model.prefix.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
    };
    models.iter().filter(fits).max_by_key(|model| model.prefix.len())
}

/// Whether `name` begins with `prefix`, in upper or lower case.
pub(super) fn begins(name: &str, prefix: &str) -> bool {
    let (name, prefix) = (name.as_bytes(), prefix.as_bytes());
    // Most names differ in their first letter, and this runs over all models.
    let first = |text: &[u8]| text.first().map(u8::to_ascii_lowercase);
    first(name) == first(prefix)
        && name.len() >= prefix.len()
        && name[..prefix.len()].eq_ignore_ascii_case(prefix)
}

/// Whether what follows a model's name names an issue of the same model: a date of four digits at least, or a word for the
/// newest one. `-9` behind `claude-opus-4` is another model.
fn same_model(rest: &str) -> bool {
    let mut digits = 0;
    let known = rest.split(['-', '@']).skip(1).all(|word| {
        let number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        digits += if number { word.len() } else { 0 };
        number || matches!(word, "latest" | "preview")
    });
    let begins_well = rest.is_empty() || rest.starts_with(['-', '@']);
    begins_well && known && (digits == 0 || digits >= 4)
}

/// A model that answers at once, with its prices: read, cached, written, put into the cache.
const fn plain(prefix: &'static str, context: u32, [input, cached, output, cache_write]: [u64; 4]) -> Model {
    let price = Price { input, cached, output, cache_write };
    Model { prefix, context, images: false, reasoning: false, price }
}

/// A model that thinks first.
const fn thinks(prefix: &'static str, context: u32, prices: [u64; 4]) -> Model {
    let mut model = plain(prefix, context, prices);
    model.reasoning = true;
    model
}

/// The models of Anthropic.
/// Of Anthropic's models those that are told how many tokens they may think; later ones find that out by themselves and refuse
/// to be told.
const BUDGETED: &[&str] = &[
    "claude-3",
    "claude-haiku-4-5",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2",
    "claude-opus-4-5",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2",
    "claude-sonnet-4-5",
];

/// Whether the model of this name, with or without its vendor before it, is told how many tokens it may think.
#[must_use]
pub fn thinks_by_budget(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    BUDGETED.iter().any(|prefix| begins(name, prefix))
}

pub(super) const ANTHROPIC: &[Model] = &[
    thinks("claude-opus-5-5", 1_000_000, [4_000_000, 200_000, 20_000_000, 5_000_000]).sees(),
    thinks("claude-opus-5", 1_000_000, [5_000_000, 500_000, 25_000_000, 6_250_000]).sees(),
    thinks("claude-opus-4-8", 1_000_000, [5_000_000, 500_000, 25_000_000, 6_250_000]).sees(),
    thinks("claude-opus-4-7", 1_000_000, [5_000_000, 500_000, 25_000_000, 6_250_000]).sees(),
    thinks("claude-opus-4-6", 1_000_000, [5_000_000, 500_000, 25_000_000, 6_250_000]).sees(),
    thinks("claude-opus-4-5", 200_000, [5_000_000, 500_000, 25_000_000, 6_250_000]).sees(),
    thinks("claude-sonnet-5-5", 1_000_000, [2_000_000, 100_000, 10_000_000, 2_500_000]).sees(),
    thinks("claude-sonnet-5", 1_000_000, [2_000_000, 200_000, 10_000_000, 2_500_000]).sees(),
    thinks("claude-sonnet-4-6", 1_000_000, [3_000_000, 300_000, 15_000_000, 3_750_000]).sees(),
    thinks("claude-sonnet-4-5", 200_000, [3_000_000, 300_000, 15_000_000, 3_750_000]).sees(),
    thinks("claude-haiku-5-5", 1_000_000, [100_000, 10_000, 500_000, 125_000]).sees(),
    thinks("claude-haiku-4-5", 200_000, [1_000_000, 100_000, 5_000_000, 1_250_000]).sees(),
    thinks("claude-fable-5-1", 1_000_000, [10_000_000, 250_000, 50_000_000, 12_500_000]).sees(),
    thinks("claude-fable-5", 1_000_000, [10_000_000, 1_000_000, 50_000_000, 12_500_000]).sees(),
    thinks("claude-mythos-5-1", 1_000_000, [10_000_000, 250_000, 50_000_000, 12_500_000]).sees(),
    thinks("claude-mythos-5", 1_000_000, [10_000_000, 1_000_000, 50_000_000, 12_500_000]).sees(),
];

/// The models of `OpenAI`.
pub(super) const OPENAI: &[Model] = &[
    thinks("gpt-6.1-sol", 922_000, [2_000_000, 100_000, 10_000_000, 2_500_000]).sees(),
    thinks("gpt-6-astra", 922_000, [10_000_000, 1_000_000, 50_000_000, 12_500_000]).sees(),
    thinks("gpt-6-sol", 922_000, [2_000_000, 200_000, 10_000_000, 2_500_000]).sees(),
    thinks("gpt-6-luna", 922_000, [100_000, 10_000, 500_000, 125_000]).sees(),
    thinks("gpt-5.6-sol", 922_000, [4_000_000, 400_000, 20_000_000, 5_000_000]).sees(),
    thinks("gpt-5.6-terra", 922_000, [2_000_000, 200_000, 12_000_000, 2_500_000]).sees(),
    thinks("gpt-5.6-luna", 922_000, [200_000, 20_000, 1_200_000, 250_000]).sees(),
    thinks("gpt-5.6", 922_000, [4_000_000, 400_000, 20_000_000, 5_000_000]).sees(),
    thinks("gpt-5.5-pro", 1_050_000, [30_000_000, 30_000_000, 180_000_000, 30_000_000]).sees(),
    thinks("gpt-5.5", 1_050_000, [5_000_000, 500_000, 30_000_000, 5_000_000]).sees(),
    thinks("gpt-5.4-mini", 272_000, [750_000, 75_000, 4_500_000, 750_000]).sees(),
    thinks("gpt-5.4-nano", 272_000, [200_000, 20_000, 1_250_000, 200_000]).sees(),
    thinks("gpt-5.4-pro", 1_050_000, [30_000_000, 30_000_000, 180_000_000, 30_000_000]).sees(),
    thinks("gpt-5.4", 1_050_000, [2_500_000, 250_000, 15_000_000, 2_500_000]).sees(),
    thinks("gpt-5.3-codex", 272_000, [1_750_000, 175_000, 14_000_000, 1_750_000]).sees(),
    thinks("gpt-5.2-codex", 272_000, [1_750_000, 175_000, 14_000_000, 1_750_000]).sees(),
    thinks("gpt-5.2-pro", 272_000, [21_000_000, 21_000_000, 168_000_000, 21_000_000]).sees(),
    thinks("gpt-5.2", 272_000, [1_750_000, 175_000, 14_000_000, 1_750_000]).sees(),
    thinks("gpt-5.1-codex-mini", 400_000, [250_000, 25_000, 2_000_000, 250_000]).sees(),
    thinks("gpt-5.1-codex-max", 400_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gpt-5.1-codex", 400_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gpt-5.1", 272_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gpt-5-mini", 272_000, [250_000, 25_000, 2_000_000, 250_000]).sees(),
    thinks("gpt-5-nano", 272_000, [50_000, 5_000, 400_000, 50_000]).sees(),
    thinks("gpt-5-pro", 400_000, [15_000_000, 15_000_000, 120_000_000, 15_000_000]).sees(),
    thinks("gpt-5-codex", 272_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gpt-5-chat", 128_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gpt-5", 272_000, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    plain("gpt-4.1-mini", 1_047_576, [400_000, 100_000, 1_600_000, 400_000]).sees(),
    plain("gpt-4.1-nano", 1_047_576, [100_000, 25_000, 400_000, 100_000]).sees(),
    plain("gpt-4.1", 1_047_576, [2_000_000, 500_000, 8_000_000, 2_000_000]).sees(),
    plain("gpt-4o-mini", 128_000, [150_000, 75_000, 600_000, 150_000]).sees(),
    plain("gpt-4o", 128_000, [2_500_000, 1_250_000, 10_000_000, 2_500_000]).sees(),
    thinks("o4-mini", 200_000, [1_100_000, 275_000, 4_400_000, 1_100_000]).sees(),
    thinks("o3-mini", 200_000, [1_100_000, 550_000, 4_400_000, 1_100_000]),
    thinks("o3-pro", 200_000, [20_000_000, 20_000_000, 80_000_000, 20_000_000]).sees(),
    thinks("o3", 200_000, [2_000_000, 500_000, 8_000_000, 2_000_000]).sees(),
    thinks("o1", 200_000, [15_000_000, 7_500_000, 60_000_000, 15_000_000]).sees(),
];

/// The models of `DeepSeek`.
pub(super) const DEEPSEEK: &[Model] = &[
    thinks("deepseek-v4-pro", 1_000_000, [1_320_000, 44_000, 3_960_000, 1_320_000]),
    thinks("deepseek-v4-flash", 1_000_000, [300_000, 6_000, 1_200_000, 300_000]).sees(),
    thinks("deepseek-flash", 1_000_000, [300_000, 6_000, 1_200_000, 300_000]).sees(),
    plain("deepseek-chat", 131_072, [280_000, 28_000, 420_000, 280_000]),
    thinks("deepseek-reasoner", 131_072, [280_000, 28_000, 420_000, 280_000]),
];

/// The models of Gemini.
pub(super) const GEMINI: &[Model] = &[
    thinks("gemini-4-argon", 1_048_576, [2_000_000, 100_000, 10_000_000, 2_000_000]).sees(),
    thinks("gemini-3.8-flash", 1_048_576, [750_000, 75_000, 3_750_000, 750_000]).sees(),
    thinks("gemini-3.7-flash", 1_048_576, [750_000, 75_000, 3_750_000, 750_000]).sees(),
    thinks("gemini-3.6-flash", 1_048_576, [750_000, 75_000, 3_750_000, 750_000]).sees(),
    thinks("gemini-3.5-flash-lite", 1_048_576, [300_000, 30_000, 2_500_000, 300_000]).sees(),
    thinks("gemini-3.5-flash", 1_048_576, [1_500_000, 150_000, 9_000_000, 1_500_000]).sees(),
    thinks("gemini-3.1-pro-preview", 1_048_576, [2_000_000, 200_000, 12_000_000, 2_000_000]).sees(),
    thinks("gemini-3.1-flash-lite", 1_048_576, [250_000, 25_000, 1_500_000, 250_000]).sees(),
    thinks("gemini-3-flash-preview", 1_048_576, [500_000, 50_000, 3_000_000, 500_000]).sees(),
    thinks("gemini-2.5-pro", 1_048_576, [1_250_000, 125_000, 10_000_000, 1_250_000]).sees(),
    thinks("gemini-2.5-flash-lite", 1_048_576, [100_000, 10_000, 400_000, 100_000]).sees(),
    thinks("gemini-2.5-flash", 1_048_576, [300_000, 30_000, 2_500_000, 300_000]).sees(),
    thinks("gemini-pro-latest", 1_048_576, [2_000_000, 200_000, 12_000_000, 2_000_000]).sees(),
    thinks("gemini-flash-latest", 1_048_576, [750_000, 75_000, 3_750_000, 750_000]).sees(),
    thinks("gemini-flash-lite-latest", 1_048_576, [300_000, 30_000, 2_500_000, 300_000]).sees(),
];

/// The models of Groq.
pub(super) const GROQ: &[Model] = &[
    thinks("openai/gpt-oss-120b", 131_072, [150_000, 75_000, 600_000, 150_000]),
    thinks("openai/gpt-oss-20b", 131_072, [75_000, 37_500, 300_000, 75_000]),
    thinks("qwen/qwen3.8-27b", 131_072, [800_000, 800_000, 4_000_000, 800_000]).sees(),
];

/// The models of Mistral.
pub(super) const MISTRAL: &[Model] = &[
    thinks("mistral-large-4", 1_048_576, [680_000, 68_000, 2_090_000, 680_000]).sees(),
    plain("mistral-large-3", 262_144, [500_000, 50_000, 1_500_000, 500_000]).sees(),
    plain("mistral-large-latest", 262_144, [500_000, 50_000, 1_500_000, 500_000]).sees(),
    thinks("mistral-medium-3-5", 262_144, [1_500_000, 150_000, 7_500_000, 1_500_000]).sees(),
    thinks("mistral-medium-latest", 262_144, [1_500_000, 150_000, 7_500_000, 1_500_000]).sees(),
    thinks("mistral-small-latest", 262_144, [150_000, 15_000, 600_000, 150_000]).sees(),
    thinks("magistral-medium-latest", 262_144, [1_500_000, 150_000, 7_500_000, 1_500_000]).sees(),
    thinks("magistral-small-latest", 262_144, [150_000, 15_000, 600_000, 150_000]).sees(),
    plain("devstral-latest", 256_000, [400_000, 40_000, 2_000_000, 400_000]),
    plain("devstral-small-latest", 256_000, [100_000, 10_000, 300_000, 100_000]),
    plain("codestral-latest", 128_000, [300_000, 30_000, 900_000, 300_000]),
    plain("ministral-14b-latest", 262_144, [200_000, 20_000, 200_000, 200_000]).sees(),
    plain("ministral-8b-latest", 262_144, [150_000, 15_000, 150_000, 150_000]).sees(),
    plain("ministral-3b-latest", 131_072, [100_000, 10_000, 100_000, 100_000]).sees(),
    plain("pixtral-large-latest", 128_000, [2_000_000, 200_000, 6_000_000, 2_000_000]).sees(),
    plain("open-mistral-nemo", 128_000, [300_000, 30_000, 300_000, 300_000]),
];

/// The models of xAI.
pub(super) const XAI: &[Model] = &[
    thinks("grok-4.7", 500_000, [2_000_000, 500_000, 6_000_000, 2_000_000]).sees(),
    thinks("grok-4.6", 500_000, [2_000_000, 500_000, 6_000_000, 2_000_000]).sees(),
    thinks("grok-4.5", 500_000, [2_000_000, 300_000, 6_000_000, 2_000_000]).sees(),
    thinks("grok-4.3", 1_000_000, [1_250_000, 200_000, 2_500_000, 1_250_000]).sees(),
    thinks("grok-4.20", 1_000_000, [1_250_000, 200_000, 2_500_000, 1_250_000]).sees(),
    thinks("grok-code-fast-1", 256_000, [1_000_000, 200_000, 2_000_000, 1_000_000]).sees(),
];

/// The models of `MiniMax`.
pub(super) const MINIMAX: &[Model] = &[
    thinks("MiniMax-M3", 1_000_000, [300_000, 60_000, 1_200_000, 300_000]).sees(),
    thinks("MiniMax-M2.5-lightning", 1_000_000, [300_000, 30_000, 2_400_000, 375_000]),
    thinks("MiniMax-M2.5", 1_000_000, [300_000, 30_000, 1_200_000, 375_000]),
    thinks("MiniMax-M2.1-lightning", 1_000_000, [300_000, 30_000, 2_400_000, 375_000]),
    thinks("MiniMax-M2.1", 1_000_000, [300_000, 30_000, 1_200_000, 375_000]),
    thinks("MiniMax-M2", 200_000, [300_000, 30_000, 1_200_000, 375_000]),
];

/// The models of Moonshot.
pub(super) const MOONSHOT: &[Model] = &[
    thinks("kimi-k3", 1_048_576, [3_000_000, 300_000, 15_000_000, 3_000_000]).sees(),
    thinks("kimi-k2.7-code", 262_144, [950_000, 190_000, 4_000_000, 950_000]).sees(),
    thinks("kimi-k2.6", 262_144, [950_000, 160_000, 4_000_000, 950_000]).sees(),
    thinks("kimi-k2.5", 262_144, [600_000, 100_000, 3_000_000, 600_000]).sees(),
    plain("moonshot-v1-128k", 131_072, [2_000_000, 2_000_000, 5_000_000, 2_000_000]),
    plain("moonshot-v1-32k", 32_768, [1_000_000, 1_000_000, 3_000_000, 1_000_000]),
    plain("moonshot-v1-8k", 8_192, [200_000, 200_000, 2_000_000, 200_000]),
];

/// The models of Zhipu.
pub(super) const ZHIPU: &[Model] = &[
    thinks("glm-5.3-flash", 1_048_576, [150_000, 30_000, 500_000, 150_000]).sees(),
    thinks("glm-5.3", 1_000_000, [1_400_000, 260_000, 4_400_000, 1_400_000]),
    thinks("glm-5.2", 1_000_000, [1_400_000, 260_000, 4_400_000, 1_400_000]),
    thinks("glm-5.1", 200_000, [1_400_000, 260_000, 4_400_000, 1_400_000]),
    thinks("glm-5-code", 200_000, [1_200_000, 300_000, 5_000_000, 1_200_000]),
    thinks("glm-5", 200_000, [1_000_000, 200_000, 3_200_000, 1_000_000]),
    thinks("glm-4.7-flash", 200_000, [0, 0, 0, 0]),
    thinks("glm-4.7", 200_000, [600_000, 110_000, 2_200_000, 600_000]),
    thinks("glm-4.6", 200_000, [600_000, 110_000, 2_200_000, 600_000]),
    plain("glm-4.5-flash", 128_000, [0, 0, 0, 0]),
    plain("glm-4.5-airx", 128_000, [1_100_000, 1_100_000, 4_500_000, 1_100_000]),
    plain("glm-4.5-air", 128_000, [200_000, 200_000, 1_100_000, 200_000]),
    plain("glm-4.5v", 128_000, [600_000, 600_000, 1_800_000, 600_000]).sees(),
    plain("glm-4.5", 128_000, [600_000, 600_000, 2_200_000, 600_000]),
];

/// The models of `DashScope`.
pub(super) const DASHSCOPE: &[Model] = &[
    thinks("qwen3.8-max", 991_808, [2_000_000, 250_000, 6_000_000, 2_000_000]).sees(),
    thinks("qwen3.8-flash", 991_808, [150_000, 16_000, 470_000, 200_000]).sees(),
    thinks("qwen3.7-max", 991_808, [2_500_000, 500_000, 7_500_000, 3_125_000]),
    thinks("qwen-max", 30_720, [1_600_000, 1_600_000, 6_400_000, 1_600_000]),
    thinks("qwen-plus", 129_024, [400_000, 400_000, 1_200_000, 400_000]),
    thinks("qwen-turbo", 129_024, [50_000, 50_000, 200_000, 50_000]),
    plain("qwen3-vl-235b-a22b-instruct", 131_072, [400_000, 400_000, 1_600_000, 400_000]).sees(),
    plain("qwen3-next-80b-a3b-instruct", 262_144, [150_000, 150_000, 1_200_000, 150_000]),
    thinks("qwq-plus", 98_304, [800_000, 800_000, 2_400_000, 800_000]),
];
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts() {
        for (name, expected) in [
            ("gpt-5", Some("gpt-5")),
            ("GPT-5-mini", Some("gpt-5-mini")),
            ("gpt-5-mini-2025-08-07", Some("gpt-5-mini")),
            ("gpt-5.4-nano", Some("gpt-5.4-nano")),
            ("gpt-5.9", Some("gpt-5")),
            ("gpt-50", None),
            ("gpt", None),
        ] {
            assert_eq!(find(OPENAI, name).map(|model| model.prefix), expected, "{name}");
        }
    }

    #[test]
    fn a_price_is_known_only_for_the_model_itself() {
        for (name, known) in [
            ("claude-opus-5", true),
            ("claude-opus-5-20260801", true),
            ("claude-opus-5@20260801", true),
            ("claude-opus-5-latest", true),
            ("claude-opus-5-9", false),
            ("claude-opus-5-fast", false),
            ("claude-opus-5:free", false),
        ] {
            let model = find(ANTHROPIC, name).unwrap();
            assert_eq!(model.price_of(name).is_some(), known, "{name}");
        }
        assert_eq!(ANTHROPIC[0].price_of("gpt-5"), None);
        assert_eq!(ANTHROPIC[0].price_of("ü"), None);
    }

    #[test]
    fn a_call_costs_the_sum_of_its_parts_rounded_up() {
        let price = Price { input: 3_000_000, cached: 300_000, output: 15_000_000, cache_write: 3_750_000 };
        for (tokens, expected) in [
            ((0, 0, 0, 0), 0),
            ((1, 0, 0, 0), 3),
            ((1, 1, 0, 0), 1),
            ((1_000, 400, 100, 10), 500 * 3 + 120 + 375 + 150),
            ((10, 99, 99, 0), 3),
            ((u64::MAX, 0, 0, u64::MAX), u64::MAX),
        ] {
            let (input, cached, written, output) = tokens;
            assert_eq!(price.cost_micros(input, cached, written, output), expected, "{tokens:?}");
        }
        assert_eq!(Price::FREE.cost_micros(5, 5, 5, 5), 0);
    }

    #[test]
    fn the_data_makes_sense() {
        for vendor in crate::table::VENDORS {
            for (index, model) in vendor.models.iter().enumerate() {
                let Model { prefix, context, price, .. } = *model;
                assert!((8_000..=2_000_000).contains(&context), "{prefix}");
                assert!(price.cached <= price.input && price.input <= price.cache_write, "{prefix}");
                assert!(price.input <= price.output, "{prefix}");
                assert!(
                    vendor.models[..index].iter().all(|other| other.prefix != prefix),
                    "{prefix} stands twice"
                );
            }
        }
    }
}
