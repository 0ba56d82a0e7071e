//! Socket Mode: a WebSocket that Slack opens for us, with an acknowledgement for each envelope.

use std::{future::pending, time::Duration};

use agent_core::{ChannelError, Inlet};
use futures_util::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Value, json};
use session_api::Clock;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Error as SocketError, Message, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

use super::{SlackChannel, error::Effect, wire::Api};

/// How long connecting and the upgrade may take, and then once more the greeting.
const OPEN: Duration = Duration::from_secs(15);

/// After this silence a ping goes out; after three such silences in a row the socket counts as dead.
const SILENCE: Duration = Duration::from_secs(15);

/// How many silences end a socket.
const SILENCES: u32 = 3;

/// The longest that writing a frame may take.
const WRITE: Duration = Duration::from_secs(5);

/// How long a closing frame is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// How often the right to this account is renewed; it lasts a minute.
const RENEW: Duration = Duration::from_secs(20);

/// Largest frame that is read, in bytes. Slack's own are some kilobytes.
const LARGEST_FRAME: usize = 4 << 20;

/// Most envelopes that are still read from a socket that is being replaced; the others come again on the new one.
const LEFTOVERS: usize = 100;

/// What Slack says.
#[derive(Debug)]
enum Frame {
    Envelope(Envelope),
    /// This socket ends soon.
    Leaving,
    /// Socket Mode was switched off.
    Disabled,
    /// Nothing that matters.
    Other,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    envelope_id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Value,
}

/// An open socket that has been greeted.
#[derive(Debug)]
struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Silences in a row.
    silences: u32,
}

/// Takes what comes over sockets until `stop` or until no socket is left.
pub(super) async fn run(
    channel: &SlackChannel,
    inlet: &Inlet,
    stop: &CancellationToken,
) -> Result<(), ChannelError> {
    let clock = inlet.clock();
    let Some(mut source) = inlet.source(stop).await? else { return Ok(()) };
    let mut socket = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        opened = Socket::open(&channel.api, clock) => Some(opened?),
    };
    // The next socket, while the present one still works: nothing is lost in between.
    let mut opening: Option<BoxFuture<'_, Result<Socket, ChannelError>>> = None;
    let mut renewal = clock.sleep(RENEW);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                if let Some(socket) = socket {
                    socket.close(clock).await;
                }
                return Ok(());
            }
            () = &mut renewal => {
                source.renew().await?;
                renewal = clock.sleep(RENEW);
            }
            opened = ready(&mut opening) => {
                opening = None;
                if let Some(old) = socket.replace(opened?) {
                    old.leave(channel, inlet).await?;
                }
            }
            came = next(&mut socket, clock) => match (came, &mut socket) {
                (Ok(Frame::Envelope(envelope)), Some(socket)) => {
                    take(channel, inlet, socket, &envelope).await?;
                }
                (Ok(Frame::Leaving), _) if opening.is_none() => {
                    opening = Some(Box::pin(Socket::open(&channel.api, clock)));
                }
                (Ok(Frame::Disabled), _) => {
                    let message = "Socket Mode is switched off for this Slack app; switch it on, or use the Events API";
                    return Err(ChannelError::Setup { message: message.into() });
                }
                (Ok(_), _) => {}
                // Its successor is on the way.
                (Err(_), _) if opening.is_some() => socket = None,
                (Err(error), _) => return Err(error),
            }
        }
    }
}

async fn ready(
    opening: &mut Option<BoxFuture<'_, Result<Socket, ChannelError>>>,
) -> Result<Socket, ChannelError> {
    match opening {
        Some(opening) => opening.await,
        None => pending().await,
    }
}

async fn next(socket: &mut Option<Socket>, clock: &dyn Clock) -> Result<Frame, ChannelError> {
    match socket {
        Some(socket) => socket.next(clock).await,
        None => pending().await,
    }
}

