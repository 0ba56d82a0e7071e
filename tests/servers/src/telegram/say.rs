//! What people do in chats.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::state::State;

#[derive(Debug, Clone)]
struct Media {
    kind: &'static str,
    bytes: Bytes,
    name: String,
    mime: String,
    claimed: Option<u64>,
}

/// Something that a person sends: a text, a file, in private or in a group. Mentions and commands in the text are marked
/// as the real server marks them.
#[derive(Debug, Clone)]
pub struct Say {
    chat: i64,
    from: i64,
    name: String,
    bot: bool,
    text: Option<String>,
    text_mention: Option<String>,
    topic: Option<i64>,
    reply_to: Option<i64>,
    media: Option<Media>,
    album: Option<String>,
    edits: Option<i64>,
    extra: Map<String, Value>,
}

impl Say {
    /// `user` writes to the bot.
    #[must_use]
    pub fn private(user: i64, text: &str) -> Self {
        Self::group(user, user, text)
    }

    /// `user` writes in the group (or any other chat) `chat`. Group ids are negative.
    #[must_use]
    pub fn group(chat: i64, user: i64, text: &str) -> Self {
        Self {
            chat,
            from: user,
            name: format!("User {user}"),
            bot: false,
            text: (!text.is_empty()).then(|| text.to_owned()),
            text_mention: None,
            topic: None,
            reply_to: None,
            media: None,
            album: None,
            edits: None,
            extra: Map::new(),
        }
    }

    /// The sender's name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The sender is a bot.
    #[must_use]
    pub fn by_a_bot(self) -> Self {
        Self { bot: true, ..self }
    }

    /// This piece of the text names the bot without its `@name`.
    #[must_use]
    pub fn text_mention(self, piece: &str) -> Self {
        Self { text_mention: Some(piece.to_owned()), ..self }
    }

    /// In a topic of a forum.
    #[must_use]
    pub fn in_topic(self, topic: i64) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// In answer to a message.
    #[must_use]
    pub fn reply_to(self, message: i64) -> Self {
        Self { reply_to: Some(message), ..self }
    }

    /// One of the pictures or files of an album; the text becomes its caption.
    #[must_use]
    pub fn in_album(self, album: &str) -> Self {
        Self { album: Some(album.to_owned()), ..self }
    }

    /// The new text of an earlier message.
    #[must_use]
    pub fn edit_of(self, message: i64) -> Self {
        Self { edits: Some(message), ..self }
    }

    /// A field of the message, as in the Bot API.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    /// With a picture; the text becomes its caption.
    #[must_use]
    pub fn photo(self, bytes: impl Into<Bytes>) -> Self {
        self.media("photo", bytes.into(), "photo.jpg", "image/jpeg")
    }

    /// With a voice note.
    #[must_use]
    pub fn voice(self, bytes: impl Into<Bytes>) -> Self {
        self.media("voice", bytes.into(), "voice.oga", "audio/ogg")
    }

    /// With a file.
    #[must_use]
    pub fn document(self, name: &str, mime: &str, bytes: impl Into<Bytes>) -> Self {
        self.media("document", bytes.into(), name, mime)
    }

    /// The size that Telegram claims for the file, in bytes.
    #[must_use]
    pub fn claiming(mut self, size: u64) -> Self {
        if let Some(media) = &mut self.media {
            media.claimed = Some(size);
        }
        self
    }

    fn media(mut self, kind: &'static str, bytes: Bytes, name: &str, mime: &str) -> Self {
        self.media = Some(Media { kind, bytes, name: name.to_owned(), mime: mime.to_owned(), claimed: None });
        self
    }
}

/// Puts it into the queue; gives the id of the update.
pub(super) fn push(state: &mut State, say: Say, update_id: Option<i64>) -> i64 {
    let (fresh, date) = state.message_id();
    let id = say.edits.unwrap_or(fresh);
    let mut message = json!({
        "message_id": id, "date": date,
        "from": {"id": say.from, "is_bot": say.bot, "first_name": say.name},
        "chat": State::chat(say.chat, &say.name, say.topic.is_some()),
    });
    let caption = say.media.is_some();
    if let Some(text) = &say.text {
        let entities = entities(text, say.text_mention.as_deref(), &state.bot);
        message[if caption { "caption" } else { "text" }] = text.as_str().into();
        if !entities.is_empty() {
            message[if caption { "caption_entities" } else { "entities" }] = entities.into();
        }
    }
    if let Some(topic) = say.topic {
        message["message_thread_id"] = topic.into();
        message["is_topic_message"] = true.into();
    }
    if let Some(answered) = say.reply_to {
        let key = (say.chat, answered);
        let known = state.shown.get(&key).map(|(_, value)| value).or_else(|| state.heard.get(&key));
        if let Some(known) = known {
            message["reply_to_message"] = known.clone();
        }
    }
    if let Some(album) = &say.album {
        message["media_group_id"] = album.as_str().into();
    }
    if let Some(media) = say.media {
        attach(state, &mut message, media);
    }
    for (key, value) in say.extra {
        message[key] = value;
    }
    let kind = if say.edits.is_some() {
        message["edit_date"] = date.into();
        "edited_message"
    } else {
        "message"
    };
    state.heard.insert((say.chat, id), message.clone());
    let update = state.push(json!({kind: message}), update_id);
    let since = state.elapsed();
    state.waiting.entry(say.chat).or_default().push_back((id, update, since));
    update
}

