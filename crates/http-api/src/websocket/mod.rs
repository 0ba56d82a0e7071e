//! The WebSocket channel. Its protocol is described for users in `docs/channels/websocket.md`.
//!
//! The server pulls: turns are run by the gateway's workers, and what they said is read from the store, where each
//! message has an id. A client that was away names the last id it has and gets what followed. Live events come over the
//! bus besides, as far as the client keeps up.

mod accept;
mod close;
mod connection;
mod follow;
mod frame;
mod log;
mod queue;
mod rate;
mod render;
mod request;
mod talk;

use std::sync::Arc;

use agent_core::{Admission, Arrival, Judgement, RuleVerdict};
use async_trait::async_trait;
use axum::{
    extract::{
        State,
        ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
};
use session_api::{Principal, StoreError};
use tokio::sync::OwnedSemaphorePermit;

use crate::{answer, state::Shared, token::Presented};

pub(crate) use connection::serve;

/// The channel's kind.
pub(crate) const CHANNEL: &str = "websocket";
/// The assistant's account there; there is one.
pub(crate) const ACCOUNT: &str = "factotum";
/// The protocol's version.
const VERSION: u64 = 1;
/// The name under which the protocol is offered in the handshake.
const PROTOCOL: &str = "factotum.v1";
/// The buffers of a connection. It mostly idles, and the usual 128 KiB each way would be most of what it costs.
const BUFFER: usize = 8 << 10;
/// Clients that have not said yet who they are, at most.
pub(crate) const STRANGERS: usize = 16;

/// What is known of a client whose connection has just been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// It presented the token.
    Known,
    /// It presented something else, in a way that lets it read why it is sent away.
    Wrong,
    /// It is to present the token in its first frame.
    Unknown,
}

/// A connection that became a WebSocket.
pub(crate) struct Arrived {
    pub(crate) socket: WebSocket,
    pub(crate) caller: Caller,
    /// Among the clients where it is known, else among the strangers.
    pub(crate) place: OwnedSemaphorePermit,
}

/// Whoever presents the token speaks as the owner.
#[derive(Debug)]
pub(crate) struct TokenHolder;

#[async_trait]
impl Admission for TokenHolder {
    async fn judge(
        &self,
        _channel: &str,
        _account: &str,
        _arrival: &Arrival,
    ) -> Result<Judgement, StoreError> {
        let rule = RuleVerdict {
            rule: "token".into(),
            set_in: "http.token".into(),
            passed: true,
            detail: "presented when the connection was made".into(),
        };
        Ok(Judgement { principal: Some(Principal::owner()), rules: vec![rule] })
    }
}

/// `GET /ws`. Host and origin have been looked at already.
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(token) = shared.token.as_ref().filter(|_| shared.websocket.is_some()) else {
        return answer::error(StatusCode::NOT_FOUND, "not_found", "the WebSocket channel is off");
    };
    let offered = offered(&headers);
    let presented = match token.in_header(&headers) {
        Presented::Nothing => token.in_protocols(offered.iter().map(|protocol| protocol.as_bytes())),
        // A program that sets headers can read a status.
        Presented::Wrong => return answer::unauthorized(),
        Presented::Right => Presented::Right,
    };
    // Without the protocol's name nothing promises that a first frame with the token will come.
    if presented == Presented::Nothing && !offered.iter().any(|protocol| protocol == PROTOCOL) {
        return answer::unauthorized();
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let text = "this address speaks WebSocket: connect with a WebSocket client";
            return answer::error(rejection.status(), "not_a_websocket", text);
        }
    };
    let (caller, places) = match presented {
        Presented::Right => (Caller::Known, &shared.clients),
        Presented::Wrong => (Caller::Wrong, &shared.strangers),
        Presented::Nothing => (Caller::Unknown, &shared.strangers),
    };
    let Ok(place) = places.clone().try_acquire_owned() else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many clients; try again later");
    };
    let frame = shared.websocket.as_ref().map_or(0, |policy| policy.limits.frame);
    let arrivals = shared.arrivals.clone();
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // A frame that is a little too large is read to its end, so that the client gets to hear why it is sent away.
        .max_message_size(frame * 2)
        .max_frame_size(frame * 2)
        .on_upgrade(move |socket| async move {
            // Handed to the server, which owns the task that serves it. When it is gone, so is the socket.
            let _ = arrivals.send(Arrived { socket, caller, place }).await;
        })
}

/// The protocols that the client offers.
fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(|protocol| protocol.trim().to_owned())).collect()
}
