//! The ports to speech recognition and to speech.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::{ModelError, ModelErrorKind};

/// What a recording without a word in it is transcribed to.
pub const SILENCE: &str = "(silence)";

/// Turns recorded speech into text.
///
/// A transcriber never retries: an error says whether and when a retry helps. Whatever a server sends, a call ends within
/// bounded time and memory. Dropping the call closes the connection.
#[async_trait]
pub trait Transcriber: Send + Sync {
    /// The words of a recording, trimmed and never empty: where nobody speaks it is [`SILENCE`]. `mime` is the recording's
    /// media type, with or without parameters; `name` is its file name, of which only the extension may leave this machine.
    /// A recording without a byte, or too large for the server, fails without being sent, and a retry does not help.
    async fn transcribe(&self, audio: Bytes, mime: &str, name: &str) -> Result<String, ModelError>;
}

/// What a [`ScriptedTranscriber`] was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptionRequest {
    /// The recording.
    pub audio: Bytes,
    /// Its media type.
    pub mime: String,
    /// Its file name.
    pub name: String,
}

/// Answers with prepared transcripts in order, the last one for ever, and remembers what it was asked. For tests and
/// demonstrations.
///
/// With an empty script every call fails with `NotConfigured`.
#[derive(Debug, Default)]
pub struct ScriptedTranscriber {
    script: Mutex<Vec<Result<String, ModelError>>>,
    requests: Mutex<Vec<TranscriptionRequest>>,
}

impl ScriptedTranscriber {
    /// A transcriber with this script.
    #[must_use]
    pub fn new(script: Vec<Result<String, ModelError>>) -> Self {
        Self { script: Mutex::new(script), requests: Mutex::default() }
    }

    /// A transcriber that hears this in every recording.
    #[must_use]
    pub fn hears(text: &str) -> Self {
        Self::new(vec![Ok(text.to_owned())])
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<TranscriptionRequest> {
        self.requests.lock().clone()
    }
}

#[async_trait]
impl Transcriber for ScriptedTranscriber {
    async fn transcribe(&self, audio: Bytes, mime: &str, name: &str) -> Result<String, ModelError> {
        if audio.is_empty() {
            return Err(ModelError::new(ModelErrorKind::BadRequest, "the recording is empty"));
        }
        let request = TranscriptionRequest { audio, mime: mime.to_owned(), name: name.to_owned() };
        self.requests.lock().push(request);
        let mut script = self.script.lock();
        let next = match script.len() {
            0 => Err(ModelError::new(
                ModelErrorKind::NotConfigured,
                "the script of the scripted transcriber is empty",
            )),
            1 => script[0].clone(),
            _ => script.remove(0),
        };
        next.map(|text| match text.trim() {
            "" => SILENCE.to_owned(),
            text => text.to_owned(),
        })
    }
}

/// Recorded speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The recording. Never empty.
    pub audio: Bytes,
    /// Its media type, without parameters.
    pub mime: String,
}

/// Reads text aloud.
///
/// A speaker never retries: an error says whether and when a retry helps. Whatever a server sends, a call ends within bounded
/// time and memory. Dropping the call closes the connection.
#[async_trait]
pub trait Speaker: Send + Sync {
    /// A recording of somebody who reads `text`. A text without a letter in it, or too long for the server, fails without being
    /// sent, and a retry does not help.
    async fn speak(&self, text: &str) -> Result<Speech, ModelError>;
}

/// Answers with prepared recordings in order, the last one for ever, and remembers what it was asked to read. For tests and
/// demonstrations.
///
/// With an empty script every call fails with `NotConfigured`.
#[derive(Debug, Default)]
pub struct ScriptedSpeaker {
    script: Mutex<Vec<Result<Speech, ModelError>>>,
    texts: Mutex<Vec<String>>,
}

impl ScriptedSpeaker {
    /// A speaker with this script.
    #[must_use]
    pub fn new(script: Vec<Result<Speech, ModelError>>) -> Self {
        Self { script: Mutex::new(script), texts: Mutex::default() }
    }

    /// All texts so far.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().clone()
    }
}

#[async_trait]
impl Speaker for ScriptedSpeaker {
    async fn speak(&self, text: &str) -> Result<Speech, ModelError> {
        if text.trim().is_empty() {
            return Err(ModelError::new(ModelErrorKind::BadRequest, "there is nothing to read aloud"));
        }
        self.texts.lock().push(text.to_owned());
        let mut script = self.script.lock();
        match script.len() {
            0 => Err(ModelError::new(
                ModelErrorKind::NotConfigured,
                "the script of the scripted speaker is empty",
            )),
            1 => script[0].clone(),
            _ => script.remove(0),
        }
    }
}
