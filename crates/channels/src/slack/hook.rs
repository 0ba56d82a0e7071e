//! The Events API: signed posts to our webhook.

use std::time::Duration;

use agent_core::{HookRequest, HookResponse, Inlet};
use hmac::{Hmac, KeyInit, Mac};
use http_client::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use session_api::Timestamp;
use sha2::Sha256;

use super::SlackChannel;

/// How old, or how far ahead, a signature may be. Beyond it is a replay, or one of the clocks is wrong.
const FRESH: Duration = Duration::from_secs(300);

/// Answers one post. Slack wants the answer within 3 s, and posts again when it does not get 200.
pub(super) async fn answer(channel: &SlackChannel, inlet: &Inlet, request: &HookRequest) -> HookResponse {
    let Some(secret) = &channel.signing_secret else { return HookResponse::status(404) };
    if !proven(secret, request, channel.clock.now()) {
        return HookResponse::status(401);
    }
    let Some((kind, payload)) = read(request) else { return HookResponse::status(400) };
    if kind == "url_verification" {
        let challenge = payload["challenge"].as_str().unwrap_or_default();
        return HookResponse { status: 200, body: challenge.to_owned() };
    }
    // Only for payloads without an id of their own, which Slack posts once.
    let delivery = request.header("x-slack-signature").unwrap_or_default();
    let Some(seen) = channel.reader(inlet).payload(kind, &payload, delivery) else {
        return HookResponse::status(200);
    };
    let committed = async {
        let arrival = channel.complete(inlet, seen).await?;
        inlet.deliver(vec![arrival]).await
    };
    match committed.await {
        Ok((_, _ack)) => {
            tracing::trace!(target: "failpoint", site = "ack.before");
            HookResponse::status(200)
        }
        Err(error) => {
            tracing::warn!(%error, "an event from Slack was not stored; Slack will post it again");
            HookResponse::status(503)
        }
    }
}

/// Whether the post was signed with the app's secret, a short while ago.
fn proven(secret: &SecretString, request: &HookRequest, now: Timestamp) -> bool {
    let stamp = request.header("x-slack-request-timestamp").unwrap_or_default();
    let Ok(seconds) = stamp.parse::<i64>() else { return false };
    let signed_at = Timestamp(seconds.saturating_mul(1000));
    // Either way round: `since` is zero for the future.
    if now.since(signed_at) > FRESH || signed_at.since(now) > FRESH {
        return false;
    }
    let signature = request.header("x-slack-signature").and_then(|text| text.strip_prefix("v0="));
    let Some(Ok(signature)) = signature.map(hex::decode) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return false };
    mac.update(b"v0:");
    mac.update(stamp.as_bytes());
    mac.update(b":");
    mac.update(&request.body);
    // In constant time.
    mac.verify_slice(&signature).is_ok()
}

/// The kind of a post, as Socket Mode names it, and its payload.
fn read(request: &HookRequest) -> Option<(&'static str, Value)> {
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        let payload: Value = serde_json::from_slice(&request.body).ok()?;
        let kind = match payload["type"].as_str()? {
            "url_verification" => "url_verification",
            _ => "events_api",
        };
        return Some((kind, payload));
    }
    let fields = form(&request.body)?;
    match fields.get("payload") {
        Some(Value::String(payload)) => Some(("interactive", serde_json::from_str(payload).ok()?)),
        _ => Some(("slash_commands", Value::Object(fields))),
    }
}

/// The fields of a form, each as a text.
fn form(body: &[u8]) -> Option<Map<String, Value>> {
    // A form is written like the query of a URL.
    let mut url = Url::parse("form:").ok()?;
    url.set_query(Some(std::str::from_utf8(body).ok()?));
    let pairs = url.query_pairs();
    Some(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}
