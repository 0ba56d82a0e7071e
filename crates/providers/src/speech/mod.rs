//! Text to speech at servers that speak the speech API of `OpenAI`: that one, Groq, and servers at home.
//!
//! `config` is the table `[speech]`.

mod config;

use std::{fmt, sync::Arc};

use agent_core::{ModelError, ModelErrorKind as Kind, Speaker, Speech};
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

pub use config::{SpeechConfig, SpeechFormat};

use crate::{
    ProviderSetupError,
    oneshot::{Desk, Place, Words},
};

const WORDS: Words = Words {
    name: "speech",
    server: "speech server",
    section: "speech",
    sent: "text",
    too_large: "lower max_characters in [speech]",
    answer: "recording",
    compatible: "a server with OpenAI's speech API",
};
/// Most bytes of a recording: that of the longest text, uncompressed.
const LARGEST_RECORDING: usize = 50_000_000;

/// A speaker from its table, in which the key `api_key` no longer stands, and the resolved key. Starts nothing and touches no
/// network.
///
/// # Errors
/// [`ProviderSetupError`], which names the key at fault.
pub fn speaker(table: Value, key: Option<SecretString>) -> Result<Arc<dyn Speaker>, ProviderSetupError> {
    Ok(Arc::new(OpenAiSpeaker::new(crate::setup::read(WORDS.name, table)?, key)?))
}

/// A server that reads aloud.
pub struct OpenAiSpeaker {
    config: SpeechConfig,
    desk: Desk,
}

impl fmt::Debug for OpenAiSpeaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("OpenAiSpeaker")
            .field("server", &self.desk.server())
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}

impl OpenAiSpeaker {
    /// A speaker with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, the key, or a value cannot be used.
    pub fn new(config: SpeechConfig, key: Option<SecretString>) -> Result<Self, ProviderSetupError> {
        let place = Place {
            base_url: &config.base_url,
            path: &["audio", "speech"],
            model: &config.model,
            seconds: config.timeout_seconds,
            accept: "audio/*",
        };
        let desk = Desk::new(&WORDS, &place, config.wrong(), key)?;
        Ok(Self { config, desk })
    }
}

#[async_trait]
impl Speaker for OpenAiSpeaker {
    async fn speak(&self, text: &str) -> Result<Speech, ModelError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ModelError::new(Kind::BadRequest, "there is nothing to read aloud"));
        }
        let (length, most) = (text.chars().count(), self.config.max_characters);
        if length > most {
            let text = format!(
                "the text has {length} characters, and max_characters in [speech] allows {most}; read a shorter one"
            );
            return Err(ModelError::new(Kind::BadRequest, text));
        }
        let body = json!({
            "model": self.config.model,
            "input": text,
            "voice": self.config.voice,
            "response_format": self.config.format,
        });
        let answer = self.desk.ask(|call| call.json(&body), LARGEST_RECORDING).await?;
        // Servers that understood something else answer with a text and a good status.
        let text = answer.mime.contains("json") || answer.mime.starts_with("text/");
        if text || answer.body.is_empty() {
            return Err(self.desk.nonsense());
        }
        Ok(Speech { audio: answer.body.into(), mime: self.config.format.mime().to_owned() })
    }
}
