//! What arrives for which payload.

use std::fmt::Write as _;

use agent_core::Place;
use serde_json::{Value, json};
use session_api::{Part, Timestamp};

use super::inbound::{Reader, Seen};

fn reader(reply_in_thread: bool) -> Reader<'static> {
    Reader { bot: "UBOT", reply_in_thread, now: Timestamp(5) }
}

/// A message in a direct chat, with some fields changed; `null` takes one away.
fn message(changes: &Value) -> Value {
    let mut event = json!({
        "type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "hi", "ts": "17.000100",
        "event_ts": "17.000100", "client_msg_id": "c-1",
    });
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    json!({"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": event})
}

fn line(seen: Option<Seen>) -> String {
    let Some(Seen { arrival, files }) = seen else { return "nothing".into() };
    let texts: Vec<&str> = arrival.parts.iter().filter_map(Part::as_text).collect();
    let mut line = format!("{} | {} in {}", arrival.external_id, arrival.sender, arrival.chat);
    if let Some(thread) = &arrival.thread {
        let _ = write!(line, " / {thread}");
    }
    let _ = write!(line, " | {}", if arrival.place == Place::Direct { "direct" } else { "group" });
    if !arrival.addressed {
        line.push_str(" | not addressed");
    }
    let _ = write!(line, " | answers {}", arrival.message_id.as_deref().unwrap_or("nothing"));
    let _ = write!(line, " | {texts:?}");
    for file in files {
        let _ = write!(line, " | file {} {}", file.id, file.name.unwrap_or_default());
    }
    line
}

#[test]
fn events_become_arrivals() {
    let channel = |text: &str| json!({"channel": "C1", "channel_type": "channel", "text": text});
    let mut table = String::new();
    for (name, changes) in [
        ("a direct message", json!({})),
        ("in a thread of a direct chat", json!({"thread_ts": "16.000001"})),
        ("without a channel type", json!({"channel_type": null})),
        ("a mention in a channel", channel("<@UBOT> <b> &lt;hello&gt;")),
        (
            "its twin",
            json!({"type": "app_mention", "channel": "C1", "channel_type": null, "text": "<@UBOT> hello"}),
        ),
        ("talk in a channel", channel("nobody in particular")),
        ("a private channel", json!({"channel": "G1", "channel_type": "group", "text": "<@UBOT> x"})),
        ("a group chat", json!({"channel": "G2", "channel_type": "mpim", "text": "<@UBOT> x"})),
        (
            "a reply below a message of the bot",
            json!({"channel": "C1", "channel_type": "channel", "thread_ts": "16.5", "parent_user_id": "UBOT"}),
        ),
        (
            "a reply below a message of a person",
            json!({"channel": "C1", "channel_type": "channel", "thread_ts": "16.5", "parent_user_id": "U2"}),
        ),
        (
            "a file",
            json!({"subtype": "file_share", "text": "", "files": [{"id": "F1", "name": "a.png", "size": 3}]}),
        ),
        ("also to the channel", json!({"subtype": "thread_broadcast", "thread_ts": "16.5"})),
        ("passed on", json!({"attachments": [{"text": "they &amp; we", "fallback": "x"}]})),
        ("nothing in it", json!({"text": ""})),
        ("own", json!({"user": "UBOT"})),
        ("of a bot", json!({"bot_id": "B2"})),
        ("of a bot, old style", json!({"subtype": "bot_message", "user": null})),
        ("an edit", json!({"subtype": "message_changed", "message": {}})),
        ("a deletion", json!({"subtype": "message_deleted"})),
        ("somebody joins", json!({"subtype": "channel_join"})),
        ("hidden", json!({"hidden": true})),
        ("no author", json!({"user": null})),
        ("a number for a text", json!({"text": 7})),
        ("another event", json!({"type": "reaction_added"})),
    ] {
        let seen = reader(true).payload("events_api", &message(&changes), "env-1");
        let _ = writeln!(table, "{name}: {}", line(seen));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn without_threads_a_question_in_a_channel_begins_none() {
    let event = message(&json!({"channel": "C1", "channel_type": "channel", "text": "<@UBOT> hello"}));
    let seen = reader(false).payload("events_api", &event, "env-1").unwrap();
    assert_eq!(seen.arrival.thread, None);
    let event = message(&json!({"channel": "C1", "thread_ts": "16.5", "text": "<@UBOT> hello"}));
    let seen = reader(false).payload("events_api", &event, "env-1").unwrap();
    assert_eq!(seen.arrival.thread.as_deref(), Some("16.5"));
}

#[test]
fn buttons_and_commands_become_arrivals() {
    let pressed = |value: Value, message: Value| {
        json!({
            "type": "block_actions", "user": {"id": "U1", "username": "ann", "name": "ann"},
            "channel": {"id": "C1", "name": "general"}, "message": message, "trigger_id": "t1",
            "actions": [{"action_id": "approve", "value": value, "action_ts": "18.1"}],
        })
    };
    let slash = |channel: &str, command: &str, text: &str| json!({"command": command, "text": text, "user_id": "U1", "user_name": "ann", "channel_id": channel, "trigger_id": "t2"});
    let mut no_id = slash("D1", "/stop", "");
    no_id["trigger_id"] = Value::Null;
    let mut table = String::new();
    for (kind, payload) in [
        ("interactive", pressed(json!("/approve 7"), json!({"ts": "17.1", "thread_ts": "16.5"}))),
        ("interactive", pressed(json!("/deny 7"), json!({"ts": "17.1"}))),
        ("interactive", pressed(json!("something of another app"), json!({"ts": "17.1"}))),
        ("interactive", pressed(Value::Null, Value::Null)),
        ("interactive", json!({"type": "view_submission", "user": {"id": "U1"}, "actions": []})),
        ("slash_commands", slash("D1", "/factotum", "what &amp; why <@U2|bob>")),
        ("slash_commands", slash("D1", "/factotum", "/status")),
        ("slash_commands", slash("C1", "/factotum", " ")),
        ("slash_commands", slash("C1", "/model", "openai/gpt")),
        ("slash_commands", no_id),
        ("slash_commands", json!({"command": "/x"})),
        ("something_new", json!({})),
    ] {
        let _ = writeln!(table, "{kind}: {}", line(reader(true).payload(kind, &payload, "env-1")));
    }
    insta::assert_snapshot!(table);
}
