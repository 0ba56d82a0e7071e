//! From the bytes of a reply to its events.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use agent_core::{ModelError, ModelEvent, ModelStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_client::TransportError;
use tokio::time::Sleep;

use super::error::{Trouble, Voice};
use crate::sse::{Go, SseReader};

/// Most bytes of text, reasoning and calls in one reply.
pub(crate) const LARGEST_REPLY: usize = 2 * 1024 * 1024;

/// How long a reply that has named its finish reason is waited on: for the token counts and the end of the stream.
const AFTER_FINISH: Duration = Duration::from_secs(5);

/// How long the end of a connection's answer is waited on after the reply has ended: read to its end, the connection serves
/// the next request too. Mostly it is there already.
const LINGER: Duration = Duration::from_millis(20);

/// Puts one reply of a wire format together. Knows nothing of time and connections, and must be done with each frame in
/// time and memory bounded by the frame.
pub(crate) trait Assembler: Send + 'static {
    /// Takes the data of one event, or the whole document of a server that does not stream.
    fn frame(&mut self, data: &[u8], out: &mut VecDeque<ModelEvent>) -> Result<Go, Trouble>;

    /// Whether the server has said why it stopped; what is missing then is not missed.
    fn has_reason(&self) -> bool;

    /// Ends the reply with `Finished`; `done`: it came to its end in the way that the wire format asks for.
    fn end(&mut self, done: bool, out: &mut VecDeque<ModelEvent>) -> Result<(), Trouble>;
}

/// Counts the bytes of a reply.
#[derive(Debug, Default)]
pub(crate) struct Size(usize);

impl Size {
    /// Adds to it, up to [`LARGEST_REPLY`].
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.0 += bytes;
        if self.0 > LARGEST_REPLY { Err(Trouble::TooLong) } else { Ok(()) }
    }
}

/// A whole reply of a server that does not stream.
pub(crate) fn whole_reply(
    mut assembler: impl Assembler,
    body: &[u8],
    voice: &Voice,
) -> Result<ModelStream, ModelError> {
    let mut events = VecDeque::new();
    assembler
        .frame(body, &mut events)
        .and_then(|_| assembler.end(true, &mut events))
        .map_err(|trouble| voice.trouble(&trouble))?;
    Ok(stream::iter(events.into_iter().map(Ok)).boxed())
}

/// The time limits of one reply.
pub(crate) struct Limits {
    /// The longest silence.
    pub(crate) idle: Duration,
    /// Ends when the whole time is over. It began with the request.
    pub(crate) total: Pin<Box<Sleep>>,
}

/// A streamed reply. Dropping it drops `body`, and with that the connection.
pub(crate) fn streamed_reply<A, S>(assembler: A, body: S, limits: Limits, voice: Arc<Voice>) -> ModelStream
where
    A: Assembler,
    S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
{
    let reading = Reading {
        body: Some(body),
        sse: SseReader::default(),
        assembler,
        ready: VecDeque::new(),
        error: None,
        limits,
        voice,
    };
    stream::unfold(reading, |mut reading| async move { Some((reading.next().await?, reading)) }).boxed()
}

struct Reading<A, S> {
    /// Gone when the reply has ended and all was read of it.
    body: Option<S>,
    sse: SseReader,
    assembler: A,
    ready: VecDeque<ModelEvent>,
    /// Comes after `ready`.
    error: Option<ModelError>,
    limits: Limits,
    voice: Arc<Voice>,
}

/// What waiting for bytes brought.
enum Came {
    Bytes(Bytes),
    End,
    Failure(TransportError),
    Silence,
    Late,
}

impl<A: Assembler, S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin> Reading<A, S> {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if matches!(event, ModelEvent::Finished(_)) {
                    self.linger().await;
                }
                return Some(Ok(event));
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            let came = self.wait().await?;
            self.take(came);
        }
    }

    /// The next bytes; `None` when the reply has ended.
    async fn wait(&mut self) -> Option<Came> {
        let body = self.body.as_mut()?;
        let silence =
            if self.assembler.has_reason() { AFTER_FINISH.min(self.limits.idle) } else { self.limits.idle };
        Some(tokio::select! {
            biased;
            () = self.limits.total.as_mut() => Came::Late,
            came = tokio::time::timeout(silence, body.next()) => match came {
                Ok(Some(Ok(bytes))) => Came::Bytes(bytes),
                Ok(Some(Err(error))) => Came::Failure(error),
                Ok(None) => Came::End,
                Err(_) => Came::Silence,
            },
        })
    }

    fn take(&mut self, came: Came) {
        let finished = self.assembler.has_reason();
        let error = match came {
            Came::Bytes(bytes) => return self.read(Some(&bytes)),
            Came::End => return self.read(None),
            // All that matters had come; how the connection ended does not matter.
            Came::Failure(_) | Came::Silence | Came::Late if finished => return self.end(false),
            Came::Failure(error) => self.voice.broken(&error),
            Came::Silence => self.voice.silence(self.limits.idle),
            Came::Late => self.voice.late(),
        };
        self.fail(error);
    }

    /// Reads bytes, or what is left at the end of all bytes.
    fn read(&mut self, bytes: Option<&[u8]>) {
        let mut done = false;
        let mut trouble = None;
        let (assembler, ready) = (&mut self.assembler, &mut self.ready);
        let on_event = |data: &[u8]| match assembler.frame(data, ready) {
            Ok(Go::On) => Go::On,
            Ok(Go::Stop) => {
                done = true;
                Go::Stop
            }
            Err(found) => {
                trouble = Some(found);
                Go::Stop
            }
        };
        let fed = match bytes {
            Some(bytes) => self.sse.feed(bytes, on_event),
            None => self.sse.finish(on_event),
        };
        match (trouble, fed) {
            // The last line of a stream that was cut makes no sense because the rest is missing.
            (Some(Trouble::Nonsense), _) if bytes.is_none() => self.end(false),
            (Some(trouble), _) => self.fail(self.voice.trouble(&trouble)),
            (None, Err(_)) => self.fail(self.voice.trouble(&Trouble::TooLong)),
            (None, Ok(())) if done || bytes.is_none() => self.end(done),
            (None, Ok(())) => {}
        }
    }

    /// Nobody reads on behind the last event, so that what is left has to be read before it.
    async fn linger(&mut self) {
        if let Some(mut body) = self.body.take() {
            let read = async { while let Some(Ok(_)) = body.next().await {} };
            // What comes later than that closes the connection, and nothing else.
            let _ = tokio::time::timeout(LINGER, read).await;
        }
    }

    fn end(&mut self, done: bool) {
        if !done {
            self.body = None;
        }
        if let Err(trouble) = self.assembler.end(done, &mut self.ready) {
            self.body = None;
            self.error = Some(self.voice.trouble(&trouble));
        }
    }

    fn fail(&mut self, error: ModelError) {
        self.body = None;
        self.error = Some(error);
    }
}
