//! How long something is for one model.

use session_api::{Message, Part};
use tool_api::ToolSpec;

use super::estimate_tokens;

/// What an image or a file counts for; vendors charge some hundreds to some thousands.
const MEDIA: u64 = 1_000;
/// What a message costs besides its words.
const MESSAGE: u64 = 4;
/// What a call, a result or a tool costs besides its words.
const ENVELOPE: u64 = 10;

/// Counts tokens by our estimate, as far as experience with a model corrected it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// The model's own count for 100 tokens of ours.
    pub percent: u16,
}

impl Default for Gauge {
    fn default() -> Self {
        Self { percent: 100 }
    }
}

impl Gauge {
    /// The tokens of a text.
    #[must_use]
    pub fn text(self, text: &str) -> u64 {
        self.corrected(estimate_tokens(text))
    }

    /// The tokens of a message, its calls and results included. What a model thought aloud is not sent back.
    #[must_use]
    pub fn message(self, message: &Message) -> u64 {
        self.corrected(MESSAGE + message.parts.iter().map(part).sum::<u64>())
    }

    /// The tokens of what is told of a tool.
    #[must_use]
    pub fn tool(self, spec: &ToolSpec) -> u64 {
        let words = estimate_tokens(&spec.name)
            + estimate_tokens(&spec.description)
            + estimate_tokens(&spec.parameters.to_string());
        self.corrected(ENVELOPE + words)
    }

    /// Our estimate in the model's tokens, rounded up.
    #[must_use]
    pub fn corrected(self, estimate: u64) -> u64 {
        (estimate.saturating_mul(u64::from(self.percent))).div_ceil(100)
    }

    /// So many tokens of the model in our estimate, rounded down.
    #[must_use]
    pub fn estimate_of(self, tokens: u64) -> u64 {
        tokens.saturating_mul(100) / u64::from(self.percent.max(1))
    }
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text { text } => estimate_tokens(text),
        Part::ToolCall(call) => ENVELOPE + estimate_tokens(&call.name) + estimate_tokens(&call.arguments),
        Part::ToolResult(result) => ENVELOPE + result.content.iter().map(self::part).sum::<u64>(),
        Part::Image { .. } | Part::File { .. } => MEDIA,
        Part::Reasoning { .. } | Part::Outside { .. } => 0,
        Part::Opaque { data, .. } => opaque(data),
    }
}

/// Signed thoughts and the like: as long as their texts, without writing them out.
fn opaque(data: &serde_json::Value) -> u64 {
    match data {
        serde_json::Value::String(text) => estimate_tokens(text),
        serde_json::Value::Array(items) => items.iter().map(opaque).sum(),
        serde_json::Value::Object(fields) => fields.values().map(opaque).sum(),
        _ => 1,
    }
}
