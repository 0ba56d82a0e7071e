//! Sending, editing and deleting parts, and finding out whether one was sent.

use std::time::Duration;

use agent_core::{ChannelError, Reconciled, Sent};
use serde_json::{Value, json};
use session_api::{BlobId, BlobStore, Part, PartClaim, Route};

use super::{
    MEDIA_LIMIT,
    blocks::blocks,
    error::{Effect, SlackError},
    markup::{escape, to_mrkdwn},
    wire::Api,
};

/// The type of the metadata that each message of ours carries.
const EVENT_TYPE: &str = "factotum_part";

/// How far Slack's clock and ours may differ when the tail of a chat is searched.
const SKEW: Duration = Duration::from_secs(300);

/// Most pages of a chat's tail that are read, and messages of each.
const PAGES: usize = 5;
const PAGE: &str = "100";

/// The sign that an answer is being written.
const SIGN: &str = "eyes";

/// Longest text next to blocks: it is shown in notifications only.
const NOTIFICATION: usize = 500;

/// Refusals of an edit after which the text goes as a new message.
const NOT_EDITABLE: &[&str] = &["message_not_found", "cant_update_message", "edit_window_closed"];

/// Refusals of blocks, after which the text goes without them.
const BAD_BLOCKS: &[&str] = &["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"];

/// Delivers one part.
pub(super) async fn send(api: &Api, blobs: &dyn BlobStore, claim: &PartClaim) -> Result<Sent, ChannelError> {
    let shown = claim.part.platform_id.as_deref();
    match &claim.part.body {
        None => {
            if let Some(id) = shown {
                delete(api, claim, id).await.map_err(|error| error.for_port(Effect::Repeatable))?;
            }
            Ok(Sent { platform_id: None })
        }
        Some(Part::Text { text }) => match shown {
            Some(id) => edit(api, claim, text, id).await,
            None => post(api, claim, text).await,
        },
        Some(Part::Image { blob, mime }) => {
            let name = format!("image.{}", mime.rsplit('/').next().unwrap_or("bin"));
            file(api, blobs, claim, blob, &name).await
        }
        Some(Part::File { blob, name, .. }) => file(api, blobs, claim, blob, name).await,
        Some(_) => Err(permanent("Slack takes texts and files only")),
    }
}

/// Where a message is: the channel of its route, unless it was sent to a person, whom Slack gives a channel.
fn place<'a>(route: &'a Route, id: &'a str) -> (&'a str, &'a str) {
    id.split_once('/').unwrap_or((&route.chat, id))
}

/// The arguments of a new or changed message.
fn message(claim: &PartClaim, text: &str) -> Value {
    let rendered = to_mrkdwn(text);
    let words = if rendered.trim().is_empty() { escape(text) } else { rendered };
    // One row of buttons, also below a question in several parts.
    let choices = if claim.part.index == 0 { claim.kind.choices() } else { Vec::new() };
    let mut arguments = json!({
        "channel": claim.route.chat, "text": words, "mrkdwn": true, "unfurl_links": false, "unfurl_media": false,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"part": claim.part.id.to_string()}},
    });
    if !choices.is_empty() {
        arguments["blocks"] = blocks(&words, &choices);
    }
    arguments
}

/// Puts a text that is too long for the plain field into blocks.
fn into_blocks(arguments: &mut Value) {
    let words = arguments["text"].as_str().unwrap_or_default().to_owned();
    arguments["blocks"] = blocks(&words, &[]);
    let short: String = words.chars().take(NOTIFICATION).collect();
    arguments["text"] = json!(short);
}

async fn post(api: &Api, claim: &PartClaim, text: &str) -> Result<Sent, ChannelError> {
    let mut arguments = message(claim, text);
    if let Some(thread) = &claim.route.thread {
        arguments["thread_ts"] = json!(thread);
    }
    // Each of these refusals means that nothing was posted, and each can happen once.
    loop {
        let had = |name: &str| arguments.get(name).is_some();
        match api.post("chat.postMessage", &arguments).await {
            Ok(answer) => return sent(claim, &answer),
            Err(error) if error.is(&["thread_not_found", "message_not_found"]) && had("thread_ts") => {
                remove(&mut arguments, "thread_ts");
            }
            Err(error) if error.is(BAD_BLOCKS) && had("blocks") => remove(&mut arguments, "blocks"),
            Err(error) if error.is(&["msg_too_long"]) && !had("blocks") => into_blocks(&mut arguments),
            Err(error) => return Err(error.for_port(Effect::Once)),
        }
    }
}

