//! Parts as calls.

use std::time::Duration;

use agent_core::{ChannelError, Reconciled, Sent};
use http_client::Method;
use serde_json::{Value, json};
use session_api::{BlobStore, Clock, Part, PartClaim, PartId, Route};

use super::{
    commands,
    error::{Failure, code},
    inbound::made_at,
    markup,
    rest::{Rest, Upload},
};

/// Largest file that every server takes.
pub(super) const MEDIA: u64 = 10_000_000;
/// How long Discord surely remembers a nonce. It says "a few minutes".
const REMEMBERED: Duration = Duration::from_secs(120);
/// How far the clocks here and there may be apart.
const SKEW: Duration = Duration::from_secs(30);
/// How many messages are looked through for a nonce.
const TAIL: usize = 50;

/// What sending stands on.
pub(super) struct Outbound<'a> {
    pub(super) rest: &'a Rest,
    pub(super) blobs: &'a dyn BlobStore,
    pub(super) clock: &'a dyn Clock,
}

impl Outbound<'_> {
    /// Sends, edits or deletes.
    pub(super) async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        let channel = target(&claim.route)?;
        let Some(body) = &claim.part.body else {
            return self.delete(channel, claim.part.platform_id.as_deref()).await;
        };
        let Some(shown) = claim.part.platform_id.as_deref() else {
            return self.post(channel, claim, body, false).await;
        };
        let id = snowflake(shown)?;
        let (content, file) = self.content(claim, body).await?;
        let path = format!("/channels/{channel}/messages/{id}");
        let route = messages(channel);
        match self.rest.call(Method::PATCH, &route, &path, Some(&content), file.as_ref()).await {
            Ok(_) => Ok(Sent { platform_id: Some(shown.to_owned()) }),
            // Somebody took it away: the text is still owed. Under another nonce, since the first one's message is gone.
            Err(failure) if failure.is(code::UNKNOWN_MESSAGE) => self.post(channel, claim, body, true).await,
            Err(failure) => Err(failure.repeatable()),
        }
    }

    async fn delete(&self, channel: u64, shown: Option<&str>) -> Result<Sent, ChannelError> {
        let Some(shown) = shown else { return Ok(Sent { platform_id: None }) };
        let path = format!("/channels/{channel}/messages/{}", snowflake(shown)?);
        match self.rest.call(Method::DELETE, &messages(channel), &path, None, None).await {
            Ok(_) => {}
            Err(failure) if failure.is(code::UNKNOWN_MESSAGE) || failure.is(code::UNKNOWN_CHANNEL) => {}
            Err(failure) => return Err(failure.repeatable()),
        }
        Ok(Sent { platform_id: Some(shown.to_owned()) })
    }

    async fn post(
        &self,
        channel: u64,
        claim: &PartClaim,
        body: &Part,
        anew: bool,
    ) -> Result<Sent, ChannelError> {
        let (mut content, file) = self.content(claim, body).await?;
        content["nonce"] = json!(nonce(claim.part.id, anew));
        content["enforce_nonce"] = json!(true);
        // Only the first part is a reply: the others stand right below it.
        let reply = claim.route.reply_to.as_deref().filter(|_| claim.part.index == 0);
        if let Some(id) = reply.and_then(|id| snowflake(id).ok()) {
            content["message_reference"] = json!({"message_id": id.to_string(), "fail_if_not_exists": false});
        }
        let path = format!("/channels/{channel}/messages");
        let sent =
            self.rest.call(Method::POST, &messages(channel), &path, Some(&content), file.as_ref()).await;
        let sent = sent.map_err(Failure::once)?;
        match sent["id"].as_str() {
            Some(id) => Ok(Sent { platform_id: Some(id.to_owned()) }),
            None => Err(ChannelError::Doubtful { message: "Discord's answer to a message has no id".into() }),
        }
    }

    async fn content(&self, claim: &PartClaim, body: &Part) -> Result<(Value, Option<Upload>), ChannelError> {
        // Nothing that a model writes may ring at everybody's.
        let mut content = json!({"allowed_mentions": {"parse": [], "replied_user": false}});
        let file = match body {
            Part::Text { text } => {
                content["content"] = json!(markup::discord(text));
                None
            }
            Part::Image { blob, mime } => {
                let name = format!("image.{}", mime.rsplit('/').next().unwrap_or("png"));
                Some(self.upload(blob, mime, &name).await?)
            }
            Part::File { blob, mime, name } => Some(self.upload(blob, mime, name).await?),
            _ => return Err(permanent("only text, images and files can be shown on Discord")),
        };
        if let Some(file) = &file {
            content["attachments"] = json!([{"id": 0, "filename": agent_core::safe_name(&file.name)}]);
        }
        let choices = claim.kind.choices();
        if claim.part.index == 0 && !choices.is_empty() {
            content["components"] = commands::buttons(&choices);
        }
        Ok((content, file))
    }

    async fn upload(
        &self,
        blob: &session_api::BlobId,
        mime: &str,
        name: &str,
    ) -> Result<Upload, ChannelError> {
        let Some(bytes) = self.blobs.get_blob(blob).await? else {
            return Err(permanent("the file is no longer stored"));
        };
        if bytes.len() as u64 > MEDIA {
            return Err(permanent("the file is larger than the 10 MB that Discord takes"));
        }
        Ok(Upload { name: name.to_owned(), mime: mime.to_owned(), bytes })
    }

    /// Looks for the part in the channel's tail, by its nonce. "Not sent" is said only where that is certain: the part
    /// is younger than what Discord remembers nonces for, the tail reaches back behind its making, and every message of
    /// the bot in it carries a nonce to compare with.
    pub(super) async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        let channel = target(&claim.route)?;
        // An edit or a deletion does no harm when it is done again.
        if claim.part.platform_id.is_some() {
            return Ok(Reconciled::NotSent);
        }
        let path = format!("/channels/{channel}/messages?limit={TAIL}");
        let tail = match self.rest.get(&messages(channel), &path).await {
            Ok(Value::Array(tail)) => tail,
            Ok(_) => return Ok(Reconciled::Unknown),
            Err(failure) if failure.is_out_of_reach() => return Ok(Reconciled::Unknown),
            Err(failure) => return Err(failure.repeatable()),
        };
        let wanted = [nonce(claim.part.id, false), nonce(claim.part.id, true)];
        let own = || tail.iter().filter(|message| message["author"]["id"] == claim.route.account.as_str());
        let mine = |message: &&Value| wanted.iter().any(|nonce| message["nonce"] == nonce.as_str());
        if let Some(found) = own().find(mine) {
            let platform_id = found["id"].as_str().map(str::to_owned);
            return Ok(Reconciled::Sent(Sent { platform_id }));
        }
        let Some(made) = made(claim.part.id) else { return Ok(Reconciled::Unknown) };
        let now = self.clock.now();
        let young = now.since(made) < REMEMBERED && made <= now.plus(SKEW);
        let at = |message: &Value| message["id"].as_str().and_then(|id| id.parse().ok()).map(made_at);
        let before = |message: &Value| at(message).is_some_and(|at| at.plus(SKEW) < made);
        let reaches_back = tail.len() < TAIL || tail.iter().any(before);
        let comparable = own().filter(|message| !before(message)).all(|message| message["nonce"].is_string());
        Ok(if young && reaches_back && comparable { Reconciled::NotSent } else { Reconciled::Unknown })
    }

    /// Shows that an answer is being written, for ten seconds. It cannot be taken away, except by the answer.
    pub(super) async fn working(&self, route: &Route) -> Result<(), ChannelError> {
        let channel = target(route)?;
        let path = format!("/channels/{channel}/typing");
        let typing = self.rest.call(Method::POST, &format!("typing {channel}"), &path, None, None).await;
        typing.map(|_| ()).map_err(Failure::repeatable)
    }
}

