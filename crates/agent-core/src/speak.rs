//! `speak`: something said, read aloud, and sent as a recording.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{
    BlobStore, Delivery, IdSource, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Part, Writes,
};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use crate::{Speaker, driver::is_pulled};

/// Sends what is to be said as a recording to the chat that is answered. Whatever the server that reads aloud costs, it may
/// cost twice where a kill comes between its answer and the commit; the recording goes out once.
#[derive(Clone)]
pub struct Speak {
    /// Who reads aloud.
    pub speaker: Arc<dyn Speaker>,
    /// Where the recording is kept until it is sent.
    pub blobs: Arc<dyn BlobStore>,
    /// For the message's id.
    pub ids: Arc<dyn IdSource>,
}

/// Arguments of `speak`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpeakArgs {
    /// What to say: plain words, without Markdown.
    text: String,
}

#[async_trait]
impl TypedTool for Speak {
    type Args = SpeakArgs;
    const NAME: &'static str = "speak";
    const DESCRIPTION: &'static str =
        "Send a voice message to this chat, where it is asked for or the person sends such messages too.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        // It goes where the answer goes.
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        if is_pulled(&context.reply.channel) {
            let reason = format!(
                "nothing can be sent to a chat of the kind `{}`: whoever waits there reads your answer",
                context.reply.channel
            );
            return Err(ToolError::Failed(reason));
        }
        let speech = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Err(ToolError::Cancelled),
            speech = self.speaker.speak(&args.text) => {
                speech.map_err(|error| ToolError::Failed(error.message))?
            }
        };
        let kept = self.blobs.put_blob(speech.audio).await;
        let blob =
            kept.map_err(|error| ToolError::Failed(format!("the recording cannot be kept: {error}")))?;
        let name = format!("voice.{}", extension(&speech.mime));
        let message = OutboxMessage {
            id: OutboxId::new(self.ids.as_ref()),
            turn: Some(context.turn),
            inbound: None,
            session: context.session.clone(),
            route: context.reply.clone(),
            parts: vec![Part::File { blob, mime: speech.mime, name }],
            kind: OutboxKind::Notice,
            delivery: Delivery::Push,
            on_doubt: OnDoubt::default(),
            drafts: Vec::new(),
            at: context.now,
        };
        let writes = Writes { outbox: vec![message], ..Writes::default() };
        let text = "The voice message goes out to this chat; do not repeat its words in your answer.";
        Ok(ToolOutput::text(text).with_writes(writes))
    }
}

/// How files of this media type end.
fn extension(mime: &str) -> &'static str {
    match mime {
        "audio/ogg" => "ogg",
        "audio/mpeg" => "mp3",
        "audio/aac" => "aac",
        "audio/flac" => "flac",
        "audio/wav" => "wav",
        _ => "audio",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use session_api::{
        CallId, InMemoryStore, LeasePolicy, ManualClock, Principal, Route, SequentialIds, SessionKey,
        Timestamp, TurnId,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{ModelError, ModelErrorKind, ScriptedSpeaker, Speech};

    fn context(channel: &str) -> ToolContext {
        let session = SessionKey::new(channel, "bot", "7");
        ToolContext {
            principal: Principal::owner(),
            alone: true,
            reply: Route::to_session(&session),
            session,
            turn: TurnId(uuid::Uuid::nil()),
            call_id: CallId("c".into()),
            run: Arc::default(),
            outside: session_api::Outside::default(),
            offered: Arc::from([]),
            now: Timestamp(0),
            timeout: Duration::from_secs(60),
            cancel: CancellationToken::new(),
        }
    }

    fn tool(script: Vec<Result<Speech, ModelError>>) -> (Arc<ScriptedSpeaker>, Speak) {
        let ids: Arc<SequentialIds> = Arc::default();
        let store = InMemoryStore::new(Arc::new(ManualClock::default()), ids.clone(), LeasePolicy::default());
        let speaker = Arc::new(ScriptedSpeaker::new(script));
        (speaker.clone(), Speak { speaker, blobs: Arc::new(store), ids })
    }

    fn said(text: &str) -> SpeakArgs {
        SpeakArgs { text: text.into() }
    }

    #[tokio::test]
    async fn what_is_read_aloud_goes_to_the_chat_that_is_answered() {
        let speech = Speech { audio: Bytes::from_static(b"OggS"), mime: "audio/ogg".into() };
        let (speaker, speak) = tool(vec![Ok(speech)]);
        let output = speak.run(&context("telegram"), said("Good morning.")).await.unwrap();
        let [message] = output.writes.outbox.as_slice() else { panic!("{:?}", output.writes) };
        assert_eq!((message.route.channel.as_str(), message.route.chat.as_str()), ("telegram", "7"));
        let [Part::File { blob, mime, name }] = message.parts.as_slice() else { panic!("{message:?}") };
        assert_eq!((mime.as_str(), name.as_str()), ("audio/ogg", "voice.ogg"));
        assert_eq!(speak.blobs.get_blob(blob).await.unwrap().unwrap(), Bytes::from_static(b"OggS"));
        assert_eq!(speaker.texts(), ["Good morning."]);
    }

    #[tokio::test]
    async fn where_nothing_can_be_sent_nobody_is_asked_and_errors_are_told() {
        let (speaker, speak) = tool(vec![Err(ModelError::new(ModelErrorKind::Auth, "the key is wrong"))]);
        let told = speak.run(&context("cli"), said("Hi")).await.unwrap_err();
        assert!(told.to_string().contains("`cli`") && speaker.texts().is_empty(), "{told}");
        let told = speak.run(&context("telegram"), said("Hi")).await.unwrap_err();
        assert_eq!(told, ToolError::Failed("the key is wrong".into()));
    }
}