fn remove(arguments: &mut Value, name: &str) {
    if let Some(fields) = arguments.as_object_mut() {
        fields.remove(name);
    }
}

fn sent(claim: &PartClaim, answer: &Value) -> Result<Sent, ChannelError> {
    let nonsense = SlackError::Nonsense { method: "chat.postMessage" };
    let Some(ts) = answer["ts"].as_str() else { return Err(nonsense.for_port(Effect::Once)) };
    let id = match answer["channel"].as_str() {
        Some(channel) if channel != claim.route.chat => format!("{channel}/{ts}"),
        _ => ts.to_owned(),
    };
    Ok(Sent { platform_id: Some(id) })
}

async fn edit(api: &Api, claim: &PartClaim, text: &str, id: &str) -> Result<Sent, ChannelError> {
    let (channel, ts) = place(&claim.route, id);
    let mut arguments = message(claim, text);
    arguments["channel"] = json!(channel);
    arguments["ts"] = json!(ts);
    let mut short = arguments.get("blocks").is_none();
    if short {
        // Blocks of an earlier text would stay otherwise.
        arguments["blocks"] = json!([]);
    }
    loop {
        match api.post("chat.update", &arguments).await {
            Ok(_) => return Ok(Sent { platform_id: Some(id.to_owned()) }),
            Err(error) if error.is(&["msg_too_long"]) && short => {
                into_blocks(&mut arguments);
                short = false;
            }
            Err(error) if error.is(NOT_EDITABLE) => return post(api, claim, text).await,
            Err(error) if error.is(BAD_BLOCKS) || error.is(&["msg_too_long"]) => {
                // Only a new message is long enough. The old one goes first: two that say the same would be worse than
                // a moment without any, and the post can be found again by its metadata.
                delete(api, claim, id).await.map_err(|error| error.for_port(Effect::Repeatable))?;
                return post(api, claim, text).await;
            }
            Err(error) => return Err(error.for_port(Effect::Repeatable)),
        }
    }
}

/// Deletes a message or a file; one that is gone already is a success.
async fn delete(api: &Api, claim: &PartClaim, id: &str) -> Result<(), SlackError> {
    let done = if id.starts_with('F') {
        api.post("files.delete", &json!({"file": id})).await
    } else {
        let (channel, ts) = place(&claim.route, id);
        api.post("chat.delete", &json!({"channel": channel, "ts": ts})).await
    };
    match done {
        Err(error) if error.is(&["message_not_found", "file_not_found", "file_deleted"]) => Ok(()),
        other => other.map(drop),
    }
}

/// Uploads a file and shares it. Until the last of the three calls nobody sees anything.
async fn file(
    api: &Api,
    blobs: &dyn BlobStore,
    claim: &PartClaim,
    blob: &BlobId,
    name: &str,
) -> Result<Sent, ChannelError> {
    let bytes = blobs.get_blob(blob).await?.ok_or_else(|| permanent("the file is no longer stored"))?;
    let length = bytes.len() as u64;
    if length == 0 || length > MEDIA_LIMIT {
        return Err(permanent(&format!("a file of {length} bytes cannot be sent to Slack")));
    }
    let failed = |error: SlackError, effect| match error.is(&["missing_scope"]) {
        // Texts still go: this part alone fails.
        true => permanent(&error.to_string()),
        false => error.for_port(effect),
    };
    let first = |error| failed(error, Effect::Repeatable);
    let method = "files.getUploadURLExternal";
    let length = length.to_string();
    let begun = api.get(method, &[("filename", name), ("length", &length)]).await.map_err(first)?;
    let (Some(address), Some(id)) = (begun["upload_url"].as_str(), begun["file_id"].as_str()) else {
        return Err(first(SlackError::Nonsense { method }));
    };
    api.upload(address, bytes).await.map_err(first)?;
    if let Some(draft) = &claim.part.platform_id {
        // A file cannot replace a text by an edit.
        delete(api, claim, draft).await.map_err(first)?;
    }
    let mut arguments = json!({"files": [{"id": id, "title": name}], "channel_id": claim.route.chat});
    if let Some(thread) = &claim.route.thread {
        arguments["thread_ts"] = json!(thread);
    }
    api.post("files.completeUploadExternal", &arguments)
        .await
        .map_err(|error| failed(error, Effect::Once))?;
    Ok(Sent { platform_id: Some(id.to_owned()) })
}

