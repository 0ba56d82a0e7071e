//! Updates that Telegram posts to our webhook.
//!
//! One request is one update. It is answered with 200 only after the commit; with anything else Telegram comes again.
//! Parts of an album stay messages of their own here: Telegram posts the next one only after we took the one before.

use std::time::Duration;

use agent_core::{ChannelError, HookRequest, HookResponse, Inlet};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use session_api::StoreError;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use super::{Telegram, inbound, media};

/// The header that carries the secret.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// How often the right to receive is renewed; it holds for a minute.
const RENEW: Duration = Duration::from_secs(20);

/// Holds the right to receive for this account until `stop`: the updates come through [`take`].
pub(super) async fn hold(inlet: &Inlet, stop: &CancellationToken) -> Result<(), ChannelError> {
    let Some(mut source) = inlet.source(stop).await? else { return Ok(()) };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = inlet.clock().sleep(RENEW) => source.renew().await?,
        }
    }
}

/// Takes one request. Nothing of it is looked at before its secret is proven.
pub(super) async fn take(
    telegram: &Telegram,
    secret: &SecretString,
    inlet: &Inlet,
    request: &HookRequest,
) -> HookResponse {
    let given = request.header(SECRET_HEADER).unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(secret.expose_secret().as_bytes())) {
        return HookResponse::status(401);
    }
    let taken = accept(telegram, inlet, request).await;
    match taken {
        Ok(()) => {
            tracing::trace!(target: "failpoint", site = "ack.before");
            HookResponse::status(200)
        }
        Err(error) => {
            tracing::warn!(target: "channels::telegram", %error, "an update could not be stored; Telegram will come again");
            HookResponse::status(503)
        }
    }
}

async fn accept(telegram: &Telegram, inlet: &Inlet, request: &HookRequest) -> Result<(), ChannelError> {
    let update: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(id) = update.get("update_id").and_then(Value::as_u64) else {
        // It would be the same the next time, and hold up all that wait behind it.
        tracing::warn!(target: "channels::telegram", "a request that is no update is skipped");
        return Ok(());
    };
    let read = inbound::read(format!("update:{id}"), update, &telegram.bot(), inlet.clock().now());
    let incoming = read.unwrap_or_else(|error| {
        tracing::warn!(target: "channels::telegram", update_id = id, %error, "a malformed update is skipped");
        None
    });
    let Some(mut incoming) = incoming else { return Ok(()) };
    media::fetch(telegram.api(), inlet, &mut incoming).await?;
    let stored = async {
        let (_, ack) = inlet.deliver(vec![incoming.arrival]).await?;
        // The answer to this request is the acknowledgement.
        drop(ack);
        Ok::<_, StoreError>(())
    };
    match incoming.callback.take() {
        // The sign is only for the eye, but the commit is not to wait for it.
        Some(press) => Ok(tokio::join!(stored, telegram.answer_press(press)).0?),
        None => Ok(stored.await?),
    }
}
