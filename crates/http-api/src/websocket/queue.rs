//! What waits to be written to a client.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt as _, stream::SplitSink};
use session_api::Ack;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{close::End, frame::Frame};
use crate::WebSocketLimits;

/// How long a close frame, and what stands before it, may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A frame on its way, with the room that it takes up.
struct Outgoing {
    message: Message,
    /// What entitles us to tell the client that its message is safe.
    ack: Option<Ack>,
    _room: OwnedSemaphorePermit,
}

/// The end where frames are put in. Bounded in frames and in bytes.
pub(super) struct Queue {
    frames: mpsc::Sender<Outgoing>,
    room: Arc<Semaphore>,
    limits: WebSocketLimits,
    missed: u64,
}

/// The end that writes to the client.
pub(super) struct Writer {
    frames: mpsc::Receiver<Outgoing>,
    sink: SplitSink<WebSocket, Message>,
    stall: Duration,
}

/// Both ends.
pub(super) fn queue(sink: SplitSink<WebSocket, Message>, limits: WebSocketLimits) -> (Queue, Writer) {
    let (queue, frames) = bounded(limits);
    (queue, Writer { frames, sink, stall: limits.stall })
}

fn bounded(limits: WebSocketLimits) -> (Queue, mpsc::Receiver<Outgoing>) {
    let (frames, waiting) = mpsc::channel(limits.queue_frames.max(2));
    let room = Arc::new(Semaphore::new(limits.queue_bytes.min(Semaphore::MAX_PERMITS)));
    (Queue { frames, room, limits, missed: 0 }, waiting)
}

impl Queue {
    /// Puts a frame in, waiting for room: not for ever, since the writer gives a client up that reads nothing.
    pub(super) async fn push(&mut self, frame: &Frame<'_>) -> Result<(), End> {
        self.own_up().await?;
        self.put(text(frame)?, None).await
    }

    /// Tells the client that its message is safe, which `ack` proves.
    pub(super) async fn acknowledge(&mut self, frame: &Frame<'_>, ack: Ack) -> Result<(), End> {
        self.own_up().await?;
        self.put(text(frame)?, Some(ack)).await
    }

    /// Asks the client for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), End> {
        self.put(Message::Ping(bytes::Bytes::new()), None).await
    }

    /// Puts a frame in that is left out where the client is slow: the other half of the queue is for what must arrive.
    pub(super) fn offer(&mut self, frame: &Frame<'_>) -> Result<(), End> {
        let half_full = self.frames.capacity() <= self.limits.queue_frames / 2
            || self.room.available_permits() <= self.limits.queue_bytes / 2;
        if half_full || self.missed > 0 && !self.try_own_up()? {
            self.missed += 1;
            return Ok(());
        }
        let message = text(frame)?;
        // An event of that size is a text as a whole, which comes with the answer; some clients could not even take it.
        let too_large = self.cost(&message) as usize > self.limits.queue_bytes / 2;
        if too_large || !self.try_put(message) {
            self.missed += 1;
        }
        Ok(())
    }

    /// Says first how much was left out before, so that the client knows where the hole is.
    async fn own_up(&mut self) -> Result<(), End> {
        match std::mem::take(&mut self.missed) {
            0 => Ok(()),
            events => self.put(text(&Frame::Missed { events })?, None).await,
        }
    }

    fn try_own_up(&mut self) -> Result<bool, End> {
        let told = self.try_put(text(&Frame::Missed { events: self.missed })?);
        if told {
            self.missed = 0;
        }
        Ok(told)
    }

    /// Permits for a frame: a larger one than the whole queue waits until it has the queue for itself.
    fn cost(&self, message: &Message) -> u32 {
        let bytes = match message {
            Message::Text(text) => text.len(),
            _ => 1,
        };
        u32::try_from(bytes.clamp(1, self.limits.queue_bytes.max(1))).unwrap_or(u32::MAX)
    }

    fn try_put(&self, message: Message) -> bool {
        let room = self.room.clone().try_acquire_many_owned(self.cost(&message));
        room.is_ok_and(|room| self.frames.try_send(Outgoing { message, ack: None, _room: room }).is_ok())
    }

    async fn put(&self, message: Message, ack: Option<Ack>) -> Result<(), End> {
        let room = self.room.clone().acquire_many_owned(self.cost(&message)).await.map_err(|_| End::Gone)?;
        self.frames.send(Outgoing { message, ack, _room: room }).await.map_err(|_| End::Gone)
    }
}

