//! The methods of the API that need no waiting.

use serde_json::{Value, json};

use super::form::Params;
use super::hook::Webhook;
use super::html;
use super::media;
use super::state::{Shown, State};

/// Most UTF-16 units of a message's text, after its markup was read.
const LONGEST: usize = 4096;

/// The API's own error.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) text: String,
    pub(super) parameters: Option<Value>,
}

impl Refusal {
    pub(super) fn bad(text: impl AsRef<str>) -> Self {
        Self { code: 400, text: format!("Bad Request: {}", text.as_ref()), parameters: None }
    }

    pub(super) fn conflict(text: &str) -> Self {
        Self { code: 409, text: format!("Conflict: {text}"), parameters: None }
    }
}

pub(super) type Answer = Result<Value, Refusal>;

/// Does a call; `method` is in lower case.
pub(super) fn call(state: &mut State, method: &str, params: &Params) -> Answer {
    match method {
        "getme" => Ok(state.bot.clone()),
        "getwebhookinfo" => Ok(webhook_info(state)),
        "setwebhook" => set_webhook(state, params),
        "deletewebhook" => {
            state.webhook = None;
            drop_pending(state, params);
            Ok(true.into())
        }
        "sendmessage" => send_message(state, params),
        "editmessagetext" => edit_message(state, params),
        "deletemessage" => delete_message(state, params),
        "sendphoto" | "senddocument" | "sendvoice" | "sendaudio" | "sendvideo" => {
            media::send(state, &method[4..], params)
        }
        "sendmediagroup" => media::send_group(state, params),
        "getfile" => media::get_file(state, params),
        "sendchataction" => {
            open_chat(state, params)?;
            params.text("action").ok_or_else(|| Refusal::bad("parameter \"action\" is required"))?;
            Ok(true.into())
        }
        "setmessagereaction" => {
            open_chat(state, params)?;
            Ok(true.into())
        }
        "answercallbackquery" => {
            let id = params.text("callback_query_id").unwrap_or_default().to_owned();
            state.answered_callbacks.push(id);
            Ok(true.into())
        }
        "setmycommands" => set_commands(state, params),
        "getmycommands" => {
            let one = |(name, text): &(String, String)| json!({"command": name, "description": text});
            Ok(state.commands.iter().map(one).collect())
        }
        // A 404 would mean a wrong token to a client.
        other => Err(Refusal::bad(format!("the fake does not know the method {other}"))),
    }
}

/// The chat of a call, if the bot can write there.
pub(super) fn open_chat(state: &State, params: &Params) -> Result<i64, Refusal> {
    let chat = params.int("chat_id").ok_or_else(|| Refusal::bad("chat not found"))?;
    if let Some((code, text)) = state.closed.get(&chat) {
        return Err(Refusal { code: *code, text: text.clone(), parameters: None });
    }
    if let Some(to) = state.migrated.get(&chat) {
        let text = "Bad Request: group chat was upgraded to a supergroup chat".into();
        return Err(Refusal { code: 400, text, parameters: Some(json!({"migrate_to_chat_id": to})) });
    }
    Ok(chat)
}

/// A text with its markup read: what is seen, the entities, and whether it came as HTML.
pub(super) fn read_text(
    params: &Params,
    name: &str,
    limit: usize,
) -> Result<(String, Vec<Value>, bool), Refusal> {
    let source = params.text(name).unwrap_or_default();
    let (text, entities, html) = match params.text("parse_mode") {
        Some(mode) if mode.eq_ignore_ascii_case("html") => {
            let parsed = html::parse(source)
                .map_err(|error| Refusal::bad(format!("can't parse entities: {error}")))?;
            (parsed.text, parsed.entities, true)
        }
        Some(_) => return Err(Refusal::bad("unsupported parse_mode: the fake knows HTML only")),
        None => (source.to_owned(), Vec::new(), false),
    };
    if text.encode_utf16().count() > limit {
        return Err(Refusal::bad("message is too long"));
    }
    Ok((text.trim().to_owned(), entities, html))
}

/// Everything that a message of the bot has, whatever it carries. The caller adds text or file.
pub(super) fn begin(state: &mut State, params: &Params) -> Result<(i64, Shown, Value), Refusal> {
    let chat = open_chat(state, params)?;
    let mut reply_to = None;
    if let Some(reply) = params.json("reply_parameters") {
        let id = reply["message_id"].as_i64().unwrap_or_default();
        let known = state.heard.contains_key(&(chat, id)) || state.shown.contains_key(&(chat, id));
        if known {
            reply_to = Some(id);
        } else if reply["allow_sending_without_reply"] != true {
            return Err(Refusal::bad("message to be replied not found"));
        }
    }
    let thread = params.int("message_thread_id");
    let buttons = buttons(params)?;
    let (message_id, date) = state.message_id();
    let mut value = json!({
        "message_id": message_id, "date": date, "from": user(state),
        "chat": State::chat(chat, "Somebody", thread.is_some()),
    });
    if let Some(thread) = thread {
        value["message_thread_id"] = thread.into();
        value["is_topic_message"] = true.into();
    }
    if let Some(answered) = reply_to.and_then(|id| state.heard.get(&(chat, id))) {
        value["reply_to_message"] = answered.clone();
    }
    if let Some(markup) = params.json("reply_markup") {
        value["reply_markup"] = markup;
    }
    let shown = Shown {
        message_id,
        thread,
        text: String::new(),
        source: String::new(),
        html: false,
        reply_to,
        buttons,
        file: None,
        edits: 0,
        at: state.elapsed(),
    };
    Ok((chat, shown, value))
}