fn attach(state: &mut State, message: &mut Value, media: Media) {
    let folder = match media.kind {
        "photo" => "photos",
        "voice" => "voice",
        _ => "documents",
    };
    let extension = media.name.rsplit_once('.').map_or("bin", |(_, extension)| extension).to_owned();
    let real = media.bytes.len() as u64;
    let id = state.keep(folder, &extension, media.bytes);
    let size = media.claimed.unwrap_or(real);
    if let Some(file) = state.files.get_mut(&id) {
        file.size = size;
    }
    let unique = format!("AQAD{}", state.files.len());
    message[media.kind] = match media.kind {
        "photo" => {
            let thumb = state.keep("thumbnails", "jpg", Bytes::from_static(b"tiny"));
            json!([
                {"file_id": thumb, "file_unique_id": format!("{unique}s"), "width": 90, "height": 60, "file_size": 4},
                {"file_id": id, "file_unique_id": unique, "width": 1280, "height": 853, "file_size": size},
            ])
        }
        "voice" => {
            json!({"file_id": id, "file_unique_id": unique, "duration": 3, "mime_type": media.mime, "file_size": size})
        }
        _ => {
            json!({"file_id": id, "file_unique_id": unique, "file_name": media.name, "mime_type": media.mime, "file_size": size})
        }
    };
}

/// Somebody presses a button under a message of the bot.
pub(super) fn press(state: &mut State, user: i64, chat: i64, message: i64, data: &str) -> i64 {
    let under = match state.shown.get(&(chat, message)) {
        Some((_, value)) => value.clone(),
        None => json!({"message_id": message, "date": 0, "chat": State::chat(chat, "Somebody", false)}),
    };
    let id = format!("{}", 7_000_000 + state.next_update);
    let from = json!({"id": user, "is_bot": false, "first_name": format!("User {user}")});
    let query = json!({"id": id, "from": from, "message": under, "chat_instance": "1", "data": data});
    state.push(json!({"callback_query": query}), None)
}

/// Mentions, commands and names in a text, offsets in UTF-16 units.
fn entities(text: &str, named: Option<&str>, bot: &Value) -> Vec<Value> {
    let units = |end: usize| text[..end].encode_utf16().count();
    let span = |kind: &str, start: usize, end: usize| json!({"type": kind, "offset": units(start), "length": units(end) - units(start)});
    let mut found = Vec::new();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    for (start, c) in text.char_indices().filter(|(_, c)| matches!(c, '@' | '/')) {
        if text[..start].chars().next_back().is_some_and(|before| word(before) || before == '/') {
            continue;
        }
        let length = |from: usize| text[from..].find(|c: char| !word(c)).unwrap_or(text.len() - from);
        let end = start + 1 + length(start + 1);
        if c == '@' && end - start > 4 {
            found.push(span("mention", start, end));
        } else if c == '/' && end > start + 1 {
            let end = if text[end..].starts_with('@') { end + 1 + length(end + 1) } else { end };
            found.push(span("bot_command", start, end));
        }
    }
    if let Some((start, piece)) = named.and_then(|piece| text.find(piece).map(|start| (start, piece))) {
        let mut entity = span("text_mention", start, start + piece.len());
        entity["user"] = bot.clone();
        found.push(entity);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_and_commands_are_marked_in_utf16_units() {
        let bot = json!({"id": 1});
        let found = entities("😀 @factotum_bot /new@factotum_bot a/b x@y.de Fac", Some("Fac"), &bot);
        assert_eq!(
            found,
            [
                json!({"type": "mention", "offset": 3, "length": 13}),
                json!({"type": "bot_command", "offset": 17, "length": 17}),
                json!({"type": "text_mention", "offset": 46, "length": 3, "user": {"id": 1}}),
            ]
        );
    }
}