fn text(frame: &Frame<'_>) -> Result<Message, End> {
    match serde_json::to_string(frame) {
        Ok(json) => Ok(Message::Text(json.into())),
        Err(error) => {
            tracing::error!(%error, "a frame could not be written as JSON");
            Err(End::Internal)
        }
    }
}

impl Writer {
    /// Writes until there is nothing more to come, or the client does not take it.
    pub(super) async fn run(&mut self) -> End {
        while let Some(Outgoing { message, ack, _room }) = self.frames.recv().await {
            if ack.is_some() {
                tracing::trace!(target: "failpoint", site = "ack.before");
            }
            match tokio::time::timeout(self.stall, self.sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Gone,
                Err(_) => return End::Slow,
            }
            if ack.is_some() {
                tracing::trace!(target: "failpoint", site = "ack.after");
            }
        }
        End::Gone
    }

    /// Writes what is left and says why it ends.
    pub(super) async fn close(mut self, end: End) {
        let Some((code, reason)) = end.close_frame() else { return };
        let last = async {
            if end != End::Slow {
                self.run().await;
            }
            let frame = CloseFrame { code, reason: reason.into() };
            // A client that has gone away hears nothing of it.
            let _ = self.sink.send(Message::Close(Some(frame))).await;
        };
        let _ = tokio::time::timeout(LAST_WORDS, last).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn limits(queue_frames: usize, queue_bytes: usize) -> WebSocketLimits {
        WebSocketLimits { queue_frames, queue_bytes, ..WebSocketLimits::default() }
    }

    fn json(outgoing: &Outgoing) -> String {
        outgoing.message.to_text().expect("a text frame").to_owned()
    }

    const LIVE: Frame<'static> = Frame::Pong { id: Some("live") };
    const KEPT: Frame<'static> = Frame::Pong { id: Some("kept") };

    #[tokio::test]
    async fn live_frames_are_left_out_first_and_the_hole_is_named() {
        let (mut queue, mut waiting) = bounded(limits(8, 1 << 20));
        for _ in 0..10 {
            queue.offer(&LIVE).unwrap();
        }
        for _ in 0..3 {
            queue.push(&KEPT).await.unwrap();
        }
        let mut seen = Vec::new();
        while let Ok(frame) = waiting.try_recv() {
            seen.push(json(&frame));
        }
        let expected = [
            &[r#"{"type":"pong","id":"live"}"#; 4][..],
            &[r#"{"type":"missed","events":6}"#],
            &[r#"{"type":"pong","id":"kept"}"#; 3],
        ];
        assert_eq!(seen, expected.concat());
        queue.offer(&LIVE).unwrap();
        assert_eq!(
            json(&waiting.try_recv().unwrap()),
            r#"{"type":"pong","id":"live"}"#,
            "the hole is named once"
        );
    }

    #[tokio::test]
    async fn bytes_count_as_well_as_frames() {
        let (mut queue, mut waiting) = bounded(limits(1000, 64));
        queue.offer(&LIVE).unwrap();
        queue.offer(&LIVE).unwrap();
        queue.offer(&LIVE).unwrap();
        assert_eq!(waiting.len(), 2, "half of the bytes were taken by two frames");
        // What must arrive waits for room.
        let full = queue.push(&KEPT);
        let mut full = std::pin::pin!(full);
        assert!(full.as_mut().now_or_never().is_none());
        drop((waiting.recv().await, waiting.recv().await));
        full.await.unwrap();
        let hole = json(&waiting.recv().await.unwrap());
        assert_eq!(hole, r#"{"type":"missed","events":1}"#);
    }

    #[tokio::test]
    async fn a_live_frame_of_great_size_is_left_out() {
        let (mut queue, waiting) = bounded(limits(8, 40));
        queue.offer(&LIVE).unwrap();
        assert_eq!((waiting.len(), queue.missed), (0, 1));
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_queue_goes_alone() {
        let (mut queue, mut waiting) = bounded(limits(8, 16));
        queue.push(&KEPT).await.unwrap();
        let second = queue.push(&KEPT);
        let mut second = std::pin::pin!(second);
        assert!(second.as_mut().now_or_never().is_none());
        drop(waiting.recv().await);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_ends_the_wait() {
        let (mut queue, waiting) = bounded(limits(2, 1 << 20));
        drop(waiting);
        assert_eq!(queue.push(&KEPT).await, Err(End::Gone));
    }
}
