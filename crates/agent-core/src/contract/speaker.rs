//! The contract suite of [`Speaker`].
//!
//! An adapter implements [`SpeakerHarness`] and calls [`check`] in a test.

#![expect(clippy::expect_used, reason = "a broken contract fails the test that runs the suite")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{ModelError, ModelErrorKind, Retry, Speaker, Speech};

/// What is read in [`Scenario::Speech`].
pub const WORDS: &str = "Grüße aus Köln.";
/// The recording of [`Scenario::Speech`].
pub const RECORDING: &[u8] = b"OggS\x00\xff, more or less";
/// How long the server asks to wait in [`Scenario::RateLimited`].
pub const RETRY_AFTER: Duration = Duration::from_secs(7);

/// What the other side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// It sends [`RECORDING`].
    Speech,
    /// It refuses the key.
    Refused,
    /// It wants to be left alone for [`RETRY_AFTER`].
    RateLimited,
    /// It cannot serve now.
    Unavailable,
    /// Its answer is no recording.
    Nonsense,
}

/// Makes speakers whose other side plays a scenario.
#[async_trait]
pub trait SpeakerHarness: Send + Sync {
    /// One that plays `scenario` at every call.
    async fn speaker(&self, scenario: Scenario) -> Arc<dyn Speaker>;
}

async fn ask(harness: &dyn SpeakerHarness, scenario: Scenario) -> Result<Speech, ModelError> {
    harness.speaker(scenario).await.speak(WORDS).await
}

/// Checks every sentence of the port that can be checked from outside.
///
/// # Panics
/// When the speaker breaks its contract; the message says which sentence.
pub async fn check(harness: &dyn SpeakerHarness) {
    let speech = ask(harness, Scenario::Speech).await.expect("a text is read");
    assert_eq!(speech.audio, RECORDING, "the whole recording");
    assert!(speech.mime.starts_with("audio/") && !speech.mime.contains(';'), "{}", speech.mime);
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
    let error = harness.speaker(Scenario::Speech).await.speak(" \n").await.expect_err("nothing to read");
    assert_eq!((error.kind, error.retry), (ModelErrorKind::BadRequest, Retry::Never), "an empty text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScriptedSpeaker;

    struct Scripted;

    #[async_trait]
    impl SpeakerHarness for Scripted {
        async fn speaker(&self, scenario: Scenario) -> Arc<dyn Speaker> {
            let fails = |kind| Err(ModelError::new(kind, "as the script says"));
            let played = match scenario {
                Scenario::Speech => Ok(Speech { audio: RECORDING.into(), mime: "audio/ogg".into() }),
                Scenario::Refused => fails(ModelErrorKind::Auth),
                Scenario::RateLimited => Err(ModelError {
                    retry: Retry::After(RETRY_AFTER),
                    ..ModelError::new(ModelErrorKind::RateLimited, "later")
                }),
                Scenario::Unavailable => fails(ModelErrorKind::Unavailable),
                Scenario::Nonsense => fails(ModelErrorKind::BadReply),
            };
            Arc::new(ScriptedSpeaker::new(vec![played]))
        }
    }

    #[tokio::test]
    async fn the_scripted_speaker_keeps_the_contract_and_remembers() {
        check(&Scripted).await;
        let empty = ScriptedSpeaker::default();
        assert_eq!(empty.speak("hello").await.unwrap_err().kind, ModelErrorKind::NotConfigured);
        assert_eq!(empty.texts(), ["hello"]);
    }
}
