//! Speech recognition at servers that speak the transcription API of `OpenAI`: that one, Groq, and servers at home.
//!
//! `config` is the table `[transcription]`, `format` chooses the name under which a recording is sent.

mod config;
mod format;

use std::{fmt, sync::Arc};

use agent_core::{ModelError, ModelErrorKind as Kind, SILENCE, Transcriber};
use async_trait::async_trait;
use bytes::Bytes;
use http_client::multipart::{Form, Part};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

pub use config::WhisperConfig;

use crate::{
    ProviderSetupError,
    oneshot::{Desk, Place, Words},
};

const WORDS: Words = Words {
    name: "voice",
    server: "transcription server",
    section: "transcription",
    sent: "recording",
    too_large: "lower max_bytes in [transcription]",
    answer: "transcript",
    compatible: "a Whisper-compatible server",
};
/// Most bytes of an answer: hours of speech are less.
const LARGEST_ANSWER: usize = 1_000_000;

/// A transcriber from its table, in which the key `api_key` no longer stands, and the resolved key. Starts nothing and
/// touches no network.
///
/// # Errors
/// [`ProviderSetupError`], which names the key at fault.
pub fn transcriber(
    table: Value,
    key: Option<SecretString>,
) -> Result<Arc<dyn Transcriber>, ProviderSetupError> {
    Ok(Arc::new(WhisperTranscriber::new(crate::setup::read(WORDS.name, table)?, key)?))
}

/// A Whisper-compatible server.
pub struct WhisperTranscriber {
    config: WhisperConfig,
    desk: Desk,
}

impl fmt::Debug for WhisperTranscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("WhisperTranscriber")
            .field("server", &self.desk.server())
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}

impl WhisperTranscriber {
    /// A transcriber with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, the key, or a value cannot be used.
    pub fn new(config: WhisperConfig, key: Option<SecretString>) -> Result<Self, ProviderSetupError> {
        let place = Place {
            base_url: &config.base_url,
            path: &["audio", "transcriptions"],
            model: &config.model,
            seconds: config.timeout_seconds,
            accept: "application/json",
        };
        let desk = Desk::new(&WORDS, &place, config.wrong(), key)?;
        Ok(Self { config, desk })
    }

    fn form(&self, audio: Bytes, mime: &str, name: &str) -> Result<Form, ModelError> {
        let (mime, name) = format::sent_as(mime, name);
        let length = audio.len() as u64;
        let file = Part::stream_with_length(audio, length)
            .file_name(name)
            .mime_str(&mime)
            .map_err(|_| ModelError::new(Kind::BadRequest, "the recording has no usable media type"))?;
        let form = Form::new()
            .text("model", self.config.model.clone())
            .text("response_format", "json")
            .part("file", file);
        Ok(match &self.config.language {
            Some(language) => form.text("language", language.clone()),
            None => form,
        })
    }
}

/// The one field that counts; servers send others beside it.
#[derive(Deserialize)]
struct Transcript {
    text: String,
}

#[async_trait]
impl Transcriber for WhisperTranscriber {
    async fn transcribe(&self, audio: Bytes, mime: &str, name: &str) -> Result<String, ModelError> {
        if audio.is_empty() {
            return Err(ModelError::new(Kind::BadRequest, "the recording is empty"));
        }
        if audio.len() as u64 > self.config.max_bytes {
            let text = format!(
                "the recording has {} bytes, and max_bytes in [transcription] allows {}; send a shorter one",
                audio.len(),
                self.config.max_bytes
            );
            return Err(ModelError::new(Kind::BadRequest, text));
        }
        let form = self.form(audio, mime, name)?;
        let answer = self.desk.ask(|call| call.multipart(form), LARGEST_ANSWER).await?;
        let Transcript { text } = serde_json::from_slice(&answer.body).map_err(|_| self.desk.nonsense())?;
        Ok(match text.trim() {
            "" => SILENCE.to_owned(),
            text => text.to_owned(),
        })
    }
}
