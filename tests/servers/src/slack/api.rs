//! The Web API.

use serde_json::{Value, json};

use super::serve::{Response, json_page};
use super::server::Shared;
use super::world::{Shown, World};
use super::{APP_TOKEN, BOT_ID, BOT_TOKEN, BOT_USER, TEAM, files};

/// Longest text that `chat.postMessage` takes, in characters.
const LONGEST_POST: usize = 40_000;

/// Longest text that `chat.update` takes, in characters.
const LONGEST_UPDATE: usize = 4_000;

/// Longest text of one section block, in characters.
const LONGEST_SECTION: usize = 3_000;

/// Carries out one call.
pub(super) fn call(shared: &Shared, method: &str, arguments: &Value, token: Option<&str>) -> Response {
    let wanted = if method == "apps.connections.open" { APP_TOKEN } else { BOT_TOKEN };
    let result = match token {
        None => Err("not_authed"),
        Some(token) if token != wanted && (token == APP_TOKEN || token == BOT_TOKEN) => {
            Err("not_allowed_token_type")
        }
        Some(token) if token != wanted => Err("invalid_auth"),
        Some(_) => {
            let micros = shared.micros();
            shared.change(|world| carry_out(world, method, arguments, &shared.address.to_string(), micros))
        }
    };
    let answer = match result {
        Ok(Value::Object(mut fields)) => {
            fields.insert("ok".into(), Value::Bool(true));
            Value::Object(fields)
        }
        Ok(_) => json!({"ok": true}),
        Err(error) => json!({"ok": false, "error": error}),
    };
    json_page(200, &answer)
}

type Answer = Result<Value, &'static str>;

fn carry_out(world: &mut World, method: &str, arguments: &Value, address: &str, micros: u64) -> Answer {
    let text = |name: &str| arguments[name].as_str().unwrap_or("").to_owned();
    match method {
        "auth.test" => Ok(json!({
            "url": format!("http://{address}/"), "team": "Fake", "user": "factotum", "team_id": TEAM,
            "user_id": BOT_USER, "bot_id": BOT_ID,
        })),
        "apps.connections.open" => {
            let ticket = format!("ticket-{}", world.number());
            world.tickets.insert(ticket.clone());
            Ok(
                json!({"url": format!("ws://{address}/link/?ticket={ticket}&app_id=A1").replace("/link/", "/link")}),
            )
        }
        "chat.postMessage" => post(world, arguments, micros),
        "chat.update" => update(world, arguments),
        "chat.delete" => {
            let (channel, ts) = (text("channel"), text("ts"));
            let before = world.messages.len();
            world.messages.retain(|message| message.channel != channel || message.ts != ts);
            if world.messages.len() == before {
                return Err("message_not_found");
            }
            Ok(json!({"channel": channel, "ts": ts}))
        }
        "reactions.add" | "reactions.remove" => {
            let (channel, ts) = (text("channel"), text("timestamp"));
            world.message(&channel, &ts).ok_or("message_not_found")?;
            let reaction = (channel, ts, text("name"));
            let (done, refusal) = if method == "reactions.add" {
                (world.reactions.insert(reaction), "already_reacted")
            } else {
                (world.reactions.remove(&reaction), "no_reaction")
            };
            if done { Ok(Value::Null) } else { Err(refusal) }
        }
        "conversations.open" => {
            let user = text("users");
            Ok(json!({"channel": {"id": format!("D{}", user.trim_start_matches('U'))}}))
        }
        "conversations.history" | "conversations.replies" => read(world, method, arguments),
        "conversations.info" => {
            let id = text("channel");
            Ok(json!({"channel": {"id": id, "name": id.to_lowercase(), "is_im": id.starts_with('D')}}))
        }
        "conversations.list" => {
            let mut ids: Vec<&str> = world.messages.iter().map(|message| message.channel.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            let channels: Vec<Value> =
                ids.iter().map(|id| json!({"id": id, "name": id.to_lowercase()})).collect();
            Ok(json!({"channels": channels, "response_metadata": {"next_cursor": ""}}))
        }
        "users.info" => Ok(json!({"user": {"id": text("user"), "name": text("user").to_lowercase()}})),
        "users.list" => {
            let bot = json!({"id": BOT_USER, "name": "factotum", "is_bot": true});
            Ok(json!({"members": [bot], "response_metadata": {"next_cursor": ""}}))
        }
        "files.getUploadURLExternal" => files::upload_url(world, arguments, address),
        "files.completeUploadExternal" => files::complete(world, arguments, micros),
        "files.info" => files::info(world, &text("file"), address),
        "files.delete" => files::delete(world, &text("file")),
        _ => Err("unknown_method"),
    }
}

fn post(world: &mut World, arguments: &Value, micros: u64) -> Answer {
    let mut channel = arguments["channel"].as_str().unwrap_or("").to_owned();
    if channel.is_empty() {
        return Err("channel_not_found");
    }
    if let Some(user) = channel.strip_prefix('U') {
        channel = format!("D{user}");
    }
    let (text, blocks) = content(arguments, LONGEST_POST)?;
    let thread_ts = arguments["thread_ts"].as_str().map(str::to_owned);
    if let Some(root) = &thread_ts
        && world.message(&channel, root).is_none()
    {
        return Err("thread_not_found");
    }
    let ts = world.ts(micros);
    let metadata = arguments.get("metadata").filter(|value| value.is_object()).cloned();
    world.messages.push(Shown {
        channel: channel.clone(),
        ts: ts.clone(),
        thread_ts,
        user: BOT_USER.to_owned(),
        text,
        blocks,
        metadata,
        files: Vec::new(),
        earlier: Vec::new(),
    });
    Ok(json!({"channel": channel, "ts": ts}))
}

fn update(world: &mut World, arguments: &Value) -> Answer {
    let (text, blocks) = content(arguments, LONGEST_UPDATE)?;
    let channel = arguments["channel"].as_str().unwrap_or("");
    let ts = arguments["ts"].as_str().unwrap_or("");
    let message = world.message(channel, ts).ok_or("message_not_found")?;
    if message.user != BOT_USER {
        return Err("cant_update_message");
    }
    message.earlier.push(std::mem::replace(&mut message.text, text));
    if arguments.get("blocks").is_some() {
        message.blocks = blocks;
    }
    if let Some(metadata) = arguments.get("metadata") {
        message.metadata = Some(metadata.clone());
    }
    Ok(json!({"channel": channel, "ts": ts}))
}

/// Text and blocks, within Slack's limits.
fn content(arguments: &Value, longest: usize) -> Result<(String, Vec<Value>), &'static str> {
    let text = arguments["text"].as_str().unwrap_or("").to_owned();
    let blocks = arguments["blocks"].as_array().cloned().unwrap_or_default();
    if text.trim().is_empty() && blocks.is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > longest {
        return Err("msg_too_long");
    }
    let length = |block: &Value| block["text"]["text"].as_str().unwrap_or("").chars().count();
    if blocks.len() > 50 || blocks.iter().any(|block| length(block) > LONGEST_SECTION) {
        return Err("invalid_blocks");
    }
    Ok((text, blocks))
}

