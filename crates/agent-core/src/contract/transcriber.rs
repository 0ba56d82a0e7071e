//! The contract suite of [`Transcriber`].
//!
//! An adapter implements [`TranscriberHarness`] and calls [`check`] in a test.

#![expect(clippy::expect_used, reason = "a broken contract fails the test that runs the suite")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ModelError, ModelErrorKind, Retry, SILENCE, Transcriber};

/// The words of [`Scenario::Speech`].
pub const WORDS: &str = "Grüße aus Köln.";
/// How long the server asks to wait in [`Scenario::RateLimited`].
pub const RETRY_AFTER: Duration = Duration::from_secs(7);

/// What the other side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// It hears [`WORDS`], with white space around them.
    Speech,
    /// It hears nothing, and answers with white space.
    Silence,
    /// It refuses the key.
    Refused,
    /// It wants to be left alone for [`RETRY_AFTER`].
    RateLimited,
    /// It cannot serve now.
    Unavailable,
    /// Its answer makes no sense.
    Nonsense,
}

/// Makes transcribers whose other side plays a scenario.
#[async_trait]
pub trait TranscriberHarness: Send + Sync {
    /// One that plays `scenario` at every call.
    async fn transcriber(&self, scenario: Scenario) -> Arc<dyn Transcriber>;
}

async fn ask(harness: &dyn TranscriberHarness, scenario: Scenario) -> Result<String, ModelError> {
    let audio = Bytes::from_static(b"OggS, more or less");
    harness.transcriber(scenario).await.transcribe(audio, "audio/ogg; codecs=opus", "../note 1.oga").await
}

/// Checks every sentence of the port that can be checked from outside.
///
/// # Panics
/// When the transcriber breaks its contract; the message says which sentence.
pub async fn check(harness: &dyn TranscriberHarness) {
    let heard = ask(harness, Scenario::Speech).await.expect("speech is transcribed");
    assert_eq!(heard, WORDS, "the words, trimmed");
    let heard = ask(harness, Scenario::Silence).await.expect("silence is no failure");
    assert_eq!(heard, SILENCE, "never empty");

    for (scenario, kind, retry) in [
        (Scenario::Refused, ModelErrorKind::Auth, Retry::Never),
        (Scenario::RateLimited, ModelErrorKind::RateLimited, Retry::After(RETRY_AFTER)),
        (Scenario::Unavailable, ModelErrorKind::Unavailable, Retry::Backoff),
        (Scenario::Nonsense, ModelErrorKind::BadReply, Retry::Backoff),
    ] {
        let error = ask(harness, scenario).await.expect_err("it is a failure");
        assert_eq!((error.kind, error.retry), (kind, retry), "{scenario:?}: {error}");
        assert!(!error.message.is_empty() && error.message.len() < 600, "{scenario:?}: {error}");
    }

    let transcriber = harness.transcriber(Scenario::Speech).await;
    let error =
        transcriber.transcribe(Bytes::new(), "audio/ogg", "a.ogg").await.expect_err("nothing to hear");
    assert_eq!((error.kind, error.retry), (ModelErrorKind::BadRequest, Retry::Never), "an empty recording");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScriptedTranscriber;

    struct Scripted;

    #[async_trait]
    impl TranscriberHarness for Scripted {
        async fn transcriber(&self, scenario: Scenario) -> Arc<dyn Transcriber> {
            let fails = |kind| Err(ModelError::new(kind, "as the script says"));
            let played = match scenario {
                Scenario::Speech => Ok(format!(" {WORDS}\n")),
                Scenario::Silence => Ok(" \n".to_owned()),
                Scenario::Refused => fails(ModelErrorKind::Auth),
                Scenario::RateLimited => Err(ModelError {
                    retry: Retry::After(RETRY_AFTER),
                    ..ModelError::new(ModelErrorKind::RateLimited, "later")
                }),
                Scenario::Unavailable => fails(ModelErrorKind::Unavailable),
                Scenario::Nonsense => fails(ModelErrorKind::BadReply),
            };
            Arc::new(ScriptedTranscriber::new(vec![played]))
        }
    }

    #[tokio::test]
    async fn the_scripted_transcriber_keeps_the_contract() {
        check(&Scripted).await;
    }

    #[tokio::test]
    async fn the_scripted_transcriber_remembers_what_it_was_asked() {
        let scripted = ScriptedTranscriber::hears("hello");
        let heard = scripted.transcribe(Bytes::from_static(b"x"), "audio/wav", "a.wav").await;
        assert_eq!(heard.as_deref(), Ok("hello"));
        assert_eq!((scripted.requests().len(), scripted.requests()[0].mime.as_str()), (1, "audio/wav"));
        let empty = ScriptedTranscriber::default();
        let error = empty.transcribe(Bytes::from_static(b"x"), "audio/wav", "a.wav").await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::NotConfigured);
    }
}