/// Puts a message of the bot into its chat.
pub(super) fn finish(state: &mut State, chat: i64, shown: Shown, value: Value) -> Value {
    state.answered(chat, shown.message_id, shown.reply_to);
    state.shown.insert((chat, shown.message_id), (shown, value.clone()));
    value
}

/// The bot as the sender of a message.
fn user(state: &State) -> Value {
    json!({"id": state.bot["id"], "is_bot": true, "first_name": state.bot["first_name"], "username": state.bot["username"]})
}

fn buttons(params: &Params) -> Result<Vec<(String, String)>, Refusal> {
    let markup = params.json("reply_markup").unwrap_or_default();
    let rows = markup["inline_keyboard"].as_array().cloned().unwrap_or_default();
    let all = rows.iter().filter_map(Value::as_array).flatten();
    all.map(|button| {
        let text = |key: &str| button[key].as_str().unwrap_or_default().to_owned();
        let data = text("callback_data");
        if data.len() > 64 {
            return Err(Refusal::bad("BUTTON_DATA_INVALID"));
        }
        Ok((text("text"), data))
    })
    .collect()
}

fn send_message(state: &mut State, params: &Params) -> Answer {
    let (text, entities, html) = read_text(params, "text", LONGEST)?;
    if text.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    let (chat, mut shown, mut value) = begin(state, params)?;
    value["text"] = text.as_str().into();
    if !entities.is_empty() {
        value["entities"] = entities.into();
    }
    shown.text = text;
    shown.source = params.text("text").unwrap_or_default().to_owned();
    shown.html = html;
    Ok(finish(state, chat, shown, value))
}

fn edit_message(state: &mut State, params: &Params) -> Answer {
    let chat = open_chat(state, params)?;
    let id = params.int("message_id").unwrap_or_default();
    let (text, entities, html) = read_text(params, "text", LONGEST)?;
    let buttons = buttons(params)?;
    let (_, edit_date) = state.message_id();
    let Some((shown, value)) = state.shown.get_mut(&(chat, id)) else {
        return Err(Refusal::bad("message to edit not found"));
    };
    if text.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    let old_entities = value["entities"].as_array().cloned().unwrap_or_default();
    if shown.text == text && shown.buttons == buttons && old_entities == entities {
        return Err(Refusal::bad(
            "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        ));
    }
    value["text"] = text.as_str().into();
    value["entities"] = entities.into();
    value["edit_date"] = edit_date.into();
    // An edit without a keyboard takes it away.
    value["reply_markup"] = params.json("reply_markup").unwrap_or_else(|| json!({"inline_keyboard": []}));
    shown.text = text;
    shown.source = params.text("text").unwrap_or_default().to_owned();
    shown.html = html;
    shown.buttons = buttons;
    shown.edits += 1;
    let value = value.clone();
    state.edited(chat, id);
    Ok(value)
}

fn delete_message(state: &mut State, params: &Params) -> Answer {
    let chat = open_chat(state, params)?;
    let id = params.int("message_id").unwrap_or_default();
    match state.shown.remove(&(chat, id)) {
        Some(_) => Ok(true.into()),
        None => Err(Refusal::bad("message to delete not found")),
    }
}

fn set_commands(state: &mut State, params: &Params) -> Answer {
    let commands = params.json("commands").unwrap_or_default();
    let mut known = Vec::new();
    for command in commands.as_array().into_iter().flatten() {
        let (name, text) = (command["command"].as_str(), command["description"].as_str());
        let (name, text) = (name.unwrap_or_default(), text.unwrap_or_default());
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(good) {
            return Err(Refusal::bad("BOT_COMMAND_INVALID"));
        }
        if text.is_empty() || text.chars().count() > 256 {
            return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        known.push((name.to_owned(), text.to_owned()));
    }
    state.commands = known;
    Ok(true.into())
}

fn set_webhook(state: &mut State, params: &Params) -> Answer {
    let url = params.text("url").unwrap_or_default();
    if url.is_empty() {
        state.webhook = None;
        return Ok(true.into());
    }
    let secret = params.text("secret_token").map(str::to_owned);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if secret.as_ref().is_some_and(|text| text.is_empty() || text.len() > 256 || !text.chars().all(good)) {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    state.webhook = Some(Webhook { url: url.to_owned(), secret });
    remember_allowed(state, params);
    drop_pending(state, params);
    Ok(true.into())
}

fn drop_pending(state: &mut State, params: &Params) {
    if params.flag("drop_pending_updates") {
        state.queue.clear();
    }
}

pub(super) fn remember_allowed(state: &mut State, params: &Params) {
    if let Some(allowed) = params.json("allowed_updates") {
        state.allowed_updates = allowed;
    }
}

fn webhook_info(state: &State) -> Value {
    json!({
        "url": state.webhook.as_ref().map_or("", |hook| hook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": state.queue.len(),
        "allowed_updates": state.allowed_updates,
    })
}
