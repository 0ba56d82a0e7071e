//! The transcriber against a fake server on a real socket.

#![expect(clippy::unwrap_used, reason = "a test without its server has nothing to say")]

use std::sync::Arc;

use agent_core::{
    ModelError, ModelErrorKind as Kind, Retry, Transcriber,
    contract::transcriber::{RETRY_AFTER, Scenario, TranscriberHarness, WORDS, check},
};
use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use servers::whisper::{Heard, SentFile, WhisperServer};
use servers::{Gate, Hold, refused_url};

const KEY: &str = "sk-voice-0123456789abcdef";

fn transcriber(server: &WhisperServer, more: &Value) -> Arc<dyn Transcriber> {
    let mut table = json!({ "base_url": server.base_url() });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    providers::transcriber(table, Some(SecretString::from(format!("{KEY}\n")))).unwrap()
}

async fn ask(server: &WhisperServer, more: Value) -> Result<String, ModelError> {
    let audio = Bytes::from_static(b"OggS\x00\r\n--\xff");
    transcriber(server, &more).transcribe(audio, "audio/ogg; codecs=opus", "../../my secret.oga").await
}

/// Keeps the server alive as long as the transcriber.
struct Served {
    transcriber: Arc<dyn Transcriber>,
    _server: WhisperServer,
}

#[async_trait]
impl Transcriber for Served {
    async fn transcribe(&self, audio: Bytes, mime: &str, name: &str) -> Result<String, ModelError> {
        self.transcriber.transcribe(audio, mime, name).await
    }
}

struct Whisper;

#[async_trait]
impl TranscriberHarness for Whisper {
    async fn transcriber(&self, scenario: Scenario) -> Arc<dyn Transcriber> {
        let server = WhisperServer::start([match scenario {
            Scenario::Speech => Heard::text(&format!(" {WORDS}\n")),
            Scenario::Silence => Heard::text("  "),
            Scenario::Refused => Heard::error(401, "no such key"),
            Scenario::RateLimited => Heard::rate_limited(RETRY_AFTER.as_secs()),
            Scenario::Unavailable => Heard::error(500, "on fire"),
            Scenario::Nonsense => Heard::raw("<html>hello</html>"),
        }]);
        Arc::new(Served { transcriber: transcriber(&server, &json!({})), _server: server })
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    check(&Whisper).await;
}

#[tokio::test]
async fn a_request_holds_the_recording_under_a_name_that_tells_nothing() {
    let server = WhisperServer::start([Heard::text("hello")]);
    assert_eq!(
        ask(&server, json!({ "model": "whisper-large-v3", "language": "de" })).await.unwrap(),
        "hello"
    );
    assert_eq!(ask(&server, json!({})).await.unwrap(), "hello");
    let requests = server.requests();
    let file = SentFile {
        name: "recording.ogg".into(),
        mime: "audio/ogg".into(),
        bytes: b"OggS\x00\r\n--\xff".to_vec(),
    };
    let first = &requests[0];
    assert_eq!(first.path, "/v1/audio/transcriptions");
    assert_eq!(first.authorization, Some(format!("Bearer {KEY}")));
    assert_eq!(first.file.as_ref(), Some(&file));
    let fields = ["model", "response_format", "language"].map(|name| first.field(name));
    assert_eq!(fields, [Some("whisper-large-v3"), Some("json"), Some("de")]);
    let fields = ["model", "response_format", "language"].map(|name| requests[1].field(name));
    assert_eq!(fields, [Some("whisper-1"), Some("json"), None]);
}

#[tokio::test]
async fn errors_say_what_to_do_and_hold_no_secret() {
    for (heard, kind, retry, says) in [
        (
            Heard::error(401, &format!("wrong key {KEY}")),
            Kind::Auth,
            Retry::Never,
            "api_key in [transcription]",
        ),
        (Heard::error(400, &format!("odd {KEY}")), Kind::BadRequest, Retry::Never, "odd [secret]"),
        (
            Heard::error(404, "no model"),
            Kind::NotFound,
            Retry::Never,
            "base_url and model in [transcription]",
        ),
        (Heard::error(413, "too big"), Kind::BadRequest, Retry::Never, "max_bytes in [transcription]"),
        (Heard::error(503, "busy"), Kind::Unavailable, Retry::Backoff, "try again later"),
        (Heard::error(308, ""), Kind::BadRequest, Retry::Never, "has moved"),
        (Heard::raw(r#"{"text": 1}"#), Kind::BadReply, Retry::Backoff, "no transcript"),
        (
            Heard::raw(&format!(r#"{{"text":"{}"}}"#, "a".repeat(1_100_000))),
            Kind::BadReply,
            Retry::Backoff,
            "",
        ),
    ] {
        let shown: String = format!("{heard:?}").chars().take(80).collect();
        let server = WhisperServer::start([heard]);
        let error = ask(&server, json!({})).await.unwrap_err();
        assert_eq!((error.kind, error.retry), (kind, retry), "{shown}: {error}");
        assert!(error.message.contains(says), "{shown}: {error}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up_and_an_absent_one_is_named() {
    let server = WhisperServer::start([Heard::text("late").after(Hold::Until(Gate::new()))]);
    let error = ask(&server, json!({ "timeout_seconds": 1 })).await.unwrap_err();
    assert_eq!((error.kind, error.retry), (Kind::Timeout, Retry::Backoff));
    assert!(error.message.contains("timeout_seconds in [transcription]"), "{error}");

    let table = json!({ "base_url": refused_url() });
    let nobody = providers::transcriber(table, None).unwrap();
    let error = nobody.transcribe(Bytes::from_static(b"x"), "audio/ogg", "a").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn what_cannot_succeed_is_not_sent() {
    let server = WhisperServer::start([Heard::text("hello")]);
    let small = transcriber(&server, &json!({ "max_bytes": 1000 }));
    let error = small.transcribe(Bytes::from(vec![0; 1001]), "audio/ogg", "a.ogg").await.unwrap_err();
    assert_eq!((error.kind, error.retry), (Kind::BadRequest, Retry::Never));
    assert!(error.message.contains("1001 bytes"), "{error}");
    assert!(server.requests().is_empty());
    let keyless = providers::transcriber(Value::Null, None).unwrap();
    let error = keyless.transcribe(Bytes::from_static(b"x"), "audio/ogg", "a").await.unwrap_err();
    assert_eq!(error.kind, Kind::NotConfigured);
}

#[test]
fn a_table_without_sense_names_its_key() {
    for (table, key) in [
        (json!({ "base_ulr": "x" }), None),
        (json!({ "base_url": "ftp://x" }), Some("base_url")),
        (json!({ "model": " " }), Some("model")),
        (json!({ "language": "German" }), Some("language")),
        (json!({ "timeout_seconds": 0 }), Some("timeout_seconds")),
        (json!({ "timeout_seconds": "soon" }), Some("timeout_seconds")),
        (json!({ "max_bytes": 1 }), Some("max_bytes")),
    ] {
        let error = providers::transcriber(table.clone(), None).err().unwrap();
        assert!(key.is_none() || error.key() == key, "{table}: {error}");
    }
    let key = SecretString::from("bad\nkey".to_owned());
    let error = providers::transcriber(Value::Null, Some(key)).err().unwrap();
    assert_eq!(error.key(), Some("api_key"));
    assert!(!error.to_string().contains("bad"), "{error}");
}
