//! One gateway connection.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::TOKEN;
use super::ledger::{Shared, Written};
use super::server::Origin;
use super::world::{Order, World, id_of};
use super::zlib::{self, Packing};

/// The wire, and how frames are packed on it.
struct Socket {
    wire: WebSocketStream<TcpStream>,
    packing: Packing,
}

impl Socket {
    /// Writes a frame; false when the connection is gone.
    async fn write(&mut self, text: String) -> bool {
        let frame = match self.packing {
            Packing::Plain => Message::Text(text.into()),
            Packing::Stream(begun) => {
                self.packing = Packing::Stream(true);
                Message::Binary(zlib::piece(text.as_bytes(), begun).into())
            }
        };
        self.wire.send(frame).await.is_ok()
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, origin: Origin, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    if shared.read().down {
        let _ = stream.set_zero_linger();
        return;
    }
    let mut packing = Packing::Plain;
    #[expect(clippy::result_large_err, reason = "the library's own type of answer")]
    let look = |request: &Request, response: Response| {
        if request.uri().query().is_some_and(|query| query.contains("compress=zlib-stream")) {
            packing = Packing::Stream(false);
        }
        Ok(response)
    };
    let Ok(wire) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    let mut socket = Socket { wire, packing };
    let number = shared.change(|world| {
        world.seen.connections += 1;
        world.seen.connections
    });
    let hello =
        json!({"op": 10, "s": null, "t": null, "d": {"heartbeat_interval": shared.read().heartbeat_ms}});
    if send(&mut socket, &hello).await {
        talk(&shared, &origin, &mut socket, number).await;
    }
    shared.change(|world| {
        world.seen.ended += 1;
        if world.live.as_ref().is_some_and(|(live, _)| *live == number) {
            world.live = None;
        }
    });
}

async fn talk(shared: &Shared, origin: &Origin, socket: &mut Socket, number: usize) {
    let (sender, mut orders) = mpsc::unbounded_channel();
    let mut deaf = false;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(order) = order else { return };
                if !obey(shared, socket, order, &mut deaf).await {
                    return;
                }
            }
            frame = socket.wire.next() => {
                let frame = match frame {
                    Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap_or(Value::Null),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                };
                if !hear(shared, origin, socket, &frame, (number, &sender), deaf).await {
                    return;
                }
            }
        }
    }
}

/// Carries an order out; false ends the connection.
async fn obey(shared: &Shared, socket: &mut Socket, order: Order, deaf: &mut bool) -> bool {
    match order {
        Order::Dispatch(_) | Order::Frame(_) | Order::Text(_) if *deaf => true,
        Order::Dispatch(frame) => {
            let written = Written {
                seq: frame["s"].as_u64().unwrap_or(0),
                name: frame["t"].as_str().unwrap_or_default().to_owned(),
                id: id_of(&frame["d"]["id"]),
            };
            let compress = shared.read().compress;
            let sent = if compress {
                let packed = zlib::whole(frame.to_string().as_bytes());
                socket.wire.send(Message::Binary(packed.into())).await.is_ok()
            } else {
                send(socket, &frame).await
            };
            shared.change(|world| world.seen.written.push(written));
            sent
        }
        Order::Frame(frame) => send(socket, &frame).await,
        Order::Text(text) => socket.write(text).await,
        Order::Close(code) => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: "the test says so".into() };
            let _ = socket.wire.close(Some(frame)).await;
            false
        }
        Order::Reset => {
            // Dropping it now sends RST.
            let _ = socket.wire.get_ref().set_zero_linger();
            false
        }
        Order::End => false,
        Order::Deaf => {
            *deaf = true;
            true
        }
    }
}

/// Answers a frame; false ends the connection.
async fn hear(
    shared: &Shared,
    origin: &Origin,
    socket: &mut Socket,
    frame: &Value,
    (number, sender): (usize, &mpsc::UnboundedSender<Order>),
    deaf: bool,
) -> bool {
    match frame["op"].as_u64() {
        Some(1) => {
            shared.change(|world| world.seen.heartbeats += 1);
            deaf || send(socket, &json!({"op": 11, "s": null, "t": null, "d": null})).await
        }
        Some(2) => {
            let since = origin.started.elapsed();
            let refused = shared.change(|world| {
                if !is_ours(&frame["d"]["token"]) {
                    return Some(4004);
                }
                world.seen.identifies.push(since);
                world.seen.identify = Some(frame["d"].clone());
                if let Some(code) = world.refuse_identify.pop_front() {
                    return Some(code);
                }
                world.live = Some((number, sender.clone()));
                world.begin_session(&origin.gateway);
                None
            });
            match refused {
                Some(code) => obey(shared, socket, Order::Close(code), &mut false).await,
                None => true,
            }
        }
        Some(6) => {
            let resumed = shared.change(|world| resume(world, &frame["d"], number, sender));
            resumed || send(socket, &json!({"op": 9, "s": null, "t": null, "d": false})).await
        }
        _ => true,
    }
}

/// Replays what the session missed. False when it cannot be resumed.
fn resume(world: &mut World, ask: &Value, number: usize, sender: &mpsc::UnboundedSender<Order>) -> bool {
    let (Some(id), Some(seq)) = (ask["session_id"].as_str(), ask["seq"].as_u64()) else { return false };
    world.seen.resumes.push(seq);
    if !is_ours(&ask["token"]) || world.current.as_deref() != Some(id) {
        return false;
    }
    let Some(session) = world.sessions.get_mut(id) else { return false };
    // The event that the client saw last, once more.
    let from = if world.repeat_on_resume { seq } else { seq + 1 };
    let missed: Vec<Value> =
        session.log.iter().filter(|(at, _)| *at >= from).map(|(_, frame)| frame.clone()).collect();
    world.live = Some((number, sender.clone()));
    for frame in missed {
        world.order(Order::Dispatch(frame));
    }
    world.dispatch("RESUMED", json!({"_trace": []}));
    true
}

/// Whether this is the bot's token. Discord takes it with `Bot ` in front here too, and some libraries send that.
fn is_ours(token: &Value) -> bool {
    token.as_str().is_some_and(|token| token.strip_prefix("Bot ").unwrap_or(token) == TOKEN)
}

async fn send(socket: &mut Socket, frame: &Value) -> bool {
    socket.write(frame.to_string()).await
}