/// Newest first for a channel, oldest first for a thread, in pages of `limit`.
fn read(world: &World, method: &str, arguments: &Value) -> Answer {
    let text = |name: &str| arguments[name].as_str().unwrap_or("");
    let number = |name: &str, otherwise: usize| {
        arguments[name].as_str().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (oldest, channel) = (text("oldest"), text("channel"));
    let mut found: Vec<&Shown> = world.messages.iter().filter(|message| message.channel == channel).collect();
    if method == "conversations.history" {
        found.retain(|message| message.thread_ts.as_ref().is_none_or(|root| *root == message.ts));
        found.reverse();
    } else {
        let root = text("ts");
        if !found.iter().any(|message| message.ts == root) {
            return Err("thread_not_found");
        }
        found.retain(|message| message.ts == root || message.thread_ts.as_deref() == Some(root));
    }
    found.retain(|message| time(&message.ts) > time(oldest));
    let (from, limit) = (number("cursor", 0), number("limit", 100));
    let more = found.len() > from + limit;
    let page: Vec<Value> = found.iter().skip(from).take(limit).map(|message| shape(message)).collect();
    let next = if more { (from + limit).to_string() } else { String::new() };
    Ok(json!({"messages": page, "has_more": more, "response_metadata": {"next_cursor": next}}))
}

/// Seconds and microseconds of a `ts`.
fn time(ts: &str) -> (u64, u64) {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    (seconds.parse().unwrap_or(0), micros.parse().unwrap_or(0))
}

fn shape(message: &Shown) -> Value {
    let mut shape = json!({"type": "message", "user": message.user, "text": message.text, "ts": message.ts});
    if let Some(root) = &message.thread_ts {
        shape["thread_ts"] = json!(root);
    }
    if let Some(metadata) = &message.metadata {
        shape["metadata"] = metadata.clone();
    }
    if !message.files.is_empty() {
        shape["files"] = json!(message.files);
    }
    if message.user == BOT_USER {
        shape["bot_id"] = json!(BOT_ID);
    }
    shape
}
