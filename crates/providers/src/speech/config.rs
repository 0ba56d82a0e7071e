//! The table `[speech]`.

use serde::{Deserialize, Serialize};

/// Least and most seconds for one text.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=3_600;
/// Least and most characters of a text that may be configured.
const CHARACTERS: std::ops::RangeInclusive<usize> = 1..=100_000;

/// Where and how text is read aloud. The key is no part of it: it comes resolved, beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechConfig {
    /// Where `/audio/speech` is appended. A query is kept.
    pub base_url: String,
    /// The model: `gpt-4o-mini-tts` at `OpenAI`.
    pub model: String,
    /// Whose voice it is, as the server calls it.
    pub voice: String,
    /// How the recording is encoded. Chat apps play `opus` as a voice note.
    pub format: SpeechFormat,
    /// The longest that one text may take, in seconds.
    pub timeout_seconds: u64,
    /// Most characters of one text. `OpenAI` takes 4096.
    pub max_characters: usize,
}

/// How a recording is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpeechFormat {
    /// Opus in Ogg.
    #[default]
    Opus,
    /// MP3.
    Mp3,
    /// AAC.
    Aac,
    /// FLAC.
    Flac,
    /// Uncompressed.
    Wav,
}

impl SpeechFormat {
    /// Its media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Opus => "audio/ogg",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
        }
    }
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            model: "gpt-4o-mini-tts".into(),
            voice: "alloy".into(),
            format: SpeechFormat::default(),
            timeout_seconds: 60,
            max_characters: 4_096,
        }
    }
}

impl SpeechConfig {
    /// The first value that makes no sense: its key, and what is wrong with it.
    pub(super) fn wrong(&self) -> Option<(&'static str, String)> {
        if self.model.trim().is_empty() {
            return Some(("model", "`model` must name a model, such as gpt-4o-mini-tts".into()));
        }
        if self.voice.trim().is_empty() {
            return Some(("voice", "`voice` must name a voice, such as alloy".into()));
        }
        let between = |key, least: &dyn std::fmt::Display, most: &dyn std::fmt::Display| {
            Some((key, format!("`{key}` must be between {least} and {most}")))
        };
        if !SECONDS.contains(&self.timeout_seconds) {
            return between("timeout_seconds", SECONDS.start(), SECONDS.end());
        }
        if !CHARACTERS.contains(&self.max_characters) {
            return between("max_characters", CHARACTERS.start(), CHARACTERS.end());
        }
        None
    }
}
