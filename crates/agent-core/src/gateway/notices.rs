//! What the owner and the senders are told outside of any turn.

use session_api::{
    Batch, Delivery, InboundRow, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Part, PartClaim, Route,
    SessionKey, Writes,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Shared;

/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Tells the owner that a part could not be delivered: once a day for each chat, so that a chat that blocked the bot
/// does not fill another one.
pub(super) async fn undelivered(shared: &Shared, claim: &PartClaim, error: &str) {
    let Route { channel, chat, .. } = &claim.route;
    tracing::error!(channel, chat, message = %claim.part.message, error, "an answer was not delivered");
    let text = format!(
        "I could not deliver a message to {channel}:{chat}: {error}. It is kept: `factotum dead-letters list` shows it, `factotum dead-letters retry {}` sends it again.",
        claim.part.message
    );
    let day = shared.ports.clock.now().0.div_euclid(DAY);
    owner(shared, &["undelivered", channel, chat, &day.to_string()], &text).await;
}

/// Tells the owner something, where the configuration says where. `what` names the notice: the same one is said once.
pub(super) async fn owner(shared: &Shared, what: &[&str], text: &str) {
    let Some(route) = shared.config.notify.clone() else { return };
    let message = notice(shared, route, stable_id(what), text);
    let batch = Batch { writes: Writes { outbox: vec![message], ..Writes::default() }, ..Batch::default() };
    if let Err(error) = shared.ports.stores.mailbox.accept(None, batch, None).await {
        tracing::warn!(%error, "the owner could not be told");
    }
}

/// What the sender of a row is told when nobody worked on it.
pub(super) fn too_late(shared: &Shared, row: &InboundRow, minutes: u64) -> OutboxMessage {
    let text = format!(
        "Your message waited for more than {minutes} minutes and was not worked on. Please send it again."
    );
    let id = stable_id(&["too late", &row.inbound.id.to_string()]);
    let mut message = notice(shared, row.inbound.reply.clone(), id, &text);
    message.session = row.inbound.session.clone();
    message.inbound = Some(row.inbound.id);
    message
}

/// A message to `route` that no turn said.
pub(super) fn notice(shared: &Shared, route: Route, id: OutboxId, text: &str) -> OutboxMessage {
    let session = SessionKey {
        channel: route.channel.clone(),
        account: route.account.clone(),
        chat: route.chat.clone(),
        thread: route.thread.clone(),
    };
    let pull = crate::driver::is_pulled(&route.channel);
    OutboxMessage {
        id,
        turn: None,
        inbound: None,
        session,
        route,
        parts: vec![Part::text(text)],
        kind: OutboxKind::Notice,
        delivery: if pull { Delivery::Pull } else { Delivery::Push },
        on_doubt: OnDoubt::ResendOnce,
        drafts: Vec::new(),
        at: shared.ports.clock.now(),
    }
}

/// An id made of what a message is about: saying it twice stores it once.
pub(crate) fn stable_id(what: &[&str]) -> OutboxId {
    let mut hasher = Sha256::new();
    for field in what {
        // Length first, so that no two lists run together.
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    OutboxId(Uuid::from_bytes(bytes))
}
