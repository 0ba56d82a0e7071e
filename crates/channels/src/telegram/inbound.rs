//! From updates to arrivals.

use agent_core::{Arrival, Place};
use serde_json::Value;
use session_api::{Part, Timestamp};

use super::{
    addressed::{self, Bot},
    wire::{CallbackQuery, File, Message, Update, User},
};

/// The commands that a button may stand for.
const PRESSABLE: [&str; 3] = ["/approve ", "/deny ", "/pairing approve "];

/// An update as far as it goes without the network.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Its text and all else; files are not in it yet.
    pub(super) arrival: Arrival,
    /// What is to be fetched, once the sender is known to be admitted.
    pub(super) files: Vec<Attachment>,
    /// The album that it is a part of.
    pub(super) album: Option<String>,
    /// The press of a button that waits for a sign.
    pub(super) callback: Option<String>,
}

/// A file to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    pub(super) file_id: String,
    /// What it is, for people: `photo`, `voice note`, `file`.
    pub(super) what: &'static str,
    pub(super) name: String,
    pub(super) mime: String,
    /// Its size in bytes, where Telegram says it.
    pub(super) size: Option<u64>,
}

/// When something happened by Telegram's own clock, in Unix seconds; presses of buttons carry no time.
pub(super) fn date_of(update: &Value) -> Option<i64> {
    let date = |kind: &str, key: &str| update.get(kind)?.get(key)?.as_i64();
    date("message", "date").or_else(|| date("edited_message", "edit_date"))
}

/// Reads an update; `None` for what is no business of ours.
///
/// # Errors
/// What is wrong with its shape. The text holds nothing of its content.
pub(super) fn read(
    external_id: String,
    update: Value,
    bot: &Bot,
    now: Timestamp,
) -> Result<Option<Incoming>, serde_json::Error> {
    let update: Update = serde_json::from_value(update)?;
    Ok(match update {
        Update { message: Some(message), .. } => spoken(external_id, message, "", bot, now),
        Update { edited_message: Some(message), .. } => spoken(external_id, message, "[edited] ", bot, now),
        Update { callback_query: Some(query), .. } => pressed(external_id, query, now),
        _ => None,
    })
}

fn spoken(
    external_id: String,
    message: Message,
    prefix: &str,
    bot: &Bot,
    now: Timestamp,
) -> Option<Incoming> {
    // Other bots, and people who hide behind their group: there is nobody to admit.
    let from = message.from.as_ref().filter(|from| !from.is_bot)?;
    let direct = message.chat.kind == "private";
    let (text, entities) = match (&message.text, &message.caption) {
        (Some(text), _) => (text.as_str(), &message.entities),
        (None, caption) => (caption.as_deref().unwrap_or_default(), &message.caption_entities),
    };
    let read = addressed::read(text, entities, bot);
    let replied = message.reply_to_message.as_ref().and_then(|replied| replied.from.as_ref());
    let addressed = direct || read.addressed || replied.is_some_and(|from| from.id == bot.id);
    let files = attachments(&message);
    let notes: Vec<String> =
        [Some(read.text).filter(|text| !text.is_empty()), note(&message)].into_iter().flatten().collect();
    if notes.is_empty() && files.is_empty() {
        return None;
    }
    let text = format!("{prefix}{}", notes.join("\n"));
    let parts = if text.trim().is_empty() { Vec::new() } else { vec![Part::text(text)] };
    let seconds = message.edit_date.unwrap_or(message.date);
    let received_at = if seconds > 0 { Timestamp(seconds.saturating_mul(1000)) } else { now };
    let arrival = Arrival {
        external_id,
        chat: message.chat.id.to_string(),
        thread: thread(&message),
        place: if direct { Place::Direct } else { Place::Group },
        sender: from.id.to_string(),
        sender_name: name(from),
        addressed,
        distrusted: None,
        message_id: Some(message.message_id.to_string()),
        parts,
        received_at,
    };
    Some(Incoming { arrival, files, album: message.media_group_id, callback: None })
}

/// A press is the command that its button stands for, said by whoever pressed. Only commands that we put under our own
/// questions count: a modified client can send any data it likes.
fn pressed(external_id: String, query: CallbackQuery, now: Timestamp) -> Option<Incoming> {
    let data = query.data.filter(|data| PRESSABLE.iter().any(|known| data.starts_with(known)))?;
    let message = query.message.filter(|_| !query.from.is_bot)?;
    let arrival = Arrival {
        external_id,
        chat: message.chat.id.to_string(),
        thread: thread(&message),
        place: if message.chat.kind == "private" { Place::Direct } else { Place::Group },
        sender: query.from.id.to_string(),
        sender_name: name(&query.from),
        addressed: true,
        distrusted: None,
        message_id: Some(message.message_id.to_string()),
        parts: vec![Part::text(data)],
        received_at: now,
    };
    Some(Incoming { arrival, files: Vec::new(), album: None, callback: Some(query.id) })
}

/// Only topics of a forum are threads; elsewhere the same field names the message that a chain of replies began with.
fn thread(message: &Message) -> Option<String> {
    message.message_thread_id.filter(|_| message.is_topic_message).map(|id| id.to_string())
}

fn name(user: &User) -> Option<String> {
    let full = format!("{} {}", user.first_name, user.last_name);
    let full = full.trim();
    if full.is_empty() { user.username.clone() } else { Some(full.to_owned()) }
}

/// What has no text of its own, in words.
fn note(message: &Message) -> Option<String> {
    if let Some(sticker) = &message.sticker {
        return Some(format!("[sticker {}]", sticker.emoji.as_deref().unwrap_or("without an emoji")));
    }
    if let Some(at) = &message.location {
        return Some(format!("[location: latitude {}, longitude {}]", at.latitude, at.longitude));
    }
    if let Some(contact) = &message.contact {
        let full = format!("{} {}", contact.first_name, contact.last_name);
        return Some(format!("[contact: {}, {}]", full.trim(), contact.phone_number));
    }
    if let Some(poll) = &message.poll {
        return Some(format!("[poll: {}]", poll.question));
    }
    let dice = message.dice.as_ref()?;
    Some(format!("[dice {}: {}]", dice.emoji, dice.value))
}

fn attachments(message: &Message) -> Vec<Attachment> {
    let make = |what: &'static str, file: &File, name: &str, mime: &str| Attachment {
        file_id: file.file_id.clone(),
        what,
        name: file.file_name.clone().unwrap_or_else(|| name.to_owned()),
        mime: file.mime_type.clone().unwrap_or_else(|| mime.to_owned()),
        size: file.file_size,
    };
    let mut files = Vec::new();
    // Sizes come in ascending order, but nothing promises that.
    if let Some(photo) = message.photo.iter().max_by_key(|photo| photo.width) {
        files.push(make("photo", photo, "photo.jpg", "image/jpeg"));
    }
    // An animation comes as a document as well, for old clients.
    let document = message.document.as_ref().filter(|_| message.animation.is_none());
    for (what, file, name, mime) in [
        ("file", document, "file", "application/octet-stream"),
        ("voice note", message.voice.as_ref(), "voice.ogg", "audio/ogg"),
        ("audio", message.audio.as_ref(), "audio.mp3", "audio/mpeg"),
        ("video", message.video.as_ref(), "video.mp4", "video/mp4"),
        ("video note", message.video_note.as_ref(), "video.mp4", "video/mp4"),
        ("animation", message.animation.as_ref(), "animation.mp4", "video/mp4"),
    ] {
        files.extend(file.map(|file| make(what, file, name, mime)));
    }
    files
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
