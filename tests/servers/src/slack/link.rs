//! Socket Mode: tickets, hello, envelopes, acknowledgements, redelivery.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::fault::LinkFault;
use super::serve::{Response, page};
use super::server::{Command, Shared};

/// Takes the ticket and agrees to the upgrade.
pub(super) fn accept(
    shared: &Shared,
    request: &mut hyper::Request<Incoming>,
    keep: impl FnOnce(OnUpgrade),
) -> Response {
    let query = request.uri().query().unwrap_or("");
    let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket=")).unwrap_or("").to_owned();
    if !shared.change(|world| world.tickets.remove(&ticket)) {
        return page(403, "this ticket is not known, or it was used before");
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else { return page(400, "no WebSocket") };
    let accepted = derive_accept_key(key.as_bytes());
    keep(hyper::upgrade::on(request));
    let mut response = hyper::Response::new(Full::new(Bytes::new()));
    *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accepted) = HeaderValue::from_str(&accepted) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    }
    response
}

/// Serves one socket to its end.
pub(super) async fn socket(shared: Arc<Shared>, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let stream = parts.io.into_inner();
    let mut socket =
        WebSocketStream::from_partially_read(stream, parts.read_buf.to_vec(), Role::Server, None).await;
    let (number, fault) = shared.change(|world| {
        world.opened += 1;
        let number = world.opened;
        world.sockets.insert(number);
        (number, world.link_faults.pop_front())
    });
    let reset = serve(&shared, &mut socket, number, fault).await;
    shared.change(|world| world.socket_gone(number));
    if reset {
        // Dropping it now sends RST.
        let _ = socket.get_ref().set_zero_linger();
    }
}

/// Whether the end is to be a reset.
async fn serve(
    shared: &Shared,
    socket: &mut WebSocketStream<TcpStream>,
    number: u64,
    fault: Option<LinkFault>,
) -> bool {
    let mut commands = shared.commands.subscribe();
    if fault != Some(LinkFault::NoHello) {
        let hello = json!({
            "type": "hello", "num_connections": shared.world.lock().sockets.len(),
            "connection_info": {"app_id": "A1"},
            "debug_info": {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060},
        });
        if socket.send(Message::text(hello.to_string())).await.is_err() {
            return false;
        }
    }
    let mut deadlines = FuturesUnordered::new();
    loop {
        let mut changed = std::pin::pin!(shared.notify.notified());
        changed.as_mut().enable();
        while fault.is_none_or(|fault| fault == LinkFault::Deaf) {
            let now = shared.now();
            let Some((id, frame)) = shared.world.lock().next(number, now) else { break };
            deadlines.push(late(shared.ack_within, id));
            if socket.send(Message::text(frame)).await.is_err() {
                return false;
            }
        }
        tokio::select! {
            () = changed => {}
            Some(id) = deadlines.next() => shared.change(|world| world.retry(&id, "timeout")),
            command = commands.recv() => match command {
                Ok(Command::Raw(frame)) => if socket.send(Message::text(frame)).await.is_err() { return false },
                Ok(Command::Reset) => return true,
                Err(_) => {}
            },
            came = socket.next(), if fault != Some(LinkFault::HalfOpen) => match came {
                Some(Ok(Message::Text(text))) => acknowledge(shared, fault, text.as_str()),
                Some(Ok(Message::Ping(_))) => shared.change(|world| world.pings += 1),
                Some(Ok(Message::Close(_))) => {
                    // The answer to it goes out with the next flush; the client is gone anyway when that fails.
                    let _ = socket.flush().await;
                    return false;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return false,
            }
        }
    }
}

async fn late(within: Duration, id: String) -> String {
    tokio::time::sleep(within).await;
    id
}

fn acknowledge(shared: &Shared, fault: Option<LinkFault>, text: &str) {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(id) = frame["envelope_id"].as_str().filter(|_| fault.is_none()) {
        let now = shared.now();
        shared.change(|world| world.acknowledge(id, now));
    }
}
