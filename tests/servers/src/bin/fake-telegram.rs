//! The fake Telegram for programs in other languages and for trying things by hand: it prints where it is as one line of
//! JSON, then carries out one JSON command a line from standard input and answers each with a line. It ends with its
//! standard input.
//!
//! `fake-telegram [--port N]`, then for example `{"do":"say","user":5,"text":"hello"}` and `{"do":"shown","chat":5}`.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use servers::telegram::{FakeTelegram, Fault, Say, Shown};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "fake-telegram: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let fake = FakeTelegram::start_on(port(std::env::args().skip(1))?)?;
    let mut out = io::stdout();
    let about = json!({
        "api_url": fake.url(), "token": fake.token(), "bot_id": fake.bot_id(), "bot_name": fake.bot_name(),
    });
    writeln!(out, "{about}")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line?).unwrap_or_default();
        writeln!(out, "{}", carry_out(&fake, &command))?;
        out.flush()?;
    }
    Ok(())
}

/// The port of `--port N`; 0, which means any free one, without it.
fn port(mut arguments: impl Iterator<Item = String>) -> io::Result<u16> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: fake-telegram [--port N]");
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, ..) => Ok(0),
        (Some("--port"), Some(value), None) => value.parse().map_err(|_| usage()),
        _ => Err(usage()),
    }
}

fn carry_out(fake: &FakeTelegram, command: &Value) -> Value {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    let number = |name: &str| command[name].as_i64().unwrap_or_default();
    match text("do") {
        "say" => json!({"update_id": fake.say(say(command))}),
        "raw" => json!({"update_id": fake.push_raw(command["update"].clone())}),
        "press" => {
            json!({"update_id": fake.press(number("user"), number("chat"), number("message"), text("data"))})
        }
        "fault" => {
            fake.fault(text("method"), u32::try_from(number("times")).unwrap_or(0).max(1), fault(command));
            json!({})
        }
        "close" => {
            fake.close_chat(
                number("chat"),
                u16::try_from(number("code")).unwrap_or(403),
                text("description"),
            );
            json!({})
        }
        "migrate" => {
            fake.migrate(number("from"), number("to"));
            json!({})
        }
        "redeliver" => {
            fake.redeliver_all(usize::try_from(number("times")).unwrap_or(1), 1);
            json!({})
        }
        "shown" => fake.shown(number("chat")).iter().map(shown).collect(),
        "state" => {
            json!({"acknowledged": fake.acknowledged(), "pending": fake.pending(), "polls_waiting": fake.polls_waiting(), "commands": fake.commands(),
            "answered_callbacks": fake.answered_callbacks(), "allowed_updates": fake.allowed_updates()})
        }
        other => json!({"error": format!("there is no command `{other}`")}),
    }
}

fn say(command: &Value) -> Say {
    let text = |name: &str| command[name].as_str();
    let number = |name: &str| command[name].as_i64();
    let user = number("user").unwrap_or(5);
    let mut say = Say::group(number("chat").unwrap_or(user), user, text("text").unwrap_or_default());
    if let Some(topic) = number("topic") {
        say = say.in_topic(topic);
    }
    if let Some(message) = number("reply_to") {
        say = say.reply_to(message);
    }
    if let Some(message) = number("edit_of") {
        say = say.edit_of(message);
    }
    if let Some(album) = text("album") {
        say = say.in_album(album);
    }
    if let Some(piece) = text("text_mention") {
        say = say.text_mention(piece);
    }
    let content = text("content").unwrap_or_default().to_owned();
    match text("file") {
        Some("photo") => say.photo(content),
        Some("voice") => say.voice(content),
        Some(name) => say.document(name, "text/plain", content),
        None => say,
    }
}

fn fault(command: &Value) -> Fault {
    let text = command["description"].as_str().unwrap_or_default();
    match command["code"].as_u64().and_then(|code| u16::try_from(code).ok()) {
        Some(429) => Fault::retry_after(command["retry_after"].as_u64().unwrap_or(1)),
        Some(502) => Fault::bad_gateway(),
        Some(code) => Fault::api(code, text),
        None => Fault::Cut,
    }
}

fn shown(shown: &Shown) -> Value {
    let file = shown.file.as_ref().map(
        |file| json!({"kind": file.kind, "name": file.name, "mime": file.mime, "size": file.bytes.len()}),
    );
    json!({"message_id": shown.message_id, "text": shown.text, "html": shown.html, "thread": shown.thread,
        "reply_to": shown.reply_to, "buttons": shown.buttons, "edits": shown.edits, "file": file})
}