/// Looks for a part in the tail of its chat: its messages carry its id.
pub(super) async fn reconcile(api: &Api, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
    let Route { chat, thread, .. } = &claim.route;
    let text = matches!(claim.part.body, Some(Part::Text { .. }));
    if !text || !chat.starts_with(['C', 'D', 'G']) {
        // Files carry no metadata, a deletion can always be repeated, and a person's chat has another name.
        let repeatable = claim.part.body.is_none();
        return Ok(if repeatable { Reconciled::NotSent } else { Reconciled::Unknown });
    }
    let part = claim.part.id.to_string();
    let oldest = oldest(claim);
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let mut arguments =
            vec![("channel", chat.as_str()), ("limit", PAGE), ("include_all_metadata", "true")];
        if let Some(oldest) = &oldest {
            arguments.push(("oldest", oldest));
        }
        if !cursor.is_empty() {
            arguments.push(("cursor", &cursor));
        }
        let page = match thread {
            Some(thread) => {
                arguments.push(("ts", thread));
                api.get("conversations.replies", &arguments).await
            }
            None => api.get("conversations.history", &arguments).await,
        };
        let page = match page {
            Ok(page) => page,
            // Slack drops the thread of a post whose root is gone, and an app may lack the scope to read.
            Err(error) if error.is(&["thread_not_found", "missing_scope"]) => return Ok(Reconciled::Unknown),
            Err(error) => return Err(error.for_port(Effect::Repeatable)),
        };
        for found in page["messages"].as_array().into_iter().flatten() {
            let metadata = &found["metadata"];
            let ours =
                metadata["event_type"] == EVENT_TYPE && metadata["event_payload"]["part"] == part.as_str();
            let ts = found["ts"].as_str().filter(|_| ours);
            // The message that is to be edited proves nothing about its edit.
            if let Some(ts) = ts.filter(|ts| claim.part.platform_id.as_deref() != Some(ts)) {
                return Ok(Reconciled::Sent(Sent { platform_id: Some(ts.to_owned()) }));
            }
        }
        cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
        if cursor.is_empty() {
            let whole = page["has_more"] != true;
            return Ok(if whole { Reconciled::NotSent } else { Reconciled::Unknown });
        }
    }
    Ok(Reconciled::Unknown)
}

/// The time before which the part cannot have been sent: its id holds the time of its making, where ids are of the
/// usual kind.
fn oldest(claim: &PartClaim) -> Option<String> {
    let (seconds, _) = claim.part.id.0.get_timestamp()?.to_unix();
    Some(format!("{}.000000", seconds.saturating_sub(SKEW.as_secs())))
}

/// A reaction below the message that is answered. Apps without the scope for reactions do without.
pub(super) async fn working(api: &Api, route: &Route, on: bool) -> Result<(), ChannelError> {
    let Some(message) = &route.reply_to else { return Ok(()) };
    let method = if on { "reactions.add" } else { "reactions.remove" };
    let arguments = json!({"channel": route.chat, "timestamp": message, "name": SIGN});
    match api.post(method, &arguments).await {
        Err(error) if error.is(&["already_reacted", "no_reaction", "message_not_found", "missing_scope"]) => {
            Ok(())
        }
        other => other.map(drop).map_err(|error| error.for_port(Effect::Repeatable)),
    }
}

fn permanent(message: &str) -> ChannelError {
    ChannelError::Permanent { message: message.to_owned() }
}