fn messages(channel: u64) -> String {
    format!("messages {channel}")
}

fn permanent(message: &str) -> ChannelError {
    ChannelError::Permanent { message: message.to_owned() }
}

/// The channel that a route leads to: a thread is one.
fn target(route: &Route) -> Result<u64, ChannelError> {
    snowflake(route.thread.as_ref().unwrap_or(&route.chat))
}

/// A checked id: it becomes part of a path.
fn snowflake(text: &str) -> Result<u64, ChannelError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id > 0).ok_or_else(|| permanent("this is no id of Discord"))
}

/// The part's id in base 36: exactly the 25 characters that Discord takes. `anew`: for a part that was shown already.
fn nonce(id: PartId, anew: bool) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut left = if anew { !id.0.as_u128() } else { id.0.as_u128() };
    let mut digits = Vec::with_capacity(25);
    while left > 0 || digits.is_empty() {
        let digit = usize::try_from(left % 36).unwrap_or(0);
        digits.push(char::from(DIGITS[digit]));
        left /= 36;
    }
    digits.into_iter().rev().collect()
}

/// When a part was made, where its id tells: version 7 does.
fn made(id: PartId) -> Option<session_api::Timestamp> {
    let bits = id.0.as_u128();
    let seventh = bits >> 76 & 0xF == 7;
    seventh.then(|| session_api::Timestamp(i64::try_from(bits >> 80).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_short_and_tell_parts_apart() {
        let all: std::collections::BTreeSet<String> = [0, 1, 35, 36, u128::MAX / 2, u128::MAX]
            .into_iter()
            .flat_map(|bits| {
                let part = part(bits);
                [nonce(part, false), nonce(part, true)]
            })
            .collect();
        // All zeros and all ones change places: the only pairs that meet, and no real id is either.
        assert_eq!(all.len(), 12 - 2);
        assert!(all.iter().all(|nonce| (1..=25).contains(&nonce.len())), "{all:?}");
    }

    fn part(bits: u128) -> PartId {
        format!("{bits:032x}").parse().unwrap()
    }

    #[test]
    fn only_snowflakes_become_part_of_a_path() {
        for bad in ["", "0", "+1", "-1", "1/../2", "12a", "99999999999999999999999"] {
            assert!(snowflake(bad).is_err(), "{bad:?}");
        }
        assert_eq!(snowflake("600").unwrap(), 600);
    }

    #[test]
    fn a_version_7_id_tells_its_time() {
        let id = (1_700_000_000_123_u128 << 80) | (7 << 76) | 5;
        assert_eq!(made(part(id)), Some(session_api::Timestamp(1_700_000_000_123)));
        assert_eq!(made(part(1)), None);
    }
}
