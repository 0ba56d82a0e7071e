//! Speech recognition at servers that speak the transcription API of `OpenAI`: that one, Groq, and servers at home.
//!
//! `config` is the table `[transcription]`, `format` chooses the name under which a recording is sent, `error` finds words for
//! what goes wrong.

mod config;
mod error;
mod format;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use agent_core::{ModelError, ModelErrorKind as Kind, SILENCE, Transcriber};
use async_trait::async_trait;
use bytes::Bytes;
use http_client::{
    Client, Method, Policy, RequestBuilder, Response, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue},
    multipart::{Form, Part},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

pub use config::WhisperConfig;

use crate::{
    ProviderSetupError,
    openai::{base_url, below, error::Voice},
};

/// How errors of setting up call it.
const NAME: &str = "voice";
/// The server that wants a key in any case.
const OPENAI_HOST: &str = "api.openai.com";
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
    Ok(Arc::new(WhisperTranscriber::new(crate::setup::read(NAME, table)?, key)?))
}

/// A Whisper-compatible server.
pub struct WhisperTranscriber {
    config: WhisperConfig,
    url: Url,
    headers: HeaderMap,
    voice: Voice,
    /// Made at the first call: a process that never hears anything does not pay for it.
    client: OnceLock<Client>,
}

impl fmt::Debug for WhisperTranscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("WhisperTranscriber")
            .field("server", &self.voice.server)
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
        let wrong = |key, message| ProviderSetupError::Value { name: NAME.into(), key, message };
        let base = base_url(&config.base_url).map_err(|message| wrong("base_url", message))?;
        if let Some((key, message)) = config.wrong() {
            return Err(wrong(key, message));
        }
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        // A key that is read from a file ends in a line feed.
        if let Some(key) = key.as_ref().map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty()) {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| wrong("api_key", "the key holds characters that no key has".into()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            secrets.push(SecretString::from(key.to_owned()));
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        secrets.extend(key);
        secrets.extend(base.password().map(|password| SecretString::from(password.to_owned())));
        let url = below(&base, &["audio", "transcriptions"]);
        let voice = Voice {
            provider: NAME.into(),
            model: config.model.chars().take(100).collect(),
            server: http_client::endpoint(&url),
            secrets,
            total: Duration::from_secs(config.timeout_seconds),
        };
        Ok(Self { config, url, headers, voice, client: OnceLock::new() })
    }

    fn client(&self) -> Result<&Client, ModelError> {
        if self.url.host_str() == Some(OPENAI_HOST) && !self.headers.contains_key(AUTHORIZATION) {
            let text = "the transcription server has no key; set api_key in [transcription]";
            return Err(ModelError::new(Kind::NotConfigured, text));
        }
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The whole exchange has one limit, kept here, where its error can say which key to change.
        let policy = Policy { total_timeout: None, idle_timeout: None, ..Policy::default() };
        let built = http_client::build(&policy).map_err(|error| {
            let text = format!("the transcription server cannot be asked: {error}");
            ModelError::new(Kind::NotConfigured, text)
        })?;
        // Two calls may both come here at the start; one client is then thrown away.
        Ok(self.client.get_or_init(|| built))
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

    async fn ask(&self, client: &Client, call: RequestBuilder) -> Result<String, ModelError> {
        let broken = |error| error::transport(&self.voice, &error);
        let mut response = client.send(call).await.map_err(broken)?;
        let status = response.status();
        let body = read(client, &mut response).await;
        if !status.is_success() {
            // The status says enough when the rest of the answer does not come.
            let body = body.map(|(body, _)| body).unwrap_or_default();
            return Err(error::status(&self.voice, status, response.headers(), &body));
        }
        let (body, whole) = body.map_err(broken)?;
        let transcript = serde_json::from_slice::<Transcript>(&body).ok().filter(|_| whole);
        let Transcript { text } = transcript.ok_or_else(|| error::nonsense(&self.voice))?;
        Ok(match text.trim() {
            "" => SILENCE.to_owned(),
            text => text.to_owned(),
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
        let client = self.client()?;
        let call = client
            .request(Method::POST, &self.url)
            .map_err(|error| error::transport(&self.voice, &error))?
            .headers(self.headers.clone())
            .multipart(self.form(audio, mime, name)?);
        let limit = self.voice.total;
        let asked = tokio::time::timeout(limit, self.ask(client, call)).await;
        asked.unwrap_or_else(|_| Err(error::late(&self.voice, limit)))
    }
}

/// As much of the body as an answer may have, and whether that is all of it.
async fn read(
    client: &Client,
    response: &mut Response,
) -> Result<(Vec<u8>, bool), http_client::TransportError> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| client.explain(error))? {
        let room = LARGEST_ANSWER - body.len();
        body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
