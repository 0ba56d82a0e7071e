use std::sync::Arc;

use agent_core::{
    ModelError, ModelErrorKind as Kind, Retry, Speaker, Speech,
    contract::speaker::{RECORDING, RETRY_AFTER, Scenario, SpeakerHarness, check},
};
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use servers::refused_url;

use crate::{
    KEY,
    server::{Said, Server},
};

fn speaker(base_url: &str, more: &Value) -> Arc<dyn Speaker> {
    let mut table = json!({ "base_url": base_url });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    providers::speaker(table, Some(SecretString::from(format!("{KEY}\n")))).unwrap()
}

/// Keeps the server alive as long as the speaker.
struct Served(Arc<dyn Speaker>, #[expect(dead_code, reason = "it lives as long as this")] Server);

#[async_trait]
impl Speaker for Served {
    async fn speak(&self, text: &str) -> Result<Speech, ModelError> {
        self.0.speak(text).await
    }
}

struct Voice;

#[async_trait]
impl SpeakerHarness for Voice {
    async fn speaker(&self, scenario: Scenario) -> Arc<dyn Speaker> {
        let said = match scenario {
            Scenario::Speech => Said::ok("audio/ogg; codecs=opus", RECORDING),
            Scenario::Refused => Said::error(401, "no such key"),
            Scenario::RateLimited => Said::error(429, "slow down").retry_after(RETRY_AFTER.as_secs()),
            Scenario::Unavailable => Said::error(500, "on fire"),
            Scenario::Nonsense => Said::ok("text/html", "<html>hello</html>"),
        };
        let server = Server::start(move |_| said.clone());
        Arc::new(Served(speaker(&server.base_url, &json!({})), server))
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    check(&Voice).await;
}

#[tokio::test]
async fn a_request_names_model_voice_and_format() {
    let server = Server::start(|_| Said::ok("application/octet-stream", "ID3"));
    let more = json!({"model": "kokoro", "voice": "af_sky", "format": "mp3"});
    let speech = speaker(&server.base_url, &more).speak(" Grüße! \n").await.unwrap();
    assert_eq!((speech.audio.as_ref(), speech.mime.as_str()), (&b"ID3"[..], "audio/mpeg"));
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.path.as_str(), asked.authorization.as_str()),
        ("/v1/audio/speech", &*format!("Bearer {KEY}"))
    );
    let expected = json!({"model": "kokoro", "input": "Grüße!", "voice": "af_sky", "response_format": "mp3"});
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn errors_say_what_to_do_and_hold_no_secret() {
    for (said, kind, retry, says) in [
        (Said::error(401, &format!("bad {KEY}")), Kind::Auth, Retry::Never, "check api_key in [speech]"),
        (
            Said::error(400, &format!("odd {KEY}")),
            Kind::BadRequest,
            Retry::Never,
            "refused the text (HTTP 400): odd [secret]",
        ),
        (Said::error(404, "no"), Kind::NotFound, Retry::Never, "base_url and model in [speech]"),
        (Said::error(413, "big"), Kind::BadRequest, Retry::Never, "lower max_characters in [speech]"),
        (Said::ok("application/json", "{}"), Kind::BadReply, Retry::Backoff, "is no recording"),
        (Said::ok("audio/ogg", ""), Kind::BadReply, Retry::Backoff, "is no recording"),
    ] {
        let server = Server::start(move |_| said.clone());
        let error = speaker(&server.base_url, &json!({})).speak("hello").await.unwrap_err();
        assert_eq!((error.kind, error.retry), (kind, retry), "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    }
    let error = speaker(&refused_url(), &json!({})).speak("hello").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn what_cannot_succeed_is_not_sent() {
    let server = Server::start(|_| Said::ok("audio/ogg", "x"));
    let error = speaker(&server.base_url, &json!({"max_characters": 3})).speak("vier").await.unwrap_err();
    assert_eq!((error.kind, error.retry), (Kind::BadRequest, Retry::Never));
    assert!(error.message.contains("4 characters"), "{error}");
    assert!(server.asked().is_empty());
    let keyless = providers::speaker(Value::Null, None).unwrap();
    assert_eq!(keyless.speak("hello").await.unwrap_err().kind, Kind::NotConfigured);
    for (table, key) in [
        (json!({"base_url": "ftp://x"}), "base_url"),
        (json!({"model": " "}), "model"),
        (json!({"voice": ""}), "voice"),
        (json!({"format": "midi"}), "format"),
        (json!({"timeout_seconds": 0}), "timeout_seconds"),
        (json!({"max_characters": 0}), "max_characters"),
    ] {
        let error = providers::speaker(table, None).err().unwrap();
        assert_eq!(error.key(), Some(key), "{error}");
    }
}
