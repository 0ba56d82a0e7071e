//! In what servers of this wire format differ, as data.

use serde::Deserialize;

use super::config::OpenAiConfig;
use crate::table;

/// How one server understands chat completions. The table of vendors has one for each of its servers; a key of the same
/// name in `[providers.NAME]` changes single entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// The field that carries the limit of tokens.
    pub limit_field: LimitField,
    /// Whether it takes `stream_options` and then counts tokens at the end of a stream.
    pub stream_usage: bool,
    /// Whether what the model thought in earlier replies is sent back to it, and in which field.
    pub replay_reasoning: ReplayReasoning,
    /// Whether what came with a reply beside its text and calls is sent back: `reasoning_details` of messages
    /// (`OpenRouter`) and `extra_content` of calls (the signatures of Gemini).
    pub replay_extras: bool,
    /// In which field how hard to think stands.
    pub effort_field: EffortField,
    /// Who says the system prompt.
    pub system_role: SystemRole,
    /// What `parallel_tool_calls` says where there are tools; `None`: the field is not sent, for servers that refuse it.
    pub parallel_tool_calls: Option<bool>,
    /// Whether results of tools may hold images. Where not, the images follow in a message of the user.
    pub tool_result_images: bool,
    /// Whether user and assistant must take turns, beginning with the user, with nobody but the assistant after results.
    pub strict_alternation: bool,
    /// Whether ids of calls must be nine letters and digits.
    pub short_call_ids: bool,
    /// The header that carries the key, in lower case; in `authorization` it stands behind `Bearer`.
    pub key_header: &'static str,
    /// Headers for every request, unless the configuration has its own of the same name.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Quirks {
    /// What most servers understand.
    pub const USUAL: Self = Self {
        limit_field: LimitField::MaxTokens,
        stream_usage: true,
        replay_reasoning: ReplayReasoning::Never,
        replay_extras: false,
        effort_field: EffortField::ReasoningEffort,
        system_role: SystemRole::System,
        parallel_tool_calls: None,
        tool_result_images: false,
        strict_alternation: false,
        short_call_ids: false,
        key_header: "authorization",
        headers: &[],
    };

    /// These, changed by what the configuration says.
    pub(super) fn changed_by(self, config: &OpenAiConfig) -> Self {
        Self {
            limit_field: config.limit_field.unwrap_or(self.limit_field),
            stream_usage: config.stream_usage.unwrap_or(self.stream_usage),
            replay_reasoning: config.replay_reasoning.unwrap_or(self.replay_reasoning),
            replay_extras: config.replay_extras.unwrap_or(self.replay_extras),
            effort_field: config.effort_field.unwrap_or(self.effort_field),
            system_role: config.system_role.unwrap_or(self.system_role),
            parallel_tool_calls: config.parallel_tool_calls.or(self.parallel_tool_calls),
            tool_result_images: config.tool_result_images.unwrap_or(self.tool_result_images),
            strict_alternation: config.strict_alternation.unwrap_or(self.strict_alternation),
            short_call_ids: config.short_call_ids.unwrap_or(self.short_call_ids),
            ..self
        }
    }

    /// These, changed by what is known of a model; what the configuration says of it counts more.
    pub(super) fn for_model(self, model: &str, config: &OpenAiConfig) -> Self {
        let Some(habits) = table::habits(model) else { return self };
        let by_turns = habits.strict_alternation && config.strict_alternation.is_none();
        let without_system = habits.no_system && config.system_role.is_none();
        Self {
            strict_alternation: self.strict_alternation || by_turns,
            system_role: if without_system { SystemRole::User } else { self.system_role },
            ..self
        }
    }
}

/// The name of the field with the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// The old name.
    MaxTokens,
    /// The new one.
    MaxCompletionTokens,
}

impl LimitField {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// What becomes of earlier reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayReasoning {
    /// It is left out.
    Never,
    /// It is sent as `reasoning_content`.
    ReasoningContent,
    /// It is sent as `reasoning`.
    Reasoning,
}

impl ReplayReasoning {
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::ReasoningContent => Some("reasoning_content"),
            Self::Reasoning => Some("reasoning"),
        }
    }
}

/// Where servers look for how hard to think. Nothing is sent unless somebody says how hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffortField {
    /// `"reasoning_effort": "low"`, and `"none"` for not at all.
    ReasoningEffort,
    /// `"reasoning": {"effort": "low"}`.
    Reasoning,
    /// `"enable_thinking": true`, without degrees.
    EnableThinking,
    /// `"thinking": {"type": "enabled"}`, without degrees.
    Thinking,
}

/// Who says the system prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemRole {
    /// `system`.
    System,
    /// `developer`.
    Developer,
    /// `user`, for models that were never taught another role.
    User,
}

impl SystemRole {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_needs_is_known_and_the_configuration_has_the_last_word() {
        let said = OpenAiConfig {
            strict_alternation: Some(false),
            system_role: Some(SystemRole::System),
            ..OpenAiConfig::default()
        };
        for (model, config, expected) in [
            ("gemma-2-9b-it", OpenAiConfig::default(), (true, SystemRole::User)),
            ("gemma3:4b", OpenAiConfig::default(), (true, SystemRole::System)),
            ("qwen3:8b", OpenAiConfig::default(), (false, SystemRole::System)),
            ("gemma-2-9b-it", said, (false, SystemRole::System)),
        ] {
            let quirks = Quirks::USUAL.changed_by(&config).for_model(model, &config);
            assert_eq!((quirks.strict_alternation, quirks.system_role), expected, "{model}");
        }
    }
}
