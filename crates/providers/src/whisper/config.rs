//! The table `[transcription]`.

use serde::{Deserialize, Serialize};

/// Least and most bytes of a recording that may be configured.
const BYTES: std::ops::RangeInclusive<u64> = 1_000..=100_000_000;
/// Least and most seconds for one recording.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=3_600;

/// Where and how speech is recognised. The key is no part of it: it comes resolved, beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhisperConfig {
    /// Where `/audio/transcriptions` is appended. A query is kept.
    pub base_url: String,
    /// The model: `whisper-1` at `OpenAI`, `whisper-large-v3` at Groq.
    pub model: String,
    /// The language spoken, as two letters (`de`). Without it the server finds out by itself.
    pub language: Option<String>,
    /// The longest that one transcription may take, in seconds: upload, recognition and answer together.
    pub timeout_seconds: u64,
    /// Most bytes of one recording. The usual servers take 25 MB.
    pub max_bytes: u64,
}

impl Default for WhisperConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            model: "whisper-1".into(),
            language: None,
            timeout_seconds: 60,
            max_bytes: 25_000_000,
        }
    }
}

impl WhisperConfig {
    /// The first value that makes no sense: its key, and what is wrong with it.
    pub(super) fn wrong(&self) -> Option<(&'static str, String)> {
        if self.model.trim().is_empty() {
            return Some(("model", "`model` must name a model, such as whisper-1".into()));
        }
        let letters = |language: &String| {
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase())
        };
        if self.language.as_ref().is_some_and(|language| !letters(language)) {
            let text = "`language` must be a language code of two or three small letters, such as de";
            return Some(("language", text.into()));
        }
        for (key, value, range) in
            [("timeout_seconds", self.timeout_seconds, SECONDS), ("max_bytes", self.max_bytes, BYTES)]
        {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                return Some((key, format!("`{key}` must be between {least} and {most}")));
            }
        }
        None
    }
}