/// Commits what an envelope holds, and acknowledges it then. Envelopes that hold nothing for us have nothing to commit.
async fn take(
    channel: &SlackChannel,
    inlet: &Inlet,
    socket: &mut Socket,
    envelope: &Envelope,
) -> Result<(), ChannelError> {
    let Envelope { envelope_id, kind, payload } = envelope;
    match channel.reader(inlet).payload(kind, payload, envelope_id) {
        Some(seen) => {
            let arrival = channel.complete(inlet, seen).await?;
            let (_, _ack) = inlet.deliver(vec![arrival]).await?;
        }
        None => tracing::debug!(kind, "an envelope that is not for the assistant"),
    }
    tracing::trace!(target: "failpoint", site = "ack.before");
    socket.acknowledge(envelope_id, inlet.clock()).await?;
    tracing::trace!(target: "failpoint", site = "ack.after");
    Ok(())
}

impl Socket {
    /// Asks for an address, connects, and waits for the greeting.
    async fn open(api: &Api, clock: &dyn Clock) -> Result<Self, ChannelError> {
        let address = api.open_socket().await.map_err(|error| error.for_port(Effect::Repeatable))?;
        if address.starts_with("ws://") && !api.plain() {
            return Err(temporary("Slack named a socket without TLS"));
        }
        let tls = http_client::websocket_tls()
            .map_err(|error| ChannelError::Setup { message: error.to_string() })?;
        let mut limits = WebSocketConfig::default();
        limits.max_message_size = Some(LARGEST_FRAME);
        limits.max_frame_size = Some(LARGEST_FRAME);
        let connecting =
            connect_async_tls_with_config(address, Some(limits), true, Some(Connector::Rustls(tls)));
        let connected = within(clock, OPEN, connecting).await;
        let connected = connected.ok_or_else(|| temporary("Slack's socket did not open in time"))?;
        let (stream, _) = connected.map_err(|error| lost(&error))?;
        let mut socket = Self { stream, silences: 0 };
        let greeting = async {
            loop {
                match socket.stream.next().await {
                    Some(Ok(Message::Text(text))) => return hello(text.as_str()),
                    Some(Ok(Message::Close(_))) | None => return Err(ended()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(lost(&error)),
                }
            }
        };
        let greeted = within(clock, OPEN, greeting).await;
        greeted.ok_or_else(|| temporary("Slack's socket opened and said nothing"))??;
        Ok(socket)
    }

    /// What comes next. Half-open connections are found by their silence. Dropping the call loses nothing.
    async fn next(&mut self, clock: &dyn Clock) -> Result<Frame, ChannelError> {
        loop {
            let came = tokio::select! {
                biased;
                came = self.stream.next() => came,
                () = clock.sleep(SILENCE) => {
                    self.silences += 1;
                    if self.silences >= SILENCES {
                        return Err(temporary("Slack's socket has been silent for too long"));
                    }
                    self.write(Message::Ping(bytes::Bytes::new()), clock).await?;
                    continue;
                }
            };
            self.silences = 0;
            match came {
                Some(Ok(Message::Text(text))) => return Ok(frame(text.as_str())),
                Some(Ok(Message::Close(_))) | None => return Err(ended()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(&error)),
            }
        }
    }

    async fn acknowledge(&mut self, envelope: &str, clock: &dyn Clock) -> Result<(), ChannelError> {
        self.write(Message::text(json!({"envelope_id": envelope}).to_string()), clock).await
    }

    async fn write(&mut self, message: Message, clock: &dyn Clock) -> Result<(), ChannelError> {
        match within(clock, WRITE, self.stream.send(message)).await {
            Some(sent) => sent.map_err(|error| lost(&error)),
            None => Err(temporary("Slack's socket takes nothing any more")),
        }
    }

    /// Takes what has come already, and closes. What comes later than this comes again on the next socket.
    async fn leave(mut self, channel: &SlackChannel, inlet: &Inlet) -> Result<(), ChannelError> {
        for _ in 0..LEFTOVERS {
            match self.stream.next().now_or_never() {
                Some(Some(Ok(Message::Text(text)))) => {
                    if let Frame::Envelope(envelope) = frame(text.as_str()) {
                        match take(channel, inlet, &mut self, &envelope).await {
                            Err(ChannelError::Store(error)) => return Err(error.into()),
                            // The old socket is no longer needed for anything.
                            Err(_) => return Ok(()),
                            Ok(()) => {}
                        }
                    }
                }
                Some(Some(Ok(_))) => {}
                _ => break,
            }
        }
        self.close(inlet.clock()).await;
        Ok(())
    }

    async fn close(mut self, clock: &dyn Clock) {
        // A peer that does not answer is left to the operating system.
        let _ = within(clock, FAREWELL, self.stream.close(None)).await;
    }
}

/// What `work` gives, or `None` when it takes longer than `limit`.
async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(limit) => None,
    }
}

