//! One client, from its arrival to its end.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::Message;
use futures_util::{Stream, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Arrived, Caller,
    close::End,
    queue::{Queue, queue},
    request::{Request, parse},
    talk::Client,
};
use crate::{WebSocketPolicy, state::Shared};

/// How long a client may take to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves a client until it leaves, misbehaves, or the server stops.
pub(crate) async fn serve(shared: Arc<Shared>, arrived: Arrived) {
    let Arrived { socket, caller, mut place } = arrived;
    let Some(policy) = shared.websocket.clone() else { return };
    let (sink, mut stream) = socket.split();
    let (queue, mut writer) = queue(sink, policy.limits);
    let end = tokio::select! {
        end = converse(&shared, &policy, &mut stream, queue, caller, &mut place) => end,
        end = writer.run() => end,
        () = shared.stop.cancelled() => End::Stopping,
    };
    tracing::debug!(?end, "a WebSocket client left");
    writer.close(end).await;
    // Whoever closes while the other still writes takes away what the other has not read yet.
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = tokio::time::timeout(GOODBYE, rest).await;
}

async fn converse(
    shared: &Arc<Shared>,
    policy: &WebSocketPolicy,
    stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    queue: Queue,
    caller: Caller,
    place: &mut OwnedSemaphorePermit,
) -> End {
    match caller {
        Caller::Known => {}
        Caller::Wrong => return End::WrongToken,
        Caller::Unknown => match introduce(shared, policy, stream).await {
            Ok(among_clients) => *place = among_clients,
            Err(end) => return end,
        },
    }
    match Client::new(shared.clone(), policy, queue).talk(stream).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// Waits for the first frame, which must hold the token.
async fn introduce(
    shared: &Shared,
    policy: &WebSocketPolicy,
    stream: &mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
) -> Result<OwnedSemaphorePermit, End> {
    let first = async {
        loop {
            match stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_))) => return Err(End::WrongToken),
                Some(Ok(Message::Close(_))) => return Err(End::Closed),
                Some(Err(_)) => return Err(End::Protocol),
                None => return Err(End::Gone),
            }
        }
    };
    let Ok(first) = tokio::time::timeout(policy.limits.hello, first).await else { return Err(End::NoToken) };
    let first = first?;
    if first.len() > policy.limits.frame {
        return Err(End::TooLarge);
    }
    match parse(&first).request {
        Ok(Request::Hello { token: Some(token) }) if is_right(shared, &token) => {
            shared.clients.clone().try_acquire_owned().map_err(|_| End::Full)
        }
        Err(refusal) if refusal.is_about_the_version() => Err(End::Version),
        _ => Err(End::WrongToken),
    }
}

fn is_right(shared: &Shared, token: &SecretString) -> bool {
    shared.token.as_ref().is_some_and(|known| known.is(token.expose_secret().as_bytes()))
}