/// The first frame: a greeting, or the reason why there is none.
fn hello(text: &str) -> Result<(), ChannelError> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    match value["type"].as_str() {
        Some("hello") => Ok(()),
        Some("disconnect") => Err(temporary("Slack ended the socket at once")),
        _ => Err(temporary("Slack's socket began with something else than a greeting")),
    }
}

/// A frame, taken apart. Whatever makes no sense is `Other`: it cannot be acknowledged, and Slack sends it again.
fn frame(text: &str) -> Frame {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        tracing::warn!(length = text.len(), "a frame from Slack is not JSON");
        return Frame::Other;
    };
    match (value["type"].as_str(), value["reason"].as_str()) {
        (Some("disconnect"), Some("link_disabled")) => Frame::Disabled,
        (Some("disconnect"), _) => Frame::Leaving,
        _ => serde_json::from_value(value).map_or(Frame::Other, Frame::Envelope),
    }
}

fn temporary(message: &str) -> ChannelError {
    ChannelError::Temporary { message: message.to_owned(), after: None }
}

fn ended() -> ChannelError {
    temporary("Slack closed the socket")
}

/// Why a socket was lost. Never the error's own text: it may hold the address, which holds the ticket.
fn lost(error: &SocketError) -> ChannelError {
    let message = match error {
        SocketError::Io(error) => format!("the connection to Slack's socket broke: {}", error.kind()),
        SocketError::Tls(_) => "TLS with Slack's socket failed".to_owned(),
        SocketError::Http(answer) => {
            format!("Slack refused the socket with HTTP status {}", answer.status().as_u16())
        }
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => return ended(),
        SocketError::Protocol(_) => "Slack's socket ended in the middle of something".to_owned(),
        _ => "Slack's socket failed".to_owned(),
    };
    temporary(&message)
}

#[cfg(test)]
mod tests {
    use super::{Frame, frame, hello};

    #[test]
    fn frames_are_told_apart_and_nonsense_is_none() {
        for (text, kind) in [
            (r#"{"envelope_id":"e","type":"events_api","payload":{}}"#, "envelope"),
            (r#"{"envelope_id":"e","type":"something_new"}"#, "envelope"),
            (r#"{"type":"disconnect","reason":"warning"}"#, "leaving"),
            (r#"{"type":"disconnect","reason":"refresh_requested"}"#, "leaving"),
            (r#"{"type":"disconnect"}"#, "leaving"),
            (r#"{"type":"disconnect","reason":"link_disabled"}"#, "disabled"),
            (r#"{"type":"hello"}"#, "other"),
            (r#"{"envelope_id":7,"type":"events_api"}"#, "other"),
            ("{", "other"),
            ("[]", "other"),
        ] {
            let found = match frame(text) {
                Frame::Envelope(_) => "envelope",
                Frame::Leaving => "leaving",
                Frame::Disabled => "disabled",
                Frame::Other => "other",
            };
            assert_eq!(found, kind, "{text}");
        }
        assert!(hello(r#"{"type":"hello"}"#).is_ok());
        assert!(hello("{").is_err());
    }
}
